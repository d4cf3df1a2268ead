"""The workers of a run, and what each of them holds: descriptors, asyncio tasks, slots."""

import asyncio
import json
import os
import signal
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from sys import executable

import aiohttp

from deploy.sandbox.errors import PortTakenError, SandboxError
from deploy.sandbox.processes import LOOPBACK, RunningServer, free_port
from deploy.sandbox.serving import until_serving
from tests.e2e.chaos import telling_worker
from tests.e2e.chaos.descriptors import descriptors
from tests.e2e.proxy import port_of
from tests.e2e.rig import PROJECT, Rig, eventually

_START_AGAIN_S = 0.1
_LOOK_AGAIN_S = 0.3
# A pool keeps as many connections as were used at once: to listen, to publish, to look who listens.
_POOLED = Counter({"socket to Redis": 2})
# The metrics that are zero when no turn runs: slots, and turns shown to viewers.
_BUSY = ("temporal_worker_task_slots_used", "millstream_live_turns")


@dataclass(frozen=True)
class Member:
    """One worker process, and the address of its metrics."""

    process: RunningServer
    metrics: str

    async def tasks(self) -> Counter[str]:
        """Return its asyncio tasks, by their coroutine."""
        told = len(self._told())
        os.kill(self.process.pid, signal.SIGUSR1)

        async def answered() -> bool:
            return len(self._told()) > told

        await eventually(answered)
        return Counter({f"task {name}": count for name, count in json.loads(self._told()[-1])["tasks"].items()})

    def _told(self) -> list[str]:
        whole = [line for line in self.process.output().splitlines(keepends=True) if line.endswith("\n")]
        return [line for line in whole if line.startswith(telling_worker.BEGINS)]

    async def busy(self) -> Counter[str]:
        """Return what of it is in use, by the metric's name."""
        async with aiohttp.ClientSession() as session, session.get(f"http://{self.metrics}/metrics") as response:
            lines = (await response.text()).splitlines()
        samples = (line.rpartition(" ") for line in lines if line.startswith(_BUSY))
        return Counter({name: round(float(value)) for name, _, value in samples})


class Crew:
    """The workers of a run.

    Args:
        rig: whose servers they use.
        config: their settings.
        size: how many they are.
        redis_port: where they reach Redis.
    """

    def __init__(self, rig: Rig, config: Path, size: int, redis_port: int) -> None:
        self.members: list[Member] = []
        self._rig, self._config, self._size = rig, config, size
        self._idle: Counter[str] = Counter()
        self._leads_to = {
            port_of(rig.stack.provider_url.removesuffix("/v1")): "the provider",
            port_of(rig.stack.temporal_address): "Temporal",
            redis_port: "Redis",
        }

    async def start(self) -> None:
        """Start all, and see what such a worker holds when it is idle."""
        self.members = list(await asyncio.gather(*(self._member() for _ in range(self._size))))
        self._idle = await self._settled(self.members[0])

    async def kill(self, at: int) -> None:
        """Kill one, and start another in its place."""
        self.members[at].process.kill()
        self.members[at] = await self._member()

    async def _member(self) -> Member:
        """Start a worker, again and again while it finds no Temporal server, as whoever supervises workers does."""
        while True:
            metrics = f"{LOOPBACK}:{free_port()}"
            variables = {"MILLSTREAM_CONFIG": str(self._config), "MILLSTREAM_WORKER__METRICS_ADDRESS": metrics}
            command = [executable, "-m", telling_worker.__name__]
            process = self._rig.servers.start("Worker", command, self._rig.worker_environ(**variables), PROJECT)
            try:
                await until_serving(process, partial(_ready, process))
            except PortTakenError:
                pass  # by another process, since it was found free
            except SandboxError:
                if not any(words in process.output() for words in telling_worker.NO_TEMPORAL):
                    raise
                await asyncio.sleep(_START_AGAIN_S)
            else:
                return Member(process, metrics)

    async def _settled(self, member: Member) -> Counter[str]:
        held: Counter[str] = Counter()
        while (now := await self._holds(member)) != held or not held["socket to Redis"]:
            held = now
            await asyncio.sleep(_LOOK_AGAIN_S)
        return held

    async def _holds(self, member: Member) -> Counter[str]:
        return descriptors(member.process.pid, self._leads_to) + await member.tasks() + await member.busy()

    async def held(self) -> list[str]:
        """Return what they hold beyond what an idle one does; one that has ended by itself is told too."""
        found = []
        for member in self.members:
            process = member.process
            if process.exit_code is not None:
                found.append(f"worker {process.pid} ended with {process.exit_code}: {process.last_lines()}")
                continue
            more = await self._holds(member) - self._idle - _POOLED
            found += [f"worker {process.pid} holds {kind}: {count} too many" for kind, count in more.items()]
        return found

    async def stop(self) -> list[str]:
        """Have all end by themselves; return which did not."""
        await asyncio.gather(*(member.process.stop(grace=120) for member in self.members))
        codes = ((member.process, member.process.exit_code) for member in self.members)
        return [f"worker {process.pid} ended with {code}: {process.last_lines()}" for process, code in codes if code]


async def _ready(process: RunningServer) -> bool | None:
    return "worker ready" in process.output() or None
