import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.breaker_hints import BreakerHint, SharedBreakers, parsed
from activities.breakers import MAX_OPEN_S, Breaker, Breakers, State
from streaming.jsontext import JsonValue, dumps
from streaming.live.channels import Channels
from streaming.live.hints import MAX_BYTES
from streaming.reasons import Reason

NOW = 1_700_000_000.0
KEY = Channels("e").breaker("p", "m")
BELIEVED = {Reason.SERVER, Reason.OVERLOADED, Reason.RATE_LIMIT, Reason.QUOTA}
OWN_TROUBLE = {Reason.CONNECTION, Reason.TIMEOUT, Reason.BAD_ANSWER, Reason.AUTH, Reason.PERMISSION}


@dataclass
class Board:
    """What Redis holds, without Redis: what is over is gone."""

    values: dict[str, tuple[bytes, float]] = field(default_factory=dict)

    def exchange(self, worker: SharedBreakers, now: float) -> list[str]:
        """Take a worker's news, and tell it what there is; return the keys that it changed."""
        news = worker.news(now)
        for key, hint in news.items():
            if hint is None:
                self.values.pop(key, None)
            else:
                self.values[key] = (hint.value, now + hint.for_s)
        there = {key: value for key, (value, until) in self.values.items() if now < until}
        worker.hear([there.get(key, b"") for key in worker.keys], now)
        return list(news)

    def put(self, value: bytes) -> None:
        """Write what stays."""
        self.values[KEY] = (value, float("inf"))


class Sharing:
    """One worker with one breaker."""

    def __init__(self, name: str) -> None:
        breakers = Breakers()
        self.breaker: Breaker = breakers.of("p", "m")
        self.shared = SharedBreakers(breakers, [("p", "m"), ("p", "n"), ("p", "m")], Channels("e").breaker, name)

    def fail(self, reason: Reason, now: float = NOW) -> None:
        """Have its breaker opened by its own failures."""
        for _ in range(5):
            self.breaker.failed(reason, now)


def told(board: Board) -> Mapping[str, object]:
    """Return the hint on the board."""
    hint: Mapping[str, object] = json.loads(board.values[KEY][0])
    return hint


@pytest.mark.parametrize("reason", sorted(BELIEVED | OWN_TROUBLE))
def test_what_only_the_provider_can_have_said_is_believed(reason: Reason) -> None:
    """The rest is told too, for people, but may be the trouble of one worker alone."""
    board, one, other = Board(), Sharing("one"), Sharing("other")
    one.fail(reason)
    board.exchange(one.shared, NOW)
    board.exchange(other.shared, NOW + 1)

    assert told(board) == {"open_until": one.breaker.reopens_at(NOW), "reason": reason, "worker": "one"}
    if reason in BELIEVED:
        assert (other.breaker.reopens_at(NOW + 1), other.breaker.reason) == (one.breaker.reopens_at(NOW), reason)
    else:
        assert other.breaker.state(NOW + 1) is State.CLOSED


def test_a_hint_lives_no_longer_than_the_opening() -> None:
    """Redis forgets it by itself."""
    one = Sharing("one")
    one.fail(Reason.SERVER)

    [hint] = one.shared.news(NOW + 4).values()

    assert hint is not None
    assert hint.for_s == pytest.approx(6)
    assert len(hint.value) <= MAX_BYTES


def test_nothing_is_told_twice_nor_passed_on() -> None:
    """What is there already needs no telling, and hearsay is not ours to tell."""
    board, one, other = Board(), Sharing("one"), Sharing("other")
    one.fail(Reason.SERVER)

    assert board.exchange(one.shared, NOW) == [KEY]
    assert board.exchange(one.shared, NOW + 1) == []
    assert board.exchange(other.shared, NOW + 1) == []
    assert board.exchange(other.shared, NOW + 2) == []


