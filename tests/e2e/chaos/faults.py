"""Breaking things while turns run: Redis, the way to it, Temporal, and workers."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from tests.e2e.chaos.crew import Crew
from tests.e2e.chaos.plan import PlannedFault
from tests.e2e.chaos.servers import MortalRedis, MortalTemporal
from tests.e2e.chaos.timings import KILL, STOP, Incident

_BESIDE_OTHERS = (KILL, STOP)


class Faults:
    """The breakable parts of a run, and what was done to them."""

    def __init__(self, crew: Crew, temporal: MortalTemporal, redis: MortalRedis) -> None:
        self.incidents: list[Incident] = []
        self._crew, self._proxy = crew, redis.proxy
        self._inflict: Mapping[str, Callable[[PlannedFault], Awaitable[None]]] = {
            "kill subscriptions": lambda _: redis.kill_subscriptions(),
            "restart Redis": lambda fault: redis.restart(fault.lasts_s / 2),
            "black-hole Redis": self._black_hole,
            "cut the link": self._cut,
            KILL: lambda fault: crew.kill(fault.worker),
            STOP: self._stop,
            "restart Temporal": lambda fault: temporal.restart(fault.lasts_s / 2),
        }

    async def inflict(self, planned: Sequence[PlannedFault], started: float) -> None:
        """Break things as planned, one server after another, workers beside them; return when all is mended."""
        now = asyncio.get_running_loop().time
        async with asyncio.TaskGroup() as beside:
            for fault in planned:
                await asyncio.sleep(started + fault.at_s - now())
                inflicting = beside.create_task(self._happen(fault))
                if fault.kind not in _BESIDE_OTHERS:
                    await inflicting

    async def _happen(self, fault: PlannedFault) -> None:
        incident = Incident(fault.kind, time.time())
        self.incidents.append(incident)
        await self._inflict[fault.kind](fault)
        incident.ended = time.time()

    async def _black_hole(self, fault: PlannedFault) -> None:
        self._proxy.freeze()
        await asyncio.sleep(fault.lasts_s)
        self._proxy.thaw()

    async def _cut(self, _: PlannedFault) -> None:
        self._proxy.cut()

    async def _stop(self, fault: PlannedFault) -> None:
        process = self._crew.members[fault.worker].process
        if process.exit_code is None:
            os.kill(process.pid, signal.SIGSTOP)
            await asyncio.sleep(fault.lasts_s + 1)
        if process.exit_code is None:
            os.kill(process.pid, signal.SIGCONT)
