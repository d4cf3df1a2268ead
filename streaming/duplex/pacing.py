"""Sound in pieces, and when each piece is due. Pure.

Sound is cut between samples, never inside one: a provider that gets half a sample hears noise from there on.
Deadlines are counted from the first one, so that being late once makes nothing else late.
"""

from collections.abc import Iterator

from streaming.duplex.elements import BYTES_PER_SAMPLE
from streaming.duplex.errors import PartialSampleError

DEFAULT_CHUNK_SIZE = 640
"""Bytes in a chunk: 20 ms at the default rate."""
DEFAULT_SAMPLE_RATE = 16_000
"""Samples a second; the one rate that Gemini Live takes as it is."""
DEFAULT_CHUNK_INTERVAL_MS = 20
"""How long a chunk of the default size lasts at the default rate."""
MAX_CATCH_UP_MS = 1000.0
"""Who is later than this stays late: the lost time is not made up by sending everything at once."""


def chunks(audio: bytes, chunk_size: int = DEFAULT_CHUNK_SIZE) -> Iterator[bytes]:
    """Cut sound into pieces of whole samples; the last one may be short.

    Args:
        audio: PCM16.
        chunk_size: bytes in a piece, rounded down to whole samples; the default where it is not positive.

    Raises:
        PartialSampleError: the sound is not whole samples; at once, before there is a piece.
    """
    check_samples(audio)
    size = whole_chunk(chunk_size)
    return (audio[start : start + size] for start in range(0, len(audio), size))


def check_samples(audio: bytes) -> None:
    """Raise `PartialSampleError` where the sound is not whole samples."""
    if len(audio) % BYTES_PER_SAMPLE:
        raise PartialSampleError(len(audio))


def whole_chunk(chunk_size: int) -> int:
    """Return a chunk size of whole samples, at least one: the default where it is not positive."""
    size = chunk_size if chunk_size > 0 else DEFAULT_CHUNK_SIZE
    return max(size - size % BYTES_PER_SAMPLE, BYTES_PER_SAMPLE)


def interval_ms(chunk_size: int = DEFAULT_CHUNK_SIZE, sample_rate: int = DEFAULT_SAMPLE_RATE) -> float:
    """Return how long a chunk lasts."""
    return whole_chunk(chunk_size) * 1000 / (known_rate(sample_rate) * BYTES_PER_SAMPLE)


def known_rate(sample_rate: int) -> int:
    """Return the rate, or the default where it is not positive."""
    return sample_rate if sample_rate > 0 else DEFAULT_SAMPLE_RATE


def silence(ms: float, sample_rate: int = DEFAULT_SAMPLE_RATE) -> bytes:
    """Return so much of nothing: a provider that listens for the end of speech needs to hear it."""
    return bytes(BYTES_PER_SAMPLE * max(round(known_rate(sample_rate) * ms / 1000), 0))


class Cadence:
    """When each of a row of things is due, where each takes some time and the next follows it at once.

    Args:
        start: when the first is due, in seconds of the clock that `wait_s` is asked by.
    """

    def __init__(self, start: float) -> None:
        self._start = start
        self._elapsed_ms = 0.0

    @property
    def due(self) -> float:
        """When the next is due, in seconds of the clock."""
        return self._start + self._elapsed_ms / 1000

    def advance(self, ms: float) -> None:
        """The one that was due takes so long."""
        self._elapsed_ms += ms

    def wait_s(self, now: float) -> float:
        """Return how long to wait until the next is due, 0 where it is already.

        Later than `MAX_CATCH_UP_MS`, the rest is moved, so that what is made up stays within it.
        """
        late = now - self.due
        self._start += max(late - MAX_CATCH_UP_MS / 1000, 0.0)
        return max(-late, 0.0)
