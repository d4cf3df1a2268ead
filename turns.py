"""Turns as a client sees them: start one, ask how it stands, wait for its end, interrupt it. Over Temporal.

Used by every process that is not a worker. Nothing here needs more than the workflow's public names.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar
from uuid import uuid4

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    TerminatedError,
    TimeoutError,
    WorkflowAlreadyStartedError,
)
from temporalio.service import RPCError, RPCStatusCode

from connection import CannotReachTemporal
from streaming.contracts import MAX_PAYLOAD_BYTES, WORKFLOW_TYPE, TurnResult
from streaming.jsontext import JsonObject, dumps, loads
from streaming.live.durable import DurableUnreachable, Outcome, Standing, TurnNotFound

# Of an update that came too late, or just before the end.
_ENDED = ("completed", "aborted by closing workflow")
_RUN_TIMEOUT = timedelta(days=2)  # a turn that no worker takes in this time is given up
# There was no answer. The SDK makes most calls again by itself, for ten seconds, and comes with what the last one was.
_NO_ANSWER = frozenset(
    {
        RPCStatusCode.CANCELLED,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.UNKNOWN,
    }
)
_MAX_ID_BYTES = 1000  # Temporal's own limit
_ASK_AGAIN_AFTER_S = (0.0, 0.1, 0.5, 1.0)
_T = TypeVar("_T")


class TurnRefused(Exception):
    """The server did not take the turn; the message says why."""


class Turns:
    """The turns of one namespace and task queue."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def start(self, turn_id: str, turn: JsonObject) -> bool:
        """Start a turn; return False if this very turn exists already, running or done.

        A call whose answer is lost is made again: whoever finds the turn then has started it.

        Raises:
            TurnRefused: the id is another turn's, or the server refuses the input.
            CannotReachTemporal: the server does not answer; the turn may have been started.
        """
        calls = 0

        async def start() -> None:
            nonlocal calls
            calls += 1
            metadata = turn.get("metadata")
            await self._client.start_workflow(
                WORKFLOW_TYPE,
                turn,
                id=turn_id,
                task_queue=self._task_queue,
                run_timeout=_RUN_TIMEOUT,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                static_summary=_summary(turn),
                memo=metadata if isinstance(metadata, dict) and metadata else None,
            )

        try:
            try:
                await _insist(start)
            except WorkflowAlreadyStartedError:
                if await _insist(lambda: self._input(turn_id)) != loads(dumps(turn)):
                    raise TurnRefused(f"turn {turn_id!r} exists with another input: choose another id") from None
                return calls > 1
        except RPCError as error:
            raise _not_started(error, turn) from error
        return True

    async def _input(self, turn_id: str) -> object:
        async for event in self._handle(turn_id).fetch_history_events(page_size=1):
            payloads = event.workflow_execution_started_event_attributes.input.payloads
            return loads(payloads[0].data) if payloads else None
        return None

    async def outcome(self, turn_id: str) -> Outcome:
        """Wait for the turn's end.

        Raises:
            TurnNotFound: there is none.
            DurableUnreachable: the server does not answer.
        """
        handle = self._handle(turn_id)
        try:
            outcome = await _insist(lambda: _outcome(handle))
            while outcome.status == "terminated" and await _insist(lambda: _goes_on(handle)):
                outcome = await _insist(lambda: _outcome(handle))
        except RPCError as error:
            if _is_no_turn(error, turn_id):
                raise TurnNotFound(turn_id) from error
            raise DurableUnreachable(error.message) from error
        return outcome

    async def standing(self, turn_id: str) -> Standing:
        """Return where the turn stands now, "unreachable" included."""
        try:
            description = await _insist(self._handle(turn_id).describe)
        except RPCError as error:
            if _is_no_turn(error, turn_id):
                return Standing("not found")
            return Standing("unreachable")
        if description.status != WorkflowExecutionStatus.RUNNING:
            return Standing("closed")
        pending = description.raw_description.pending_activities
        if not pending:
            return Standing("queued")
        activity = pending[0]
        failure = activity.last_failure.message or None
        if activity.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
            return Standing("running", activity.attempt, failure)
        if activity.attempt > 1:
            return Standing("backing off", activity.attempt, failure, activity.scheduled_time.ToMicroseconds() / 1e6)
        return Standing("queued", activity.attempt)

    async def interrupt(self, turn_id: str, told: Callable[[], Awaitable[None]]) -> TurnResult:
        """End the turn now and return its result with what was said so far.

        Args:
            turn_id: the turn.
            told: awaited once the workflow knows: the moment for a hint to the producer.

        Raises:
            TurnNotFound: there is none.
            TurnRefused: it has ended already.
            CannotReachTemporal: the server does not answer; the turn may have been told.
        """
        # Whatever becomes of the connection, it is one interrupt.
        update_id = uuid4().hex

        async def tell() -> WorkflowUpdateHandle[TurnResult]:
            return await self._handle(turn_id).start_update(
                "interrupt", id=update_id, wait_for_stage=WorkflowUpdateStage.ACCEPTED, result_type=TurnResult
            )

        try:
            update = await _insist(tell)
            await told()
            result = await _insist(update.result)
        except WorkflowUpdateFailedError as error:
            raise TurnRefused(str(error.cause)) from error
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND and any(words in error.message for words in _ENDED):
                raise TurnRefused(f"turn {turn_id!r} has ended: there is nothing to interrupt") from error
            raise _not_found_or(error, turn_id) from error
        return result

    def _handle(self, turn_id: str) -> WorkflowHandle[object, object]:
        return self._client.get_workflow_handle(turn_id)


