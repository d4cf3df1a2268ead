"""Cuts a unary `chat.completion` into the chunks of the stream that amounts to it."""

import base64
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

from deploy.sandbox.provider.answers import tokens
from deploy.sandbox.provider.format import Event, interleaved
from deploy.sandbox.provider.openai_format import padding
from deploy.sandbox.provider.script import Choice, JsonObject

_CHOICES = TypeAdapter(list[Choice])
# No multiple of three, so that each piece of audio ends in base64 padding, as OpenAI's do.
_AUDIO_BYTES = 1000


class StreamOptions(BaseModel):
    """How the client wants its stream."""

    model_config = ConfigDict(strict=True)

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class _Delta(NamedTuple):
    body: JsonObject
    content: bool = True
    logprobs: JsonObject | None = None
    finish_reason: str | None = None
    extra: JsonObject = {}


def chunks(completion: JsonObject, options: StreamOptions) -> Iterator[Event]:
    """Yields the stream's chunks; several choices come interleaved, as OpenAI sends them."""
    frame: JsonObject = {key: value for key, value in completion.items() if key not in ("choices", "usage")}
    frame |= {"object": "chat.completion.chunk"}
    usual = frame | {"usage": None} if options.include_usage else frame
    choices = _CHOICES.validate_python(completion.get("choices", []))
    chunk = partial(_chunk, usual, padded=options.include_obfuscation is not False)
    yield from interleaved(
        map(partial(chunk, position if choice.index is None else choice.index), _deltas(choice))
        for position, choice in enumerate(choices)
    )
    if options.include_usage and completion.get("usage") is not None:
        yield Event(frame | {"choices": [], "usage": completion["usage"]})
    yield Event("[DONE]", terminator=True)


def _chunk(frame: JsonObject, index: int, delta: _Delta, *, padded: bool) -> Event:
    part: JsonObject = {
        "index": index,
        "delta": delta.body,
        "logprobs": delta.logprobs,
        "finish_reason": delta.finish_reason,
        **delta.extra,
    }
    body = frame | {"choices": [part]}
    if padded:
        body["obfuscation"] = padding(delta.body)
    return Event(body, delta.content)


def _deltas(choice: Choice) -> Iterator[_Delta]:
    message = choice.message
    opening: JsonObject = {"role": message.get("role", "assistant"), "content": None}
    if isinstance(message.get("content"), str):
        opening |= {"content": "", "refusal": None}
    yield _Delta(opening, content=False)
    logprobs = choice.logprobs and choice.logprobs.get("content")
    for key, value in message.items():
        if key == "content" and isinstance(logprobs, list):
            yield from _content_with_logprobs(logprobs)
        elif key != "role" and value not in (None, "", []):
            yield from map(_Delta, _cut(key, value))
    if choice.finish_reason is not None:
        extra = choice.model_extra or {}
        yield _Delta({}, content=False, finish_reason=choice.finish_reason, extra=extra)


def _content_with_logprobs(entries: list[JsonValue]) -> Iterator[_Delta]:
    for entry in entries:
        if isinstance(entry, dict):
            yield _Delta({"content": entry["token"]}, logprobs={"content": [entry], "refusal": None})


def _cut(key: str, value: JsonValue) -> Iterator[JsonObject]:
    match key, value:
        case "tool_calls", list():
            for index, call in enumerate(value):
                if isinstance(call, dict):
                    yield from _cut_call(index, call)
        case "function_call", dict():
            yield {key: value | {"arguments": ""}}
            for piece in tokens(str(value.get("arguments", ""))):
                yield {key: {"arguments": piece}}
        case "audio", dict():
            for part in _cut_audio(value):
                yield {key: part}
        case _, str():
            for piece in tokens(value):
                yield {key: piece}
        case _:
            yield {key: value}


def _cut_call(index: int, call: JsonObject) -> Iterator[JsonObject]:
    kind, written = ("function", "arguments") if "function" in call else ("custom", "input")
    inner = call.get(kind)
    if not isinstance(inner, dict):
        yield {"tool_calls": [{"index": index, **call}]}
        return
    yield {"tool_calls": [{"index": index, **call, kind: inner | {written: ""}}]}
    for piece in tokens(str(inner.get(written, ""))):
        yield {"tool_calls": [{"index": index, kind: {written: piece}}]}


def _cut_audio(audio: JsonObject) -> Iterator[JsonObject]:
    yield {key: value for key, value in audio.items() if key not in ("data", "transcript", "expires_at")}
    for piece in tokens(str(audio.get("transcript", ""))):
        yield {"transcript": piece}
    data = base64.b64decode(str(audio.get("data", "")))
    for start in range(0, len(data), _AUDIO_BYTES):
        yield {"data": base64.b64encode(data[start : start + _AUDIO_BYTES]).decode()}
    if "expires_at" in audio:
        yield {"expires_at": audio["expires_at"]}
