import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.deltas import PartAdded, PartStarted
from streaming.jsontext import JsonObject
from streaming.live.frames import Failure, Header
from streaming.live.producer import BEAT_EVERY_S, Producer
from streaming.messages import Usage

HEADER = Header("t", "r", 0, 1, 1, "openai", "gpt")


def begun(*, dormancy: bool = True, receivers: int = 1) -> Producer:
    """Return a producer whose first `begin` has been published to so many viewers."""
    producer = Producer(dormancy=dormancy)
    producer.subscribed()
    producer.begin(10, HEADER, None)
    producer.flush(0.0)
    producer.received(receivers)
    producer.add(PartStarted(0, "text"))
    return producer


def flushed(producer: Producer, now: float = 0.0) -> list[tuple[object, ...]]:
    """Return kind, number and additions of the frames of a flush."""
    bodies: list[JsonObject] = [json.loads(frame) for frame in producer.flush(now)]
    return [(body["k"], body["s"], *([body["p"]] if "p" in body else [])) for body in bodies]


def test_nothing_is_published_before_the_subscription_stands() -> None:
    """Else a join could fall between `begin` and the ask channel."""
    producer = Producer()
    producer.begin(10, HEADER, None)

    assert (producer.due, flushed(producer)) == (False, [])
    producer.subscribed()
    assert (producer.due, flushed(producer)) == (True, [("begin", 0)])


def test_deltas_of_one_flush_are_merged_and_numbered() -> None:
    """The first delta after `begin` is number 1."""
    producer = begun()
    assert producer.add(PartAdded(0, "a"))
    assert producer.add(PartAdded(0, "b"))

    assert (producer.due, flushed(producer)) == (True, [("delta", 1, [[0, "text", "ab"]])])
    assert (producer.due, flushed(producer)) == (False, [])
    producer.add(PartAdded(0, "c"))
    assert flushed(producer) == [("delta", 2, [[0, "text", "c"]])]


@given(st.integers(0, 200), st.sampled_from([1, 7, 50]))
def test_nobody_watching_costs_nothing_per_delta(count: int, flush_every: int) -> None:
    """How much is said never changes how much is published."""
    producer = begun(receivers=0)
    published = 0
    for number in range(count):
        assert not producer.add(PartAdded(0, "a"))
        assert not producer.due
        if number % flush_every == 0:
            published += len(producer.flush(float(number)))
    producer.end("stop", Usage(), "sha")

    assert published == 0
    assert flushed(producer) == [("end", 1)]


def test_a_join_is_answered_by_one_snapshot_however_many_asked() -> None:
    """It holds everything so far, and the deltas go on from its number."""
    producer = begun(receivers=0)
    producer.add(PartAdded(0, "a"))
    for _ in range(100):
        producer.joined()

    assert not producer.dormant
    assert flushed(producer) == [("snap", 1, [[0, "text", "a"]])]
    producer.add(PartAdded(0, "b"))
    assert flushed(producer) == [("delta", 2, [[0, "text", "b"]])]
    producer.joined()
    assert flushed(producer) == [("snap", 2, [[0, "text", "ab"]])]


def test_a_join_beats_a_late_reply_of_nobody() -> None:
    """The reply belongs to a frame that was published before the viewer came."""
    producer = begun()
    producer.joined()
    producer.received(0)
    assert not producer.dormant
    producer.flush(0.0)
    producer.received(0)

    assert producer.dormant


def test_dormancy_can_be_off() -> None:
    """Behind a proxy that falsifies the reply, everything is always published."""
    producer = begun(dormancy=False, receivers=0)
    producer.add(PartAdded(0, "a"))

    assert flushed(producer) == [("delta", 1, [[0, "text", "a"]])]


