"""The messages of Chat Completions, from the neutral ones.

Rules of this file:

- A role tool message says text only. What else a tool gave back follows in a user message, after the results of all
  calls: nothing may stand between a call and its result.
- The wire has no word for a tool's failure: its text begins with "Error: ".
- Reasoning and provider items go back to the provider they came from only, and reasoning where it is wanted.
- Arguments are a string on this wire: what a model wrote is shown to it as it was, broken JSON too.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence

from streaming.errors import CannotExpress
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
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from streaming.providers.requests import data_uri, with_fitting_ids
from streaming.providers.wire import Call

_AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_SHORT_ID = re.compile("[A-Za-z0-9]{9}")
# OpenAI's answer to a longer one: "string too long. Expected a string with maximum length 40".
_FITTING_ID = re.compile(".{1,40}", re.DOTALL)


def conversation(call: Call) -> list[JsonValue]:
    """Return the request's messages, the system prompt first.

    Raises:
        CannotExpress: a part that Chat Completions has no words for.
    """
    said: list[JsonValue] = []
    system = _system(call)
    if system is not None:
        said.append({"role": "system", "content": system})
    attached: list[JsonValue] = []
    for message in _with_fitting_ids(call):
        if message.role == "tool":
            for part in message.parts:
                result, media = _tool_result(part)
                said.append(result)
                attached += media
            continue
        if attached:
            said.append({"role": "user", "content": attached})
            attached = []
        said.append(_message(message, call))
    if attached:
        said.append({"role": "user", "content": attached})
    return said


def _system(call: Call) -> str | None:
    if call.output_schema is None or not call.quirks.json_object_only:
        return call.system
    schema = dumps(call.output_schema).decode()
    told = f"Answer with one JSON object, and nothing else, that follows this JSON Schema:\n{schema}"
    return f"{call.system}\n\n{told}" if call.system else told


def _with_fitting_ids(call: Call) -> list[Message]:
    if call.quirks.short_tool_ids:
        return with_fitting_ids(call.messages, _SHORT_ID, 9)
    return with_fitting_ids(call.messages, _FITTING_ID, 40)


def _message(message: Message, call: Call) -> JsonValue:
    if message.role == "assistant":
        return _assistant_message(message, call)
    return {"role": message.role, "content": _content(message.role, message.parts)}


# -- tool results


def _tool_result(part: Part) -> tuple[JsonValue, list[JsonValue]]:
    """Return a result's message, and the content parts that have to follow in a user message."""
    if not isinstance(part, ToolResultPart):
        raise CannotExpress(f"a message of role tool holds tool_result parts only, not {part.type}")
    texts: list[str] = []
    media: list[JsonValue] = []
    for item in part.content:
        if isinstance(item, TextPart):
            texts.append(item.text)
        elif isinstance(item, FilePart) and _is_text(item):
            texts.append(_file_text(item))
        else:
            media.append(_content_part("user", item))
    text = "".join(texts) if texts or not media else "What the tool gave back follows."
    label: JsonValue = {"type": "text", "text": f"From the result of tool call {part.tool_call_id}:"}
    said = f"Error: {text}" if part.is_error else text
    return {"role": "tool", "tool_call_id": part.tool_call_id, "content": said}, [label, *media] if media else []


# -- what the assistant said


def _assistant_message(message: Message, call: Call) -> JsonValue:
    result: JsonObject = {"role": "assistant"}
    content: list[Part | JsonObject] = []
    calls: list[JsonValue] = []
    for part in message.parts:
        match part:
            case ToolCallPart():
                calls.append(_tool_call(part, call.provider))
            case AudioPart() if audio := _own_audio(part, call.provider):
                result["audio"] = audio
            case AudioPart(transcript=str(transcript)):
                content.append(TextPart(text=transcript))
            case ReasoningPart() | ProviderItem():
                content += _own_content(part, call.provider)
            case _:
                content.append(part)
    if content or not (calls or "audio" in result):
        result["content"] = _content(message.role, content)
    if calls:
        result["tool_calls"] = calls
    return result | _reasoning(message.parts, call)


