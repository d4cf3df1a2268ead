"""Chunks of text that say when they were written, and how late those of a stream were seen.

The clock is the machine's monotonic one, which its processes share.
"""

import time
from dataclasses import dataclass
from statistics import quantiles

_NANOSECONDS_A_MS = 1_000_000


@dataclass(frozen=True)
class Pace:
    """One stream of a group, as its request asks for it."""

    group: str
    streams: int
    chunks: int
    seconds: float
    """From one chunk to the next."""


def stamp() -> str:
    """Return a chunk of text: now."""
    return f"{time.monotonic_ns()} "


class Watch:
    """Measures one viewer's stream of stamps, each once, however often its text is shown."""

    def __init__(self) -> None:
        self.latencies_ms: list[float] = []
        self.first = self.last = 0

    def seen(self, text: str) -> None:
        """Take text that is on the viewer's screen now."""
        now = time.monotonic_ns()
        for written in map(int, text.split()):
            if written > self.last:
                self.first = self.first or written
                self.last = written
                self.latencies_ms.append((now - written) / _NANOSECONDS_A_MS)


@dataclass(frozen=True)
class Seen:
    """What viewers saw: latencies from a chunk's writing to its being on screen, and how many chunks in all."""

    p50_ms: float
    p99_ms: float
    chunks: int
    begin: float
    """When the first chunk was written, on the monotonic clock."""
    end: float
    wrong: int
    """Viewers that did not end with exactly the durable text."""

    @staticmethod
    def by(watches: list[Watch], wrong: int = 0) -> "Seen":
        """Return what these saw together."""
        latencies = [latency for watch in watches for latency in watch.latencies_ms]
        cuts = quantiles(latencies, n=100, method="inclusive")
        begin, end = min(watch.first for watch in watches), max(watch.last for watch in watches)
        return Seen(cuts[49], cuts[98], len(latencies), begin / 1e9, end / 1e9, wrong)
