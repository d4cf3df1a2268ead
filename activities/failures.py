"""What each error means for the turn, in one table, and as what Temporal sees it.

| verdict    | then                                                                |
|------------|---------------------------------------------------------------------|
| may return | the next candidate now; a later pass may try this one again         |
| hopeless   | the next candidate now; this one is left out of later passes        |
| stop       | the turn fails at once: no candidate could do better                |
"""

from datetime import timedelta
from enum import StrEnum

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.failover import Trail
from streaming.errors import (
    AnswerTooLarge,
    CannotExpress,
    ClockRanOut,
    ConnectFailed,
    ConnectionLost,
    EmptyAnswer,
    EventTooLarge,
    InvalidTurn,
    NotTheWire,
    ProviderError,
    StatusError,
    StreamedError,
    TruncatedStream,
    TurnError,
    UnknownRoute,
)

MAX_RETRY_AFTER_S = 300.0
MAX_BACKOFF_S = 30


class Verdict(StrEnum):
    """What an error means for the turn."""

    MAY_RETURN = "may return"
    HOPELESS = "hopeless"
    STOP = "stop"


_VERDICTS: dict[type[TurnError], Verdict] = {
    InvalidTurn: Verdict.STOP,
    UnknownRoute: Verdict.STOP,
    AnswerTooLarge: Verdict.STOP,
    CannotExpress: Verdict.HOPELESS,
    ConnectFailed: Verdict.MAY_RETURN,
    ConnectionLost: Verdict.MAY_RETURN,
    ClockRanOut: Verdict.MAY_RETURN,
    NotTheWire: Verdict.MAY_RETURN,
    EventTooLarge: Verdict.MAY_RETURN,
    TruncatedStream: Verdict.MAY_RETURN,
    EmptyAnswer: Verdict.MAY_RETURN,
}
_TRANSIENT_STATUSES = frozenset({408, 409, 425, 429})
_HOPELESS_5XX = frozenset({501, 505})
# OpenAI's 429s that no waiting cures, and the error types that mean the request or the account, not the moment.
_HOPELESS_WORDS = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "billing_hard_limit_reached",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "invalid_request_error",
        "authentication_error",
        "billing_error",
        "permission_error",
        "not_found_error",
        "request_too_large",
        "context_length_exceeded",
        "invalid_api_key",
        "model_not_found",
    }
)


def verdict(error: TurnError) -> Verdict:
    """Return what `error` means for the turn."""
    if isinstance(error, StatusError):
        return _status_verdict(error)
    if isinstance(error, StreamedError):
        hopeless = bool(_HOPELESS_WORDS & {error.kind, error.code}) or _is_hopeless_status(error.code)
        return Verdict.HOPELESS if hopeless else Verdict.MAY_RETURN
    return _VERDICTS[type(error)]


def _status_verdict(error: StatusError) -> Verdict:
    if error.should_retry is not None:
        return Verdict.MAY_RETURN if error.should_retry else Verdict.HOPELESS
    if error.status in _TRANSIENT_STATUSES:
        return Verdict.HOPELESS if _HOPELESS_WORDS & {error.kind, error.code} else Verdict.MAY_RETURN
    return Verdict.HOPELESS if _is_hopeless_status(str(error.status)) else Verdict.MAY_RETURN


def _is_hopeless_status(status: str) -> bool:
    """Judge a status, which compatible servers also send as the code of a streamed error."""
    if not (len(status) == 3 and status.isascii() and status.isdigit()):
        return False
    number = int(status)
    return (number < 500 and number not in _TRANSIENT_STATUSES) or number in _HOPELESS_5XX


def stopped(error: TurnError) -> ApplicationError:
    """Return the failure that ends the turn at once."""
    return ApplicationError(str(error), type=type(error).__name__, non_retryable=True)


def pass_failed(trail: Trail, this_pass: int, *, wait_s: float | None, time_left_s: float) -> ApplicationError:
    """Return the failure of a pass in which every candidate failed.

    Args:
        trail: with this pass's tries last.
        this_pass: how many tries this pass made.
        wait_s: how long the providers ask to wait; None doubles the wait with each failed pass.
        time_left_s: until the turn's own deadline.
    """
    latest = {f"{tried.provider}/{tried.model}": tried.error.message for tried in trail.tries if tried.error}
    reasons = "; ".join(f"{candidate}: {message}" for candidate, message in latest.items())
    last = [tried.error for tried in trail.tries[-this_pass:] if tried.error] if this_pass else []
    if not any(not error.hopeless for error in last):
        message = f"no candidate of the route can answer this turn: {reasons}"
        return ApplicationError(message, type="RouteExhausted", non_retryable=True)
    if wait_s is not None and wait_s >= time_left_s:
        message = f"the provider asks to wait {wait_s:g} s and the turn has {time_left_s:.0f} s left: {reasons}"
        return ApplicationError(message, type="DeadlineTooClose", non_retryable=True)
    # Benign: an expected retry, kept out of error logs and failure metrics.
    return _retryable(
        f"every candidate failed: {reasons}", "AllCandidatesFailed", _backoff_s(trail) if wait_s is None else wait_s
    )


def handed_over() -> ApplicationError:
    """Return the failure by which a stopping worker gives a running step to another."""
    return _retryable("this worker is stopping; another takes the turn over", "WorkerShutdown", 0.001)


def _backoff_s(trail: Trail) -> float:
    failed_passes = len({tried.attempt for tried in trail.tries if tried.error})
    return float(min(2 ** max(failed_passes - 1, 0), MAX_BACKOFF_S))


def _retryable(message: str, kind: str, wait_s: float) -> ApplicationError:
    delay = timedelta(seconds=min(max(wait_s, 0.001), MAX_RETRY_AFTER_S))
    return ApplicationError(message, type=kind, next_retry_delay=delay, category=ApplicationErrorCategory.BENIGN)


def retry_wait_s(errors: list[ProviderError]) -> float | None:
    """Return how long to wait before the next pass: the least that any candidate worth another try asks for."""
    waits = [error.retry_after_s for error in errors if verdict(error) is Verdict.MAY_RETURN]
    if not waits or any(wait is None for wait in waits):
        return None  # someone asks for nothing: our own backoff is enough
    return min(wait for wait in waits if wait is not None)
