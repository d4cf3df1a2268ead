import pytest

from streaming.duplex.elements import Image, StreamElement, ToolResponse
from streaming.duplex.errors import CannotSendError
from streaming.duplex.openai_realtime.items import (
    call_id_for,
    history_items,
    message_item,
    result_item,
    user_content,
)
from streaming.jsontext import JsonObject, JsonValue, dumps
from streaming.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ProviderItem,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from tests.streaming.duplex.openai_realtime.official import checked_client_event

CALL = ToolCallPart(id="c1", name="look", arguments='{"at":1}')


def checked(item: JsonObject) -> JsonObject:
    """Return an item which the official client knows."""
    event: JsonObject = {"type": "conversation.item.create", "item": item}
    checked_client_event(dumps(event).decode())
    return item


def items(*messages: Message) -> list[JsonObject]:
    """Return the items of a history."""
    return [checked(item) for item in history_items(messages)]


def said(role: str, kind: str, *texts: str) -> JsonObject:
    """Return a message item."""
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text} for text in texts]}


def test_a_history_is_told_in_the_servers_items() -> None:
    """Every kind of message, in order."""
    history = [
        Message(role="system", parts="Be brief."),
        Message(role="user", parts="Look there."),
        Message(role="assistant", parts=[TextPart(text="One moment."), CALL, TextPart(text="So.")]),
        Message(role="tool", parts=[ToolResultPart(tool_call_id="c1", content="A tree.")]),
        Message(role="assistant", parts="A tree."),
    ]

    assert items(*history) == [
        said("system", "input_text", "Be brief."),
        said("user", "input_text", "Look there."),
        said("assistant", "output_text", "One moment."),
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"at":1}'},
        said("assistant", "output_text", "So."),
        {"type": "function_call_output", "call_id": "c1", "output": "A tree."},
        said("assistant", "output_text", "A tree."),
    ]


@pytest.mark.parametrize(
    ("role", "part", "content"),
    [
        ("assistant", RefusalPart(text="No."), [{"type": "output_text", "text": "No."}]),
        ("assistant", AudioPart(data="AAAA", media_type="audio/wav", transcript="Hm."), "Hm."),
        ("user", AudioPart(data="AAAA", media_type="audio/wav", transcript="Hm."), "Hm."),
        (
            "user",
            ImagePart(data="AAAA", media_type="image/png"),
            [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}],
        ),
    ],
)
def test_what_was_shown_or_spoken_has_its_words(role: str, part: Part, content: JsonValue) -> None:
    """Sound goes as what was said in it."""
    if isinstance(content, str):
        content = [{"type": "output_text" if role == "assistant" else "input_text", "text": content}]
    message = Message.model_validate({"role": role, "parts": [part]})

    assert items(message) == [{"type": "message", "role": role, "content": content}]


@pytest.mark.parametrize("parts", [[], [TextPart(text="")], [ReasoningPart(text="Hm.")], [ProviderItem(kind="search")]])
def test_what_says_nothing_to_this_server_is_no_item(parts: list[Part]) -> None:
    """Thoughts and provider items are other wires'."""
    assert items(Message(role="assistant", parts=parts)) == []


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", FilePart(data="AAAA", media_type="application/pdf")),
        ("user", AudioPart(data="AAAA", media_type="audio/wav")),
        ("user", ImagePart(url="https://provider.test/a.png")),
        ("user", ImagePart(data="AAAA", media_type="image/webp")),
        ("assistant", ImagePart(data="AAAA", media_type="image/png")),
        (
            "tool",
            ToolResultPart(tool_call_id="c1", content=[ImagePart(data="AAAA", media_type="image/png")]),
        ),
    ],
)
def test_what_cannot_be_told_is_refused(role: str, part: Part) -> None:
    """Never forgotten without a word."""
    with pytest.raises(CannotSendError, match="OpenAI Realtime takes no"):
        items(Message.model_validate({"role": role, "parts": [part]}))


@pytest.mark.parametrize(("is_error", "output"), [(False, "gone"), (True, "Error: gone")])
def test_the_model_is_told_that_a_tool_failed(is_error: bool, output: str) -> None:
    """In the result's words, for the wire has none: while it goes on, and in a history."""
    response = ToolResponse("c1", "look", "gone", is_error=is_error)
    result = ToolResultPart(tool_call_id="c1", content="gone", is_error=is_error)
    item: JsonObject = {"type": "function_call_output", "call_id": "c1", "output": output}

    assert checked(result_item("c1", response)) == item
    assert items(Message(role="tool", parts=[result])) == [item]


@pytest.mark.parametrize(("given", "kept"), [("c1", True), ("c" * 32, True), ("c" * 33, False), ("", False)])
def test_an_id_that_the_server_does_not_take_is_replaced(given: str, kept: bool) -> None:
    """Always by the same one, in a call and in its result."""
    call, result = items(
        Message(role="assistant", parts=[CALL.model_copy(update={"id": given})]),
        Message(role="tool", parts=[ToolResultPart(tool_call_id=given, content="x")]),
    )

    assert call["call_id"] == result["call_id"] == call_id_for(given)
    assert (call["call_id"] == given) is kept
    assert 0 < len(str(call["call_id"])) <= 32


def test_a_picture_and_words_about_it_are_one_message() -> None:
    """The picture comes first."""
    element = StreamElement(text="What is it?", image=Image(b"\x89PNG", "image/png"))
    assert checked(message_item("user", user_content(element)))["content"] == [
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw=="},
        {"type": "input_text", "text": "What is it?"},
    ]


@pytest.mark.parametrize("element", [StreamElement(), StreamElement(text=""), StreamElement(end_of_stream=True)])
def test_nothing_written_is_no_content(element: StreamElement) -> None:
    """An empty message would be refused."""
    assert user_content(element) == []


@pytest.mark.parametrize(
    ("image", "why"), [(Image(b"x", "image/webp"), "not image/webp"), (Image(b"", "image/png"), "empty")]
)
def test_a_picture_that_the_server_does_not_take_is_refused(image: Image, why: str) -> None:
    """It takes PNG and JPEG."""
    with pytest.raises(CannotSendError, match=why):
        user_content(StreamElement(image=image))
