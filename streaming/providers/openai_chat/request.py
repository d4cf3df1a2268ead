"""The request body of Chat Completions, from the neutral call."""

from collections.abc import Callable, Mapping

from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from streaming.providers.wire import Call

PATH = "/chat/completions"

# Neutral setting -> body key. "max_tokens" is the retired name of the one below.
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_completion_tokens",
    "stop": "stop",
    "seed": "seed",
    "n": "n",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "reasoning_effort": "reasoning_effort",
}
_AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def headers(api_key: str) -> dict[str, str]:
    """Return the headers that carry the key."""
    return {"Authorization": f"Bearer {api_key}"}


def body(call: Call, *, stream: bool) -> JsonObject:
    """Return the request body; streaming and unary differ in `stream*` keys only.

    Raises:
        CannotExpress: a part that Chat Completions has no words for.
    """
    messages: list[JsonValue] = []
    if call.system is not None:
        messages.append({"role": "system", "content": call.system})
    for message in call.messages:
        messages.extend(_messages(message))

    result: JsonObject = {"model": call.model, "messages": messages}
    for name, key in _SETTINGS.items():
        value: JsonValue = getattr(call.settings, name)
        if value is not None:
            result[key] = value
    result |= {key: value for key, value in call.extra.items() if key not in ("stream", "stream_options")}
    if stream:
        result["stream"] = True
        if options := _stream_options(call):
            result["stream_options"] = options
    return result


def _stream_options(call: Call) -> JsonObject:
    given = call.extra.get("stream_options")
    options: JsonObject = dict(given) if isinstance(given, dict) else {}
    # Without it the stream says nothing of usage, which the unary answer does.
    return options if call.quirks.no_stream_options else options | {"include_usage": True}


def _messages(message: Message) -> list[JsonValue]:
    if message.role == "tool":
        return [_tool_message(part) for part in message.parts]
    if message.role == "assistant":
        return [_assistant_message(message)]
    return [{"role": message.role, "content": _content(message.role, message.parts)}]


def _tool_message(part: Part) -> JsonValue:
    if not isinstance(part, ToolResultPart):
        raise CannotExpress(f"a message of role tool holds tool_result parts only, not {part.type}")
    texts = [item.text for item in part.content if isinstance(item, TextPart)]
    if len(texts) < len(part.content):
        raise CannotExpress("a tool_result on this wire holds text only")
    return {"role": "tool", "tool_call_id": part.tool_call_id, "content": "".join(texts)}


def _assistant_message(message: Message) -> JsonValue:
    result: JsonObject = {"role": "assistant"}
    content: list[Part] = []
    calls: list[JsonValue] = []
    for part in message.parts:
        if isinstance(part, ToolCallPart):
            function: JsonObject = {"name": part.name, "arguments": part.arguments}
            calls.append({"id": part.id, "type": "function", "function": function})
        elif not isinstance(part, ReasoningPart):  # reasoning is not replayed on this wire
            content.append(part)
    if content or not calls:
        result["content"] = _content(message.role, content)
    if calls:
        result["tool_calls"] = calls
    return result


def _content(role: Role, parts: list[Part]) -> JsonValue:
    """Return the plain string form where it says everything: every compatible server takes that."""
    if all(isinstance(part, TextPart) for part in parts):
        return "".join(part.text for part in parts if isinstance(part, TextPart))
    return [_content_part(role, part) for part in parts]


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
    url = part.url or f"data:{part.media_type};base64,{part.data}"
    return {"type": "image_url", "image_url": {"url": url}}


def _audio(part: AudioPart) -> JsonValue:
    kind = _AUDIO_FORMATS.get(part.media_type or "")
    if part.data is None or kind is None:
        raise CannotExpress("audio on this wire is inline base64 in wav or mp3")
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": kind}}


def _file(part: FilePart) -> JsonValue:
    if part.data is None:
        raise CannotExpress("a file on this wire is inline base64, not a URL")
    file: JsonObject = {"file_data": f"data:{part.media_type};base64,{part.data}"}
    if part.filename:
        file["filename"] = part.filename
    return {"type": "file", "file": file}


_CONTENT: Mapping[Role, Mapping[type, Callable[..., JsonValue]]] = {
    "system": {TextPart: _text},
    "user": {TextPart: _text, ImagePart: _image, AudioPart: _audio, FilePart: _file},
    "assistant": {TextPart: _text, RefusalPart: _refusal},
}
