"""The input items of a Responses request, from the neutral messages.

Rules of this file:

- Nothing is stored with the provider, so what it said before goes back as its own items, whole and in their place.
- Its thoughts go back all or none of one message. Each must hold what the provider reads it by, and be followed by
  what it led to. Without them the ids of that message's texts and calls stay out too: the provider refuses what it
  knows to have come after a thought ("provided without its required 'reasoning' item").
- Another provider's text and calls become messages and calls like its own; thoughts and provider items are left out.
- The wire has no word for a tool's failure: the result's text begins with "Error: ".
"""

import re
from collections.abc import Callable, Mapping

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
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from streaming.providers.openai_responses.parts import CALL_FIELDS
from streaming.providers.requests import data_uri, with_fitting_ids
from streaming.providers.values import string
from streaming.providers.wire import Call

# The API's answer to a longer one: "string too long. Expected a string with maximum length 64".
_FITTING_ID = re.compile(".{1,64}", re.DOTALL)
_ROLES = {"system": "developer", "user": "user"}
_CUSTOM = "custom_tool_call"
# Statuses of an item that an interrupt cut: nobody can go on with it.
_UNDER_WAY = frozenset({"in_progress", "searching", "interpreting", "generating", "calling"})
_EXTENSIONS = {"text/plain": "txt", "text/markdown": "md"}


def input_items(call: Call) -> list[JsonValue]:
    """Return the request's input.

    Raises:
        CannotExpress: a part that Responses has no words for.
    """
    messages = with_fitting_ids(call.messages, _FITTING_ID, 64)
    custom = {
        part.id
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCallPart) and _kind(part.own(call.provider)) == _CUSTOM
    }
    items: list[JsonValue] = []
    for message in messages:
        match message.role:
            case "tool":
                items += [_tool_result(part, custom) for part in message.parts]
            case "assistant":
                items += _said(message, call.provider)
            case role if message.parts:
                content = [_content(part, f"a message of role {role}", _ASKED[role]) for part in message.parts]
                items.append({"type": "message", "role": _ROLES[role], "content": content})
    return items


def _content(part: Part, where: str, words: Mapping[type, Callable[..., JsonObject]]) -> JsonValue:
    express = words.get(type(part))
    if express is None:
        raise CannotExpress(f"OpenAI Responses takes no {part.type} part in {where}")
    return express(part)


def _text(part: TextPart) -> JsonObject:
    return {"type": "input_text", "text": part.text}


def _image(part: ImagePart) -> JsonObject:
    return {"type": "input_image", "image_url": part.url or data_uri(part), "detail": "auto"}


def _file(part: FilePart) -> JsonObject:
    if part.url is not None:
        return {"type": "input_file", "file_url": part.url}
    media_type = part.media_type or ""
    # The API wants a name with the data, and reads the kind of document from its end.
    named = part.filename or f"file.{_EXTENSIONS.get(media_type, media_type.rpartition('/')[2])}"
    return {"type": "input_file", "file_data": data_uri(part), "filename": named}


_MEDIA: Mapping[type, Callable[..., JsonObject]] = {TextPart: _text, ImagePart: _image, FilePart: _file}
_ASKED: Mapping[str, Mapping[type, Callable[..., JsonObject]]] = {"system": {TextPart: _text}, "user": _MEDIA}


# -- tool results


def _tool_result(part: Part, custom: set[str]) -> JsonValue:
    if not isinstance(part, ToolResultPart):
        raise CannotExpress(f"a message of role tool holds tool_result parts only, not {part.type}")
    kind = "custom_tool_call_output" if part.tool_call_id in custom else "function_call_output"
    return {"type": kind, "call_id": part.tool_call_id, "output": _output(part)}


def _output(part: ToolResultPart) -> JsonValue:
    content: list[ResultPart] = [TextPart(text="Error: "), *part.content] if part.is_error else part.content
    if all(isinstance(item, TextPart) for item in content):
        return "".join(item.text for item in content if isinstance(item, TextPart))
    return [_content(item, "a tool_result", _MEDIA) for item in content]


