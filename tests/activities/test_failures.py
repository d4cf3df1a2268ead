from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationErrorCategory

from activities.failover import Trail
from activities.failures import (
    MAX_BACKOFF_S,
    MAX_RETRY_AFTER_S,
    Verdict,
    handed_over,
    pass_failed,
    retry_wait_s,
    stopped,
    verdict,
)
from streaming import errors
from streaming.contracts import Try, TryError
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

MAY_RETURN, HOPELESS, STOP = Verdict.MAY_RETURN, Verdict.HOPELESS, Verdict.STOP

OTHERS: list[tuple[TurnError, Verdict]] = [
    (InvalidTurn([]), STOP),
    (UnknownRoute("r", []), STOP),
    (AnswerTooLarge(2, 1), STOP),
    (CannotExpress("c"), HOPELESS),
    (ConnectFailed("c"), MAY_RETURN),
    (ConnectionLost("c"), MAY_RETURN),
    (ClockRanOut("idle_s", 1), MAY_RETURN),
    (NotTheWire("n"), MAY_RETURN),
    (EventTooLarge(1), MAY_RETURN),
    (TruncatedStream("t"), MAY_RETURN),
    (EmptyAnswer("e"), MAY_RETURN),
]


@pytest.mark.parametrize(("error", "what"), OTHERS, ids=lambda value: type(value).__name__)
def test_each_error_has_its_verdict(error: TurnError, what: Verdict) -> None:
    """By its type."""
    assert what is verdict(error)


def test_no_error_was_forgotten() -> None:
    """Each type that can be raised is in a table of this file."""
    types = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TurnError)}

    assert {TurnError, ProviderError, StatusError, StreamedError} == types - {type(error) for error, _ in OTHERS}


@pytest.mark.parametrize(
    ("status", "what"),
    [
        *((status, MAY_RETURN) for status in (408, 409, 425, 429, 500, 502, 503, 504, 520, 529)),
        *((status, HOPELESS) for status in (201, 301, 307, 400, 401, 402, 403, 404, 405, 413, 414, 422, 431, 501, 505)),
    ],
)
def test_a_status_has_its_verdict(status: int, what: Verdict) -> None:
    """Where the body says nothing more."""
    assert what is verdict(StatusError(status, "m"))


@pytest.mark.parametrize(
    ("status", "kind", "code", "what"),
    [
        (429, "insufficient_quota", "insufficient_quota", HOPELESS),
        (429, "", "billing_hard_limit_reached", HOPELESS),
        (429, "", "credit_balance_exhausted", HOPELESS),
        (429, "", "organization_spend_limit_exceeded", HOPELESS),
        (429, "", "project_spend_limit_exceeded", HOPELESS),
        (429, "", "organization_usage_limit_exceeded", HOPELESS),
        (429, "requests", "rate_limit_exceeded", MAY_RETURN),
        (429, "", "slow_down", MAY_RETURN),
        (503, "server_error", "server_is_overloaded", MAY_RETURN),
        (500, "invalid_request_error", "", MAY_RETURN),
        (400, "invalid_request_error", "context_length_exceeded", HOPELESS),
        (401, "invalid_request_error", "invalid_api_key", HOPELESS),
        (404, "invalid_request_error", "model_not_found", HOPELESS),
    ],
)
def test_the_providers_words_count_where_a_status_means_two_things(
    status: int, kind: str, code: str, what: Verdict
) -> None:
    """No waiting refills an account."""
    assert what is verdict(StatusError(status, "m", kind=kind, code=code))


@pytest.mark.parametrize(("should_retry", "what"), [(True, MAY_RETURN), (False, HOPELESS)])
@pytest.mark.parametrize("status", [400, 429, 500])
def test_the_provider_may_say_itself_whether_to_come_back(status: int, what: Verdict, *, should_retry: bool) -> None:
    """`x-should-retry` overrides the status."""
    assert what is verdict(StatusError(status, "m", should_retry=should_retry))


