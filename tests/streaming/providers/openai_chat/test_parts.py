import pytest

from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import (
    AudioPart,
    ImagePart,
    Part,
    ProviderItem,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from streaming.providers.openai_chat.parts import parts_of


def call(**fields: JsonValue) -> JsonObject:
    """Return a message with one tool call."""
    return {"tool_calls": [fields]}


def thought(text: str, **own: JsonValue) -> ReasoningPart:
    """Return a reasoning part of provider p."""
    return ReasoningPart(text=text, provider_data={"p": own})


def sound(**fields: JsonValue) -> JsonObject:
    """Return a message with audio."""
    return {"content": None, "audio": {"id": "audio_1", "expires_at": 9, "transcript": "hi", **fields}}


THINKING: JsonObject = {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]}
REFERENCE: JsonObject = {"type": "reference", "reference_ids": [1]}
DETAILS: list[JsonValue] = [
    {"type": "reasoning.text", "text": "a", "signature": "s"},
    {"type": "reasoning.summary", "summary": "b"},
    {"type": "reasoning.encrypted", "data": "QUJD"},
]
TEXT_A: JsonObject = {"type": "text", "text": "a"}
OWN_AUDIO: dict[str, JsonValue] = {"p": {"id": "audio_1", "expires_at": 9}}