async def _insist(ask: Callable[[], Awaitable[_T]]) -> _T:
    """Ask again, a few times, where the connection was closed under the question.

    A server closes each after a few minutes; a call that meets it is CANCELLED ("operation was canceled").
    """
    for pause_s in _ASK_AGAIN_AFTER_S:
        try:
            return await _plainly(ask)
        except RPCError as error:
            if error.status != RPCStatusCode.CANCELLED:
                raise
        await asyncio.sleep(pause_s)
    return await _plainly(ask)


async def _plainly(ask: Callable[[], Awaitable[_T]]) -> _T:
    """Ask, and raise what it came to: of updates the SDK has one error for no answer and for our own cancellation.

    Raises:
        RPCError: there was no answer.
    """
    try:
        return await ask()
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise (error.__cause__ or error) from None


async def _outcome(handle: WorkflowHandle[object, object]) -> Outcome:
    try:
        result = await handle.result()
    except WorkflowFailureError as error:
        return _failed(error.cause)
    return Outcome("completed", result=TurnResult.model_validate(result))


async def _goes_on(handle: WorkflowHandle[object, object]) -> bool:
    """Whether there is another run: a reset terminates the one it starts again from."""
    return (await handle.describe()).status != WorkflowExecutionStatus.TERMINATED


def _failed(cause: BaseException) -> Outcome:
    match cause:
        case CancelledError():
            return Outcome("cancelled", failure="the turn was cancelled")
        case TerminatedError():
            return Outcome("terminated", failure=f"the turn was terminated: {cause.message}")
        case TimeoutError():
            return Outcome("timed out", failure="the run timed out")
        case ApplicationError():
            return Outcome("failed", failure=f"{cause.type}: {cause.message}")
    return Outcome("failed", failure=str(cause))


def _is_no_turn(error: RPCError, turn_id: str) -> bool:
    # The server looks for no id that it would not take; what else it calls invalid says nothing of the turn.
    is_no_id = not 0 < len(turn_id.encode()) <= _MAX_ID_BYTES
    return error.status == RPCStatusCode.NOT_FOUND or (error.status == RPCStatusCode.INVALID_ARGUMENT and is_no_id)


def _not_found_or(error: RPCError, turn_id: str) -> Exception:
    return TurnNotFound(turn_id) if _is_no_turn(error, turn_id) else CannotReachTemporal(error.message)


def _not_started(error: RPCError, turn: JsonObject) -> Exception:
    size = len(dumps(turn))
    if size > MAX_PAYLOAD_BYTES:
        return TurnRefused(
            f"the turn's input is {size:,} bytes as JSON and Temporal takes {MAX_PAYLOAD_BYTES:,}: "
            "send less text, or media by URL"
        )
    if error.status in _NO_ANSWER:
        return CannotReachTemporal(f"Temporal did not answer whether it took the turn: {error.message}")
    return TurnRefused(f"Temporal refused the turn: {error.message}")


def _summary(turn: JsonObject) -> str:
    """Return a line for Temporal's UI: the route and the size, never the user's words."""
    messages = turn.get("messages")
    count = len(messages) if isinstance(messages, list) else 0
    return f"route {turn.get('route', 'default')} · {count} message{'s' * (count != 1)}"
