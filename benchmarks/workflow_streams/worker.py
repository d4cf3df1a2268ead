"""A worker of streamed turns: `python -m benchmarks.workflow_streams.worker TASK_QUEUE`.

It reads the provider with the very transport and reader that our own worker uses.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from datetime import timedelta

import uvloop
from temporalio import activity
from temporalio.contrib.workflow_streams import WorkflowStreamClient
from temporalio.worker import Worker

import connection
from activities.transport import Transport
from benchmarks.workflow_streams.turn import TOPIC, StreamedTurn
from streaming.deltas import PartAdded
from streaming.providers import WIRES
from streaming.providers.reader import StreamReader
from streaming.providers.wire import Quirks

BATCH = timedelta(milliseconds=100)  # what Temporal's own AI integrations use; the default is 2 s


class Stream:
    """The activity with the client it needs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @activity.defn(name="stream")
    async def stream(self, url: str, pace: dict[str, str | int | float]) -> str:
        """Publish the provider's stream, and return its whole text."""
        reader = StreamReader(WIRES["openai-chat"], Quirks())
        said: list[str] = []
        client = WorkflowStreamClient.from_within_activity(batch_interval=BATCH)
        topic = client.topic(TOPIC, type=str)
        async with client, self._transport.post(url, {}, {"pace": {**pace}}, connect_s=10) as response:
            async for chunk in response.chunks():
                for delta in reader.feed(chunk):
                    if isinstance(delta, PartAdded):
                        said.append(delta.text)
                        topic.publish(delta.text)
            # Not `force_flush` with the last publish: on Python 3.11 leaving the client then hangs for ever.
            await client.flush()
        return "".join(said)


async def _serve(task_queue: str, environ: Mapping[str, str]) -> None:
    client = await connection.connect(environ)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Transport() as transport:
        stream = Stream(transport)
        async with Worker(client, task_queue=task_queue, workflows=[StreamedTurn], activities=[stream.stream]):
            print("worker ready", flush=True)
            await stop.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        environment = os.environ  # noqa: TID251 - a process of its own
        runner.run(_serve(sys.argv[1], environment))
