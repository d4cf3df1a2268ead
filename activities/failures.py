"""What each error means for the turn, in one table, and as what Temporal sees it.

Why a call failed is its `Reason` (`streaming/reasons.py`); the table says what follows from it.

| verdict    | then                                                                |
|------------|---------------------------------------------------------------------|
| may return | the next candidate now; a later pass may try this one again         |
| hopeless   | the next candidate now; this one is left out of later passes        |
| stop       | the turn fails at once: no candidate could do better                |
"""

from datetime import timedelta
from enum import StrEnum

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.failover import GiveUp, Wait
from activities.trail import Trail
from streaming.errors import ProviderError, StatusError, TurnError
from streaming.reasons import Reason

MAX_RETRY_AFTER_S = 300.0


class Verdict(StrEnum):
    """What an error means for the turn."""

    MAY_RETURN = "may return"
    HOPELESS = "hopeless"
    STOP = "stop"


_VERDICTS: dict[Reason, Verdict] = {
    Reason.RATE_LIMIT: Verdict.MAY_RETURN,
    Reason.OVERLOADED: Verdict.MAY_RETURN,
    Reason.SERVER: Verdict.MAY_RETURN,
    Reason.TIMEOUT: Verdict.MAY_RETURN,
    Reason.CONNECTION: Verdict.MAY_RETURN,
    Reason.CONFLICT: Verdict.MAY_RETURN,
    Reason.TOOL_USE_FAILED: Verdict.MAY_RETURN,
    Reason.ATTACHMENT: Verdict.MAY_RETURN,
    Reason.BAD_ANSWER: Verdict.MAY_RETURN,
    Reason.UNKNOWN: Verdict.MAY_RETURN,
    Reason.QUOTA: Verdict.HOPELESS,
    Reason.AUTH: Verdict.HOPELESS,
    Reason.PERMISSION: Verdict.HOPELESS,
    Reason.NOT_FOUND: Verdict.HOPELESS,
    Reason.CONTEXT: Verdict.HOPELESS,
    Reason.TOO_LARGE: Verdict.HOPELESS,
    Reason.INVALID: Verdict.HOPELESS,
    Reason.CONTENT_FILTER: Verdict.HOPELESS,
}
_PAYMENT_REQUIRED = 402


def verdict(error: TurnError) -> Verdict:
    """Return what `error` means for the turn."""
    if not isinstance(error, ProviderError):
        return Verdict.STOP
    if isinstance(error, StatusError):
        if error.should_retry is not None:
            return Verdict.MAY_RETURN if error.should_retry else Verdict.HOPELESS
        if error.status == _PAYMENT_REQUIRED and error.retry_after_s is not None:
            return Verdict.MAY_RETURN  # OpenRouter: the money is held by calls that are still running
    return _VERDICTS[error.reason]


def stopped(error: TurnError) -> ApplicationError:
    """Return the failure that ends the turn at once."""
    return ApplicationError(str(error), type=type(error).__name__, non_retryable=True)


def pass_failed(trail: Trail, move: Wait | GiveUp, *, time_left_s: float) -> ApplicationError:
    """Return the failure of a pass in which nobody answered.

    Args:
        trail: with this pass's tries last.
        move: what is to be done now.
        time_left_s: until the turn's own deadline.
    """
    latest = {f"{tried.provider}/{tried.model}": tried.error.message for tried in trail.failed if tried.error}
    reasons = "; ".join(f"{candidate}: {message}" for candidate, message in latest.items())
    if isinstance(move, GiveUp):
        if move.passes is not None:
            return _final(f"the route was tried {move.passes} times: {reasons}", "RetriesExhausted")
        return _final(f"no candidate of the route can answer this turn: {reasons}", "RouteExhausted")
    said = f"every candidate failed: {reasons}" if reasons else "every candidate is left alone for a while"
    said += f"; left alone: {', '.join(move.left_alone)}" if move.left_alone else ""
    if move.asked and move.seconds >= time_left_s:
        wait = "nobody may be asked for" if move.left_alone else "the providers ask to wait"
        message = f"{wait} {round(move.seconds, 1):g} s and the turn has {time_left_s:.0f} s left: {said}"
        return _final(message, "DeadlineTooClose")
    return _retryable(said, "AllCandidatesFailed", move.seconds)


def _final(message: str, kind: str) -> ApplicationError:
    return ApplicationError(message, type=kind, non_retryable=True)


def handed_over() -> ApplicationError:
    """Return the failure by which a stopping worker gives a running step to another."""
    return _retryable("this worker is stopping; another takes the turn over", "WorkerShutdown", 0.001)


def _retryable(message: str, kind: str, wait_s: float) -> ApplicationError:
    delay = timedelta(seconds=min(max(wait_s, 0.001), MAX_RETRY_AFTER_S))
    # Benign: an expected retry, kept out of error logs and failure metrics.
    return ApplicationError(message, type=kind, next_retry_delay=delay, category=ApplicationErrorCategory.BENIGN)
