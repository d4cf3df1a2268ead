"""What must be gone when all turns are over: open requests, subscriptions, and all that anybody held for turns."""

import asyncio
import time
from collections import Counter

from tests.e2e.chaos.crew import Crew
from tests.e2e.chaos.servers import MortalRedis
from tests.e2e.rig import Rig

# A producer answers joins for 10 s after its turn's end, and connections to providers are kept for 5 s.
_WITHIN_S = 90.0
_LOOK_EVERY_S = 0.5


class Leaks:
    """Looks at the provider, at Redis, at the workers and at this process.

    Made before the first turn, it remembers what this process held.
    """

    def __init__(self, rig: Rig, redis: MortalRedis, crew: Crew) -> None:
        self._rig, self._redis, self._crew = rig, redis, crew
        self._tasks = _tasks()

    async def found(self) -> list[str]:
        """Wait until everything is gone, but not for long; return what is left."""
        until = time.monotonic() + _WITHIN_S
        while True:
            left = [*await self._open_requests(), *await self._subscriptions(), *await self._crew.held(), *self._here()]
            if not left or time.monotonic() > until:
                return left
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _open_requests(self) -> list[str]:
        entries = [entry for entry in await self._rig.provider.requests() if entry.outcome == "running"]
        ours = [script for entry in entries if (script := entry.script or "").startswith(self._rig.queue)]
        return [f"an open request of {script}" for script in ours]

    async def _subscriptions(self) -> list[str]:
        return [f"a subscription to {channel}" for channel in await self._redis.subscriptions()]

    def _here(self) -> list[str]:
        return [f"{count} tasks {name} too many here" for name, count in (_tasks() - self._tasks).items()]


def _tasks() -> Counter[str]:
    names = (str(getattr(task.get_coro(), "__qualname__", task)) for task in asyncio.all_tasks())
    return Counter(name for name in names if not name.startswith("Proxy."))  # it has as many as workers connect