# -- what the model said


def _said(message: Message, provider: str) -> list[JsonValue]:
    items: list[JsonObject] = []
    for part in message.parts:
        express = _SAID.get(type(part))
        if express is None:
            raise _no_words(part)
        own = None if isinstance(part, ToolResultPart) else part.own(provider)
        item = express(part, own or {})
        if item is None:
            continue
        if items and _are_one_message(items[-1], item):
            items[-1] = _joined(items[-1], item)
        else:
            items.append(item)
    if not _has_whole_thoughts(items):
        items = [_without_id(item) for item in items if item["type"] != "reasoning"]
    return [*items]


def _has_whole_thoughts(items: list[JsonObject]) -> bool:
    thoughts = [item for item in items if item["type"] == "reasoning"]
    followed = not thoughts or items[-1] is not thoughts[-1]
    return followed and all(item.get("encrypted_content") or item.get("content") for item in thoughts)


def _without_id(item: JsonObject) -> JsonObject:
    if item["type"] != "message" and item["type"] not in CALL_FIELDS:
        return item  # the other kinds are not taken without
    return {key: value for key, value in item.items() if key not in ("id", "status")}


def _are_one_message(item: JsonObject, following: JsonObject) -> bool:
    return item["type"] == "message" and item | {"content": following.get("content")} == following


def _joined(item: JsonObject, following: JsonObject) -> JsonObject:
    content: list[JsonValue] = [*_as_list(item.get("content")), *_as_list(following.get("content"))]
    return item | {"content": content}


def _as_list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _kind(own: JsonObject | None) -> str:
    """Return the type of the item that a part came from; "" where it is not this provider's."""
    return string(own.get("type")) if own else ""


def _no_words(part: Part) -> CannotExpress:
    return CannotExpress(f"OpenAI Responses takes no {part.type} part of this kind in a message of role assistant")


def _message(content: JsonObject, own: JsonObject) -> JsonObject:
    its_own = ("id", "status", "phase") if _kind(own) == "message" else ()
    head: JsonObject = {key: own[key] for key in its_own if key in own}
    return {"type": "message", "role": "assistant", **head, "content": [content]}


def _output_text(part: TextPart, own: JsonObject) -> JsonObject:
    annotations: list[JsonValue] = part.annotations if _kind(own) == "message" else []
    return _message({"type": "output_text", "text": part.text, "annotations": annotations}, own)


def _refusal(part: RefusalPart, own: JsonObject) -> JsonObject:
    return _message({"type": "refusal", "refusal": part.text}, own)


def _transcript(part: AudioPart, own: JsonObject) -> JsonObject:
    if part.transcript is None:
        raise _no_words(part)
    return _output_text(TextPart(text=part.transcript), own)


def _call(part: ToolCallPart, own: JsonObject) -> JsonObject:
    kind = _kind(own) if _kind(own) in CALL_FIELDS else "function_call"
    head = own if _kind(own) == kind else {}
    return {**head, "type": kind, "call_id": part.id, "name": part.name, CALL_FIELDS[kind]: part.arguments}


def _reasoning(_part: ReasoningPart, own: JsonObject) -> JsonObject | None:
    return own if _kind(own) == "reasoning" else None


def _provider_item(_part: ProviderItem, own: JsonObject) -> JsonObject | None:
    return own if _kind(own) and string(own.get("status")) not in _UNDER_WAY else None


def _made_image(part: ImagePart, own: JsonObject) -> JsonObject:
    if _kind(own) != "image_generation_call" or part.data is None:
        raise _no_words(part)
    return own | {"result": part.data}


_SAID: Mapping[type, Callable[..., JsonObject | None]] = {
    TextPart: _output_text,
    RefusalPart: _refusal,
    AudioPart: _transcript,
    ToolCallPart: _call,
    ReasoningPart: _reasoning,
    ProviderItem: _provider_item,
    ImagePart: _made_image,
}
