"""Records one history of each way a turn ends: `python -m tests.histories.record VERSION` after a release.

Recorded histories are kept for ever: they are the turns that run on older workers.
"""

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Protocol

from temporalio.client import WorkflowHandle

from streaming.jsontext import JsonObject
from tests.e2e.rig import clean_environ, rig_up, turn

_SLOW: JsonObject = {"tokens": 500, "pace_s": 0.05}
_BUSY: JsonObject = {"status": 429, "headers": {"retry-after": "60"}}
_Handle = WorkflowHandle[object, JsonObject]


class _Ending(Protocol):
    async def __call__(self, handle: _Handle) -> object:
        """Bring a running turn to its end."""


async def _interrupt(handle: _Handle) -> object:
    await asyncio.sleep(1)
    return await handle.execute_update("interrupt")


async def _interrupt_backoff(handle: _Handle) -> object:
    await asyncio.sleep(2)
    return await handle.execute_update("interrupt")


async def _cancel(handle: _Handle) -> object:
    await asyncio.sleep(1)
    await handle.cancel()
    return None


async def _wait(handle: _Handle) -> object:
    return await handle.result()


async def record(version: str) -> None:
    """Run a turn of each kind and write its history."""
    environ = clean_environ(os.environ)  # noqa: TID251 - a program of its own
    async with rig_up(environ) as rig:
        await rig.worker()
        brief: JsonObject = {"heartbeat_s": 2}
        shapes: dict[str, tuple[JsonObject, _Ending]] = {
            "completed": (turn(await rig.script({"text": "done"}), metadata={"customer": "c-1"}), _wait),
            "retried": (turn(await rig.script({"status": 500}, {"text": "again"})), _wait),
            "failed": (turn(await rig.script({"status": 401})), _wait),
            "invalid": ({"messages": []}, _wait),
            "interrupted": (turn(await rig.script(_SLOW), limits=brief), _interrupt),
            "interrupted-between": (turn(await rig.script({"status": 500}, _BUSY)), _interrupt_backoff),
            "cancelled": (turn(await rig.script(_SLOW), limits=brief), _cancel),
        }
        for name, (request, ending) in shapes.items():
            handle = await rig.start(request, turn_id=name)
            with contextlib.suppress(Exception):
                await ending(handle)
                await handle.result()
            history = (await handle.fetch_history()).to_json()
            here = Path(__file__).parent
            # Stack traces name the folder they were recorded in, which is nobody else's business.
            (here / f"{name}-{version}.json").write_text(history.replace(f"{here.parents[1]}/", "") + "\n")


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1]))
