"""Calls to Temporal whose connection ends under them: asked again where that is safe, and told for what they are."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from temporalio.client import (
    Client,
    DescribeWorkflowInput,
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    WorkflowExecutionDescription,
    WorkflowHandle,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities.interrupts import Interrupts
from activities.unwatched import UnwatchedTurn
from connection import CannotReachTemporal
from streaming.contracts import TurnState
from streaming.jsontext import JsonObject
from tests.e2e.rig import Rig, eventually, turn
from tests.e2e.test_interrupt import ENDLESS, streaming
from turns import TurnRefused, Turns

pytestmark = pytest.mark.usefixtures("worker")

CANCELLED = (RPCStatusCode.CANCELLED, "operation was canceled")  # the server closed the connection
NO_ANSWER = (CANCELLED, (RPCStatusCode.UNAVAILABLE, "tcp connect error"), (RPCStatusCode.UNKNOWN, "transport error"))


class Dropping(Interceptor):
    """Loses the first calls of each kind, or their answers.

    Args:
        times: how many of each kind.
        failure: what they come to instead.
        answers: whether the server gets them.
    """

    def __init__(self, times: int, failure: tuple[RPCStatusCode, str] = CANCELLED, *, answers: bool = True) -> None:
        self.calls: Counter[str] = Counter()
        self.answers = answers
        self._times, self._failure = times, failure

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """Stand between the client and the server."""
        return _Outbound(next, self)

    def drop(self, kind: str) -> None:
        """Lose it, unless enough were."""
        self.calls[kind] += 1
        if self.calls[kind] <= self._times:
            status, message = self._failure
            raise RPCError(message, status, b"")


class _Outbound(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, dropping: Dropping) -> None:
        super().__init__(next)
        self._dropping = dropping

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        if not self._dropping.answers:
            self._dropping.drop("start")
        handle = await super().start_workflow(input)
        if self._dropping.answers:
            self._dropping.drop("start")
        return handle

    async def describe_workflow(self, input: DescribeWorkflowInput) -> WorkflowExecutionDescription:
        description = await super().describe_workflow(input)
        self._dropping.drop("describe")
        return description

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:  # noqa: ANN401
        answer = await super().query_workflow(input)
        self._dropping.drop("query")
        return answer

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        handle = await super().start_workflow_update(input)
        try:
            self._dropping.drop("update")
        except RPCError as error:
            raise WorkflowUpdateRPCTimeoutOrCancelledError from error  # as the SDK tells it
        return handle


async def connected(rig: Rig, dropping: Dropping) -> Client:
    """Connect as the rig does, over a connection that ends at times."""
    return await Client.connect(
        rig.stack.temporal_address, data_converter=rig.client.data_converter, interceptors=[dropping]
    )


@pytest.mark.parametrize("answers", [True, False])
async def test_a_start_that_was_lost_is_made_again_and_is_one_turn(rig: Rig, *, answers: bool) -> None:
    """Who makes it again has started it: it is no turn of anybody else's that was there before."""
    script = await rig.script({"text": "once"})
    turns = Turns(await connected(rig, Dropping(2, answers=answers)), rig.queue)

    is_new = await turns.start(script, turn(script))
    outcome = await turns.outcome(script)

    assert is_new
    assert outcome.status == "completed"
    assert len(await rig.requests(script)) == 1


async def test_a_start_that_is_another_turns_is_refused_after_a_lost_answer_too(rig: Rig) -> None:
    """The input tells."""
    script = await rig.script({"text": "once"})
    await rig.turns().start(script, turn(script))

    with pytest.raises(TurnRefused, match="exists with another input"):
        await Turns(await connected(rig, Dropping(1)), rig.queue).start(script, turn(script, route="pair"))


@pytest.mark.parametrize("failure", NO_ANSWER, ids=lambda failure: failure[0].name)
async def test_a_server_that_never_answers_is_not_one_that_refuses(
    rig: Rig, failure: tuple[RPCStatusCode, str]
) -> None:
    """What did not answer is Temporal; nothing is wrong with the turn."""
    script = await rig.script({"text": "perhaps"})

    with pytest.raises(CannotReachTemporal, match=failure[1]):
        await Turns(await connected(rig, Dropping(99, failure, answers=False)), rig.queue).start(script, turn(script))


async def test_a_question_whose_answer_was_lost_is_asked_again(rig: Rig) -> None:
    """A viewer is not told that Temporal is unreachable each time it closes a connection."""
    script = await rig.script({"text": "done"})
    handle = await rig.start(turn(script))
    await handle.result()

    assert (await Turns(await connected(rig, Dropping(2)), rig.queue).standing(handle.id)).status == "closed"


async def test_an_interrupt_whose_answer_was_lost_is_the_same_interrupt(rig: Rig) -> None:
    """It is told again under its own name, and ends the turn once."""
    script = await rig.script(ENDLESS)
    handle = await rig.start(turn(script, limits={"heartbeat_s": 2}))
    await streaming(rig, script)
    dropping = Dropping(2)
    told = 0

    async def count() -> None:
        nonlocal told
        told += 1

    partial = await Turns(await connected(rig, dropping), rig.queue).interrupt(handle.id, count)

    assert partial.finish_reason == "interrupted"
    assert (dropping.calls["update"], told) == (3, 1)
    history = (await handle.fetch_history()).to_json()
    assert history.count("EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED") == 1


async def test_a_hint_whose_question_was_not_answered_is_not_forgotten(rig: Rig) -> None:
    """It comes once: without it the turn would stop only with the next heartbeat, here after most of a minute."""
    script = await rig.script(ENDLESS)
    handle = await rig.start(turn(script, limits={"heartbeat_s": 60}))
    await streaming(rig, script)
    environment = ActivityEnvironment(client=await connected(rig, Dropping(2)))
    environment.info = replace(environment.info, workflow_id=handle.id, workflow_run_id=None)
    live = UnwatchedTurn()
    interrupts = Interrupts(live, environment.info)
    attempt = asyncio.create_task(asyncio.sleep(60))
    heeding = asyncio.create_task(environment.run(interrupts.heed, attempt))

    stopping = asyncio.create_task(handle.execute_update("interrupt", result_type=dict))

    async def interrupting() -> bool:
        state: TurnState = await handle.query("state", result_type=TurnState)
        return state.status == "interrupting"

    await eventually(interrupting)
    live.interrupt_hinted.set()
    async with asyncio.timeout(30):
        await heeding
    async with rig.viewer(handle.id) as viewing:
        await viewing.interrupt_hint()
        partial: JsonObject = await stopping

    assert interrupts.confirmed
    assert attempt.cancelling()
    assert partial["finish_reason"] == "interrupted"
