from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic import SecretStr

from activities.prices import Price
from activities.routes import Candidate
from activities.trail import Trail
from activities.tries import Tries
from streaming.contracts import Limits, Try, TurnInput
from streaming.errors import (
    AttachmentNotLoaded,
    BudgetSpent,
    CannotExpress,
    ClockRanOut,
    ConnectFailed,
    ConnectionLost,
    EmptyAnswer,
    ProviderError,
    Refused,
    StatusError,
    StreamedError,
)
from streaming.messages import Message, TextPart, Usage
from streaming.providers.wire import Answer
from streaming.reasons import Reason
from tests.activities.candidates import KEY, candidate

TURN = TurnInput.model_validate({"messages": [{"role": "user", "content": "x" * 40}]})
A = replace(candidate("a"), price=Price(input=Decimal(1), output=Decimal(2)))
B = candidate("b")
COUNTED = Usage(input_tokens=11, output_tokens=22)


def said(text: str, usage: Usage | None = None) -> Answer:
    """Return what a candidate said by some time."""
    message = Message(role="assistant", parts=[TextPart(text=text)] if text else [])
    return Answer([message], "stop", "stop", None, usage or Usage())


def test_an_answer_is_a_try_with_its_own_counts_and_cost() -> None:
    """The provider's word, at the candidate's price."""
    tries = Tries(TURN, Trail(), 3)
    tries.start(A)
    tries.answered(A, said("hello", COUNTED))

    (done,) = tries.trail.tries
    assert (done.attempt, done.number, done.provider, done.model, done.error) == (3, 1, "p", "a", None)
    assert (done.usage, done.estimated, done.cost_usd) == (COUNTED, False, 0.000055)
    assert tries.trail.in_flight is None


