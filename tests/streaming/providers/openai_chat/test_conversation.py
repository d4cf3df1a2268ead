import base64
import re

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
from streaming.providers.openai_chat.conversation import conversation
from streaming.providers.wire import Call, Quirks

TEXT = TextPart(text="a")
IMAGE = ImagePart(url="https://pictures.example/a.png")
SENT_IMAGE: JsonValue = {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}}
CALL = ToolCallPart(id="c", name="f", arguments="{}")
FUNCTION: JsonObject = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
SENT_CALL: JsonValue = FUNCTION | {"id": "c"}


def messages(*given: Message, system: str | None = None, quirks: Quirks | None = None) -> list[JsonValue]:
    """Return what is sent to provider "mill" for these messages."""
    return conversation(
        Call(model="m", messages=list(given), provider="mill", system=system, quirks=quirks or Quirks())
    )


def text_file(text: str, filename: str | None = None) -> FilePart:
    """Return a text file by value."""
    return FilePart(media_type="text/plain", data=base64.b64encode(text.encode()).decode(), filename=filename)


def test_the_system_prompt_comes_first() -> None:
    """Even an empty one, where it was given."""
    user = Message(role="user", parts=[TEXT])

    assert messages(user, system="") == [{"role": "system", "content": ""}, {"role": "user", "content": "a"}]


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_text_alone_is_a_plain_string(role: Role) -> None:
    """Every compatible server takes that."""
    assert [{"role": role, "content": "ab"}] == messages(Message(role=role, parts=[TEXT, TextPart(text="b")]))
    assert [{"role": role, "content": ""}] == messages(Message(role=role, parts=[]))


@pytest.mark.parametrize(
    ("part", "content"),
    [
        (IMAGE, {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}}),
        (
            ImagePart(media_type="image/png", data="aaaa"),
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}},
        ),
        (
            AudioPart(media_type="audio/mpeg", data="aaaa"),
            {"type": "input_audio", "input_audio": {"data": "aaaa", "format": "mp3"}},
        ),
        (
            AudioPart(media_type="audio/x-wav", data="aaaa"),
            {"type": "input_audio", "input_audio": {"data": "aaaa", "format": "wav"}},
        ),
        (
            FilePart(media_type="application/pdf", data="aaaa", filename="a.pdf"),
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,aaaa", "filename": "a.pdf"}},
        ),
        (
            FilePart(media_type="application/pdf", data="aaaa"),
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,aaaa"}},
        ),
        (text_file("ß"), {"type": "text", "text": "ß"}),
        (text_file("ß", "a.md"), {"type": "text", "text": "a.md:\n\nß"}),
    ],
    ids=range(8),
)
def test_media_stands_beside_the_text(part: Part, content: JsonValue) -> None:
    """In a list of content parts."""
    assert [{"role": "user", "content": [{"type": "text", "text": "a"}, content]}] == messages(
        Message(role="user", parts=[TEXT, part])
    )


def test_an_assistant_message_is_replayed_without_its_thoughts() -> None:
    """Text, refusal and calls; no content where there were only calls."""
    call = ToolCallPart(id="c", name="f", arguments="{")
    said: JsonValue = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}
    thought = ReasoningPart(text="hm")

    assert [
        {"role": "assistant", "content": "a", "tool_calls": [said]},
        {"role": "assistant", "tool_calls": [said]},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    ] == messages(
        Message(role="assistant", parts=[thought, TEXT, call]),
        Message(role="assistant", parts=[call]),
        Message(role="assistant", parts=[thought]),
        Message(role="assistant", parts=[RefusalPart(text="no")]),
    )


def test_each_tool_result_is_a_message() -> None:
    """One neutral message of role tool may hold several."""
    results = [ToolResultPart(tool_call_id=name, content=[TEXT, TextPart(text=name)]) for name in "bc"]

    assert messages(Message(role="tool", parts=results)) == [
        {"role": "tool", "tool_call_id": "b", "content": "ab"},
        {"role": "tool", "tool_call_id": "c", "content": "ac"},
    ]


def _result(*content: ResultPart, call: str = "c", is_error: bool = False) -> ToolResultPart:
    return ToolResultPart(tool_call_id=call, content=list(content), is_error=is_error)


