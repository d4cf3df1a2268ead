"""How a response ended, from its `response.done`."""

from collections.abc import Mapping

from streaming.duplex.elements import FinishReason
from streaming.duplex.errors import ResponseFailedError
from streaming.duplex.openai_realtime.errors import refusal_of
from streaming.duplex.openai_realtime.server_events import object_in
from streaming.jsontext import JsonObject
from streaming.messages import Usage
from streaming.providers.values import count, details_of, string

# A response's status and the reason in its details -> how the answer ended. What is not here failed.
_ENDINGS: Mapping[tuple[str, str], FinishReason] = {
    ("cancelled", "turn_detected"): "interrupted",
    ("cancelled", "client_cancelled"): "interrupted",
    ("incomplete", "max_output_tokens"): "length",
    ("incomplete", "content_filter"): "content_filter",
}
_BY_STATUS: Mapping[str, FinishReason] = {"completed": "stop", "cancelled": "cancelled"}


def ending_of(response: JsonObject) -> FinishReason:
    """Return how a response ended; "stop" only for one that says that it is complete."""
    status = string(response.get("status"))
    reason = string(object_in(response, "status_details").get("reason"))
    return _ENDINGS.get((status, reason)) or _BY_STATUS.get(status, "failed")


def failure_of(response: JsonObject) -> ResponseFailedError:
    """Return why a response failed: its error, or what it says of its end instead."""
    details = object_in(response, "status_details")
    if error := object_in(details, "error"):
        refusal = refusal_of(error)
        return ResponseFailedError(refusal.message, code=refusal.code)
    said = details_of(details.get("reason") or response.get("status") or "nothing known")
    return ResponseFailedError(f"the answer ended as {said.message!r}", code=said.message[:100])


def usage_of(response: JsonObject) -> Usage | None:
    """Return what a response used; None where it does not say."""
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return None
    return Usage(
        input_tokens=count(usage, "input_tokens"),
        output_tokens=count(usage, "output_tokens"),
        cache_read_tokens=count(usage.get("input_token_details"), "cached_tokens"),
    )
