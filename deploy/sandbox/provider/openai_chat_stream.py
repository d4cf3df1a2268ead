"""Cuts a unary `chat.completion` into the chunks of the stream that amounts to it."""

import base64
from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from pydantic import JsonValue, TypeAdapter

from deploy.sandbox.provider.answers import tokens
from deploy.sandbox.provider.openai_chat import ChatRequest
from deploy.sandbox.provider.script import Choice, JsonObject

_CHOICES = TypeAdapter(list[Choice])
# OpenAI pads its chunks so that their sizes do not tell the text.
_PADDING = "kTz0qW8sYb3NfXc7"
# No multiple of three, so that each piece of audio ends in base64 padding, as OpenAI's do.
_AUDIO_BYTES = 1000


class Chunk(NamedTuple):
    """One event of the stream.

    Attributes:
        body: The `chat.completion.chunk` object.
        content: Whether it carries a piece of the answer.
    """

    body: JsonObject
    content: bool


class _Delta(NamedTuple):
    body: JsonObject
    content: bool = True
    logprobs: JsonObject | None = None
    finish_reason: str | None = None
    extra: JsonObject = {}


def chunks(completion: JsonObject, request: ChatRequest) -> Iterator[Chunk]:
    """Yields the stream's chunks; several choices come interleaved, as OpenAI sends them."""
    options = request.stream_options
    frame: JsonObject = {key: value for key, value in completion.items() if key not in ("choices", "usage")}
    frame |= {"object": "chat.completion.chunk"}
    usual = frame | {"usage": None} if options and options.include_usage else frame
    padded = not options or options.include_obfuscation is not False
    choices = _CHOICES.validate_python(completion.get("choices", []))
    for together in zip_longest(*(_deltas(choice) for choice in choices)):
        for position, (choice, delta) in enumerate(zip(choices, together, strict=True)):
            if delta is None:
                continue
            part: JsonObject = {
                "index": position if choice.index is None else choice.index,
                "delta": delta.body,
                "logprobs": delta.logprobs,
                "finish_reason": delta.finish_reason,
                **delta.extra,
            }
            body = usual | {"choices": [part]}
            if padded:
                body["obfuscation"] = _PADDING[: 1 + len(str(delta.body)) % len(_PADDING)]
            yield Chunk(body, delta.content)
    if options and options.include_usage and completion.get("usage") is not None:
        yield Chunk(frame | {"choices": [], "usage": completion["usage"]}, content=False)


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