@pytest.mark.parametrize(
    "error",
    [
        StatusError(500, "m"),
        ConnectFailed("m"),
        CannotExpress("m"),
        AttachmentNotLoaded("m"),
        ClockRanOut("connect_s", 1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_who_was_not_asked_or_refused_bills_nothing(error: ProviderError) -> None:
    """And no cost is made up for it."""
    tries = Tries(TURN, Trail(), 1)
    tries.start(A)
    tries.failed(A, error, said(""))

    (done,) = tries.trail.tries
    assert (done.usage, done.estimated, done.cost_usd) == (None, False, None)


@pytest.mark.parametrize("error", [StatusError(503, "m"), ConnectFailed("m"), ClockRanOut("connect_s", 1)])
def test_an_answer_that_its_provider_goes_on_making_is_billed(error: ProviderError) -> None:
    """What was refused is the way back to it; the request was taken."""
    tries = Tries(TURN, Trail(), 1)
    tries.start(A)
    tries.failed(A, error, said("y" * 400), begun=True)

    (done,) = tries.trail.tries
    assert (done.usage, done.estimated) == (Usage(input_tokens=10, output_tokens=100), True)


@pytest.mark.parametrize(("text", "output"), [("", 0), ("y" * 400, 100)])
@pytest.mark.parametrize("error", [ConnectionLost("m"), StreamedError("m"), ClockRanOut("first_token_s", 1)])
def test_a_stream_that_broke_off_is_estimated(error: ProviderError, text: str, output: int) -> None:
    """What was generated is billed, whether or not it arrived whole."""
    tries = Tries(TURN, Trail(), 1)
    tries.start(A)
    tries.failed(A, error, said(text))

    (done,) = tries.trail.tries
    assert done.usage == Usage(input_tokens=10, output_tokens=output)
    assert done.estimated
    assert done.cost_usd == (10 + 2 * output) / 1e6


@pytest.mark.parametrize("error", [EmptyAnswer("m"), Refused("m")])
def test_a_whole_answer_that_does_not_do_has_its_own_counts(error: ProviderError) -> None:
    """It was paid for."""
    tries = Tries(TURN, Trail(), 1)
    tries.start(B)
    tries.failed(B, error, said("no", COUNTED))

    (done,) = tries.trail.tries
    assert (done.usage, done.estimated, done.cost_usd) == (COUNTED, False, None)


def test_our_own_end_of_a_call_is_an_estimate() -> None:
    """Interrupted, or out of time or budget."""
    tries = Tries(TURN, Trail(), 1)
    tries.start(A)
    tries.ended(A, said("y" * 40, Usage(input_tokens=9)))

    (done,) = tries.trail.tries
    assert (done.usage, done.estimated, done.error) == (Usage(input_tokens=9, output_tokens=10), True, None)


def test_a_call_that_ended_before_its_request_was_sent_bills_nothing() -> None:
    """A clock, an interrupt or the deadline may come while attachments are being fetched."""
    tries = Tries(TURN, Trail(), 1)
    tries.start(A)
    tries.failed(A, ClockRanOut("first_token_s", 1), None)
    tries.start(B)
    tries.ended(B, None)

    assert [(done.usage, done.estimated, done.cost_usd) for done in tries.trail.tries] == [(None, False, None)] * 2


def test_a_failure_is_told_without_the_key() -> None:
    """With its reason, what it means, and when the provider wants to be asked again."""
    tries = Tries(TURN, Trail(), 1)
    tries.start(A)
    failed = tries.failed(A, StatusError(429, f"slow down, {KEY}", retry_after_s=7), said(""))

    assert (failed.type, failed.reason, failed.hopeless) == ("StatusError", Reason.RATE_LIMIT, False)
    assert failed.retry_after_s == 7
    assert KEY not in failed.message
    assert "[key]" in failed.message
    assert tries.why == f"StatusError: {failed.message}"


def test_a_server_without_keys_has_its_words_left_alone() -> None:
    """An empty key is no word to hide."""
    keyless = replace(A, api_key=SecretStr(""))
    tries = Tries(TURN, Trail(), 1)
    tries.start(keyless)

    assert tries.failed(keyless, ConnectionLost("gone"), said("")).message == "gone"


def test_a_call_in_flight_remembers_where_to_read_on() -> None:
    """For the same candidate only."""
    lost = Trail().started(A, "resp_1:41")

    same, other = Tries(TURN, lost, 2), Tries(TURN, lost, 2)

    assert same.start(A) == "resp_1:41"
    assert other.start(B) is None
    same.reached("resp_1:50", None)
    assert same.trail.in_flight is not None
    assert same.trail.in_flight.resume == "resp_1:50"
    same.answered(A, said("x", COUNTED))
    same.reached("resp_1:60", None)
    assert same.trail.in_flight is None


# -- what a lost worker's call had used


def left(text: str | None, resume: str | None = None, one: Candidate = A) -> Trail:
    """Return what a first attempt left that said so much by its last beat; None where it was not asked by then."""
    tries = Tries(TURN, Trail(), 1)
    tries.start(one)
    tries.reached(resume, None if text is None else said(text))
    return tries.trail


def told(tries: Tries) -> list[tuple[int, str, str | None, Usage | None]]:
    """Return attempt, model, error and usage of each try."""
    return [
        (done.attempt, done.model, done.error.type if done.error else None, done.usage) for done in tries.trail.tries
    ]


def test_a_lost_call_is_a_try_of_its_attempt_with_an_estimate() -> None:
    """At the price its own worker knew; it is measured, and counts against the budget of whoever is asked next."""
    measured: list[Try] = []
    tries = Tries(TURN, left("y" * 400), 2, measured.append)

    (lost,) = tries.trail.tries
    assert lost.error is not None
    assert (lost.attempt, lost.number, lost.model, lost.error.type) == (1, 1, "a", "WorkerLost")
    assert (lost.usage, lost.estimated) == (Usage(input_tokens=10, output_tokens=100), True)
    assert lost.cost_usd == (10 + 2 * 100) / 1e6
    assert measured == [lost]
    assert (tries.before, tries.why) == (1, "worker lost")
    limited = TURN.model_copy(update={"limits": Limits(max_total_tokens=120)})
    with pytest.raises(BudgetSpent, match="120 of 120"):
        Tries(limited, left("y" * 400), 2).budget(B).check()


def test_a_call_that_was_lost_before_it_was_sent_used_nothing() -> None:
    """Its attachments were still being fetched."""
    assert told(Tries(TURN, left(None), 2)) == [(1, "a", "WorkerLost", None)]


def test_a_lost_call_stays_lost_and_is_told_once() -> None:
    """Whichever attempt's beat is the last that Temporal has."""
    second = Tries(TURN, left("y" * 40), 2)
    second.start(A)
    second.reached(None, said("y" * 80))
    third = Tries(TURN, second.trail, 3)
    third.start(B)
    third.answered(B, said("hello", COUNTED))

    assert told(third) == [
        (1, "a", "WorkerLost", Usage(input_tokens=10, output_tokens=10)),
        (2, "a", "WorkerLost", Usage(input_tokens=10, output_tokens=20)),
        (3, "b", None, COUNTED),
    ]


def test_a_call_that_is_read_on_is_one_try() -> None:
    """Its usage comes with the one answer, not twice."""
    tries = Tries(TURN, left("y" * 400, "resp_1:9"), 2)
    assert told(tries) == []
    tries.start(A)
    tries.reached("resp_1:12", said("y" * 4))
    again = Tries(TURN, tries.trail, 3)
    again.start(A)
    again.answered(A, said("hello", COUNTED))

    assert told(again) == [(3, "a", None, COUNTED)]
    assert (again.before, again.trail.usage) == (0, COUNTED)


@pytest.mark.parametrize(("read", "output"), [("y" * 4, 100), ("y" * 800, 200)])
def test_a_call_that_fails_when_it_is_read_on_used_what_most_was_read_of_it(read: str, output: int) -> None:
    """It is read from its beginning: what the attempt before had seen was generated all the same."""
    for end in ("failed", "ended", "refused", "beat"):
        tries = Tries(TURN, left("y" * 400, "resp_1:9"), 2)
        tries.start(A)
        if end == "failed":
            tries.failed(A, ConnectionLost("m"), said(read))
        elif end == "refused":
            tries.failed(A, StatusError(500, "m"), said(read))
        elif end == "ended":
            tries.ended(A, said(read))
        else:
            tries.reached("resp_1:11", said(read))
            tries = Tries(TURN, tries.trail.lost(), 3)

        (done,) = tries.trail.tries
        expected = 100 if end == "refused" else output
        assert (done.attempt, done.usage) == (2, Usage(input_tokens=10, output_tokens=expected)), end


def test_a_response_that_is_gone_was_lost_and_the_one_asked_for_anew_is_another_try() -> None:
    """Both were paid for."""
    measured: list[Try] = []
    tries = Tries(TURN, left("y" * 400, "resp_1:9"), 2, measured.append)
    tries.start(A)
    lost = tries.gone()
    tries.reached("resp_2:1", said("y" * 4))
    tries.answered(A, said("hello", COUNTED))

    assert told(tries) == [
        (1, "a", "WorkerLost", Usage(input_tokens=10, output_tokens=100)),
        (2, "a", None, COUNTED),
    ]
    assert (lost, tries.before) == (tries.trail.tries[0], 1)
    assert measured == tries.trail.tries


def test_what_nobody_reads_on_is_lost() -> None:
    """Another candidate is asked, or nobody any more."""
    other, nobody = (Tries(TURN, left("y" * 400, "resp_1:9"), 2) for _ in range(2))
    other.start(B)
    nobody.leave()

    assert other.trail.in_flight is not None
    assert other.trail.in_flight.key == B.key
    assert told(other) == told(nobody) == [(1, "a", "WorkerLost", Usage(input_tokens=10, output_tokens=100))]


def test_an_older_worker_left_no_count() -> None:
    """Nothing is made up; what it was making is read on or asked for anew."""
    gone, other = (Tries(TURN, Trail().started(A, "resp_1:9"), 2) for _ in range(2))
    gone.start(A)
    other.start(B)

    assert gone.gone() is None
    assert told(gone) == told(other) == []


def test_tries_are_numbered_within_the_attempt() -> None:
    """Those of earlier attempts stay before them."""
    tries = Tries(TURN, Trail(), 1)
    for one in (A, B):
        tries.start(one)
        tries.failed(one, ConnectionLost("m"), said(""))

    assert [(done.model, done.number) for done in tries.trail.tries] == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("left", "attempt", "why"),
    [(None, 1, None), (None, 2, "worker lost"), (Trail(), 2, None), (Trail().started(A), 2, "worker lost")],
)
def test_an_attempt_that_left_no_word_lost_its_worker(left: Trail | None, attempt: int, why: str | None) -> None:
    """One that asked nobody, because breakers left everybody out, said so before it ended."""
    assert Tries(TURN, left, attempt).why == why
