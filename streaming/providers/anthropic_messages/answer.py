"""The Message object, checked and mapped to the neutral answer: one path, streamed or unary."""

from collections.abc import Callable

from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue, dumps, mended, mended_object, pair_surrogates
from streaming.messages import FinishReason, Message, Part, ProviderItem, ReasoningPart, TextPart, ToolCallPart, Usage
from streaming.providers.call_ids import CallIds
from streaming.providers.headers import request_id
from streaming.providers.values import count, details_of, streamed_error, word
from streaming.providers.wire import Answer, ErrorDetails

# https://platform.claude.com/docs/en/api/messages; "compaction" is a pause after the context was made shorter.
_FINISH_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "paused",
    "compaction": "paused",
}


def unary(body: JsonValue) -> JsonObject:
    """Check a unary response.

    Raises:
        StreamedError: the body is an error object.
        NotTheWire: it is no Message.
    """
    if not isinstance(body, dict):
        raise NotTheWire("the response is not a JSON object")
    if body.get("error") or body.get("type") == "error":
        raise_error(body)
    if not isinstance(body.get("content"), list):
        raise NotTheWire("the response has no content")
    return mended_object(body)


def raise_error(body: JsonObject) -> None:
    """Raise the error that an error object, or an event of that name, tells of.

    Raises:
        StreamedError: always.
    """
    failure = streamed_error(error_details(body if "error" in body else {"error": body}))
    failure.request_id = request_id({}, body)
    raise failure


def error_details(body: JsonValue) -> ErrorDetails:
    """Return what an error body says; compatible servers put the code beside the message, or send bare words."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):
        return details_of(error)
    if not isinstance(error, dict):
        return ErrorDetails()
    details = error.get("details")
    code = (word(details.get("error_code")) if isinstance(details, dict) else "") or word(error.get("code"))
    return details_of(error.get("message"), error.get("type"), code)


def answer(final: JsonObject, provider: str) -> Answer:
    """Map a Message object to the neutral answer; opaque data is put under `provider`.

    Raises:
        NotTheWire: the object has no content, or in it what is no content block.
    """
    content = final.get("content")
    if not isinstance(content, list):
        raise NotTheWire("the response has no content")
    ids = CallIds()
    parts = [part for block in content if (part := _part(block, provider, ids)) is not None]
    stop_reason = word(final.get("stop_reason"))
    return Answer(
        choices=[Message(role="assistant", parts=parts)],
        finish_reason=_finish_reason(stop_reason, parts),
        provider_finish_reason=stop_reason,
        model=word(final.get("model")) or None,
        usage=_usage(final.get("usage")),
    )


def _finish_reason(stop_reason: str, parts: list[Part]) -> FinishReason:
    if stop_reason in ("", "end_turn") and any(isinstance(part, ToolCallPart) for part in parts):
        return "tool_calls"  # compatible servers say that the turn ended after tool calls
    return _FINISH_REASONS.get(stop_reason, "stop")


def _part(block: JsonValue, provider: str, ids: CallIds) -> Part | None:
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(block, dict) or not isinstance(kind, str):
        raise NotTheWire("a content block is no object with a type")
    if kind == "tool_use":
        return _tool_call(block, provider, ids)
    express = _PARTS.get(kind)
    return express(block, provider) if express else ProviderItem(kind=kind, provider_data={provider: block})


def _text(block: JsonObject, provider: str) -> Part | None:
    text, citations = word(block.get("text")), block.get("citations")
    if not text:
        return None
    return TextPart(
        text=text,
        annotations=citations if isinstance(citations, list) else [],
        provider_data=_own(block, provider, "text", "citations", always=bool(citations)),
    )


def _thinking(block: JsonObject, provider: str) -> Part:
    return ReasoningPart(text=word(block.get("thinking")), provider_data={provider: _without(block, "thinking")})


def _tool_call(block: JsonObject, provider: str, ids: CallIds) -> Part:
    return ToolCallPart(
        id=ids.take(word(block.get("id"))),
        name=word(block.get("name")),
        arguments=arguments_text(block.get("input")),
        provider_data=_own(block, provider, "id", "name", "input"),
    )


_PARTS: dict[str, Callable[[JsonObject, str], Part | None]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _thinking,
}


def _own(block: JsonObject, provider: str, *told: str, always: bool = False) -> JsonObject:
    """Return what a replay says beside the part itself, under the provider's name; nothing where that is nothing."""
    rest: JsonObject = {key: value for key, value in _without(block, "type", *told).items() if value is not None}
    return {provider: rest} if rest or always else {}


def _without(block: JsonObject, *keys: str) -> JsonObject:
    return {key: value for key, value in block.items() if key not in keys}


def _usage(usage: JsonValue) -> Usage:
    """Return the counts. The neutral input is the whole prompt; this wire's `input_tokens` leaves out what was cached.

    The sum of three is the total input (https://platform.claude.com/docs/en/build-with-claude/prompt-caching).
    """
    if not isinstance(usage, dict):
        return Usage()
    uncached = count(usage, "input_tokens")
    read, written = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
    return Usage(
        input_tokens=None if uncached is None else uncached + (read or 0) + (written or 0),
        output_tokens=count(usage, "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=count(usage.get("output_tokens_details"), "thinking_tokens"),
    )


def arguments_text(value: JsonValue) -> str:
    """Return a tool's input as the JSON text of its arguments; an input that is a string is such text already."""
    if isinstance(value, str):
        return pair_surrogates(value)
    return "" if value is None else dumps(mended(value)).decode()
