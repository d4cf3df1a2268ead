"""Workflow type `Turn`: one model response, durable.

Bad input must end the run, never wedge it in failing workflow tasks: so `run` takes the raw payload and
validates it itself, and a wrong number of arguments (TypeError) fails the workflow too.
"""

import asyncio
import contextlib
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, RetryState, is_cancelled_exception
from temporalio.exceptions import TimeoutError as ActivityTimeoutError

with workflow.unsafe.imports_passed_through():
    from streaming.contracts import (
        MAX_PAYLOAD_BYTES,
        WORKFLOW_TYPE,
        GenerateInput,
        StepResult,
        Try,
        TurnInput,
        TurnResult,
        TurnState,
        parse_turn,
    )
    from streaming.errors import InvalidTurn
    from streaming.messages import Message, Usage, text_sha256
    from workflows import policies, ports

# Turns that were interrupted before there was a count are replayed without it.
_COUNTED = "tries are counted before an interrupt"
# Turns that were cancelled with their worker lost are replayed as the failures that they were.
_CANCELLED = "a cancelled run is no failure, though its worker was lost"


@workflow.defn(name=WORKFLOW_TYPE, failure_exception_types=[TypeError])
class Turn:
    """One turn. Its id is the workflow id."""

    def __init__(self) -> None:
        self._step = 0
        self._generating: workflow.ActivityHandle[StepResult] | None = None
        self._interrupted = False
        self._tries: list[Try] = []
        self._result: TurnResult | None = None

    @workflow.run
    async def run(self, turn: RawValue) -> TurnResult:
        """Take a turn's input as JSON and return its result.

        Raises:
            ApplicationError: `InvalidTurn` names the fields; other types are `activities/failures.py`'s.
        """
        accepted = _accept(turn)
        self._remember(accepted)
        step = await self._generate(GenerateInput(step=self._step, turn=accepted))
        self._result = _turn_result(step)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._result

    @workflow.update
    async def interrupt(self) -> TurnResult:
        """End the turn now and return its result with what was said so far, `finish_reason` "interrupted"."""
        is_first, self._interrupted = not self._interrupted, True
        if is_first and self._generating is not None:
            if workflow.patched(_COUNTED):
                await self._count()
            self._generating.cancel()
        await workflow.wait_condition(lambda: self._result is not None)
        if self._result is None:
            raise ApplicationError("the turn ended without a result", type="Interrupted", non_retryable=True)
        return self._result

    @interrupt.validator
    def _can_interrupt(self) -> None:
        if self._result is not None:
            raise ApplicationError("the turn has ended: there is nothing to interrupt", type="TurnEnded")

    @workflow.query
    def state(self) -> TurnState:
        """Return where the turn stands."""
        if self._result is not None:
            return TurnState(status="done", step=self._step)
        return TurnState(status="interrupting" if self._interrupted else "running", step=self._step)

    def _remember(self, turn: TurnInput) -> None:
        """Put the metadata where it can be searched, unless the starter already did."""
        unknown = {key: value for key, value in turn.metadata.items() if key not in workflow.info().raw_memo}
        if unknown:
            workflow.upsert_memo(unknown)

    async def _count(self) -> None:
        """Remember what the step has used until now, for an activity that waits for its retry cannot be asked later.

        Cancelling it drops what it had told. A local activity asks: it is done within this workflow task, where a
        timer of the server's may be a second late, and turns may have taken all the places for other activities.
        """
        # Any: what a local activity failed with comes bare, or bare only when it is replayed.
        with contextlib.suppress(FailureError):
            self._tries = await workflow.execute_local_activity(
                ports.tally, schedule_to_close_timeout=policies.TALLY_WITHIN, retry_policy=policies.TALLY
            )

    async def _generate(self, step: GenerateInput) -> StepResult:
        self._generating = workflow.start_activity(
            ports.generate,
            step,
            schedule_to_close_timeout=timedelta(seconds=step.turn.limits.total_s),
            heartbeat_timeout=timedelta(seconds=step.turn.limits.heartbeat_s),
            retry_policy=policies.GENERATE,
            # A stopped step still has its partial message to return.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"step {step.step + 1} on route {step.turn.route}",
        )
        if self._interrupted:  # by an update that came with the start
            self._generating.cancel()
        try:
            result = await self._generating
        except ActivityError as error:
            if self._interrupted:
                return _nothing_said(self._tries)  # between attempts, or with its worker lost: no partial to keep
            if is_cancelled_exception(error):
                raise
            if error.retry_state is RetryState.CANCEL_REQUESTED and workflow.patched(_CANCELLED):
                raise asyncio.CancelledError from error  # the run was cancelled, and its worker lost before it heard
            raise _turn_failed(error, step.turn) from error
        except asyncio.CancelledError:
            if self._interrupted:
                return _nothing_said([])  # by an update that came with the start: the activity never began
            raise
        if result.finish_reason == "interrupted" and not self._interrupted:
            raise asyncio.CancelledError  # the run itself was cancelled, and the activity stopped for it
        return result


def _nothing_said(tries: list[Try]) -> StepResult:
    return StepResult(
        message=Message(role="assistant", parts=[]),
        finish_reason="interrupted",
        provider=None,
        model=None,
        usage=Usage(),
        tries=tries,
        sha256=text_sha256(""),
    )


def _turn_result(step: StepResult) -> TurnResult:
    usage = Usage()
    for tried in step.tries:
        usage = usage.plus(tried.usage or Usage())
    costs = [tried.cost_usd for tried in step.tries if tried.usage is not None]
    known = [cost for cost in costs if cost is not None]
    total = sum(known) if len(known) == len(costs) else None
    return TurnResult.model_validate({**dict(step), "total_usage": usage, "total_cost_usd": total})


def _accept(turn: RawValue) -> TurnInput:
    try:
        return _validated(turn)
    except InvalidTurn as error:
        raise ApplicationError(str(error), type="InvalidTurn", non_retryable=True) from None


def _validated(turn: RawValue) -> TurnInput:
    encoding = turn.payload.metadata.get("encoding", b"").decode("utf-8", "replace")
    if encoding != "json/plain":
        raise InvalidTurn([("input", f"must be JSON (encoding json/plain), not {encoding or 'unnamed'}")])
    accepted = parse_turn(turn.payload.data)
    size = len(GenerateInput(step=0, turn=accepted).model_dump_json().encode())
    if size > MAX_PAYLOAD_BYTES:
        raise InvalidTurn([("input", f"{size:,} bytes as JSON; a step may hold {MAX_PAYLOAD_BYTES:,}")])
    return accepted


def _turn_failed(error: ActivityError, turn: TurnInput) -> ApplicationError:
    """Return the run's failure: the activity's own words at the top, where every client shows them."""
    cause = error.cause
    out_of_time = isinstance(cause, ActivityTimeoutError) or error.retry_state is RetryState.TIMEOUT
    if out_of_time:
        last = cause.cause if isinstance(cause, ActivityTimeoutError) else cause
        message = f"the turn was not done in limits.total_s ({turn.limits.total_s:g} s)"
        message += f"; last failure: {last}" if last else ""
        return ApplicationError(message, type="DeadlineExceeded", non_retryable=True)
    if isinstance(cause, ApplicationError):
        return ApplicationError(cause.message, type=cause.type, non_retryable=True)
    return ApplicationError(str(cause or error), type="TurnFailed", non_retryable=True)
