"""The live view measured over the real stack, beside `temporalio.contrib.workflow_streams`: see README.md here.

    python -m benchmarks.live [--quick]
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

import uvloop
from redis.asyncio import Redis
from temporalio.client import Client

import turns
from benchmarks.cores import Cores
from benchmarks.live_viewers import Viewing
from benchmarks.stamps import Pace, Seen
from benchmarks.tables import Measured, History, print_tables
from benchmarks.workflow_streams.turn import WORKFLOW
from deploy.sandbox.processes import RunningServer, Servers, running_servers
from deploy.sandbox.serving import until_serving
from deploy.sandbox.stack import stack
from deploy.sandbox.worker import environment, start_worker
from streaming.live.link import connect_redis

_PROJECT = Path(__file__).parents[1]
_PROVIDER = (sys.executable, "-m", "benchmarks.stamping_provider")
_OURS, _THEIRS = "millstream", "workflow-streams"


@dataclass(frozen=True)
class Plan:
    """What is measured: 50 chunks a second in each stream."""

    seconds: float = 10
    streams: tuple[int, ...] = (1, 100, 500)
    viewers: int = 100
    their_viewers: tuple[int, ...] = (1, 8)
    pace_s: float = 0.02
    linger_s: float = 11  # a worker answers joins for ten seconds after a turn's end: those commands are the turn's

    def pace(self, streams: int) -> Pace:
        """Return the pace of a group of streams."""
        return Pace(uuid4().hex, streams, int(self.seconds / self.pace_s), self.pace_s)


QUICK = Plan(seconds=2, streams=(1, 50), viewers=20, their_viewers=(1, 4), linger_s=1)


class Bench:
    """A running stack with a worker of each kind."""

    def __init__(self, servers: Servers, environ: Mapping[str, str], client: Client, redis: Redis, plan: Plan) -> None:
        self._servers = servers
        self._environ = environ
        self._client = client
        self._redis = redis
        self._plan = plan
        self.pids: dict[str, int] = {}

    async def ours(self, streams: int, viewers: int, hubs: int = 1) -> Measured:
        """Measure turns, each watched by so many viewers over so many subscriptions."""
        ids = [f"turn-{uuid4().hex}" for _ in range(streams)]
        pace = self._plan.pace(streams)
        turn = {
            "messages": [{"role": "user", "content": "Hi"}],
            "settings": {"extra": {"scripted": {"pace": asdict(pace)}}},
        }
        before = await self._redis_commands()
        arguments = ["benchmarks.live_viewers", json.dumps(asdict(Viewing(ids, viewers, hubs)))]
        async with self._watching(arguments, viewers) as (seen, cores):
            starting = (
                self._client.start_workflow("Turn", turn, id=turn_id, task_queue=_OURS) for turn_id in ids
            )
            handles = await asyncio.gather(*starting)
            await asyncio.gather(*(handle.result() for handle in handles))
        ...
