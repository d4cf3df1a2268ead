from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationErrorCategory

from activities.failover import GiveUp, Wait
from activities.failures import (
    MAX_RETRY_AFTER_S,
    Verdict,
    handed_over,
    pass_failed,
    stopped,
    verdict,
)
from activities.trail import Trail
from streaming.contracts import Try, TryError
from streaming.errors import (
    AnswerTooLarge,
    AttachmentNotLoaded,
    BadAttachment,
    BudgetSpent,
    CannotExpress,
    ClockRanOut,
    ConnectFailed,
    ConnectionLost,
    DeadlineExceeded,
    EmptyAnswer,
    EventTooLarge,
    InvalidTurn,
    NotTheWire,
    ProviderError,
    Refused,
    StatusError,
    StreamedError,
    TruncatedStream,
    TurnError,
    UnknownRoute,
)
from streaming.reasons import Reason
from tests.activities.candidates import candidate

MAY_RETURN, HOPELESS, STOP = Verdict.MAY_RETURN, Verdict.HOPELESS, Verdict.STOP


HOPELESS_REASONS = {
    Reason.QUOTA,
    Reason.AUTH,
    Reason.PERMISSION,
    Reason.NOT_FOUND,
    Reason.CONTEXT,
    Reason.TOO_LARGE,
    Reason.INVALID,
    Reason.CONTENT_FILTER,
}


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_its_verdict(reason: Reason) -> None:
    """No waiting refills an account or shortens a prompt; all else may be better next time."""
    error = ProviderError("m")
    error.reason = reason

    assert verdict(error) is (HOPELESS if reason in HOPELESS_REASONS else MAY_RETURN)


@pytest.mark.parametrize(
    "error",
    [
        InvalidTurn([]),
        UnknownRoute("r", []),
        AnswerTooLarge(2, 1),
        BadAttachment("b"),
        BudgetSpent("b"),
        DeadlineExceeded("d"),
    ],
)
def test_what_is_no_candidates_fault_stops_the_turn(error: TurnError) -> None:
    """None could do better."""
    assert verdict(error) is STOP


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (StatusError(429, "m"), MAY_RETURN),
        (StatusError(429, "m", code="insufficient_quota"), HOPELESS),
        (StatusError(418, "m"), HOPELESS),
        (StatusError(600, "m"), MAY_RETURN),
        (StatusError(400, "m", code="tool_use_failed"), MAY_RETURN),
        (StatusError(402, "m"), HOPELESS),
        (StatusError(402, "m", retry_after_s=5), MAY_RETURN),
        (StatusError(429, "m", code="insufficient_quota", retry_after_s=5), HOPELESS),
        (StreamedError("m"), MAY_RETURN),
        (StreamedError("m", kind="a_new_word"), MAY_RETURN),
        (StreamedError("m", kind="invalid_request_error"), HOPELESS),
        (StreamedError("m", code="402"), HOPELESS),
        (StreamedError("m", code="502"), MAY_RETURN),
        (CannotExpress("m"), HOPELESS),
        (AttachmentNotLoaded("m"), MAY_RETURN),
        (ClockRanOut("idle_s", 1), MAY_RETURN),
        (NotTheWire("m"), MAY_RETURN),
    ],
    ids=range(17),
)
def test_a_failed_call_has_the_verdict_of_its_reason(error: ProviderError, what: Verdict) -> None:
    """A payment that the provider asks to wait for is no lack of money (OpenRouter)."""
    assert what is verdict(error)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 520, 529, 599])
def test_a_status_that_passes_may_return(status: int) -> None:
    """Whatever its body says or does not say."""
    assert verdict(StatusError(status, "m")) is MAY_RETURN


@pytest.mark.parametrize("status", [206, 302, 400, 401, 402, 403, 404, 405, 413, 422, 501, 505])
def test_a_status_that_another_call_would_meet_again_is_hopeless(status: int) -> None:
    """Two of the 5xx, too: a server that does not do what is asked will not do it later."""
    assert verdict(StatusError(status, "m")) is HOPELESS


@pytest.mark.parametrize("clock", ["connect_s", "first_token_s", "idle_s", "stall_s", "try_s"])
def test_each_clock_of_a_try_may_return(clock: str) -> None:
    """`total_s` alone is the turn's."""
    assert verdict(ClockRanOut(clock, 1)) is MAY_RETURN


@pytest.mark.parametrize(
    "error",
    [
        ConnectFailed("m"),
        ConnectionLost("m"),
        TruncatedStream("m"),
        EmptyAnswer("m"),
        EventTooLarge(1),
        *(
            StreamedError("m", kind=kind)
            for kind in ("overloaded_error", "rate_limit_error", "api_error", "timeout_error")
        ),
    ],
    ids=repr,
)
def test_a_connection_or_a_stream_that_broke_may_return(error: ProviderError) -> None:
    """Another call may be luckier."""
    assert verdict(error) is MAY_RETURN


