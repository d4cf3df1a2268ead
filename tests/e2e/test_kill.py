"""Workers that die: the turn goes on elsewhere, there is one result, and every screen shows it."""

import asyncio
import os
import signal
import time
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle

from activities.trail import trail_of
from deploy.sandbox.processes import RunningServer
from streaming.contracts import Limits, Try, TurnResult
from streaming.jsontext import JsonObject
from streaming.live.durable import Outcome
from streaming.live.frames import Frame
from tests.e2e.chaos.durable import insist
from tests.e2e.rig import Rig, eventually, text_of, turn
from tests.e2e.shown import sees_all

HEARTBEAT_S = 3
FIRST_TOKEN_S = Limits().first_token_s
SLOW: JsonObject = {"tokens": 60, "pace_s": 0.05}
ENDLESS: JsonObject = {"tokens": 4000, "pace_s": 0.05}
"""Nothing but a kill ends its call, however late a test sees that it has begun."""


@pytest.fixture
def queue() -> str:
    """A queue whose workers may be hurt."""
    return f"mortal-{uuid4().hex[:8]}"


async def test_turn_survives_two_sigkills_in_a_row(rig: Rig, queue: str) -> None:
    """Twice a worker is killed mid-stream; the third one's answer is the result and what the viewer sees."""
    script = await rig.script(ENDLESS)
    worker = await rig.worker(queue)
    turn_id = f"killed-twice-{uuid4().hex[:8]}"
    epochs: list[int] = []
    killed: list[int] = []
    on_screen = ""
    outcome: Outcome | None = None

    async with sees_all(rig, turn_id) as viewing:
        handle = await rig.start(turn(script, limits={"heartbeat_s": HEARTBEAT_S}), queue=queue, turn_id=turn_id)
        async for event in viewing.events():
            if isinstance(event, Outcome):
                outcome = event
                break
            on_screen = viewing.viewer.text
            if isinstance(event, Frame) and event.kind in ("begin", "snap"):
                epochs.append(event.e)
            if len(killed) < 2 and len(on_screen) > 60 and viewing.viewer.epoch not in killed:
                killed.append(viewing.viewer.epoch)
                worker.kill()
                if len(killed) == 2:
                    await rig.script(SLOW, name=script)
                worker = await rig.worker(queue)
                replaced_at = time.monotonic()
        done_at = time.monotonic()

    assert outcome is not None
    assert outcome.result is not None
    result = await handle.result()
    assert text_of(result) == outcome.result.message.text == on_screen
    assert set(killed) < set(epochs)
    assert sorted(epochs) == epochs
    assert done_at - replaced_at < FIRST_TOKEN_S / 2  # the silence of a worker was noticed, not that of a provider
    history = (await handle.fetch_history()).to_json()
    assert history.count("EVENT_TYPE_ACTIVITY_TASK_COMPLETED") == 1
    assert history.count("EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED") == 1
    accounted = TurnResult.model_validate(result)
    *_, answered = lost_until_answered(accounted)
    assert answered.attempt >= 3
    _is_the_sum(accounted)


async def test_what_a_killed_workers_call_had_used_is_accounted_for(rig: Rig, queue: str) -> None:
    """By an estimate of its last beat: the prompt, and what was said by then; the totals have it too."""
    script = await rig.script(ENDLESS)
    worker = await rig.worker(queue)
    handle = await rig.start(turn(script, limits={"heartbeat_s": 2}), queue=queue)
    await used_so_far(handle, output_tokens=30)

    worker.kill()
    await rig.script({"text": "the successor's"}, name=script)
    await rig.worker(queue)
    result = TurnResult.model_validate(await handle.result())

    assert result.message.text == "the successor's"
    *lost, answered = lost_until_answered(result)
    used = [tried.usage for tried in lost if tried.usage]
    assert [usage.input_tokens for usage in used] == [1] * len(lost)
    assert 30 <= max(usage.output_tokens or 0 for usage in used) < 6000
    assert all(tried.estimated and tried.seconds > 0 for tried in lost)
    assert not answered.estimated
    _is_the_sum(result)


async def test_the_budget_is_held_across_a_kill(rig: Rig, queue: str) -> None:
    """What the lost call had used is spent: the successor says the rest, and no more."""
    script = await rig.script({"tokens": 1000, "pace_s": 0.02})
    worker = await rig.worker(queue)
    limits: JsonObject = {"heartbeat_s": 2, "max_total_tokens": 600}
    handle = await rig.start(turn(script, limits=limits), queue=queue)
    await used_so_far(handle, output_tokens=100)

    worker.kill()
    await rig.worker(queue)
    result = TurnResult.model_validate(await handle.result())

    assert result.finish_reason == "budget"
    *_, cut = lost_until_answered(result)
    assert cut.usage is not None
    assert cut.usage.total_tokens < 600 <= result.total_usage.total_tokens
    _is_the_sum(result)