def test_what_is_no_text_in_a_result_follows_in_a_user_message() -> None:
    """After the results of all calls, in how many messages they may come, and under the call that gave it."""
    user = Message(role="user", parts=[TEXT])
    first = Message(role="tool", parts=[_result(TEXT, IMAGE, text_file("b"), call="c1"), _result(TEXT, call="c2")])
    second = Message(role="tool", parts=[_result(IMAGE, call="c3")])
    attached: JsonValue = {
        "role": "user",
        "content": [
            {"type": "text", "text": "From the result of tool call c1:"},
            SENT_IMAGE,
            {"type": "text", "text": "From the result of tool call c3:"},
            SENT_IMAGE,
        ],
    }
    results: list[JsonValue] = [
        {"role": "tool", "tool_call_id": "c1", "content": "ab"},
        {"role": "tool", "tool_call_id": "c2", "content": "a"},
        {"role": "tool", "tool_call_id": "c3", "content": "What the tool gave back follows."},
    ]

    assert messages(first, second) == [*results, attached]
    assert messages(first, second, user) == [*results, attached, {"role": "user", "content": "a"}]


@pytest.mark.parametrize(("content", "said"), [([TEXT], "Error: a"), ([], "Error: ")])
def test_a_failed_tool_is_said_in_its_text(content: list[ResultPart], said: str) -> None:
    """The wire has no other word for it."""
    failed = Message(role="tool", parts=[_result(*content, is_error=True)])

    assert messages(failed) == [{"role": "tool", "tool_call_id": "c", "content": said}]


def test_broken_arguments_are_shown_as_they_came() -> None:
    """The model sees what it wrote: a string on this wire."""
    (message,) = messages(Message(role="assistant", parts=[CALL.model_copy(update={"arguments": '{"a": 1, "b'})]))

    assert isinstance(message, dict)
    assert message["tool_calls"] == [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1, "b'}}
    ]


# -- what only its own provider understands

FIELD = Quirks(reasoning_field="reasoning_content")


@pytest.mark.parametrize(
    ("part", "quirks", "carried"),
    [
        (ReasoningPart(text="hm", provider_data={"mill": {}}), FIELD, {"reasoning_content": "hm"}),
        (ReasoningPart(text="hm", provider_data={"mill": {}}), Quirks(), {}),
        (ReasoningPart(text="hm", provider_data={"other": {}}), FIELD, {"reasoning_content": ""}),
        (ReasoningPart(text="hm"), FIELD, {"reasoning_content": ""}),
        (
            ReasoningPart(text="hm", provider_data={"mill": {"reasoning_details": [{"data": "x"}]}}),
            FIELD,
            {"reasoning_details": [{"data": "x"}]},
        ),
        (
            ReasoningPart(text="hm", provider_data={"mill": {"reasoning_details": "x"}}),
            FIELD,
            {"reasoning_content": "hm"},
        ),
        (ProviderItem(kind="x", provider_data={"mill": {"type": "x"}}), Quirks(), {}),
        (ProviderItem(kind="x", provider_data={"other": {"part": {"type": "x"}}}), Quirks(), {}),
        (
            ProviderItem(kind="x", provider_data={"mill": {"part": {"type": "x"}}}),
            Quirks(),
            {"content": [{"type": "x"}]},
        ),
        (
            ReasoningPart(text="hm", provider_data={"mill": {"part": {"type": "thinking"}}}),
            FIELD,
            {"content": [{"type": "thinking"}], "reasoning_content": ""},
        ),
        (ReasoningPart(text="hm", provider_data={"other": {"part": {"type": "thinking"}}}), Quirks(), {}),
    ],
    ids=range(11),
)
def test_reasoning_goes_back_to_who_thought_it_and_wants_it(part: Part, quirks: Quirks, carried: JsonObject) -> None:
    """Tool calls without the field are refused by DeepSeek's like, so another's reasoning leaves it empty."""
    said = Message(role="assistant", parts=[part, CALL])

    assert messages(said, quirks=quirks) == [{"role": "assistant", "tool_calls": [SENT_CALL]} | carried]


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ({"mill": {"type": "custom"}}, {"type": "custom", "custom": {"name": "f", "input": "{}"}}),
        ({"mill": {"extra_content": {"google": 1}}}, FUNCTION | {"extra_content": {"google": 1}}),
        ({"mill": {"id": "x", "function": {}}}, FUNCTION),
        ({"other": {"type": "custom", "extra_content": 1}}, FUNCTION),
    ],
    ids=["custom", "signed", "hostile", "another's"],
)
def test_a_call_goes_back_to_its_provider_as_it_was(own: dict[str, JsonValue], sent: JsonObject) -> None:
    """With what else was said of it there; for others it is a function."""
    (message,) = messages(Message(role="assistant", parts=[CALL.model_copy(update={"provider_data": own})]))

    assert message == {"role": "assistant", "tool_calls": [sent | {"id": "c"}]}


