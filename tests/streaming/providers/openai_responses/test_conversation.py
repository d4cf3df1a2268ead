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
from streaming.providers import openai_responses
from streaming.providers.openai_responses.conversation import input_items
from streaming.providers.wire import Call
from tests.recordings import recordings

RECORDINGS = recordings("openai_responses")
TEXT = TextPart(text="a")
IMAGE = ImagePart(url="https://pictures.example/a.png")
_NO_ANNOTATIONS: list[JsonValue] = []
SAID: JsonObject = {"type": "output_text", "text": "a", "annotations": _NO_ANNOTATIONS}


def items(*messages: Message) -> list[JsonValue]:
    """Return what provider p is sent for these messages."""
    return input_items(Call(model="m", messages=list(messages), provider="p"))


def said(*parts: Part) -> list[JsonValue]:
    """Return what provider p is sent for what a model said."""
    return items(Message(role="assistant", parts=list(parts)))


def own(**data: JsonValue) -> JsonObject:
    """Return data of provider p."""
    return {"p": data}


def thought(text: str = "", **data: JsonValue) -> ReasoningPart:
    """Return a thought of provider p's."""
    return ReasoningPart(text=text, provider_data=own(type="reasoning", id="rs", summary=[], **data))


MINE = TextPart(text="a", provider_data=own(type="message", id="m", status="completed", phase="final_answer"))


@pytest.mark.parametrize(
    "name", sorted(RECORDINGS.keys() - {"deltas_only", "duplicate_call_ids", "refusal", "length_in_thought"})
)
def test_an_answer_goes_back_as_it_came(name: str) -> None:
    """Item by item, but for what the model never reads: log-probabilities, and how long its thoughts were."""
    unary = RECORDINGS[name].unary
    output = unary["output"]
    assert isinstance(output, list)

    sent = items(openai_responses.answer(unary, "p").message)

    assert [_as_sent(item) for item in output] == [_as_sent(item) for item in sent]


def _as_sent(item: JsonValue) -> JsonValue:
    assert isinstance(item, dict)
    if item["type"] == "message":
        assert isinstance(item["content"], list)
        contents = [content for content in item["content"] if isinstance(content, dict)]
        left: list[JsonValue] = [{key: content[key] for key in content if key != "logprobs"} for content in contents]
        return item | {"content": left}
    if item["type"] == "reasoning":
        return {key: value for key, value in item.items() if value is not None and key != "status"}
    return item


def test_the_users_words_and_media_are_a_message() -> None:
    """Images and files by URL or by value; the system's words are the developer's."""
    system = Message(role="system", parts=[TEXT])
    user = Message(
        role="user",
        parts=[
            TEXT,
            IMAGE,
            ImagePart(media_type="image/png", data="AA=="),
            FilePart(url="https://a.example/a.pdf", filename="a.pdf"),
            FilePart(media_type="application/pdf", data="AA==", filename="b.pdf"),
            FilePart(media_type="application/pdf", data="AA=="),
            FilePart(media_type="text/plain", data="AA=="),
        ],
    )

    data = "data:application/pdf;base64,AA=="
    assert items(system, user, Message(role="user", parts=[])) == [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "a"}]},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": "https://pictures.example/a.png", "detail": "auto"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
                {"type": "input_file", "file_url": "https://a.example/a.pdf"},
                {"type": "input_file", "file_data": data, "filename": "b.pdf"},
                {"type": "input_file", "file_data": data, "filename": "file.pdf"},
                {"type": "input_file", "file_data": "data:text/plain;base64,AA==", "filename": "file.txt"},
            ],
        },
    ]


def test_another_providers_answer_becomes_one_like_its_own() -> None:
    """Text and refusals are a message, calls are calls; thoughts and provider items stay with whom they came from."""
    theirs: JsonObject = {"q": {"type": "message", "id": "theirs", "signature": "s"}}
    text = TextPart(text="a", annotations=[{"cited_text": "x"}], provider_data=theirs)
    audio = AudioPart(media_type="audio/wav", data="AA==", transcript="heard")

    assert said(
        ReasoningPart(text="hm", provider_data=theirs),
        text,
        TextPart(text="b"),
        RefusalPart(text="no"),
        ProviderItem(kind="server_tool_use", provider_data=theirs),
        audio,
        ToolCallPart(id="c", name="f", arguments='{"a":', provider_data=theirs),
    ) == [
        {
            "type": "message",
            "role": "assistant",
            "content": [
                SAID,
                {"type": "output_text", "text": "b", "annotations": []},
                {"type": "refusal", "refusal": "no"},
                {"type": "output_text", "text": "heard", "annotations": []},
            ],
        },
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":'},
    ]


