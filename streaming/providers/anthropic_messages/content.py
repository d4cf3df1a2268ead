"""A conversation in the words of Messages: turns of user and assistant, and the content blocks in them."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from itertools import chain, groupby
from operator import itemgetter

from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import (
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
from streaming.providers.call_ids import with_distinct_ids
from streaming.providers.requests import arguments_object, with_fitting_ids

BY_URL = frozenset({"image", "file"})

_TOOL_ID = re.compile("[a-zA-Z0-9_-]{1,64}")
_NEW_ID_LENGTH = 24
_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF = "application/pdf"


def system_prompt(system: str | None, messages: list[Message]) -> str:
    """Return the system prompt with every system message behind it: the turns know no such role."""
    said = [system or ""]
    for message in messages:
        if message.role == "system":
            for part in message.parts:
                if not isinstance(part, TextPart):
                    raise _no_words(part, message.role)
            said.append(message.text)
    return "\n\n".join(text for text in said if text.strip())


def conversation(messages: list[Message], provider: str) -> list[JsonValue]:
    """Return the turns. `provider` is whose own data goes back.

    Tool results are a user's turn, first in it, and with them whatever else the user says before the model does: the
    server would join such turns itself, and refuses results that come late.

    Raises:
        CannotExpress: a part that has no words on this wire.
    """
    fitting = with_fitting_ids(with_distinct_ids(messages), _TOOL_ID, _NEW_ID_LENGTH)
    told = [(_role(message), _blocks(message, provider)) for message in fitting if message.role != "system"]
    turns: list[JsonValue] = []
    # A message of which nothing is left was another provider's or empty, and an empty turn is refused.
    for role, group in groupby((turn for turn in told if turn[1]), key=itemgetter(0)):
        contents = [blocks for _, blocks in group]
        if role == "user" and any(map(_is_result, chain(*contents))):
            contents = [sorted(chain(*contents), key=_is_result, reverse=True)]
        turns += [{"role": role, "content": [*blocks]} for blocks in contents]
    return turns


def _role(message: Message) -> str:
    return "assistant" if message.role == "assistant" else "user"


def _is_result(block: JsonObject) -> bool:
    return block["type"] == "tool_result"


def _blocks(message: Message, provider: str) -> list[JsonObject]:
    blocks = []
    for part in message.parts:
        express = _EXPRESSIONS[message.role].get(type(part))
        if express is None:
            raise _no_words(part, message.role)
        if block := express(part, provider):
            blocks.append(block)
    return blocks


def _no_words(part: Part, role: Role) -> CannotExpress:
    return CannotExpress(f"Anthropic Messages takes no {part.type} part in a message of role {role}")


def _text(part: TextPart | RefusalPart, _provider: str) -> JsonObject | None:
    if not part.text.strip():
        return None  # the server refuses text blocks with nothing in them but spaces
    return {"type": "text", "text": part.text}


def _assistant_text(part: TextPart, provider: str) -> JsonObject | None:
    block, own = _text(part, provider), part.own(provider)
    if block is None or own is None:
        return block
    citations: JsonObject = {"citations": part.annotations} if part.annotations else {}
    return {**own, **block, **citations}


def _reasoning(part: ReasoningPart, provider: str) -> JsonObject | None:
    """Return the block whole; without what proves it the model's own, the server refuses it."""
    own = part.own(provider)
    if own is None or not (own.get("signature") or own.get("data")):
        return None
    return own | ({"thinking": part.text} if own.get("type") == "thinking" else {})


def _tool_call(part: ToolCallPart, provider: str) -> JsonObject:
    own = part.own(provider) or {}
    return own | {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_object(part)}


def _provider_item(part: ProviderItem, provider: str) -> JsonObject | None:
    return part.own(provider)


def _image(part: ImagePart, _provider: str) -> JsonObject:
    if part.url is not None:
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    return {"type": "image", "source": _base64(part, part.media_type, _IMAGE_TYPES)}


def _file(part: FilePart, _provider: str) -> JsonObject:
    document: JsonObject = {"type": "document", "source": _document_source(part)}
    return document | {"title": part.filename} if part.filename else document


def _document_source(part: FilePart) -> JsonObject:
    media_type = (part.media_type or _PDF).partition(";")[0].strip().lower()
    if part.url is not None and media_type == _PDF:
        return {"type": "url", "url": part.url}
    if part.data is not None and media_type.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": _decoded(part.data)}
    return _base64(part, media_type, frozenset({_PDF}))


def _base64(part: ImagePart | FilePart, media_type: str | None, allowed: frozenset[str]) -> JsonObject:
    if part.data is None or media_type not in allowed:
        kind = media_type if part.data is not None else "one by reference"
        raise CannotExpress(f"Anthropic Messages takes {part.type} parts in {', '.join(sorted(allowed))}, not {kind}")
    return {"type": "base64", "media_type": media_type, "data": part.data}


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise CannotExpress("Anthropic Messages takes a text file as UTF-8, in base64") from error


def _tool_result(part: ToolResultPart, provider: str) -> JsonObject:
    content = [block for item in part.content if (block := _result_block(item, provider))]
    result: JsonObject = {"type": "tool_result", "tool_use_id": part.tool_call_id}
    if content:
        result["content"] = [*content]
    if part.is_error:
        result["is_error"] = True
    return result


def _result_block(item: ResultPart, provider: str) -> JsonObject | None:
    express = _RESULTS.get(type(item))
    if express is None:
        raise CannotExpress(f"Anthropic Messages takes no {item.type} part in a tool_result")
    return express(item, provider)


_Expression = Callable[..., JsonObject | None]
_RESULTS: Mapping[type, _Expression] = {TextPart: _text, ImagePart: _image, FilePart: _file}
_EXPRESSIONS: Mapping[Role, Mapping[type, _Expression]] = {
    "user": {TextPart: _text, ImagePart: _image, FilePart: _file},
    "assistant": {
        TextPart: _assistant_text,
        RefusalPart: _text,
        ReasoningPart: _reasoning,
        ToolCallPart: _tool_call,
        ProviderItem: _provider_item,
    },
    "tool": {ToolResultPart: _tool_result},
}