def test_reasoning_in_several_parts_is_one_text() -> None:
    """And an answer without calls needs no empty field."""
    own: dict[str, JsonValue] = {"mill": {}}
    thoughts = [ReasoningPart(text=text, provider_data=own) for text in "hm"]

    assert messages(
        Message(role="assistant", parts=[*thoughts, TEXT]), Message(role="assistant", parts=[TEXT]), quirks=FIELD
    ) == [
        {"role": "assistant", "content": "a", "reasoning_content": "hm"},
        {"role": "assistant", "content": "a"},
    ]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (
            AudioPart(media_type="audio/wav", data="a", transcript="Hi", provider_data={"mill": {"id": "audio_1"}}),
            {"role": "assistant", "audio": {"id": "audio_1"}},
        ),
        (
            AudioPart(media_type="audio/wav", data="a", transcript="Hi", provider_data={"other": {"id": "audio_1"}}),
            {"role": "assistant", "content": "Hi"},
        ),
        (
            AudioPart(media_type="audio/wav", data="a", transcript="Hi", provider_data={"mill": {"id": 1}}),
            {"role": "assistant", "content": "Hi"},
        ),
    ],
    ids=["own", "another's", "without an id"],
)
def test_the_assistants_own_voice_is_named_and_anothers_quoted(part: Part, said: JsonValue) -> None:
    """OpenAI keeps what it said under an id; nobody takes an assistant's audio by value."""
    assert messages(Message(role="assistant", parts=[part])) == [said]


@pytest.mark.parametrize(
    ("quirks", "given", "fitting"),
    [
        (Quirks(), "call_" + "x" * 35, "call_x+"),
        (Quirks(), "call_" + "x" * 36, "[0-9a-f]{40}"),
        (Quirks(short_tool_ids=True), "AbCdEf123", "AbCdEf123"),
        (Quirks(short_tool_ids=True), "call_abcd", "[0-9a-f]{9}"),
    ],
    ids=range(4),
)
def test_tool_call_ids_fit_the_server(quirks: Quirks, given: str, fitting: str) -> None:
    """OpenAI takes 40 characters, Mistral nine letters and digits; call and result keep the same one."""
    asked, told = messages(
        Message(role="assistant", parts=[CALL.model_copy(update={"id": given})]),
        Message(role="tool", parts=[_result(TEXT, call=given)]),
        quirks=quirks,
    )

    assert isinstance(asked, dict)
    assert isinstance(told, dict)
    sent = str(told["tool_call_id"])
    assert re.fullmatch(fitting, sent)
    assert asked["tool_calls"] == [FUNCTION | {"id": sent}]


_RESULT_WITH_URL: list[ResultPart] = [FilePart(url="https://files.example/a.pdf")]


@pytest.mark.parametrize(
    ("role", "part", "named"),
    [
        ("user", ReasoningPart(text="a"), "reasoning"),
        ("user", RefusalPart(text="a"), "refusal"),
        ("user", ToolCallPart(id="c", name="f", arguments=""), "tool_call"),
        ("user", ToolResultPart(tool_call_id="c", content=[]), "tool_result"),
        ("user", FilePart(url="u"), "file"),
        ("user", AudioPart(url="u"), "audio"),
        ("user", AudioPart(media_type="audio/ogg", data="a"), "audio"),
        ("user", FilePart(media_type="text/plain", data="%"), "text/plain is not UTF-8 text in base64"),
        ("user", FilePart(media_type="text/plain", data="/w=="), "text/plain is not UTF-8 text in base64"),
        ("system", IMAGE, "image"),
        ("system", ToolCallPart(id="c", name="f", arguments=""), "tool_call"),
        ("assistant", IMAGE, "image"),
        ("assistant", FilePart(media_type="a/b", data="a"), "file"),
        ("assistant", ToolResultPart(tool_call_id="c", content=[]), "tool_result"),
        ("tool", TEXT, "text"),
        ("assistant", AudioPart(media_type="audio/wav", data="a"), "audio"),
        ("tool", ToolResultPart(tool_call_id="c", content=_RESULT_WITH_URL), "URL"),
    ],
    ids=range(17),
)
def test_what_the_wire_has_no_words_for_is_named(role: Role, part: Part, named: str) -> None:
    """Rather than left out: the model would answer another question."""
    with pytest.raises(CannotExpress, match=named):
        messages(Message(role=role, parts=[TEXT, part] if role != "tool" else [part]))