def test_parts_of_one_item_are_one_item_again_and_others_are_not_joined() -> None:
    """A commentary stays apart from the answer."""
    comment = TextPart(text="a", provider_data=own(type="message", id="c", status="completed", phase="commentary"))
    head: JsonObject = {"type": "message", "role": "assistant", "status": "completed"}

    assert said(comment, MINE, MINE, TEXT) == [
        head | {"id": "c", "phase": "commentary", "content": [SAID]},
        head | {"id": "m", "phase": "final_answer", "content": [SAID, SAID]},
        {"type": "message", "role": "assistant", "content": [SAID]},
    ]


@pytest.mark.parametrize(
    "parts",
    [
        [thought(), MINE],
        [thought(encrypted_content=""), MINE],
        [thought(encrypted_content="e"), thought(), MINE],
        [thought(encrypted_content="e"), MINE, thought(encrypted_content="e")],
        [thought(content=[]), MINE],
    ],
    ids=range(5),
)
def test_thoughts_that_cannot_be_read_back_stay_out_and_with_them_every_id(parts: list[Part]) -> None:
    """The provider refuses a thought without what it led to, and an item whose thought it misses."""
    assert said(*parts) == [{"type": "message", "role": "assistant", "phase": "final_answer", "content": [SAID]}]


def test_without_thoughts_the_items_stay_the_items_they_were() -> None:
    """Two messages do not become one, and what is not taken without an id keeps it."""
    other = TextPart(text="a", provider_data=own(type="message", id="n", phase="final_answer"))
    search = ProviderItem(kind="web_search_call", provider_data=own(type="web_search_call", id="ws"))
    message: JsonObject = {"type": "message", "role": "assistant", "phase": "final_answer", "content": [SAID]}

    assert said(thought(), search, MINE, other) == [{"type": "web_search_call", "id": "ws"}, message, message]


def test_a_message_that_lost_its_content_crashes_nothing() -> None:
    """What goes back has been in the hands of those who wrote the turn."""
    bare = ProviderItem(kind="message", provider_data=own(type="message"))
    whole = ProviderItem(kind="message", provider_data=own(type="message", content=[SAID]))

    assert said(bare, whole) == [{"type": "message", "content": [SAID]}]


def test_a_thought_that_led_to_nothing_that_goes_back_stays_out() -> None:
    """An interrupt may have cut what followed it."""
    cut = ProviderItem(kind="novel", provider_data=own(type="novel", id="n", status="in_progress"))

    assert said(thought(encrypted_content="e"), cut) == []


@pytest.mark.parametrize("data", [{"encrypted_content": "e"}, {"content": [{"type": "reasoning_text", "text": "x"}]}])
def test_a_thought_goes_back_whole_before_what_it_led_to(data: JsonObject) -> None:
    """With the ids that tie them together."""
    call = ToolCallPart(
        id="c", name="f", arguments="{}", provider_data=own(type="function_call", id="fc", namespace="n")
    )

    assert said(thought("text", **data), ReasoningPart(text="its second part", provider_data=own()), call) == [
        {"type": "reasoning", "id": "rs", "summary": [], **data},
        {"type": "function_call", "id": "fc", "namespace": "n", "call_id": "c", "name": "f", "arguments": "{}"},
    ]


@pytest.mark.parametrize("status", ["in_progress", "searching", "interpreting", "generating", "calling"])
def test_a_provider_item_that_an_interrupt_cut_stays_out(status: str) -> None:
    """Nobody can go on with it."""
    whole = ProviderItem(kind="web_search_call", provider_data=own(type="web_search_call", id="ws"))
    cut = ProviderItem(kind="web_search_call", provider_data=own(type="web_search_call", id="w2", status=status))

    assert said(whole, cut, TEXT)[:-1] == [{"type": "web_search_call", "id": "ws"}]


