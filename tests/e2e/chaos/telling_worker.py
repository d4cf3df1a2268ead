"""A worker as any other, which tells on SIGUSR1 what asyncio tasks it has: one line of JSON on its standard output."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Mapping

import uvloop

import settings
import worker
from telemetry import logs

BEGINS = '{"tasks"'
# The second where it went away between a worker's connecting and its first poll.
NO_TEMPORAL = ("no Temporal server answers", "Worker validation failed")


async def _serve(environ: Mapping[str, str]) -> None:
    loaded = settings.load(environ)
    logs.configure_logs(loaded.worker.log_format)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, _tell)
    await worker.serve(loaded, environ, stop, lambda _: None)


def _tell() -> None:
    names = Counter(str(getattr(task.get_coro(), "__qualname__", task)) for task in asyncio.all_tasks())
    print(json.dumps({"tasks": names}), flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(os.environ))  # noqa: TID251 - a program of its own
