"""Viewers of a streamed turn, as a process of their own: `python -m benchmarks.workflow_streams.viewers JSON`.

It starts the turn, and they subscribe at once. At the end it says what was measured.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import uvloop
from temporalio.client import Client
from temporalio.contrib.workflow_streams import WorkflowStreamClient

import connection
from benchmarks.stamps import Seen, Watch
from benchmarks.workflow_streams.turn import TOPIC, WORKFLOW
from streaming.jsontext import JsonValue


@dataclass(frozen=True)
class Viewing:
    """A turn, and how many watch it."""

    turn: str
    arguments: list[JsonValue]
    task_queue: str
    viewers: int


async def _follow(client: Client, turn_id: str, watch: Watch) -> None:
    stream = WorkflowStreamClient.create(client, turn_id)
    async for item in stream.subscribe([TOPIC], result_type=str):
        watch.seen(item.data)


async def _view(viewing: Viewing, environ: Mapping[str, str]) -> Seen:
    client = await connection.connect(environ)
    await client.start_workflow(WORKFLOW, args=viewing.arguments, id=viewing.turn, task_queue=viewing.task_queue)
    watches = [Watch() for _ in range(viewing.viewers)]
    await asyncio.gather(*(_follow(client, viewing.turn, watch) for watch in watches))
    return Seen.by(watches)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        environment = os.environ  # noqa: TID251 - a process of its own
        seen = runner.run(_view(Viewing(**json.loads(sys.argv[1])), environment))
    print(json.dumps(asdict(seen)))
