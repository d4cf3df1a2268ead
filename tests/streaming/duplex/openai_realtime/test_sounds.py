import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.elements import Audio
from streaming.duplex.errors import NotTheWireError
from streaming.duplex.openai_realtime.configuration import RATE
from streaming.duplex.openai_realtime.sounds import Sounds
from streaming.jsontext import JsonValue
from tests.strategies import cut
from tests.streaming.duplex.openai_realtime.server import BYTES_PER_MS

PART = ("m1", 0)


def delta(ms: float) -> str:
    """Return so much sound in base64."""
    return base64.b64encode(bytes(int(ms * BYTES_PER_MS))).decode()


def sounds(*parts: tuple[str, float]) -> Sounds:
    """Return sound of these items, so long."""
    result = Sounds()
    for item_id, ms in parts:
        result.take((item_id, 0), delta(ms))
    return result


@given(st.binary(max_size=40).flatmap(lambda whole: st.tuples(st.just(whole), cut(whole))))
def test_samples_stay_whole_wherever_the_sound_is_cut(cut_sound: tuple[bytes, list[bytes]]) -> None:
    """Only half a sample at the end is lost."""
    whole, pieces = cut_sound
    taken = Sounds()

    heard = [taken.take(PART, base64.b64encode(piece).decode()) for piece in pieces]

    assert all(audio is None or (audio.data and len(audio.data) % 2 == 0) for audio in heard)
    assert b"".join(audio.data for audio in heard if audio) == whole[: len(whole) // 2 * 2]


def test_half_a_sample_waits_for_its_own_part() -> None:
    """Parts are played one after the other."""
    taken = Sounds()
    assert taken.take(("m1", 0), base64.b64encode(b"abc").decode()) == Audio(b"ab", RATE)
    assert taken.take(("m1", 1), base64.b64encode(b"xy").decode()) == Audio(b"xy", RATE)
    assert taken.take(("m1", 0), base64.b64encode(b"d").decode()) == Audio(b"cd", RATE)


@pytest.mark.parametrize("value", [None, 5, [], {}, ""])
def test_what_is_no_sound_says_nothing(value: JsonValue) -> None:
    """Nor is there anything to cut."""
    taken = Sounds()
    assert taken.take(PART, value) is None
    assert taken.cuts(0.0, over=False) == []


@pytest.mark.parametrize("value", ["a", "!!!!", "AAA", "ÄÄÄÄ", "AA\nAA", "\ud83d"])
def test_sound_that_is_not_base64_is_not_the_wires(value: str) -> None:
    """Not played as noise."""
    with pytest.raises(NotTheWireError, match="not base64"):
        Sounds().take(PART, value)


@pytest.mark.parametrize(
    ("played_ms", "cuts"),
    [
        (0, [("m1", 0, 0), ("m2", 0, 0)]),
        (99.9, [("m1", 0, 99), ("m2", 0, 0)]),
        (100, [("m2", 0, 0)]),
        (130.7, [("m2", 0, 30)]),
        (150, []),
        (9e9, []),
        (-5, [("m1", 0, 0), ("m2", 0, 0)]),
    ],
)
def test_a_finished_answer_is_cut_where_it_was_not_heard(played_ms: float, cuts: list[tuple[str, int, int]]) -> None:
    """In whole milliseconds, never behind the end of an item."""
    assert sounds(("m1", 100), ("m2", 50)).cuts(played_ms, over=True) == cuts


def test_what_is_still_made_is_cut_where_it_was_heard_too() -> None:
    """The server may have made more than came; of a part that is over it has not."""
    taken = sounds(("m1", 100), ("m2", 50))
    taken.end(("m1", 0))
    taken.end(("unknown", 0))

    assert taken.cuts(150, over=False) == [("m2", 0, 50)]


def test_a_fraction_of_a_millisecond_is_not_claimed() -> None:
    """The server refuses a place behind its end."""
    assert sounds(("m1", 10.7)).cuts(100, over=False) == [("m1", 0, 10)]