def test_a_result_answers_the_kind_of_call_it_belongs_to() -> None:
    """Custom tools have results of their own kind; an error is said in words; media stand in a list."""
    custom = ToolCallPart(id="d", name="g", arguments="x", provider_data=own(type="custom_tool_call", id="ctc"))
    call = ToolCallPart(id="c", name="f", arguments="{}")
    pictures: list[ResultPart] = [TEXT, IMAGE, FilePart(media_type="application/pdf", data="AA==")]
    results = Message(
        role="tool",
        parts=[
            ToolResultPart(tool_call_id="c", content=[TEXT, TextPart(text="b")]),
            ToolResultPart(tool_call_id="d", content=[]),
            ToolResultPart(tool_call_id="e", content=[TEXT], is_error=True),
            ToolResultPart(tool_call_id="e", content=pictures, is_error=True),
        ],
    )

    assert items(Message(role="assistant", parts=[custom, call]), results) == [
        {"type": "custom_tool_call", "id": "ctc", "call_id": "d", "name": "g", "input": "x"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "ab"},
        {"type": "custom_tool_call_output", "call_id": "d", "output": ""},
        {"type": "function_call_output", "call_id": "e", "output": "Error: a"},
        {
            "type": "function_call_output",
            "call_id": "e",
            "output": [
                {"type": "input_text", "text": "Error: "},
                {"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": "https://pictures.example/a.png", "detail": "auto"},
                {"type": "input_file", "file_data": "data:application/pdf;base64,AA==", "filename": "file.pdf"},
            ],
        },
    ]


def test_ids_that_are_too_long_are_replaced_on_both_sides() -> None:
    """The provider takes 64 characters."""
    long = "x" * 65
    call, result = items(
        Message(role="assistant", parts=[ToolCallPart(id=long, name="f", arguments="{}")]),
        Message(role="tool", parts=[ToolResultPart(tool_call_id=long, content=[])]),
    )

    assert isinstance(call, dict)
    assert isinstance(result, dict)
    assert call["call_id"] == result["call_id"]
    assert len(str(call["call_id"])) == 64
    assert call["call_id"] != long[:64]


def test_an_image_of_its_own_goes_back_as_the_call_that_made_it() -> None:
    """Its data may have been in the worker's store meanwhile."""
    image = ImagePart(
        data="AA==",
        media_type="image/png",
        provider_data=own(type="image_generation_call", id="ig", status="completed"),
    )

    assert said(image) == [{"type": "image_generation_call", "id": "ig", "status": "completed", "result": "AA=="}]


@pytest.mark.parametrize("data", [{}, {"type": 5}, {"type": []}, {"type": "novel"}, {"id": "of another wire"}])
def test_data_of_another_shape_is_as_good_as_none(data: JsonObject) -> None:
    """A provider's name may have stood for another wire before."""
    attached: JsonObject = {"p": data}
    assert said(
        TextPart(text="a", provider_data=attached),
        ReasoningPart(text="hm", provider_data=attached),
        ToolCallPart(id="c", name="f", arguments="{}", provider_data=attached),
    ) == [
        {"type": "message", "role": "assistant", "content": [SAID]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ]


_SOUND = AudioPart(media_type="audio/wav", data="AA==")
_SOUNDS: list[ResultPart] = [_SOUND]


@pytest.mark.parametrize(
    ("role", "part", "named"),
    [
        ("user", _SOUND, "audio"),
        ("user", thought(), "reasoning"),
        ("user", RefusalPart(text="a"), "refusal"),
        ("user", ToolCallPart(id="c", name="f", arguments=""), "tool_call"),
        ("user", ToolResultPart(tool_call_id="c", content=[]), "tool_result"),
        ("system", IMAGE, "image"),
        ("assistant", IMAGE, "image"),
        ("assistant", ImagePart(url="u", provider_data=own(type="image_generation_call", id="ig")), "image"),
        ("assistant", _SOUND, "audio"),
        ("assistant", FilePart(media_type="a/b", data="a"), "file"),
        ("assistant", ToolResultPart(tool_call_id="c", content=[]), "tool_result"),
        ("tool", TEXT, "text"),
        ("tool", ToolResultPart(tool_call_id="c", content=_SOUNDS), "audio"),
    ],
    ids=range(13),
)
def test_what_the_wire_has_no_words_for_is_named(role: Role, part: Part, named: str) -> None:
    """Rather than left out: the model would answer another question."""
    with pytest.raises(CannotExpress, match=named):
        items(Message(role=role, parts=[part]))
