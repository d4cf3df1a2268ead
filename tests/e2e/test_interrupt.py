"""Stopping a turn: the partial is kept as the durable result, wherever the turn was."""

import asyncio
import time
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage
from temporalio.api.update.v1 import UpdateRef, WaitPolicy
from temporalio.api.workflowservice.v1 import PollWorkflowExecutionUpdateRequest
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import CancelledError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from activities.tally import tally
from streaming.contracts import TurnResult
from streaming.jsontext import JsonObject
from tests.e2e.rig import Rig, eventually, text_of, turn
from tests.e2e.shown import sees_all
from tests.e2e.test_kill import used_so_far
from workflows.turn import Turn

pytestmark = pytest.mark.usefixtures("worker")

ENDLESS: JsonObject = {"tokens": 5000, "pace_s": 0.02}


async def closed_after(rig: Rig, script: str, since: float) -> float:
    """Return how long after `since` (Unix seconds) the provider saw its client go."""

    async def closed() -> float | None:
        entry = (await rig.requests(script))[0]
        return entry.ended_at if entry.outcome == "client closed" else None

    return await eventually(closed) - since


async def streaming(rig: Rig, script: str) -> None:
    """Wait until the provider has sent something."""

    async def begun() -> bool:
        return any(entry.chunks_sent > 20 for entry in await rig.requests(script))

    await eventually(begun)


async def heard(rig: Rig, turn_id: str) -> None:
    """Wait until the turn's producer hears what it is asked over Redis: a hint comes once."""

    async def listening() -> bool:
        [(_, listeners)] = await rig.redis.pubsub_numsub(rig.channels.ask(turn_id))
        return bool(listeners)

    await eventually(listening)


def workflows_only(rig: Rig, queue: str) -> Worker:
    """Return a worker that takes no call over, whatever Temporal thinks of the one that has it."""
    return Worker(
        rig.client,
        task_queue=queue,
        workflows=[Turn],
        activities=[tally],
        workflow_runner=UnsandboxedWorkflowRunner(),
        no_remote_activities=True,
    )


async def with_its_worker_lost(rig: Rig) -> tuple[WorkflowHandle[object, JsonObject], str]:
    """Start a turn and kill its worker in the middle of it; return its queue too."""
    script = await rig.script(ENDLESS)
    queue = f"lost-{uuid4().hex[:8]}"
    worker = await rig.worker(queue)
    handle = await rig.start(turn(script, limits={"heartbeat_s": 5}), queue=queue)
    await used_so_far(handle, output_tokens=0)
    worker.kill()
    return handle, queue


async def test_interrupt_keeps_the_partial_and_closes_the_provider_at_once(rig: Rig) -> None:
    """With the hint the provider's connection closes in milliseconds; the update returns the partial message."""
    script = await rig.script(ENDLESS)
    # The stream would go on for 100 s, and the next heartbeat has its answer after 240 s.
    handle = await rig.start(turn(script, limits={"heartbeat_s": 300}))
    await streaming(rig, script)
    await heard(rig, handle.id)
    async with sees_all(rig, handle.id) as viewing:
        asked_at = time.time()

        partial = await rig.turns().interrupt(handle.id, viewing.interrupt_hint)

    assert partial.finish_reason == "interrupted"
    assert partial.message.text.startswith(" 00000 00001")
    assert await closed_after(rig, script, asked_at) < 60
    result = await handle.result()
    assert text_of(result) == partial.message.text
    assert result["sha256"] == partial.sha256
    assert result["provider"] == "scripted"


async def test_interrupt_works_without_redis_by_the_next_heartbeat(rig: Rig) -> None:
    """No hint is needed: the cancellation rides on a heartbeat's reply."""
    script = await rig.script(ENDLESS)
    # A worker that stands still for the fifth that is left after a beat would have lost the turn, and the partial.
    handle = await rig.start(turn(script, limits={"heartbeat_s": 10}))
    await streaming(rig, script)
    asked_at = time.time()

    partial = await handle.execute_update("interrupt", result_type=dict)

    assert partial["finish_reason"] == "interrupted"
    assert text_of(partial).startswith(" 00000")
    assert await closed_after(rig, script, asked_at) < 50  # the stream would go on for 100 s


async def test_hint_without_an_interrupt_stops_nothing(rig: Rig) -> None:
    """Redis hints, Temporal knows: a forged hint costs one query."""
    script = await rig.script({"tokens": 50, "pace_s": 0.02})
    turn_id = f"forged-{uuid4().hex[:8]}"
    handle = await rig.start(turn(script), turn_id=turn_id)
    await streaming(rig, script)

    async with rig.viewer(turn_id) as viewing:
        for _ in range(5):
            await viewing.interrupt_hint()
    result = await handle.result()

    assert result["finish_reason"] == "stop"
    assert len(text_of(result)) == 300


async def test_interrupt_before_the_first_token_returns_an_empty_partial(rig: Rig) -> None:
    """A model that is still thinking can be stopped."""
    script = await rig.script({"text": "never said", "first_token_s": 30})
    handle = await rig.start(turn(script))

    async def asked() -> bool:
        return bool(await rig.requests(script))

    await eventually(asked)
    async with rig.viewer(handle.id) as viewing:
        partial = await rig.turns().interrupt(handle.id, viewing.interrupt_hint)

    assert partial.message.parts == []
    assert partial.finish_reason == "interrupted"


