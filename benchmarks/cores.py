"""How many cores each process uses: what saturates. Linux only; elsewhere it knows nothing."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Self

_EVERY_S = 0.5


class Cores:
    """What processes use, as a series."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._samples: dict[str, list[tuple[float, float]]] = {name: [] for name in pids}

    @asynccontextmanager
    async def sampled(self) -> AsyncIterator[Self]:
        """Sample while the block runs."""
        sampling = asyncio.create_task(self._sample_forever())
        try:
            yield self
        finally:
            sampling.cancel()

    def used(self, begin: float, end: float) -> dict[str, float]:
        """Return what each process used between two times of the monotonic clock, as a median over short spans."""
        return {name: _median(samples, begin, end) for name, samples in self._samples.items()}

    async def _sample_forever(self) -> None:
        while True:
            for name, pid in self._pids.items():
                if (used := _cpu_seconds(pid)) is not None:
                    self._samples[name].append((time.monotonic(), used))
            await asyncio.sleep(_EVERY_S)


def _median(samples: list[tuple[float, float]], begin: float, end: float) -> float:
    spans = [(early, late) for early, late in pairwise(samples) if begin <= early[0] and late[0] <= end]
    return median([(used - before) / (then - at) for (at, before), (then, used) in spans] or [0.0])


def _cpu_seconds(pid: int) -> float | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
