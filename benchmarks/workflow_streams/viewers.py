"""Viewers of a streamed turn as a process of their own: `python -m benchmarks.workflow_streams.viewers TURN COUNT`.

Says "watching" before the turn is started, and after its end one line of JSON with what was measured.
"""

import asyncio
import os
import sys
from collections.abc import Mapping

import uvloop
from temporalio.client import Client
from temporalio.contrib.workflow_streams import WorkflowStreamClient
from temporalio.service import RPCError, RPCStatusCode

import turns
from benchmarks.stamps import Seen, Watch
from benchmarks.workflow_streams.turn import TOPIC


async def _follow(client: Client, turn_id: str) -> Watch:
    watch = Watch()
    stream = WorkflowStreamClient.create(client, turn_id)
    while True:
        try:
            async for item in stream.subscribe([TOPIC], result_type=str):
                watch.seen(item.data)
        except RPCError as error:
            if watch.latencies_ms or error.status != RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(0.01)  # the turn is started when everybody waits for it
        else:
            return watch


async def _view(turn_id: str, viewers: int, environ: Mapping[str, str]) -> None:
    client = await turns.connect(environ)
    print("watching", flush=True)
    Seen.by(await asyncio.gather(*(_follow(client, turn_id) for _ in range(viewers)))).say()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        environment = os.environ  # noqa: TID251 - a process of its own
        runner.run(_view(sys.argv[1], int(sys.argv[2]), environment))
