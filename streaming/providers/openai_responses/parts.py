"""The output items of a response as neutral parts, each with what its provider needs to be given back.

An item is one part, but for two: a message has a part for each of its contents, and a reasoning item that holds
both a summary and the thoughts themselves has a part for either. Items of the provider's own tools stay whole.
"""

from collections.abc import Callable, Iterable

from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import ImagePart, Part, ProviderItem, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from streaming.providers.call_ids import CallIds
from streaming.providers.openai_chat.parts import json_text
from streaming.providers.values import objects, string

SEPARATOR = "\n\n"
"""Stands between the summaries of one reasoning item, each of which is a paragraph with a title."""
CALL_FIELDS = {"function_call": "arguments", "custom_tool_call": "input"}
"""The items that call a tool of ours, and where their arguments stand."""

_REASONING_FIELDS = ("type", "id", "summary", "content", "encrypted_content")
_MESSAGE_FIELDS = ("type", "id", "status", "phase")
_IMAGE_TYPES = {"jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif", "svg": "image/svg+xml"}


def parts_of(output: list[JsonValue], provider: str) -> list[Part]:
    """Return the parts that a response's output amounts to, in its order.

    Raises:
        NotTheWire: an item is not an object with a type.
    """
    ids = CallIds()
    parts: list[Part] = []
    for item in output:
        kind = string(item.get("type")) if isinstance(item, dict) else ""
        if not isinstance(item, dict) or not kind:
            raise NotTheWire("an item of the output is not an object with a type")
        if kind in CALL_FIELDS:
            parts.append(_tool_call(item, kind, ids.take(string(item.get("call_id"))), provider))
        else:
            parts.extend(_PARTS.get(kind, _provider_item)(item, provider))
    return parts


def _tool_call(item: JsonObject, kind: str, call_id: str, provider: str) -> Part:
    said = {"call_id", "name", CALL_FIELDS[kind]}
    return ToolCallPart(
        id=call_id,
        name=string(item.get("name")),
        arguments=json_text(item.get(CALL_FIELDS[kind])),
        provider_data={provider: {key: value for key, value in item.items() if key not in said}},
    )


def _message(item: JsonObject, provider: str) -> Iterable[Part]:
    own: JsonObject = {provider: _given(item, _MESSAGE_FIELDS)}
    for content in objects(item.get("content")):
        if content.get("type") == "output_text" and (text := string(content.get("text"))):
            annotations = content.get("annotations")
            yield TextPart(
                text=text, annotations=annotations if isinstance(annotations, list) else [], provider_data=own
            )
        elif content.get("type") == "refusal" and (text := string(content.get("refusal"))):
            yield RefusalPart(text=text, provider_data=own)


def _reasoning(item: JsonObject, provider: str) -> Iterable[Part]:
    texts = [text for array in ("summary", "content") if (text := _joined(item.get(array)))]
    own: JsonObject = _given(item, _REASONING_FIELDS)
    for text in texts or [""]:
        yield ReasoningPart(text=text, provider_data={provider: own})
        own = {}  # the item goes back once


def _image(item: JsonObject, provider: str) -> Iterable[Part]:
    data = item.get("result")
    if not isinstance(data, str) or not data:
        return _provider_item(item, provider)  # it failed, or is not done
    own: JsonObject = {key: value for key, value in item.items() if key != "result"}
    media_type = _IMAGE_TYPES.get(string(item.get("output_format")), "image/png")
    return [ImagePart(data=data, media_type=media_type, provider_data={provider: own})]


def _provider_item(item: JsonObject, provider: str) -> Iterable[Part]:
    return [ProviderItem(kind=string(item.get("type")), provider_data={provider: item})]


_PARTS: dict[str, Callable[[JsonObject, str], Iterable[Part]]] = {
    "message": _message,
    "reasoning": _reasoning,
    "image_generation_call": _image,
}


def _joined(elements: JsonValue) -> str:
    return SEPARATOR.join(text for element in objects(elements) if (text := string(element.get("text"))))


def _given(item: JsonObject, keys: Iterable[str]) -> JsonObject:
    return {key: item[key] for key in keys if item.get(key) is not None}
