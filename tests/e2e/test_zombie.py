"""A worker that sleeps through its heartbeat timeout and wakes with a whole answer: all went on without it."""

import asyncio
import os
import signal
from uuid import uuid4

from deploy.sandbox.processes import RunningServer
from streaming.jsontext import JsonObject
from tests.e2e.rig import Rig, eventually, text_of, turn
from tests.e2e.shown import sees_all
from tests.e2e.watching import Watching, overheard

BRIEF: JsonObject = {"heartbeat_s": 2}
ZOMBIES: JsonObject = {"tokens": 150, "pace_s": 0.03}
SUCCESSORS = "what the successor says"


async def put_to_sleep(rig: Rig, worker: RunningServer, script: str, seeing: Watching) -> int:
    """Stop a worker in mid-stream until it has lost its turn, and its answer waits whole; return its epoch."""
    await seeing.watch(until=lambda: len(seeing.text) > 60)
    os.kill(worker.pid, signal.SIGSTOP)

    async def whole() -> bool:
        return (await rig.requests(script))[-1].outcome == "complete"

    await eventually(whole)
    return seeing.frames[-1].e


async def test_zombie_with_a_whole_answer_changes_neither_result_nor_screens(rig: Rig) -> None:
    """It wakes beside its successor and says its piece: no viewer shows it, and its result is not taken."""
    queue, turn_id = f"zombie-{uuid4().hex[:8]}", f"zombie-{uuid4().hex[:8]}"
    script = await rig.script(ZOMBIES)
    # With its only slot taken it polls for nothing that the server could give it in its sleep.
    zombie = await rig.worker(queue, MILLSTREAM_WORKER__MAX_CONCURRENT_TURNS="1")
    async with overheard(rig, turn_id) as frames, sees_all(rig, turn_id) as watched:
        handle = await rig.start(turn(script, limits=BRIEF), queue=queue, turn_id=turn_id)
        seeing = Watching(watched)
        epoch = await put_to_sleep(rig, zombie, script, seeing)
        await rig.script({"text": SUCCESSORS, "pace_s": 0.6}, name=script)
        await rig.worker(queue)
        await seeing.watch(until=lambda: seeing.text.startswith("what"))
        heard = len(frames)
        os.kill(zombie.pid, signal.SIGCONT)

        async def zombie_speaks() -> bool:
            return any(frame.e == epoch for frame in frames[heard:])

        async with sees_all(rig, turn_id, join_at_start=True) as late:
            joining = Watching(late)
            await asyncio.gather(joining.watch(), seeing.watch(), eventually(zombie_speaks))

    assert text_of(await handle.result()) == SUCCESSORS
    assert [screen.text for screen in (seeing, joining)] == [SUCCESSORS, SUCCESSORS]
    assert [frame.e for frame in seeing.frames] == sorted(frame.e for frame in seeing.frames)
    assert [frame.e for frame in joining.frames] == sorted(frame.e for frame in joining.frames)
    history = (await handle.fetch_history()).to_json()
    assert history.count("EVENT_TYPE_ACTIVITY_TASK_COMPLETED") == 1