def _tool_call(part: ToolCallPart, provider: str) -> JsonValue:
    # What else its provider said of the call, such as Gemini's thought signature in `extra_content`, goes back.
    own = part.own(provider) or {}
    if own.get("type") == "custom":
        return own | {"id": part.id, "custom": {"name": part.name, "input": part.arguments}}
    return own | {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}


def _own_content(part: ReasoningPart | ProviderItem, provider: str) -> list[JsonObject]:
    """Return the content part that this was in its provider's own answer (Mistral's thinking), if it was one."""
    own = (part.own(provider) or {}).get("part")
    return [own] if isinstance(own, dict) else []


def _own_audio(part: AudioPart, provider: str) -> JsonObject | None:
    audio_id = (part.own(provider) or {}).get("id")
    return {"id": audio_id} if isinstance(audio_id, str) and audio_id else None


def _reasoning(parts: list[Part], call: Call) -> JsonObject:
    """Return the keys that carry the provider's own reasoning: OpenRouter's details, else the server's text field."""
    own = [
        (part.text, data.get("reasoning_details"))
        for part in parts
        if isinstance(part, ReasoningPart) and (data := part.own(call.provider)) is not None and "part" not in data
    ]
    details: list[JsonValue] = [item for _, given in own if isinstance(given, list) for item in given]
    if details:
        return {"reasoning_details": details}
    field, text = call.quirks.reasoning_field, "".join(text for text, _ in own)
    # DeepSeek and its like refuse a thinking model's tool calls without the field, and take "".
    wanted = text or any(isinstance(part, ToolCallPart) for part in parts)
    return {field: text} if field and wanted else {}


# -- content


def _content(role: Role, parts: Sequence[Part | JsonObject]) -> JsonValue:
    """Return the plain string form where it says everything: every compatible server takes that."""
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    if len(texts) == len(parts):
        return "".join(texts)
    return [part if isinstance(part, dict) else _content_part(role, part) for part in parts]


def _content_part(role: Role, part: Part) -> JsonValue:
    express = _CONTENT[role].get(type(part))
    if express is None:
        raise CannotExpress(f"this wire takes no {part.type} part in a message of role {role}")
    return express(part)


def _text(part: TextPart) -> JsonValue:
    return {"type": "text", "text": part.text}


def _refusal(part: RefusalPart) -> JsonValue:
    return {"type": "refusal", "refusal": part.text}


def _image(part: ImagePart) -> JsonValue:
    return {"type": "image_url", "image_url": {"url": part.url or data_uri(part)}}


def _audio(part: AudioPart) -> JsonValue:
    kind = _AUDIO_FORMATS.get(part.media_type or "")
    if part.data is None or kind is None:
        raise CannotExpress("audio on this wire is inline base64 in wav or mp3")
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": kind}}


def _file(part: FilePart) -> JsonValue:
    if part.data is None:
        raise CannotExpress("a file on this wire is inline base64, not a URL")
    if _is_text(part):
        return {"type": "text", "text": _file_text(part)}
    file: JsonObject = {"file_data": data_uri(part)}
    if part.filename:
        file["filename"] = part.filename
    return {"type": "file", "file": file}


def _is_text(part: FilePart) -> bool:
    return part.data is not None and (part.media_type or "").startswith("text/")


def _file_text(part: FilePart) -> str:
    """Return a text file's text, under its name."""
    try:
        text = base64.b64decode(part.data or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise CannotExpress(f"a file of type {part.media_type} is not UTF-8 text in base64") from error
    return f"{part.filename}:\n\n{text}" if part.filename else text


_CONTENT: Mapping[Role, Mapping[type, Callable[..., JsonValue]]] = {
    "system": {TextPart: _text},
    "user": {TextPart: _text, ImagePart: _image, AudioPart: _audio, FilePart: _file},
    "assistant": {TextPart: _text, RefusalPart: _refusal},
}
