"""The `chat.completion` object, checked and mapped to the neutral answer: one path, streamed or unary."""

from streaming.errors import NotTheWire, StreamedError
from streaming.jsontext import JsonObject, JsonValue, mended_object, pair_surrogates
from streaming.messages import (
    FinishReason,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Usage,
)
from streaming.providers.wire import Answer

# https://platform.openai.com/docs/api-reference/chat/object; "function_call" is the retired tool call.
_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
# A compatible server's way to say that the answer broke off (Mistral, OpenRouter; DeepSeek).
_BROKEN_OFF = frozenset({"error", "insufficient_system_resource"})
_MAX_ERROR_MESSAGE = 1000
_MAX_ERROR_WORD = 100
# Compatible servers name their reasoning field one way or the other (vLLM and OpenRouter; DeepSeek).
REASONING_FIELDS = ("reasoning", "reasoning_content")


def unary(body: JsonValue) -> JsonObject:
    """Check a unary response.

    Raises:
        StreamedError: the body is an error object.
        NotTheWire: it is no `chat.completion`.
    """
    if not isinstance(body, dict):
        raise NotTheWire("the response is not a JSON object")
    raise_streamed_error(body)
    choices = body.get("choices")
    if not isinstance(choices, list):
        raise NotTheWire("the response has no choices")
    for choice in choices:
        raise_broken_off(choice.get("finish_reason") if isinstance(choice, dict) else None)
    return mended_object(body)


def raise_streamed_error(body: JsonObject) -> None:
    """Raise the error object that `body` is, if it is one.

    Raises:
        StreamedError: it is.
    """
    if body.get("error"):
        message, kind, code = error_details(body)
        raise StreamedError(message or "no message", kind=kind, code=code)


def raise_broken_off(finish_reason: JsonValue) -> None:
    """Raise if a choice ended in a failure of the server's.

    Raises:
        StreamedError: it did.
    """
    if isinstance(finish_reason, str) and finish_reason in _BROKEN_OFF:
        raise StreamedError("the answer broke off", code=finish_reason)


def error_details(body: JsonValue) -> tuple[str, str, str]:
    """Return (message, kind, code) of an error body, "" for what it does not say.

    Compatible servers send codes as integers, the error as a bare string, or a list of one error. All of it
    is cut short: it goes into the turn's history.
    """
    if isinstance(body, list) and body:
        body = body[0]
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):
        return pair_surrogates(error)[:_MAX_ERROR_MESSAGE], "", ""
    if not isinstance(error, dict):
        return "", "", ""
    message, kind, code = (_word(error.get(key)) for key in ("message", "type", "code"))
    return message[:_MAX_ERROR_MESSAGE], kind[:_MAX_ERROR_WORD], code[:_MAX_ERROR_WORD]


def answer(final: JsonObject) -> Answer:
    """Map a `chat.completion` object to the neutral answer.

    Raises:
        NotTheWire: the object has no choice, or a choice no message.
    """
    choices = final.get("choices")
    if not isinstance(choices, list) or not choices:
        raise NotTheWire("the response has no choice")
    messages = [_message(choice) for choice in choices]
    first = choices[0]
    word = _word(first.get("finish_reason")) if isinstance(first, dict) else ""
    return Answer(
        choices=messages,
        finish_reason=_finish_reason(word, messages[0]),
        provider_finish_reason=word,
        model=_word(final.get("model")) or None,
        usage=_usage(final.get("usage")),
    )


def _finish_reason(word: str, message: Message) -> FinishReason:
    types = {part.type for part in message.parts}
    if "refusal" in types and word in ("", "stop"):
        return "refusal"
    if "tool_call" in types and word in ("", "stop"):
        return "tool_calls"  # compatible servers say "stop" after tool calls
    return _FINISH_REASONS.get(word, "stop")


def _message(choice: JsonValue) -> Message:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise NotTheWire("a choice has no message")
    parts: list[Part] = []
    reasoning = next((text for name in REASONING_FIELDS if (text := _word(message.get(name)))), "")
    if reasoning:
        parts.append(ReasoningPart(text=reasoning))
    annotations = message.get("annotations")
    if text := text_of(message.get("content")):
        parts.append(TextPart(text=text, annotations=annotations if isinstance(annotations, list) else []))
    if refusal := _word(message.get("refusal")):
        parts.append(RefusalPart(text=refusal))
    calls = message.get("tool_calls")
    for at, call in enumerate(calls if isinstance(calls, list) else []):
        parts.append(_tool_call(call, at))
    legacy = message.get("function_call")
    if isinstance(legacy, dict):
        parts.append(_tool_call({"function": legacy}, 0))
    return Message(role="assistant", parts=parts)


def text_of(content: JsonValue) -> str:
    """Return a message's text; compatible servers may send it as a list of parts."""
    if isinstance(content, list):
        return "".join(_word(part.get("text")) for part in content if isinstance(part, dict))
    return _word(content)


def _tool_call(call: JsonValue, at: int) -> ToolCallPart:
    if not isinstance(call, dict):
        raise NotTheWire("a tool call is not an object")
    function, custom = call.get("function"), call.get("custom")
    said = function if isinstance(function, dict) else custom if isinstance(custom, dict) else {}
    return ToolCallPart(
        id=_word(call.get("id")).strip() or f"call_{at}",  # some servers send none, and a result must name one
        name=_word(said.get("name")),
        arguments=_word(said.get("arguments")) or _word(said.get("input")),
    )


def _usage(usage: JsonValue) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    return Usage(
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        cache_read_tokens=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
        cache_write_tokens=_count(usage.get("prompt_tokens_details"), "cache_write_tokens"),
        reasoning_tokens=_count(usage.get("completion_tokens_details"), "reasoning_tokens"),
    )


def _count(usage: JsonValue, key: str) -> int | None:
    value = usage.get(key) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _word(value: JsonValue) -> str:
    if isinstance(value, str):
        return pair_surrogates(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
