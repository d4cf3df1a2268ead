import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.samples import Samples
from tests.strategies import cut


def base64_of(data: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(data).decode()


@given(st.binary(max_size=40).flatmap(lambda whole: st.tuples(st.just(whole), cut(whole))))
def test_a_sample_that_is_cut_is_put_together(sound: tuple[bytes, list[bytes]]) -> None:
    """Wherever it is cut: all whole samples come, in whole samples."""
    whole, pieces = sound
    samples = Samples()

    taken = [samples.take(base64_of(piece)) for piece in pieces]

    assert all(len(piece) % 2 == 0 for piece in taken)
    assert b"".join(taken) == whole[: len(whole) // 2 * 2]


def test_half_a_sample_can_be_forgotten() -> None:
    """What comes next does not go on from it."""
    samples = Samples()
    samples.take(base64_of(b"abc"))
    samples.forget()

    assert samples.take(base64_of(b"xy")) == b"xy"


@pytest.mark.parametrize("value", ["a", "!!!!", "AAA", "ÄÄÄÄ", "AA\nAA", "\ud83d"])
def test_what_is_no_base64_is_refused_whole(value: str) -> None:
    """And what waits, waits on."""
    samples = Samples()
    samples.take(base64_of(b"a"))

    with pytest.raises(ValueError):  # noqa: PT011 - two kinds, both of the standard library
        samples.take(value)

    assert samples.take(base64_of(b"b")) == b"ab"