def test_what_redis_lost_is_told_again() -> None:
    """It may have been restarted, or it did not take it."""
    board, one = Board(), Sharing("one")
    one.fail(Reason.SERVER)
    board.exchange(one.shared, NOW)
    board.values.clear()

    assert board.exchange(one.shared, NOW + 1) == []  # it finds out only now
    assert board.exchange(one.shared, NOW + 2) == [KEY]
    assert told(board)["open_until"] == NOW + 10


def test_a_worker_that_closes_takes_its_word_back() -> None:
    """The others then make a probe of their own, at once."""
    board, one, other = Board(), Sharing("one"), Sharing("other")
    one.fail(Reason.QUOTA)
    board.exchange(one.shared, NOW)
    board.exchange(other.shared, NOW)
    assert other.breaker.state(NOW) is State.OPEN

    one.breaker.succeeded()
    board.exchange(one.shared, NOW + 1)
    board.exchange(other.shared, NOW + 1)

    assert board.values == {}
    assert (other.breaker.state(NOW + 1), other.breaker.reopens_at(NOW + 1)) == (State.HALF_OPEN, None)


def test_a_worker_takes_back_nothing_but_its_own_word() -> None:
    """A stranger's hint stays where it is."""
    board, one, other = Board(), Sharing("one"), Sharing("other")
    one.fail(Reason.SERVER)
    board.exchange(one.shared, NOW)
    board.exchange(other.shared, NOW)
    other.breaker.succeeded()

    assert board.exchange(other.shared, NOW + 1) == []
    assert told(board)["worker"] == "one"


def test_a_breaker_that_was_closed_since_is_not_opened_again_by_the_same_hint() -> None:
    """What this worker found out itself is newer."""
    board, one, other = Board(), Sharing("one"), Sharing("other")
    one.fail(Reason.QUOTA)
    board.exchange(one.shared, NOW)
    board.exchange(other.shared, NOW)
    other.breaker.succeeded()
    board.exchange(other.shared, NOW + 1)
    assert other.breaker.state(NOW + 1) is State.CLOSED

    one.breaker.succeeded()
    one.fail(Reason.QUOTA, NOW + 2)
    board.exchange(one.shared, NOW + 2)
    board.exchange(other.shared, NOW + 2)
    assert other.breaker.state(NOW + 2) is State.OPEN


@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        (Reason.SERVER, Reason.QUOTA, "second"),  # longer
        (Reason.QUOTA, Reason.SERVER, "first"),
        (Reason.AUTH, Reason.SERVER, "second"),  # shorter, but believed
        (Reason.SERVER, Reason.AUTH, "first"),
        (Reason.TIMEOUT, Reason.AUTH, "second"),
        (Reason.SERVER, Reason.SERVER, "second"),  # had not heard of the other when it spoke
    ],
)
def test_who_tells_more_stays(first: Reason, second: Reason, stays: str) -> None:
    """Workers whose breakers are open at the same time do not overwrite each other in turn."""
    board, one, other = Board(), Sharing("first"), Sharing("second")
    one.fail(first)
    other.fail(second)
    for at in range(3):
        board.exchange(one.shared, NOW + at)
        board.exchange(other.shared, NOW + at)

    assert told(board)["worker"] == stays
    assert board.exchange(one.shared, NOW + 4) == board.exchange(other.shared, NOW + 4) == []


def test_a_probe_that_fails_tells_the_longer_time() -> None:
    """As soon as its own first word is over."""
    board, one, other = Board(), Sharing("one"), Sharing("other")
    one.fail(Reason.SERVER)
    board.exchange(one.shared, NOW)
    board.exchange(other.shared, NOW)
    one.breaker.failed(Reason.SERVER, NOW + 11, call=one.breaker.started(NOW + 11))
    board.exchange(one.shared, NOW + 11)
    board.exchange(other.shared, NOW + 11)

    assert other.breaker.reopens_at(NOW + 11) == NOW + 31


# -- hostile hints


