"""An interrupt between two passes, when what they used cannot be told: the turn ends all the same, and soon."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from streaming.contracts import GenerateInput, StepResult, Try, TurnResult
from tests.e2e.rig import Rig, eventually, turn
from workflows.turn import Turn


@activity.defn(name="generate")
async def busy(step: GenerateInput) -> StepResult:
    """Fail a pass; the next one is an hour away."""
    raise ApplicationError("busy", next_retry_delay=timedelta(hours=1))


@activity.defn(name="tally")
async def silent() -> list[Try]:
    """Wait for a server that never answers."""
    await asyncio.Event().wait()
    return []


@activity.defn(name="tally")
async def broken() -> list[Try]:
    """Get an error of the server's."""
    raise RuntimeError("unavailable")


@pytest.mark.parametrize("tally", [silent, broken])
async def test_an_interrupt_does_not_wait_for_a_count_that_does_not_come(
    rig: Rig, tally: Callable[[], Awaitable[object]]
) -> None:
    """Whether it fails or hangs; and what came of it replays."""
    queue = f"untold-{uuid4().hex[:8]}"
    worker = Worker(
        rig.client,
        task_queue=queue,
        workflows=[Turn],
        activities=[busy, tally],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        handle = await rig.start(turn("none", limits={"total_s": 80_000}), queue=queue)

        async def backing_off() -> bool:
            return (await rig.turns(queue).standing(handle.id)).status == "backing off"

        await eventually(backing_off)
        async with asyncio.timeout(30):
            partial: TurnResult = await handle.execute_update("interrupt", result_type=TurnResult)
            await handle.result()

    assert (partial.finish_reason, partial.message.parts, partial.tries) == ("interrupted", [], [])
    await Replayer(workflows=[Turn], data_converter=pydantic_data_converter).replay_workflow(
        await handle.fetch_history()
    )
