from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic import SecretStr

from activities.failover import Trail
from activities.prices import Price
from activities.tries import Tries
from streaming.contracts import TurnInput
from streaming.errors import (
    AttachmentNotLoaded,
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
    same.reached("resp_1:50")
    assert same.trail.in_flight is not None
    assert same.trail.in_flight.resume == "resp_1:50"
    same.answered(A, said("x", COUNTED))
    same.reached("resp_1:60")
    assert same.trail.in_flight is None


def test_tries_are_numbered_within_the_attempt() -> None:
    """Those of earlier attempts stay before them."""
    tries = Tries(TURN, Trail(), 1)
    for one in (A, B):
        tries.start(one)
        tries.failed(one, ConnectionLost("m"), said(""))

    assert [(done.model, done.number) for done in tries.trail.tries] == [("a", 1), ("b", 2)]
    assert tries.budget(A).limited is False
