"""How many cores each process uses: what saturates. Linux only; elsewhere it knows nothing."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

_EVERY_S = 0.5
_WINDOW = 4  # samples


class Cores:
    """What processes use, as a series."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._samples: dict[str, list[tuple[float, float]]] = {name: [] for name in pids}

    @asynccontextmanager
    async def sampled(self) -> AsyncIterator[dict[str, float]]:
        """Sample while the block runs; what is yielded then says what each process used in its busiest two seconds."""
        busiest: dict[str, float] = {}
        sampling = asyncio.create_task(self._sample_forever())
        try:
            yield busiest
        finally:
            sampling.cancel()
            busiest.update({name: _busiest(samples) for name, samples in self._samples.items()})

    async def _sample_forever(self) -> None:
        while True:
            for name, pid in self._pids.items():
                if (used := _cpu_seconds(pid)) is not None:
                    self._samples[name].append((time.monotonic(), used))
            await asyncio.sleep(_EVERY_S)


def _busiest(samples: list[tuple[float, float]]) -> float:
    spans = zip(samples, samples[_WINDOW:], strict=False)
    return max(((used - before) / (then - at) for (at, before), (then, used) in spans), default=0.0)


def _cpu_seconds(pid: int) -> float | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
