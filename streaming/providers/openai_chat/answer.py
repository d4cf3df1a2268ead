"""The `chat.completion` object, checked and mapped to the neutral answer: one path, streamed or unary."""

from streaming.errors import NotTheWire, StreamedError
from streaming.jsontext import JsonObject, JsonValue, mended_object
from streaming.messages import FinishReason, Message, Usage
from streaming.providers.openai_chat.parts import parts_of
from streaming.providers.values import count, details_of, streamed_error, word
from streaming.providers.wire import Answer, ErrorDetails

# https://platform.openai.com/docs/api-reference/chat/object; "function_call" is the retired tool call. The last two
# are compatible servers' (Mistral; gateways that pass Anthropic's word on).
_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "model_length": "length",
    "max_tokens": "length",
}
# A compatible server's way to say that the answer broke off (Mistral, OpenRouter; vLLM, SGLang; DeepSeek).
_BROKEN_OFF = frozenset({"error", "abort", "insufficient_system_resource"})


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
        if isinstance(choice, dict):
            raise_broken_off(choice)
    return mended_object(body)


def raise_streamed_error(body: JsonObject) -> None:
    """Raise the error object that `body` is, if it is one.

    Raises:
        StreamedError: it is.
    """
    if body.get("error"):
        raise streamed_error(error_details(body))


def raise_broken_off(choice: JsonObject) -> None:
    """Raise if a choice ended in a failure of the server's; OpenRouter says which beside the finish reason.

    Raises:
        StreamedError: it did.
    """
    raise_streamed_error(choice)
    finish_reason = choice.get("finish_reason")
    if isinstance(finish_reason, str) and finish_reason in _BROKEN_OFF:
        raise StreamedError("the answer broke off", code=finish_reason)


def error_details(body: JsonValue) -> ErrorDetails:
    """Return what an error body says.

    Compatible servers send codes as integers, the error as a bare string, or a list of one error.
    """
    if isinstance(body, list) and body:
        body = body[0]
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):
        return details_of(error)
    if not isinstance(error, dict):
        return ErrorDetails()
    return details_of(error.get("message"), error.get("type"), error.get("code"))


def answer(final: JsonObject, provider: str) -> Answer:
    """Map a `chat.completion` object to the neutral answer.

    Raises:
        NotTheWire: the object has no choice, or a choice no message.
    """
    choices = final.get("choices")
    if not isinstance(choices, list) or not choices:
        raise NotTheWire("the response has no choice")
    messages = [_message(choice, provider) for choice in choices]
    first = choices[0]
    reason = word(first.get("finish_reason")) if isinstance(first, dict) else ""
    return Answer(
        choices=messages,
        finish_reason=_finish_reason(reason, messages[0]),
        provider_finish_reason=reason,
        model=word(final.get("model")) or None,
        usage=_usage(final.get("usage")),
    )


def _finish_reason(word: str, message: Message) -> FinishReason:
    types = {part.type for part in message.parts}
    if "refusal" in types and word in ("", "stop"):
        return "refusal"
    if "tool_call" in types and word in ("", "stop"):
        return "tool_calls"  # compatible servers say "stop" after tool calls
    return _FINISH_REASONS.get(word, "stop")


def _message(choice: JsonValue, provider: str) -> Message:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise NotTheWire("a choice has no message")
    return Message(role="assistant", parts=parts_of(message, provider))


def _usage(usage: JsonValue) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    cached = count(usage.get("prompt_tokens_details"), "cached_tokens")
    return Usage(
        input_tokens=count(usage, "prompt_tokens"),
        output_tokens=count(usage, "completion_tokens"),
        # DeepSeek's own word for it stands beside the counts, not below them.
        cache_read_tokens=count(usage, "prompt_cache_hit_tokens") if cached is None else cached,
        cache_write_tokens=count(usage.get("prompt_tokens_details"), "cache_write_tokens"),
        reasoning_tokens=count(usage.get("completion_tokens_details"), "reasoning_tokens"),
    )
