"""Sound that costs nothing to make: a tone, and silence, as PCM16 mono."""

import math
from array import array
from functools import lru_cache

RATE = 24_000
"""Samples a second that both providers give."""
_PITCH = 440
_PEAK = 8_000
_BYTES_PER_SAMPLE = 2


def tone(ms: float, *, at_ms: float = 0, rate: int = RATE) -> bytes:
    """Returns a piece of an endless tone; pieces that follow each other sound as one.

    Args:
        ms: How long the piece is.
        at_ms: Where in the tone it begins.
        rate: Samples a second.
    """
    first, last = _samples(at_ms, rate), _samples(at_ms + ms, rate)
    second = _second(rate)
    offset = first % rate * _BYTES_PER_SAMPLE
    size = (last - first) * _BYTES_PER_SAMPLE
    return (second * (1 + (offset + size) // len(second)))[offset : offset + size]


def silence(ms: float, *, rate: int = RATE) -> bytes:
    """Returns nothing to hear, for so long."""
    return bytes(_samples(ms, rate) * _BYTES_PER_SAMPLE)


def duration_ms(size: int, rate: int = RATE) -> float:
    """Returns how long so many bytes sound."""
    return size * 1000 / (rate * _BYTES_PER_SAMPLE)


def _samples(ms: float, rate: int) -> int:
    return round(ms * rate / 1000)


@lru_cache
def _second(rate: int) -> bytes:
    # A whole number of waves fits in a second, so it can be repeated without a click.
    wave = (round(_PEAK * math.sin(2 * math.pi * _PITCH * at / rate)) for at in range(rate))
    return array("h", wave).tobytes()