def test_a_lost_flush_is_followed_by_a_snapshot() -> None:
    """It is not sent again: nobody knows who had it."""
    producer = begun()
    producer.add(PartAdded(0, "a"))
    producer.flush(0.0)
    producer.dropped()
    producer.add(PartAdded(0, "b"))

    assert flushed(producer) == [("snap", 2, [[0, "text", "ab"]])]


def test_a_new_subscription_is_followed_by_a_snapshot() -> None:
    """Joins may have been lost while it was down."""
    producer = begun(receivers=0)
    producer.add(PartAdded(0, "a"))
    producer.subscribed()

    assert flushed(producer) == [("snap", 1, [[0, "text", "a"]])]


def test_the_end_follows_the_last_text_and_is_said_again_to_who_joins() -> None:
    """In one flush with what is left to say."""
    producer = begun()
    producer.add(PartAdded(0, "a"))
    producer.end("stop", Usage(), "sha")

    assert producer.ended
    assert flushed(producer) == [("delta", 1, [[0, "text", "a"]]), ("end", 1)]
    assert flushed(producer, 100.0) == []
    producer.joined()
    assert flushed(producer) == [("snap", 1, [[0, "text", "a"]]), ("end", 1)]


def test_the_end_while_nobody_watches_makes_a_gap_that_a_viewer_sees() -> None:
    """Its number is beyond the last delta, and a join then gets everything."""
    producer = begun(receivers=0)
    producer.add(PartAdded(0, "a"))
    producer.end("stop", Usage(), "sha")

    assert flushed(producer) == [("end", 1)]
    producer.joined()
    assert flushed(producer) == [("snap", 1, [[0, "text", "a"]]), ("end", 1)]


def test_a_failed_try_withdraws_what_was_not_yet_shown() -> None:
    """A snapshot after the failure says what the flushes before it said, under the same number."""
    producer = begun()
    producer.add(PartAdded(0, "a"))
    producer.flush(0.0)
    producer.add(PartAdded(0, "b"))
    producer.fail(Failure("T", "m"))
    producer.joined()

    assert flushed(producer) == [("fail", 1), ("snap", 1, [[0, "text", "a"]])]


def test_the_next_try_starts_anew() -> None:
    """The failure of the last one goes before it, and its text is gone."""
    producer = begun()
    producer.add(PartAdded(0, "a"))
    producer.fail(Failure("T", "m", next="b/c"))
    producer.begin(11, HEADER, "T: m")
    producer.add(PartStarted(0, "text"))
    producer.add(PartAdded(0, "z"))

    assert flushed(producer) == [("fail", 0), ("begin", 0), ("delta", 1, [[0, "text", "z"]])]
    assert not producer.ended


@pytest.mark.parametrize("receivers", [0, 1])
def test_beats_come_while_someone_watches_a_quiet_stream(receivers: int) -> None:
    """Once a second since the last frame, until the end."""
    producer = begun(receivers=receivers)
    producer.flush(0.0)
    watched = receivers > 0
    beat: list[tuple[object, ...]] = [("beat", 1)] if watched else []

    assert flushed(producer, BEAT_EVERY_S * 0.9) == []
    assert beat == flushed(producer, BEAT_EVERY_S)
    assert flushed(producer, BEAT_EVERY_S * 1.9) == []
    assert beat == flushed(producer, BEAT_EVERY_S * 2)
    producer.end("stop", Usage(), "sha")
    producer.flush(BEAT_EVERY_S * 2)
    assert flushed(producer, BEAT_EVERY_S * 9) == []


def test_a_try_that_failed_before_anybody_could_be_told_is_told_whole() -> None:
    """Its `begin` goes before its failure: viewers would take the failure for the epoch's start."""
    producer = Producer()
    producer.begin(10, HEADER, None)
    producer.fail(Failure("T", "m", next="b/c"))
    producer.begin(11, HEADER, "T: m")
    producer.subscribed()

    told = [(body["k"], body["e"]) for body in map(json.loads, producer.flush(0.0))]
    assert told == [("begin", 10), ("fail", 10), ("begin", 11)]
