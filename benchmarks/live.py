"""The live view measured over the real stack, beside `temporalio.contrib.workflow_streams`: see README.md here.

python -m benchmarks.live [--quick]
"""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

import uvloop
from redis.asyncio import Redis
from temporalio.client import Client

import connection
from benchmarks import tables
from benchmarks.cores import Cores
from benchmarks.live_viewers import Viewing
from benchmarks.stamps import Pace, Seen
from benchmarks.tables import Measured
from benchmarks.workflow_streams import viewers as streamed
from deploy.sandbox.processes import RunningServer, Servers, running_servers
from deploy.sandbox.serving import until_serving
from deploy.sandbox.stack import Stack, stack
from deploy.sandbox.worker import environment, is_scripted, start_worker
from streaming.jsontext import JsonObject, JsonValue
from streaming.live.link import connect_redis

_PROJECT = Path(__file__).parents[1]
_PROVIDER = (sys.executable, "-m", "benchmarks.stamping_provider")
_OURS, _THEIRS = "millstream", "workflow-streams"


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    seconds: float = 10
    pace_s: float = 0.02
    streams: tuple[int, ...] = (1, 100, 500)
    viewers: int = 100
    their_viewers: tuple[int, ...] = (1, 8)
    linger_s: float = 11
    """A worker answers joins for ten seconds after a turn's end, and what that costs is the turn's."""

    @property
    def chunks(self) -> int:
        """How many a stream has."""
        return int(self.seconds / self.pace_s)

    def pace(self, streams: int) -> JsonObject:
        """Return the pace of a new group of streams."""
        return asdict(Pace(uuid4().hex, streams, self.chunks, self.pace_s))


QUICK = Plan(seconds=2, streams=(1, 50), viewers=20, their_viewers=(1, 4), linger_s=0)


