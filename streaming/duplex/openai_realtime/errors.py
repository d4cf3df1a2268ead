"""What an `error` event means: most of them change nothing (so says the API), some end an answer or the session."""

from collections.abc import Mapping
from typing import NamedTuple

from streaming.duplex.openai_realtime.client_events import Purpose, purpose_of
from streaming.duplex.openai_realtime.server_events import Kind
from streaming.jsontext import JsonObject
from streaming.providers.values import details_of, string

SESSION_EXPIRED = "session_expired"

# The session is over: code or type -> whether another connection may fare better.
_FATAL: Mapping[str, bool] = {
    SESSION_EXPIRED: True,
    "invalid_api_key": False,
    "authentication_error": False,
    "permission_error": False,
    "permission_denied": False,
    "insufficient_quota": False,
    "billing_hard_limit_reached": False,
    "account_deactivated": False,
    "unsupported_country_region_territory": False,
}
# Nothing is wrong with what was asked for: the server has no room for it, or failed.
_BUSY = frozenset(
    {"server_error", "rate_limit_error", "rate_limit_exceeded", "service_unavailable_error", "overloaded"}
)
# Both sides acted at once, or we misjudged what the server has: the session is as it was.
_RACES: Mapping[str, Kind] = {
    "conversation_already_has_active_response": Kind.ASKED_TOO_EARLY,
    "input_audio_buffer_commit_empty": Kind.COMMIT_FAILED,
    "response_cancel_not_active": Kind.CANCEL_FAILED,
    "item_truncate_invalid_item_id": Kind.BENIGN,
    "item_truncate_invalid_content_index": Kind.BENIGN,
    "item_truncate_invalid_audio_end_ms": Kind.BENIGN,
    "unsupported_content_type": Kind.BENIGN,  # "Only model output audio messages can be truncated"
    "item_delete_invalid_item_id": Kind.BENIGN,
}
# Otherwise it is told by what it answers; nobody waits for an answer to the rest.
_BY_PURPOSE: Mapping[Purpose, Kind] = {
    Purpose.ASK: Kind.ASK_FAILED,
    Purpose.COMMIT: Kind.COMMIT_FAILED,
    Purpose.CANCEL: Kind.CANCEL_FAILED,
}


class Refusal(NamedTuple):
    """The error of an `error` event, or of a failed response, in words that are safe to show."""

    message: str
    type: str
    code: str
    """The error's code, or its type where it has none."""
    event_id: str
    """Which client event it answers, "" where it does not say."""


def refusal_of(error: JsonObject) -> Refusal:
    """Return an error, as far as it is one."""
    details = details_of(error.get("message"), error.get("type"), error.get("code"))
    code = details.code or details.kind
    # The API quotes a part of the key that it refused.
    message = "the API key was refused" if code == "invalid_api_key" else details.message
    return Refusal(message or code or "no message", details.kind, code, string(error.get("event_id")))


def _is_servers(refusal: Refusal) -> bool:
    return refusal.type in _BUSY or refusal.code in _BUSY


def is_retryable(refusal: Refusal) -> bool:
    """Return whether another connection may fare better, after an error that ended the session."""
    return _FATAL.get(refusal.code, _FATAL.get(refusal.type, _is_servers(refusal)))


def kind_of(refusal: Refusal, *, set_up: bool, awaited: bool) -> Kind:
    """Return what an error does.

    The server says which client event an error answers; its own failures answer none. While an answer is awaited such
    a failure is taken for the answer's: nothing need follow it, and an answer that comes all the same is another one.

    Args:
        refusal: the error.
        set_up: whether the server has taken the session's setup.
        awaited: whether an answer is to come that has not begun.
    """
    if refusal.code in _FATAL or refusal.type in _FATAL:
        return Kind.FAULT
    if race := _RACES.get(refusal.code):
        return race
    if not set_up:
        return Kind.FAULT if _is_servers(refusal) else Kind.SETUP_REFUSED
    if awaited and not refusal.event_id and _is_servers(refusal):
        return Kind.ANSWER_FAILED
    return _BY_PURPOSE.get(purpose_of(refusal.event_id), Kind.BENIGN)