def hint(**changes: JsonValue) -> bytes:
    """Return a hint that would be taken, but for what is changed."""
    fields: dict[str, JsonValue] = {"open_until": NOW + 30, "reason": "server", "worker": "one"}
    return dumps({**fields, **changes})


def test_the_hint_that_the_others_differ_from() -> None:
    """It is believed as it stands; unknown fields are a later version's."""
    assert parsed(hint(more=1), NOW) == BreakerHint(NOW + 30, Reason.SERVER, "one")
    assert parsed(hint(open_until=int(NOW) + 1), NOW) == BreakerHint(NOW + 1, Reason.SERVER, "one")


_HOSTILE = {
    "empty": b"",
    "no JSON": b"{",
    "no UTF-8": b"\xff\xfe",
    "deep": b"[" * MAX_BYTES,
    "not an object": b"[1]",
    "no time": hint(open_until=None),
    "a text for a time": hint(open_until=str(NOW + 30)),
    "a bool for a time": hint(open_until=True),
    "not a number": hint().replace(str(NOW + 30).encode(), b"NaN"),
    "infinite": hint().replace(str(NOW + 30).encode(), b"1e999"),
    "endless": hint().replace(str(NOW + 30).encode(), b"1" * 400),
    "over": hint(open_until=NOW),
    "long over": hint(open_until=-1),
    "far future": hint(open_until=NOW + MAX_OPEN_S + 61),
    "milliseconds": hint(open_until=(NOW + 30) * 1000),
    "unknown reason": hint(reason="spite"),
    "a reason that opens nothing": hint(reason="context"),
    "an object for a reason": hint(reason={}),
    "no worker": hint(worker=None),
    "a worker of two lines": hint(worker="one\n  ✓ answers"),
    "a worker that colours": hint(worker="\x1b[31mone"),
    "a worker that is read backwards": hint(worker="\u202eone"),
    "half a character": hint().replace(b'"one"', b'"\\ud800"'),
    "cut": hint(worker="x" * 2000)[:MAX_BYTES],
}


@pytest.mark.parametrize("value", _HOSTILE.values(), ids=_HOSTILE)
def test_what_is_no_hint_changes_nothing_and_makes_room_for_one(value: bytes) -> None:
    """Anyone can write to Redis."""
    board, one = Board(), Sharing("one")
    board.put(value)
    assert board.exchange(one.shared, NOW) == []
    assert (parsed(value, NOW), one.breaker.state(NOW)) == (None, State.CLOSED)

    one.fail(Reason.SERVER)
    assert board.exchange(one.shared, NOW) == [KEY]


def test_a_forged_hint_shuts_nobody_out_for_longer_than_the_cap() -> None:
    """Not even one that never expires, by a clock that is ahead: a hint counts once."""
    board, one = Board(), Sharing("one")
    board.put(hint(open_until=NOW + MAX_OPEN_S + 59, worker="forger"))
    for at in range(400):
        board.exchange(one.shared, NOW + at)

    assert one.breaker.state(NOW + MAX_OPEN_S - 1) is State.OPEN
    assert one.breaker.state(NOW + MAX_OPEN_S) is State.HALF_OPEN


def test_a_name_of_any_length_makes_a_hint_that_others_read() -> None:
    """It is cut."""
    board, one, other = Board(), Sharing("ü" * 5000), Sharing("other")
    one.fail(Reason.SERVER)
    board.exchange(one.shared, NOW)
    board.values[KEY] = (board.values[KEY][0][:MAX_BYTES], board.values[KEY][1])
    board.exchange(other.shared, NOW)

    assert other.breaker.state(NOW) is State.OPEN


@given(st.binary(max_size=64) | st.recursive(st.none() | st.floats() | st.text() | st.integers(), st.lists).map(repr))
def test_no_value_is_too_strange(value: bytes | str) -> None:
    """Whatever it is, it is no hint."""
    assert parsed(value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass"), NOW) is None