@pytest.mark.parametrize(
    ("kind", "code", "what"),
    [
        ("", "", MAY_RETURN),
        ("server_error", "", MAY_RETURN),
        ("overloaded_error", "", MAY_RETURN),
        ("rate_limit_error", "rate_limit_exceeded", MAY_RETURN),
        ("invalid_request_error", "", HOPELESS),
        ("authentication_error", "", HOPELESS),
        ("billing_error", "", HOPELESS),
        ("permission_error", "", HOPELESS),
        ("not_found_error", "", HOPELESS),
        ("request_too_large", "", HOPELESS),
        ("", "insufficient_quota", HOPELESS),
        ("", "429", MAY_RETURN),
        ("", "502", MAY_RETURN),
        ("", "402", HOPELESS),
        ("", "501", HOPELESS),
        ("", "error", MAY_RETURN),
        ("", "0", MAY_RETURN),
        ("", "1302", MAY_RETURN),
        ("", "9" * 10_000, MAY_RETURN),
        ("", "٤٠٠", MAY_RETURN),
    ],
    ids=range(20),
)
def test_an_error_in_the_stream_is_judged_by_its_words(kind: str, code: str, what: Verdict) -> None:
    """Some servers put a status into the code."""
    assert what is verdict(StreamedError("m", kind=kind, code=code))


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
    failure = pass_failed(trail, 2, wait_s=None, time_left_s=100)

    assert (failure.type, failure.non_retryable) == ("AllCandidatesFailed", False)
    assert failure.category is ApplicationErrorCategory.BENIGN
    assert failure.message == "every candidate failed: p/old: old failed; p/a: a failed; p/b: b failed"


@pytest.mark.parametrize(("passes", "delay"), [(1, 1), (2, 2), (4, 8), (9, MAX_BACKOFF_S), (5000, MAX_BACKOFF_S)])
def test_without_a_word_from_the_provider_the_wait_doubles(passes: int, delay: float) -> None:
    """With each pass that failed, up to a limit."""
    trail = Trail(tries=[tried("a", hopeless=False, attempt=1 + at // 2) for at in range(passes * 2)])

    assert timedelta(seconds=delay) == pass_failed(trail, 2, wait_s=None, time_left_s=1).next_retry_delay


@pytest.mark.parametrize(("wait_s", "delay"), [(7.5, 7.5), (0.0, 0.001), (1e300, MAX_RETRY_AFTER_S)])
def test_the_provider_says_when_to_come_back(wait_s: float, delay: float) -> None:
    """Within reason: Temporal ignores a delay of 0, and nobody waits for a year."""
    trail = Trail(tries=[tried("a", hopeless=False)])
    failure = pass_failed(trail, 1, wait_s=wait_s, time_left_s=float("inf"))

    assert timedelta(seconds=delay) == failure.next_retry_delay


@pytest.mark.parametrize(("models", "count"), [("ab", 2), ("ab", 0), ("", 0)])
def test_a_route_without_hope_fails_now(models: str, count: int) -> None:
    """Whether this pass found out, or there was nothing left to try in it."""
    trail = Trail(tries=[tried(model, hopeless=True) for model in models])
    failure = pass_failed(trail, count, wait_s=5, time_left_s=100)

    assert (failure.type, failure.non_retryable) == ("RouteExhausted", True)


def test_a_wait_beyond_the_deadline_fails_now() -> None:
    """Nobody waits for a turn that cannot be answered any more."""
    failure = pass_failed(Trail(tries=[tried("a", hopeless=False)]), 1, wait_s=60, time_left_s=59.6)

    assert (failure.type, failure.non_retryable) == ("DeadlineTooClose", True)
    assert failure.message == "the provider asks to wait 60 s and the turn has 60 s left: p/a: a failed"


def test_a_stopping_worker_hands_over_at_once() -> None:
    """Another takes the turn."""
    failure = handed_over()

    assert (failure.type, failure.non_retryable) == ("WorkerShutdown", False)
    assert failure.next_retry_delay == timedelta(milliseconds=1)


def waiting(seconds: float | None, status: int = 429) -> ProviderError:
    """Return an error whose provider asks for a wait."""
    return StatusError(status, "m", retry_after_s=seconds)


@pytest.mark.parametrize(
    ("failed", "wait_s"),
    [
        ([], None),
        ([waiting(None)], None),
        ([waiting(9)], 9),
        ([waiting(9), waiting(4)], 4),
        ([waiting(9), waiting(None)], None),
        ([waiting(9), ConnectionLost("c")], None),
        ([waiting(9), waiting(None, 401)], 9),
        ([waiting(9, 401)], None),
    ],
    ids=range(8),
)
def test_the_wait_is_the_least_that_anyone_worth_another_try_asks_for(
    failed: list[ProviderError], wait_s: float | None
) -> None:
    """The hopeless are not asked; who asks for nothing may be called as soon as the policy likes."""
    assert wait_s == retry_wait_s(failed)
