"""A worker that sleeps through its heartbeat timeout and wakes with a whole answer: all went on without it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from deploy.sandbox.processes import RunningServer
from streaming.jsontext import JsonObject
from streaming.live.frames import Frame, parse
from tests.e2e.rig import Rig, eventually, text_of, turn
from tests.e2e.watching import Watching

BRIEF: JsonObject = {"heartbeat_s": 2}
ZOMBIES: JsonObject = {"tokens": 60, "pace_s": 0.03}
SUCCESSORS = "what the successor says"


@asynccontextmanager
async def overheard(rig: Rig, turn_id: str) -> AsyncIterator[list[Frame]]:
    """Hear every frame on a turn's channel, those that viewers ignore too."""
    frames: list[Frame] = []

    async def listen() -> None:
        async for message in channel.listen():
            frame = parse(message["data"], int(time.time() * 1000)) if message["type"] == "message" else None
            frames.extend([frame] if frame else [])

    async with rig.redis.pubsub() as channel:
        await channel.subscribe(rig.channels.live(turn_id))
        listening = asyncio.create_task(listen())
        yield frames
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def put_to_sleep(rig: Rig, worker: RunningServer, script: str, seeing: Watching) -> int:
    """Stop a worker in mid-stream until it has lost its turn, and its answer waits whole; return its epoch."""
    await seeing.watch(until=lambda: len(seeing.text) > 60)
    os.kill(worker.pid, signal.SIGSTOP)

    async def whole() -> bool:
        return (await rig.requests(script))[0].outcome == "complete"

    await eventually(whole)
    return seeing.frames[-1].e


async def test_zombie_with_a_whole_answer_changes_neither_result_nor_screens(rig: Rig) -> None:
    """It wakes beside its successor and says its piece: no viewer shows it, and its result is not taken."""
    queue, turn_id = f"zombie-{uuid4().hex[:8]}", f"zombie-{uuid4().hex[:8]}"
    script = await rig.script(ZOMBIES, {"text": SUCCESSORS, "pace_s": 0.6})
    # With its only slot taken it polls for nothing that the server could give it in its sleep.
    zombie = await rig.worker(queue, MILLSTREAM_WORKER__MAX_CONCURRENT_TURNS="1")
    async with overheard(rig, turn_id) as frames, rig.viewer(turn_id) as watched:
        handle = await rig.start(turn(script, limits=BRIEF), queue=queue, turn_id=turn_id)
        seeing = Watching(watched)
        epoch = await put_to_sleep(rig, zombie, script, seeing)
        await rig.worker(queue)
        await seeing.watch(until=lambda: seeing.text == "what")
        heard = len(frames)
        os.kill(zombie.pid, signal.SIGCONT)
        async with rig.viewer(turn_id, join_at_start=True) as late:
            joining = Watching(late)
            await asyncio.gather(joining.watch(), seeing.watch())
        said = frames[heard:]

    assert any(frame.e == epoch for frame in said)
    assert text_of(await handle.result()) == SUCCESSORS
    assert [screen.text for screen in (seeing, joining)] == [SUCCESSORS, SUCCESSORS]
    assert [frame.e for frame in seeing.frames] == sorted(frame.e for frame in seeing.frames)
    assert [frame.e for frame in joining.frames] == sorted(frame.e for frame in joining.frames)
    history = (await handle.fetch_history()).to_json()
    assert history.count("EVENT_TYPE_ACTIVITY_TASK_COMPLETED") == 1