async def test_interrupt_between_attempts_returns_at_once(rig: Rig) -> None:
    """A turn that waits for a retry need not wait to be stopped."""
    script = await rig.script({"status": 429, "headers": {"retry-after": "60"}})
    handle = await rig.start(turn(script))

    async def backing_off() -> bool:
        return (await rig.turns().standing(handle.id)).status == "backing off"

    await eventually(backing_off)
    started = time.monotonic()
    partial = await handle.execute_update("interrupt", result_type=dict)

    assert partial["finish_reason"] == "interrupted"
    assert time.monotonic() - started < 30


async def test_interrupt_between_passes_accounts_for_what_was_tried(rig: Rig) -> None:
    """Temporal drops what the waiting activity had told when it is cancelled: so it is asked before."""
    cut: JsonObject = {"tokens": 40, "cut_after": 20, "cut": "eof"}
    script = await rig.script(cut, cut, {"status": 429, "headers": {"retry-after": "60"}})
    handle = await rig.start(turn(script))

    async def asked_for_a_pause() -> bool:
        standing = await rig.turns().standing(handle.id)
        return standing.status == "backing off" and "429" in str(standing.last_failure)

    await eventually(asked_for_a_pause)
    started = time.monotonic()
    partial = TurnResult.model_validate(await handle.execute_update("interrupt", result_type=dict))

    assert time.monotonic() - started < 30
    assert (partial.finish_reason, partial.message.parts) == ("interrupted", [])
    failed = [(tried.attempt, tried.error.type) for tried in partial.tries if tried.error]
    assert failed == [(1, "TruncatedStream"), (2, "TruncatedStream"), (3, "StatusError")]
    assert [tried.usage.total_tokens if tried.usage else None for tried in partial.tries] == [31, 31, None]
    assert partial.total_usage.total_tokens == 62
    assert await handle.result() == partial.model_dump(mode="json")
    await Replayer(workflows=[Turn], data_converter=pydantic_data_converter).replay_workflow(
        await handle.fetch_history()
    )


async def test_interrupt_with_the_worker_lost_accounts_for_its_call(rig: Rig) -> None:
    """There is no partial, but there is what its last beat told."""
    handle, queue = await with_its_worker_lost(rig)

    async with workflows_only(rig, queue):
        partial = TurnResult.model_validate(await handle.execute_update("interrupt", result_type=dict))

    assert (partial.finish_reason, partial.message.parts) == ("interrupted", [])
    (lost,) = partial.tries
    assert lost.error is not None
    assert (lost.error.type, lost.estimated) == ("WorkerLost", True)
    assert partial.total_usage.total_tokens > 0


async def test_interrupt_of_an_ended_turn_is_refused(rig: Rig) -> None:
    """What is over cannot be stopped, and says so."""
    script = await rig.script({"text": "done"})
    handle = await rig.start(turn(script))
    await handle.result()

    with pytest.raises((RPCError, WorkflowUpdateFailedError), match="completed"):
        await handle.execute_update("interrupt")


async def test_two_interrupts_get_the_same_partial(rig: Rig) -> None:
    """A second stop is no second event: both callers learn how it ended."""
    script = await rig.script(ENDLESS)
    handle = await rig.start(turn(script, limits={"heartbeat_s": 2}))
    await streaming(rig, script)

    first, second = await asyncio.gather(
        handle.execute_update("interrupt", result_type=dict), handle.execute_update("interrupt", result_type=dict)
    )

    assert first == second


async def test_cancelled_run_ends_as_cancelled_and_closes_the_provider(rig: Rig) -> None:
    """`temporal workflow cancel` is not an interrupt: the run ends as cancelled."""
    script = await rig.script(ENDLESS)
    handle = await rig.start(turn(script, limits={"heartbeat_s": 2}))
    await streaming(rig, script)
    asked_at = time.time()

    await handle.cancel()

    with pytest.raises(WorkflowFailureError) as raised:
        await handle.result()
    assert isinstance(raised.value.cause, CancelledError)
    assert await closed_after(rig, script, asked_at) < 50  # the stream would go on for 100 s


async def test_cancelled_run_whose_worker_is_lost_ends_as_cancelled(rig: Rig) -> None:
    """The worker never hears of it, and its silence is no deadline of the turn's."""
    handle, queue = await with_its_worker_lost(rig)

    async with workflows_only(rig, queue):
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as raised:
            await handle.result()

    assert isinstance(raised.value.cause, CancelledError)


async def admitted(rig: Rig, turn_id: str, update_id: str) -> None:
    """Wait until the server holds an update that no worker has seen yet."""
    stage = UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED
    asked = PollWorkflowExecutionUpdateRequest(
        namespace=rig.client.namespace,
        update_ref=UpdateRef(workflow_execution=WorkflowExecution(workflow_id=turn_id), update_id=update_id),
        wait_policy=WaitPolicy(lifecycle_stage=stage),
    )

    async def is_there() -> bool:
        try:
            held = await rig.client.workflow_service.poll_workflow_execution_update(asked)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return held.stage >= stage

    await eventually(is_there)


async def test_interrupt_before_any_worker_took_the_turn_asks_nobody(rig: Rig) -> None:
    """The update comes with the start: the turn ends with nothing said, and nothing bought."""
    script = await rig.script(ENDLESS)
    queue = f"late-{uuid4().hex[:8]}"
    handle = await rig.start(turn(script), queue=queue)
    stopping = asyncio.create_task(handle.execute_update("interrupt", id="stop", result_type=dict))
    await admitted(rig, handle.id, "stop")
    await rig.worker(queue)

    partial: JsonObject = await stopping

    assert (partial["finish_reason"], text_of(partial)) == ("interrupted", "")
    assert await handle.result() == partial
    assert await rig.requests(script) == []