def told(result: TurnResult) -> list[tuple[int, str | None]]:
    """Return the attempt of each try, and the type of its error."""
    return [(tried.attempt, tried.error.type if tried.error else None) for tried in result.tries]


def lost_until_answered(result: TurnResult) -> list[Try]:
    """Check that only workers were lost until one answered; return the tries.

    A worker that stands still for less than a second may lose its turn before it is killed: there may be one more.
    """
    *lost, answered = result.tries
    assert answered.error is None
    assert all(tried.error and tried.error.type == "WorkerLost" for tried in lost)
    attempts = [tried.attempt for tried in result.tries]
    assert attempts == sorted(set(attempts))
    return result.tries


def _is_the_sum(result: TurnResult) -> None:
    used = [tried.usage for tried in result.tries]
    assert None not in used
    assert result.total_usage.total_tokens == sum(usage.total_tokens for usage in used if usage)


async def used_so_far(handle: WorkflowHandle[object, JsonObject], output_tokens: int) -> int:
    """Wait until Temporal knows of so many tokens of the call in flight; return how many it knows of."""

    async def known() -> int | None:
        described = await insist(handle.describe)
        for pending in described.raw_description.pending_activities:
            trail = trail_of(await described.data_converter.decode(list(pending.heartbeat_details.payloads)))
            if trail and trail.in_flight and trail.in_flight.so_far and (usage := trail.in_flight.so_far.usage):
                return usage.total_tokens if (usage.output_tokens or 0) >= output_tokens else None
        return None

    return await eventually(known)


async def test_stopping_worker_lets_a_running_turn_finish(rig: Rig, queue: str) -> None:
    """SIGTERM drains: an answer that can end in time is bought once; the next worker only records it."""
    script = await rig.script(SLOW)
    worker = await rig.worker(queue)
    handle = await rig.start(turn(script), queue=queue)
    await _streaming(rig, script)

    await _replaced(rig, worker, queue)
    result = await handle.result()

    assert worker.exit_code == 0
    assert len(text_of(result)) == 360
    assert len(await rig.requests(script)) == 1


async def test_stopping_worker_hands_a_long_turn_over(rig: Rig, queue: str) -> None:
    """A turn that cannot end in the drain time goes to another worker at once, not after a heartbeat timeout."""
    script = await rig.script({"tokens": 600, "pace_s": 0.1}, {"text": "taken over"})
    worker = await rig.worker(queue, MILLSTREAM_WORKER__DRAIN_S="4")
    handle = await rig.start(turn(script, limits={"heartbeat_s": 200}), queue=queue)
    await _streaming(rig, script)
    started = time.monotonic()

    _, result = await asyncio.gather(_replaced(rig, worker, queue), handle.result())

    assert text_of(result) == "taken over"
    assert time.monotonic() - started < 150
    handed_over, _ = TurnResult.model_validate(result).tries
    assert told(TurnResult.model_validate(result)) == [(1, "WorkerLost"), (2, None)]
    assert handed_over.usage is not None
    # Its worker told how far it was when it stopped, not at a beat before: the next would have come after a minute.
    assert (handed_over.usage.output_tokens or 0) > 10


async def _replaced(rig: Rig, worker: RunningServer, queue: str) -> RunningServer:
    await worker.stop(grace=90)
    return await rig.worker(queue)


async def _streaming(rig: Rig, script: str) -> None:
    async def begun() -> bool:
        return any(entry.chunks_sent > 0 for entry in await rig.requests(script))

    await eventually(begun)


async def test_zombie_that_wakes_up_changes_neither_screen_nor_result(rig: Rig, queue: str) -> None:
    """A worker stopped (SIGSTOP) past its heartbeat timeout wakes beside its successor and is ignored by everybody."""
    script = await rig.script(ENDLESS)
    zombie = await rig.worker(queue)
    turn_id = f"zombie-{uuid4().hex[:8]}"
    screens: list[tuple[int, str]] = []
    stopped = awake = False
    outcome: Outcome | None = None

    async with sees_all(rig, turn_id) as viewing:
        await rig.start(turn(script, limits={"heartbeat_s": 2}), queue=queue, turn_id=turn_id)
        async for event in viewing.events():
            if isinstance(event, Outcome):
                outcome = event
                break
            screens.append((viewing.viewer.epoch, viewing.viewer.text))
            if not stopped and len(viewing.viewer.text) > 60:
                stopped = True
                os.kill(zombie.pid, signal.SIGSTOP)
                await rig.script({"text": "the successor's words", "pace_s": 0.3}, name=script)
                await rig.worker(queue)
            if not awake and "successor" in viewing.viewer.text:
                awake = True
                os.kill(zombie.pid, signal.SIGCONT)

    assert awake
    assert outcome is not None
    assert outcome.result is not None
    assert outcome.result.message.text == "the successor's words"
    newest = screens[-1][0]
    assert all("the successor's words".startswith(text) for epoch, text in screens if epoch == newest)
    assert [epoch for epoch, _ in screens] == sorted(epoch for epoch, _ in screens)
