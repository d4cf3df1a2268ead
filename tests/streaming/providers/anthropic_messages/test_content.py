import base64

import pytest

from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ProviderItem,
    ReasoningPart,
    RefusalPart,
    ResultPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from streaming.providers.anthropic_messages import answer
from streaming.providers.anthropic_messages.content import BY_URL, conversation, system_prompt
from tests.recordings import recordings, said

TEXT = TextPart(text="a")
SAID: JsonObject = {"type": "text", "text": "a"}
IMAGE = ImagePart(url="https://pictures.example/a.png")
PICTURE: JsonObject = {"type": "image", "source": {"type": "url", "url": "https://pictures.example/a.png"}}
CALL = ToolCallPart(id="c", name="f", arguments='{"x": 1}')
RECORDINGS = recordings("anthropic_messages")
# What cannot come back as it was: arguments that are no object, ids that stand twice, texts with nothing in them.
NOT_VERBATIM = {"tool_input_cut", "tool_input_invalid", "repeated_tool_ids", "empty_text", "empty", "refusal"}


def turns(*given: Message, provider: str = "p") -> JsonValue:
    """Return what is said of these messages."""
    return conversation(list(given), provider)


def said_by(role: Role, *parts: Part) -> JsonValue:
    """Return the content of the one turn that these parts make."""
    (turn,) = conversation([Message(role=role, parts=list(parts))], "p")
    assert isinstance(turn, dict)
    return turn["content"]


def text_file(data: bytes, media_type: str = "text/plain") -> FilePart:
    """Return a file with this content."""
    return FilePart(media_type=media_type, data=base64.b64encode(data).decode())


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (TEXT, SAID),
        (IMAGE, PICTURE),
        (
            ImagePart(media_type="image/png", data="AA=="),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        ),
        (
            FilePart(url="https://a.example/b"),
            {"type": "document", "source": {"type": "url", "url": "https://a.example/b"}},
        ),
        (
            FilePart(url="https://a.example/b", media_type="application/pdf", filename="b.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://a.example/b"}, "title": "b.pdf"},
        ),
        (
            FilePart(media_type="application/pdf", data="AA==", filename="b.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="},
                "title": "b.pdf",
            },
        ),
        (
            text_file("naïve".encode(), "text/csv; charset=utf-8"),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "naïve"}},
        ),
    ],
)
def test_a_user_says_text_and_shows_pictures_and_documents(part: Part, block: JsonValue) -> None:
    """By value, or by reference where the wire takes that."""
    assert said_by("user", TEXT, part) == [SAID, block]
    assert {"image", "file"} == BY_URL


_RESULT_WITH_SOUND: list[ResultPart] = [AudioPart(media_type="audio/wav", data="AA==")]


@pytest.mark.parametrize(
    ("role", "part", "named"),
    [
        ("user", AudioPart(media_type="audio/wav", data="AA=="), "audio"),
        ("user", ReasoningPart(text="a"), "reasoning"),
        ("user", RefusalPart(text="a"), "refusal"),
        ("user", CALL, "tool_call"),
        ("user", ProviderItem(kind="k"), "provider_item"),
        ("user", ToolResultPart(tool_call_id="c", content=[]), "tool_result"),
        ("user", ImagePart(media_type="image/tiff", data="AA=="), "image parts in .*not image/tiff"),
        ("user", ImagePart(object="k"), "by reference"),
        ("user", FilePart(object="k"), "by reference"),
        ("user", FilePart(media_type="text/plain", url="https://a.example/b"), "by reference"),
        ("user", FilePart(media_type="application/zip", data="AA=="), "not application/zip"),
        ("user", FilePart(media_type="text/plain", data="!"), "UTF-8"),
        ("user", text_file(b"\xff"), "UTF-8"),
        ("assistant", IMAGE, "image"),
        ("assistant", AudioPart(media_type="audio/wav", data="AA==", transcript="a"), "audio"),
        ("assistant", FilePart(url="https://a.example/b"), "file"),
        ("assistant", ToolResultPart(tool_call_id="c", content=[]), "tool_result"),
        ("tool", TEXT, "text"),
        ("tool", ToolResultPart(tool_call_id="c", content=_RESULT_WITH_SOUND), "audio part in a tool_result"),
    ],
    ids=range(19),
)
def test_what_the_wire_has_no_words_for_is_named(role: Role, part: Part, named: str) -> None:
    """Rather than left out: the model would answer another question."""
    with pytest.raises(CannotExpress, match=named):
        turns(Message(role=role, parts=[part]))


def test_a_system_message_holds_text_only() -> None:
    """It moves to the top, and is no turn."""
    system = Message(role="system", parts=[TEXT])

    assert system_prompt(None, [system]) == "a"
    assert turns(system) == []
    with pytest.raises(CannotExpress, match="image part in a message of role system"):
        system_prompt("a", [Message(role="system", parts=[IMAGE])])


def test_turns_of_one_role_stay_apart() -> None:
    """The server joins them."""
    user, assistant = (Message(role=role, parts=[TEXT]) for role in ("user", "assistant"))

    assert turns(user, user, assistant, assistant) == [
        {"role": role, "content": [SAID]} for role in ("user", "user", "assistant", "assistant")
    ]


def test_what_says_nothing_is_left_out() -> None:
    """The server refuses texts with nothing but spaces in them, and turns with no content."""
    blank = [TextPart(text=""), TextPart(text=" \n")]

    assert said_by("user", *blank, TEXT) == [SAID]
    assert (
        turns(Message(role="user", parts=[*blank]), Message(role="assistant", parts=[ReasoningPart(text="hm")])) == []
    )