class Bench:
    """A running stack, and what is measured on it."""

    def __init__(
        self, up: Stack, servers: Servers, environ: Mapping[str, str], client: Client, redis: Redis, plan: Plan
    ) -> None:
        self._up = up
        self._servers = servers
        self._environ = environ
        self._client = client
        self._redis = redis
        self._plan = plan

    async def run(self) -> tuple[list[Measured], list[Measured]]:
        """Measure everything, one after the other."""
        plan = self._plan
        queued = {"MILLSTREAM_WORKER__TASK_QUEUE": _OURS, "MILLSTREAM_WORKER__MAX_CONCURRENT_TURNS": "1000"}
        worker = await start_worker(self._servers, {**self._environ, **queued})
        await self._ours(worker, Plan(seconds=1, linger_s=0), 1, 1, 1)  # connections, caches
        ours = [await self._ours(worker, plan, 1, 0, 0)]
        ours += [await self._ours(worker, plan, streams, 1, 1) for streams in plan.streams]
        ours += [await self._ours(worker, plan, 1, plan.viewers, hubs) for hubs in (1, plan.viewers)]
        await worker.stop(grace=15)
        worker = self._start("benchmarks.workflow_streams.worker", _THEIRS)
        await _says(worker, "worker ready")
        return ours, [await self._theirs(worker, viewers) for viewers in plan.their_viewers]

    async def _ours(self, worker: RunningServer, plan: Plan, streams: int, viewers: int, hubs: int) -> Measured:
        ids = [f"turn-{uuid4().hex}" for _ in range(streams)]
        extra: JsonObject = {"scripted": {"pace": plan.pace(streams)}}
        turn: JsonObject = {"messages": [{"role": "user", "content": "Hi"}], "settings": {"extra": extra}}
        before = await self._redis_commands()
        viewing = Viewing(ids, turn, _OURS, viewers, hubs)
        seen, cores = await self._viewed("benchmarks.live_viewers", asdict(viewing), worker)
        await asyncio.sleep(plan.linger_s)
        after = await self._redis_commands()
        spent = {name: calls - before.get(name, 0) for name, calls in after.items()}
        events, size = await self._history(ids[0])
        return Measured(streams, viewers, streams * hubs, seen, events, size, spent, cores)

    async def _theirs(self, worker: RunningServer, viewers: int) -> Measured:
        turn_id = f"streamed-{uuid4().hex}"
        arguments: list[JsonValue] = [f"{self._up.provider_url}/chat/completions", self._plan.pace(1)]
        viewing = streamed.Viewing(turn_id, arguments, _THEIRS, viewers)
        seen, cores = await self._viewed("benchmarks.workflow_streams.viewers", asdict(viewing), worker)
        events, size = await self._history(turn_id)
        return Measured(1, viewers, viewers, seen, events, size, {}, cores)

    async def _viewed(
        self, module: str, viewing: dict[str, object], worker: RunningServer
    ) -> tuple[Seen | None, dict[str, float]]:
        """Run a process of viewers to its end; return what it measured, and how many cores everyone used."""
        viewers = self._start(module, json.dumps(viewing))
        async with Cores(self._pids(worker, viewers)).sampled() as cores:
            if await viewers.ended():
                raise RuntimeError(f"the viewers failed: {viewers.last_lines()}")
        said = json.loads(viewers.output().splitlines()[-1])
        seen = Seen(**said) if said else None
        return seen, cores.used(seen.begin, seen.end) if seen else {}

    def _start(self, module: str, *arguments: str) -> RunningServer:
        command = [sys.executable, "-m", module, *arguments]
        return self._servers.start(module.rpartition(".")[2].title(), command, self._environ, _PROJECT)

    def _pids(self, worker: RunningServer, viewers: RunningServer) -> dict[str, int]:
        processes = {**self._up.processes, "worker": worker, "viewers": viewers}
        return {name: process.pid for name, process in processes.items()}

    async def _redis_commands(self) -> dict[str, int]:
        stats: dict[str, dict[str, int]] = await self._redis.info("commandstats")
        calls: Counter[str] = Counter()
        for name, stat in stats.items():  # newer servers tell PUBSUB NUMSUB from PUBSUB
            calls[name.removeprefix("cmdstat_").partition("|")[0]] += stat["calls"]
        return {name: count for name, count in calls.items() if name != "info"}

    async def _history(self, turn_id: str) -> tuple[int, int]:
        described = await self._client.get_workflow_handle(turn_id).describe()
        info = described.raw_description.workflow_execution_info
        return info.history_length, info.history_size_bytes


async def _says(process: RunningServer, word: str) -> None:
    async def ask() -> bool | None:
        return word in process.output() or None

    await until_serving(process, ask)


async def measure(plan: Plan, environ: Mapping[str, str]) -> None:
    """Bring the stack up, measure, and print."""
    async with stack(environ, lambda _: None, _PROVIDER) as up, running_servers() as servers:
        pointed = environment(up, environ)
        redis = connect_redis(up.redis_url)
        bench = Bench(up, servers, pointed, await connection.connect(pointed), redis, plan)
        ours, theirs = await bench.run()
        await redis.aclose()
    print(f"{plan.chunks} chunks a stream, one each {plan.pace_s * 1000:g} ms; {os.cpu_count()} cores\n")
    print("\n\n".join([tables.latencies(ours, plan.chunks), tables.commands(ours), tables.beside(ours, theirs)]))


def main() -> None:
    """Measure, on a machine whose servers and settings play no part."""
    machine = os.environ  # noqa: TID251 - a composition root
    theirs = ("MILLSTREAM_", "TEMPORAL_", "OPENAI_", "REDIS_URL")
    environ = {name: value for name, value in machine.items() if not name.startswith(theirs)}
    if not is_scripted(environ):
        sys.exit("a millstream.toml here names real providers: move it away")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(QUICK if "--quick" in sys.argv else Plan(), environ))


if __name__ == "__main__":
    main()
