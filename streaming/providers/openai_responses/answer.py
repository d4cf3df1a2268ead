"""The `response` object, checked and mapped to the neutral answer: one path, streamed or unary."""

from pydantic import ValidationError

from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue, mended_object
from streaming.messages import FinishReason, Message, Usage
from streaming.providers import openai_chat
from streaming.providers.openai_responses.parts import parts_of
from streaming.providers.values import count, objects, streamed_error, string
from streaming.providers.wire import Answer, ErrorDetails

# https://platform.openai.com/docs/api-reference/responses/object: `status` and `incomplete_details.reason`.
_FAILED = frozenset({"failed", "cancelled"})
_UNDER_WAY = frozenset({"queued", "in_progress"})
FINISHED = frozenset({"completed", "incomplete"})
_CALL_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})


def unary(body: JsonValue) -> JsonObject:
    """Check a unary response.

    Raises:
        StreamedError: the body is an error object, or a response that failed.
        NotTheWire: it is no `response`, or one that is not finished.
    """
    if not isinstance(body, dict):
        raise NotTheWire("the response is not a JSON object")
    raise_failure(body)
    require_finished(body)
    if not isinstance(body.get("output"), list):
        raise NotTheWire("the response has no output")
    return mended_object(body)


def raise_failure(body: JsonObject) -> None:
    """Raise what failed, where `body` is an error object or a response that failed.

    Raises:
        StreamedError: it is.
    """
    status = string(body.get("status"))
    if body.get("error") or status in _FAILED or body.get("type") == "error":
        raise streamed_error(error_details(body), unsaid=f"the response is {status}" if status else "no message")


def require_finished(response: JsonObject) -> None:
    """Check that a response is not one to come back for.

    Raises:
        NotTheWire: it is: it runs in the background.
    """
    if is_under_way(response):
        raise NotTheWire(f"the response is not finished: its status is {string(response.get('status'))}")


def is_under_way(response: JsonObject) -> bool:
    """Return whether a response is still being made."""
    return string(response.get("status")) in _UNDER_WAY


def error_details(body: JsonValue) -> ErrorDetails:
    """Return what an error body, a failed response or an error event says.

    The event is documented as flat and sent with its fields under `error` (openai-dotnet #881), so each field
    is looked for there first.
    """
    if isinstance(body, dict) and body.get("type") == "error":
        flat: JsonObject = {"message": body.get("message"), "code": body.get("code")}
        nested = body.get("error")
        if isinstance(nested, str):
            nested = {"message": nested}
        said = nested.items() if isinstance(nested, dict) else ()
        body = {"error": flat | {key: value for key, value in said if value is not None}}
    return openai_chat.error_details(body)


def answer(final: JsonObject, provider: str) -> Answer:
    """Map a `response` object to the neutral answer.

    Raises:
        NotTheWire: the object has no output, or one that is not this wire's.
    """
    status, output = string(final.get("status")), final.get("output")
    if not isinstance(output, list) or (not output and status not in FINISHED):
        raise NotTheWire("the response has no output")
    try:
        message = Message(role="assistant", parts=parts_of(output, provider))
    except ValidationError as error:
        raise NotTheWire("the output holds what cannot be passed on") from error
    details = final.get("incomplete_details")
    reason = string(details.get("reason")) if isinstance(details, dict) else ""
    return Answer(
        choices=[message],
        finish_reason=_cut_short(reason) if status == "incomplete" else _finish_reason(message, output),
        provider_finish_reason=reason if status == "incomplete" and reason else status,
        model=string(final.get("model")) or None,
        usage=_usage(final.get("usage")),
    )


def _cut_short(reason: str) -> FinishReason:
    # Whatever word may yet come for it: an incomplete response ended before the model did.
    return "content_filter" if reason == "content_filter" else "length"


def _finish_reason(message: Message, output: JsonValue) -> FinishReason:
    types = {part.type for part in message.parts}
    if "refusal" in types:
        return "refusal"
    answered = {string(item.get("call_id")) for item in objects(output) if string(item.get("type")) in _CALL_OUTPUTS}
    calls = {part.id for part in message.parts if part.type == "tool_call"}
    return "tool_calls" if calls - answered else "stop"


def _usage(usage: JsonValue) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    return Usage(
        input_tokens=count(usage, "input_tokens"),
        output_tokens=count(usage, "output_tokens"),
        cache_read_tokens=count(usage.get("input_tokens_details"), "cached_tokens"),
        cache_write_tokens=count(usage.get("input_tokens_details"), "cache_write_tokens"),
        reasoning_tokens=count(usage.get("output_tokens_details"), "reasoning_tokens"),
    )
