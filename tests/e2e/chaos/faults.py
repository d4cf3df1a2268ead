"""Breaking things while turns run: Redis, the way to it, and workers."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Sequence

from deploy.sandbox.processes import RunningServer
from deploy.sandbox.redis import find_redis, start_redis
from tests.e2e.chaos.plan import WORKERS, PlannedFault
from tests.e2e.proxy import Proxy
from tests.e2e.rig import Rig


class Faults:
    """The breakable parts of a run.

    Args:
        behind: the rig that reaches Redis itself, for killing it.
        rig: the rig of workers and viewers, which reach Redis through the proxy.
        proxy: between them.
    """

    def __init__(self, behind: Rig, rig: Rig, proxy: Proxy) -> None:
        self.inflicted: Counter[str] = Counter()
        self._behind, self._rig, self._proxy = behind, rig, proxy
        self._redis = behind.stack.processes["redis"]
        self._workers: list[RunningServer] = []

    async def start_workers(self) -> None:
        """Start all workers."""
        self._workers = list(await asyncio.gather(*(self._rig.worker() for _ in range(WORKERS))))

    async def inflict(self, planned: Sequence[PlannedFault], started: float) -> None:
        """Break things as planned, one after another; what takes time to mend mends while more breaks."""
        now = asyncio.get_running_loop().time
        async with asyncio.TaskGroup() as mending:
            for fault in planned:
                await asyncio.sleep(started + fault.at_s - now())
                await self._inflict(fault, mending)
                self.inflicted[fault.kind] += 1

    async def _inflict(self, fault: PlannedFault, mending: asyncio.TaskGroup) -> None:
        match fault.kind:
            case "kill subscriptions":
                await self._behind.redis.client_kill_filter(_type="pubsub")
            case "restart Redis":
                await self._restart_redis(fault.lasts_s / 2)
            case "black-hole Redis":
                self._proxy.freeze()
                await asyncio.sleep(fault.lasts_s)
                self._proxy.thaw()
            case "cut the link":
                self._proxy.cut()
            case "kill a worker":
                self._workers[fault.worker].kill()
                mending.create_task(self._replace(fault.worker))
            case "stop a worker":
                mending.create_task(self._stop(self._workers[fault.worker], fault.lasts_s + 1))

    async def _restart_redis(self, down_s: float) -> None:
        self._redis.kill()
        await asyncio.sleep(down_s)
        port = int(self._behind.stack.redis_url.rpartition(":")[2].partition("/")[0])
        program = await find_redis(self._behind.servers, self._behind.environ, print)
        restarted = await start_redis(self._behind.servers, program, port=port)
        assert restarted.process is not None
        self._redis = restarted.process

    async def _replace(self, at: int) -> None:
        self._workers[at] = await self._rig.worker()

    async def _stop(self, worker: RunningServer, seconds: float) -> None:
        if worker.exit_code is None:
            os.kill(worker.pid, signal.SIGSTOP)
            await asyncio.sleep(seconds)
        if worker.exit_code is None:
            os.kill(worker.pid, signal.SIGCONT)