def test_results_come_first_in_one_turn_of_the_user() -> None:
    """With them whatever the user said meanwhile; pictures are allowed in them, and an empty list is not."""
    results = [
        ToolResultPart(tool_call_id="c", content=[TEXT, TextPart(text=""), IMAGE]),
        ToolResultPart(tool_call_id="d", content=[]),
        ToolResultPart(tool_call_id="e", content=[TEXT], is_error=True),
    ]
    told: list[JsonValue] = [
        {"type": "tool_result", "tool_use_id": "c", "content": [SAID, PICTURE]},
        {"type": "tool_result", "tool_use_id": "d"},
        {"type": "tool_result", "tool_use_id": "e", "content": [SAID], "is_error": True},
    ]
    user = Message(role="user", parts=[TEXT])
    one, two = Message(role="tool", parts=results[:1]), Message(role="tool", parts=[*results[1:]])

    assert turns(user, one, user, two, user) == [{"role": "user", "content": [*told, SAID, SAID, SAID]}]
    assert turns(one, Message(role="assistant", parts=[TEXT]), two) == [
        {"role": "user", "content": told[:1]},
        {"role": "assistant", "content": [SAID]},
        {"role": "user", "content": told[1:]},
    ]


def test_ids_of_others_are_rewritten_on_both_sides() -> None:
    """To what the wire takes, and each once in the conversation."""
    call = ToolCallPart(id="call|ß", name="f", arguments="{}")
    pair = [
        Message(role="assistant", parts=[call]),
        Message(role="tool", parts=[ToolResultPart(tool_call_id="call|ß", content=[])]),
    ]
    made = conversation([*pair, *pair], "p")

    ids = [
        str(block.get("id") or block.get("tool_use_id"))
        for turn in made
        if isinstance(turn, dict) and isinstance(turn["content"], list)
        for block in turn["content"]
        if isinstance(block, dict)
    ]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert all(one.isalnum() and one.isascii() for one in ids)


@pytest.mark.parametrize(
    ("arguments", "object_"),
    [('{"x": 1}', {"x": 1}), ("", {}), ('{"x": ', {"INVALID_JSON": '{"x": '}), ("[1]", {"INVALID_JSON": "[1]"})],
)
def test_arguments_are_sent_as_an_object(arguments: str, object_: JsonValue) -> None:
    """What was none is shown to the model as what it wrote."""
    part = ToolCallPart(id="c", name="f", arguments=arguments)

    assert said_by("assistant", part) == [{"type": "tool_use", "id": "c", "name": "f", "input": object_}]


def own(**data: JsonValue) -> dict[str, JsonValue]:
    """Return data of provider `p`, and of another."""
    return {"p": data, "q": {"x": 1}}


THOUGHT: dict[str, JsonValue] = {"type": "thinking", "signature": "s"}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (ReasoningPart(text="t", provider_data=own(**THOUGHT)), {"thinking": "t", **THOUGHT}),
        (ReasoningPart(text="", provider_data=own(**THOUGHT)), {"thinking": "", **THOUGHT}),
        (ReasoningPart(text="t", provider_data=own(type="thinking", signature="")), None),
        (ReasoningPart(text="t", provider_data=own(type="thinking")), None),
        (ReasoningPart(text="t", provider_data={"q": THOUGHT}), None),
        (ReasoningPart(text="t"), None),
        (
            ReasoningPart(text="", provider_data=own(type="redacted_thinking", data="d")),
            {"type": "redacted_thinking", "data": "d"},
        ),
        (RefusalPart(text="no"), {"type": "text", "text": "no"}),
        (TextPart(text="b", annotations=[1], provider_data=own()), {"type": "text", "text": "b", "citations": [1]}),
        (TextPart(text="b", provider_data=own(x=2)), {"type": "text", "text": "b", "x": 2}),
        (TextPart(text="b", annotations=[1]), {"type": "text", "text": "b"}),
        (TextPart(text="b", annotations=[1], provider_data={"q": {}}), {"type": "text", "text": "b"}),
        (
            ToolCallPart(id="c", name="f", arguments="{}", provider_data=own(caller={"type": "direct"})),
            {"type": "tool_use", "id": "c", "name": "f", "input": {}, "caller": {"type": "direct"}},
        ),
        (ProviderItem(kind="k", provider_data=own(type="k", x=[1])), {"type": "k", "x": [1]}),
        (ProviderItem(kind="k", provider_data={"q": {"type": "k"}}), None),
    ],
    ids=range(15),
)
def test_a_part_goes_back_as_its_provider_knows_it(part: Part, block: JsonValue) -> None:
    """What others attached, and what the server could not verify, stays here."""
    assert said_by("assistant", TEXT, part) == [SAID, *([block] if block else [])]


@pytest.mark.parametrize("name", sorted(RECORDINGS.keys() - NOT_VERBATIM))
def test_an_answer_goes_back_as_it_came(name: str) -> None:
    """Block by block, so that the provider can verify and continue it."""
    unary = RECORDINGS[name].unary
    content = unary["content"]
    assert isinstance(content, list)
    spoken = [block for block in content if not (isinstance(block, dict) and block.get("text") == "\n\n")]

    assert said(turns(answer(unary, "p").message)) == said([{"role": "assistant", "content": spoken}])
