"""Sound is cut into whole samples, and every piece has its deadline."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.errors import CannotSendError, DuplexError, PartialSampleError
from streaming.duplex.pacing import (
    DEFAULT_CHUNK_INTERVAL_MS,
    DEFAULT_CHUNK_SIZE,
    DEFAULT_SAMPLE_RATE,
    MAX_CATCH_UP_MS,
    Cadence,
    chunks,
    interval_ms,
    silence,
    whole_chunk,
)


def test_the_three_defaults_agree() -> None:
    """640 bytes of 16 kHz are 20 ms."""
    assert (DEFAULT_CHUNK_SIZE, DEFAULT_SAMPLE_RATE, DEFAULT_CHUNK_INTERVAL_MS) == (640, 16_000, 20)
    assert interval_ms() == DEFAULT_CHUNK_INTERVAL_MS


@pytest.mark.parametrize(
    ("size", "chunk_size", "pieces"),
    [
        (0, 640, []),
        (2, 640, [2]),
        (640, 640, [640]),
        (642, 640, [640, 2]),
        (1920, 640, [640, 640, 640]),
        (1300, 641, [640, 640, 20]),
        (6, 1, [2, 2, 2]),
        (1300, 0, [640, 640, 20]),
        (1300, -8, [640, 640, 20]),
    ],
)
def test_pieces_are_whole_samples_and_the_last_may_be_short(size: int, chunk_size: int, pieces: list[int]) -> None:
    """An odd size is rounded down, to one sample at least; none is the default."""
    assert pieces == [len(piece) for piece in chunks(bytes(size), chunk_size)]


@given(st.binary(max_size=400).filter(lambda audio: len(audio) % 2 == 0), st.integers(-3, 90))
def test_pieces_are_the_sound(audio: bytes, chunk_size: int) -> None:
    """In order, nothing lost, none empty, all but the last of one size."""
    pieces = list(chunks(audio, chunk_size))

    assert audio == b"".join(pieces)
    assert all(len(piece) == whole_chunk(chunk_size) for piece in pieces[:-1])
    assert all(pieces)


def test_an_odd_number_of_bytes_is_refused_before_the_first_piece() -> None:
    """As a type that both whoever sends and whoever catches all of ours knows."""
    with pytest.raises(PartialSampleError, match=r"641 bytes.*a sample has two") as refused:
        chunks(bytes(641))

    assert refused.value.size == 641
    assert isinstance(refused.value, CannotSendError)
    assert isinstance(refused.value, DuplexError)


@pytest.mark.parametrize(
    ("chunk_size", "rate", "expected"),
    [
        (640, 16_000, 20.0),
        (640, 24_000, 40 / 3),
        (960, 24_000, 20.0),
        (320, 8_000, 20.0),
        (961, 24_000, 20.0),
        (0, 0, 20.0),
        (-1, -1, 20.0),
    ],
)
def test_the_interval_is_how_long_a_chunk_lasts(chunk_size: int, rate: int, expected: float) -> None:
    """At any rate, so that 24 kHz is not played slower."""
    assert interval_ms(chunk_size, rate) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ms", "rate", "size"), [(2000, 16_000, 64_000), (20, 24_000, 960), (0, 16_000, 0), (-5, 16_000, 0), (20, 0, 640)]
)
def test_silence_is_zeros_of_that_length(ms: float, rate: int, size: int) -> None:
    """Whole samples of it."""
    assert silence(ms, rate) == bytes(size)


@pytest.mark.parametrize("interval", [20.0, 40 / 3, 1000 / 30, 5.0])
def test_ten_minutes_do_not_drift(interval: float) -> None:
    """However late each wake-up is: the next deadline does not move, and no chunk goes before its time."""
    chance = random.Random(7)
    start = 1_000_000.25
    now, cadence = start, Cadence(start)
    count = round(600_000 / interval)
    worst = 0.0
    for number in range(count):
        now += cadence.wait_s(now)
        late = now - (start + number * interval / 1000)
        assert late > -1e-6
        worst = max(worst, late)
        now += chance.uniform(0.0, 0.004)  # the wake-up is late, and sending takes its time
        cadence.advance(interval)

    assert worst < 0.005
    assert cadence.due == pytest.approx(start + 600, abs=0.001)


def test_things_may_last_differently_long() -> None:
    """Each is due when the one before is over."""
    cadence = Cadence(5.0)
    due = []
    for ms in (10, 250, 40):
        due.append(cadence.due)
        cadence.advance(ms)

    assert due == pytest.approx([5.0, 5.01, 5.26])


@pytest.mark.parametrize(
    ("late_ms", "caught_up_ms"), [(0, 0), (300, 300), (MAX_CATCH_UP_MS, 1000), (5000, MAX_CATCH_UP_MS)]
)
def test_lateness_is_made_up_within_a_bound(late_ms: float, caught_up_ms: float) -> None:
    """After a stall at most a second's worth goes at once; the rest is moved, not dropped."""
    cadence = Cadence(0.0)
    now = late_ms / 1000
    at_once = 0
    while not cadence.wait_s(now):
        at_once += 1
        cadence.advance(20)

    assert at_once == round(caught_up_ms / 20) + 1