MESSAGES: dict[str, tuple[JsonObject, list[Part]]] = {
    "text": ({"content": "a"}, [TextPart(text="a")]),
    "empty": ({"content": ""}, []),
    "null": ({"content": None}, []),
    "nothing": ({}, []),
    "wrong kinds": ({"content": True, "refusal": {}, "images": 5, "audio": [], "tool_calls": 5}, []),
    "annotations": (
        {"content": "a", "annotations": [{"url": "u"}]},
        [TextPart(text="a", annotations=[{"url": "u"}])],
    ),
    "refusal": ({"refusal": "no"}, [RefusalPart(text="no")]),
    "halves": ({"content": "\ud83d\ude00 \ud83d"}, [TextPart(text="😀 \ufffd")]),
    "reasoning": ({"reasoning": "r", "content": "a"}, [thought("r", field="reasoning"), TextPart(text="a")]),
    "reasoning_content": ({"reasoning_content": "r"}, [thought("r", field="reasoning_content")]),
    "both names": ({"reasoning": "r", "reasoning_content": "r"}, [thought("r", field="reasoning")]),
    "one empty name": ({"reasoning": "", "reasoning_content": "r"}, [thought("r", field="reasoning_content")]),
    "details too": (
        {"reasoning": "ab", "reasoning_details": DETAILS},
        [thought("ab", field="reasoning", reasoning_details=DETAILS)],
    ),
    "details alone": ({"reasoning_details": DETAILS}, [thought("ab", reasoning_details=DETAILS)]),
    "encrypted alone": ({"reasoning_details": DETAILS[2:]}, [thought("", reasoning_details=DETAILS[2:])]),
    "content parts": ({"content": [TEXT_A, {"text": "b"}]}, [TextPart(text="ab")]),
    "not a part": ({"content": [TEXT_A, 5, {"text": "b"}]}, [TextPart(text="a"), TextPart(text="b")]),
    "thinking": ({"content": [THINKING, TEXT_A]}, [thought("hm", part=THINKING), TextPart(text="a")]),
    "plain thinking": (
        {"content": [{"type": "thinking", "thinking": "h"}]},
        [thought("h", part={"type": "thinking", "thinking": "h"})],
    ),
    "references": (
        {"content": [TEXT_A, REFERENCE, REFERENCE, {"type": "text", "text": "b"}], "annotations": [1]},
        [TextPart(text="a", annotations=[REFERENCE, REFERENCE]), TextPart(text="b", annotations=[1])],
    ),
    "a reference to nothing": (
        {"content": [REFERENCE]},
        [ProviderItem(kind="reference", provider_data={"p": {"part": REFERENCE}})],
    ),
    "a part we do not know": (
        {"content": [{"type": "novel", "x": 1}, TEXT_A]},
        [ProviderItem(kind="novel", provider_data={"p": {"part": {"type": "novel", "x": 1}}}), TextPart(text="a")],
    ),
    "images": (
        {
            "content": "a",
            "images": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                {"type": "image_url", "image_url": {"url": "https://x/i.png"}},
                {"type": "image_url", "image_url": "https://x/j.png"},
            ],
        },
        [
            TextPart(text="a"),
            ImagePart(media_type="image/png", data="iVBORw=="),
            ImagePart(url="https://x/i.png"),
            ImagePart(url="https://x/j.png"),
        ],
    ),
    "no image": (
        {"images": [{"type": "image_url"}]},
        [ProviderItem(kind="image_url", provider_data={"p": {"part": {"type": "image_url"}}})],
    ),
    "wav": (
        sound(data="UklGRg=="),
        [AudioPart(media_type="audio/wav", data="UklGRg==", transcript="hi", provider_data=OWN_AUDIO)],
    ),
    "mp3": (
        sound(data="SUQzBA=="),
        [AudioPart(media_type="audio/mpeg", data="SUQzBA==", transcript="hi", provider_data=OWN_AUDIO)],
    ),
    "raw samples": (
        sound(data="AAABAA==", transcript=""),
        [AudioPart(media_type="audio/pcm", data="AAABAA==", provider_data=OWN_AUDIO)],
    ),
    "a sound cut before its data": (
        sound(),
        [AudioPart(media_type="audio/pcm", data="", transcript="hi", provider_data=OWN_AUDIO)],
    ),
    "a call": (
        call(id="c", type="function", function={"name": "f", "arguments": "{}"}),
        [ToolCallPart(id="c", name="f", arguments="{}")],
    ),
    "a custom call": (
        call(id="c", type="custom", custom={"name": "f", "input": "x"}),
        [ToolCallPart(id="c", name="f", arguments="x", provider_data={"p": {"type": "custom"}})],
    ),
    "a signed call": (
        call(id="c", function={"name": "f", "arguments": ""}, extra_content={"google": {"thought_signature": "s"}}),
        [
            ToolCallPart(
                id="c",
                name="f",
                arguments="",
                provider_data={"p": {"extra_content": {"google": {"thought_signature": "s"}}}},
            )
        ],
    ),
    "arguments as an object": (
        call(id="c", function={"name": "f", "arguments": {"x": [1]}}),
        [ToolCallPart(id="c", name="f", arguments='{"x":[1]}')],
    ),
    "partial arguments": (
        call(id="c", function={"name": "f", "arguments": '{"x":'}),
        [ToolCallPart(id="c", name="f", arguments='{"x":')],
    ),
    "no id": (call(function={"name": "f"}), [ToolCallPart(id="call_0", name="f", arguments="")]),
    "blank id": (call(id=" "), [ToolCallPart(id="call_0", name="", arguments="")]),
    "the same id twice": (
        {"tool_calls": [{"id": "c", "function": {"name": name}} for name in "fg"]},
        [ToolCallPart(id="c", name="f", arguments=""), ToolCallPart(id="c-2", name="g", arguments="")],
    ),
    "a function call": (
        {"function_call": {"name": "f", "arguments": "{"}},
        [ToolCallPart(id="call_0", name="f", arguments="{")],
    ),
}


@pytest.mark.parametrize(("message", "parts"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_has_the_parts_that_were_said(message: JsonObject, parts: list[Part]) -> None:
    """Reasoning first, then text, images, sound, refusal and calls; what was not said is no part."""
    assert parts == parts_of(message, "p")


def test_many_parts_of_changing_kinds_take_time_in_proportion() -> None:
    """Annotations that come one by one too: with a square of their number this would take minutes."""
    said: list[JsonValue] = [{"type": "text", "text": "a"}]
    said += [{"type": "reference", "n": number} if number % 2 else number for number in range(40_000)]
    said += [{"type": "text", "text": "a"} if number % 2 else {"type": "novel"} for number in range(40_000)]

    parts = parts_of({"content": said}, "p")

    assert len(parts) == 40_001
    assert isinstance(parts[0], TextPart)
    assert len(parts[0].annotations) == 20_000