@pytest.mark.parametrize(
    "kind",
    [
        "invalid_request_error",
        "authentication_error",
        "billing_error",
        "permission_error",
        "not_found_error",
        "request_too_large",
    ],
)
def test_a_refusal_is_hopeless_within_a_stream_too(kind: str) -> None:
    """Anthropic's words, which have no status there."""
    assert verdict(StreamedError("m", kind=kind)) is HOPELESS


def test_a_refusal_of_the_model_is_not_asked_for_again() -> None:
    """Where the route says to ask the next candidate."""
    assert verdict(Refused("m")) is HOPELESS


@pytest.mark.parametrize(("should_retry", "what"), [(True, MAY_RETURN), (False, HOPELESS)])
@pytest.mark.parametrize("status", [400, 402, 429, 500])
def test_the_provider_may_say_itself_whether_to_come_back(status: int, what: Verdict, *, should_retry: bool) -> None:
    """`x-should-retry` overrides the rest."""
    error = StatusError(status, "m", code="insufficient_quota", retry_after_s=1, should_retry=should_retry)

    assert what is verdict(error)


def tried(model: str, *, hopeless: bool, attempt: int = 1) -> Try:
    """Return a failed try."""
    error = TryError(type="T", message=f"{model} failed", hopeless=hopeless)
    return Try(attempt=attempt, number=1, provider="p", model=model, seconds=0.5, error=error)


def test_an_error_that_stops_the_turn_keeps_its_name_and_words() -> None:
    """And Temporal tries no more."""
    failure = stopped(UnknownRoute("x", ["a"]))

    assert (failure.type, failure.non_retryable) == ("UnknownRoute", True)
    assert failure.message == "route: no route 'x' in this worker's settings; it has a"


def test_a_pass_with_something_worth_another_try_comes_back() -> None:
    """In its own time; each candidate's latest reason is told."""
    trail = Trail(tries=[tried("old", hopeless=True), tried("a", hopeless=True), tried("b", hopeless=False)])
    failure = pass_failed(trail, Wait(2.5), time_left_s=1)

    assert (failure.type, failure.non_retryable) == ("AllCandidatesFailed", False)
    assert failure.category is ApplicationErrorCategory.BENIGN
    assert failure.message == "every candidate failed: p/old: old failed; p/a: a failed; p/b: b failed"
    assert failure.next_retry_delay == timedelta(seconds=2.5)


def test_a_pass_in_which_nobody_could_be_asked_says_so() -> None:
    """Their breakers are open, and why."""
    wait = Wait(7, asked=True, left_alone=("p/a (rate_limit)", "p/b (server)"))
    why = "every candidate is left alone for a while; left alone: p/a (rate_limit), p/b (server)"
    failure = pass_failed(Trail(), wait, time_left_s=100)

    assert (failure.type, failure.message) == ("AllCandidatesFailed", why)

    too_late = pass_failed(Trail(), wait, time_left_s=5)

    assert too_late.type == "DeadlineTooClose"
    assert too_late.message == f"nobody may be asked for 7 s and the turn has 5 s left: {why}"


def test_a_call_that_was_lost_is_no_reason_of_the_candidates() -> None:
    """It did not fail."""
    lost = Trail(tries=[tried("b", hopeless=False)]).started(candidate("a"), so_far=tried("a", hopeless=False)).lost()

    assert pass_failed(lost, Wait(1), time_left_s=100).message == "every candidate failed: p/b: b failed"


@pytest.mark.parametrize(("wait_s", "delay"), [(7.5, 7.5), (0.0, 0.001), (1e300, MAX_RETRY_AFTER_S)])
def test_a_wait_is_one_that_temporal_takes(wait_s: float, delay: float) -> None:
    """Temporal ignores a delay of 0, and nobody waits for a year."""
    trail = Trail(tries=[tried("a", hopeless=False)])
    failure = pass_failed(trail, Wait(wait_s, asked=True), time_left_s=float("inf"))

    assert timedelta(seconds=delay) == failure.next_retry_delay


@pytest.mark.parametrize(
    ("move", "type_", "words"),
    [
        (GiveUp(), "RouteExhausted", "no candidate of the route can answer this turn: p/a: a failed"),
        (GiveUp(3), "RetriesExhausted", "the route was tried 3 times: p/a: a failed"),
        (
            Wait(60, asked=True),
            "DeadlineTooClose",
            "the providers ask to wait 60 s and the turn has 60 s left: every candidate failed",
        ),
    ],
)
def test_a_route_without_hope_fails_now(move: Wait | GiveUp, type_: str, words: str) -> None:
    """And says which of the reasons it is."""
    failure = pass_failed(Trail(tries=[tried("a", hopeless=True)]), move, time_left_s=59.6)

    assert (failure.type, failure.non_retryable) == (type_, True)
    assert words in failure.message


def test_a_stopping_worker_hands_over_at_once() -> None:
    """Another takes the turn."""
    failure = handed_over()

    assert (failure.type, failure.non_retryable) == ("WorkerShutdown", False)
    assert failure.next_retry_delay == timedelta(milliseconds=1)
