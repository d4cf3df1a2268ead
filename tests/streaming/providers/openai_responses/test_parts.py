import pytest

from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import ImagePart, Part, ProviderItem, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from streaming.providers.openai_responses.parts import parts_of

MESSAGE: JsonObject = {"type": "message", "id": "m", "status": "completed", "phase": "commentary"}
CALL: JsonObject = {"type": "function_call", "id": "fc", "status": "completed"}


def own(data: JsonObject) -> JsonObject:
    """Return the provider's data of a part."""
    return {"p": data}


def summary(*texts: JsonValue) -> list[JsonValue]:
    """Return the summary of a reasoning item."""
    return [{"type": "summary_text", "text": text} for text in texts]


def thoughts(*texts: JsonValue) -> list[JsonValue]:
    """Return the content of a reasoning item."""
    return [{"type": "reasoning_text", "text": text} for text in texts]


_CITED: list[JsonValue] = [{"type": "url_citation", "url": "u"}]
_SEALED: JsonObject = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "e"}
_IMAGE: JsonObject = {"type": "image_generation_call", "id": "ig", "status": "completed"}


@pytest.mark.parametrize(
    ("item", "parts"),
    [
        (
            MESSAGE
            | {
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": "a", "annotations": _CITED, "logprobs": []},
                    {"type": "output_text", "text": "", "annotations": []},
                    {"type": "refusal", "refusal": "no"},
                    {"type": "novel"},
                    5,
                ],
            },
            [
                TextPart(text="a", annotations=_CITED, provider_data=own(MESSAGE)),
                RefusalPart(text="no", provider_data=own(MESSAGE)),
            ],
        ),
        ({"type": "message"}, []),
        ({"type": "message", "content": "x"}, []),
        ({"type": "message", "content": [{"type": "output_text", "text": 5}]}, []),
        (
            {"type": "message", "content": [{"type": "output_text", "text": "\ud83d", "annotations": "x"}]},
            [TextPart(text="\ufffd", provider_data=own({"type": "message"}))],
        ),
        (_SEALED | {"status": None}, [ReasoningPart(text="", provider_data=own(_SEALED))]),
        (
            _SEALED | {"summary": summary("a", "", 5, "b")},
            [ReasoningPart(text="a\n\nb", provider_data=own(_SEALED | {"summary": summary("a", "", 5, "b")}))],
        ),
        (
            {"type": "reasoning", "content": thoughts("c", "d")},
            [ReasoningPart(text="c\n\nd", provider_data=own({"type": "reasoning", "content": thoughts("c", "d")}))],
        ),
        (
            _SEALED | {"summary": summary("a"), "content": thoughts("b")},
            [
                ReasoningPart(
                    text="a", provider_data=own(_SEALED | {"summary": summary("a"), "content": thoughts("b")})
                ),
                ReasoningPart(text="b", provider_data=own({})),
            ],
        ),
        (
            CALL | {"call_id": "c", "name": "f", "arguments": '{"a":', "namespace": "n"},
            [ToolCallPart(id="c", name="f", arguments='{"a":', provider_data=own(CALL | {"namespace": "n"}))],
        ),
        (
            {"type": "function_call", "arguments": {"a": 1}},
            [ToolCallPart(id="call_0", name="", arguments='{"a":1}', provider_data=own({"type": "function_call"}))],
        ),
        (
            {"type": "custom_tool_call", "id": "ctc", "call_id": "c", "name": "f", "input": "x"},
            [
                ToolCallPart(
                    id="c", name="f", arguments="x", provider_data=own({"type": "custom_tool_call", "id": "ctc"})
                )
            ],
        ),
        (
            _IMAGE | {"result": "AA==", "output_format": "jpeg"},
            [ImagePart(data="AA==", media_type="image/jpeg", provider_data=own(_IMAGE | {"output_format": "jpeg"}))],
        ),
        (_IMAGE | {"result": "AA=="}, [ImagePart(data="AA==", media_type="image/png", provider_data=own(_IMAGE))]),
        (
            _IMAGE | {"result": None},
            [ProviderItem(kind="image_generation_call", provider_data=own(_IMAGE | {"result": None}))],
        ),
        (
            {"type": "novel_call", "novel": [1]},
            [ProviderItem(kind="novel_call", provider_data=own({"type": "novel_call", "novel": [1]}))],
        ),
    ],
    ids=range(16),
)
def test_an_item_is_the_parts_that_it_amounts_to(item: JsonObject, parts: list[Part]) -> None:
    """With what its provider needs beside them; what was not said is no part."""
    assert parts == parts_of([item], "p")


def test_the_order_of_the_output_stays() -> None:
    """Thoughts, calls and text as they came."""
    text: JsonObject = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}

    parts = parts_of([text, _SEALED, CALL, text, {"type": "web_search_call"}], "p")

    assert [part.type for part in parts] == ["text", "reasoning", "tool_call", "text", "provider_item"]
