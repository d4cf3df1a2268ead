"""One attempt of the streaming activity: one pass over the route, and the trail it leaves."""

import asyncio
import contextlib
import logging
import time
from typing import Protocol

from temporalio import activity
from temporalio.client import WorkflowQueryFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities import failures
from activities.calling import CandidateCall
from activities.failover import order, trail_of
from activities.failures import Verdict, verdict
from activities.routes import Candidate
from activities.transport import Transport
from streaming.contracts import GenerateInput, StepResult, Try, TryError, TurnState
from streaming.deltas import Delta
from streaming.errors import AnswerTooLarge, NotTheWire, ProviderError, TurnError
from streaming.live.channels import epoch
from streaming.live.frames import Failure, Header
from streaming.messages import FinishReason, Message, Usage, text_sha256
from streaming.providers.wire import Answer

_log = logging.getLogger(__name__)

MAX_RESULT_BYTES = 1_572_864  # 1.5 MiB: Temporal ends a run whose result is over 2 MiB, and the answer is lost
_HINTS_AT_MOST_EVERY_S = 0.2


class LiveTurn(Protocol):
    """What the activity tells whoever watches. Every method returns at once and raises nothing."""

    @property
    def interrupt_hinted(self) -> asyncio.Event:
        """Set when a viewer hints that the turn was interrupted."""

    def begin(self, epoch: int, header: Header, why: str | None) -> None:
        """A try starts."""

    def add(self, deltas: list[Delta]) -> None:
        """The message grew."""

    def fail(self, failure: Failure) -> None:
        """The try failed."""

    def end(self, finish_reason: str, usage: Usage, sha256: str) -> None:
        """The step's stream is complete."""


class Attempt:
    """One attempt of the activity: one pass.

    Made inside the activity, whose context it reads.
    """

    def __init__(self, step: GenerateInput, transport: Transport, live: LiveTurn) -> None:
        self._step = step
        self._transport = transport
        self._live = live
        self._info = activity.info()
        self._trail = trail_of(self._info.heartbeat_details)
        self._why = self._trail.why(self._info.attempt)
        self._call: CandidateCall | None = None
        self._number = 0
        self._try_started = 0.0
        self._interrupted = False

    async def run(self, candidates: list[Candidate]) -> StepResult:
        """Try the candidates in order; return the first whole answer."""
        self._beat()
        errors: list[ProviderError] = []
        order_of_pass = order(candidates, self._trail)
        for candidate, following in zip(order_of_pass, [*order_of_pass[1:], None], strict=True):
            try:
                answer = await self._try(candidate)
            except ProviderError as error:
                failed = self._record(candidate, error)
                if following is not None:
                    self._live.fail(Failure(failed.type, failed.message, next=following.name))
                errors.append(error)
            else:
                self._trail = self._trail.finished(self._tried(candidate, usage=answer.usage))
                return self._result(answer)
        raise self._pass_failed(errors)

    async def _try(self, candidate: Candidate) -> Answer:
        info = self._info
        self._number += 1
        self._try_started = time.monotonic()
        self._trail = self._trail.started(candidate)
        self._call = CandidateCall(candidate, self._step.turn)
        header = Header(
            turn=info.workflow_id or "",
            run=info.workflow_run_id or "",
            step=self._step.step,
            attempt=info.attempt,
            try_=self._number,
            provider=candidate.provider,
            model=candidate.model,
        )
        self._live.begin(epoch(int(info.started_time.timestamp() * 1000), self._number), header, self._why)
        try:
            return await self._call.run(self._transport, self._beat, self._live.add)
        except TurnError:
            raise
        except Exception as error:
            # A defect of ours must not buy the same answer again and again: the next candidate may fare better.
            _log.exception("%s could not be read", candidate.name)
            raise NotTheWire(f"the answer could not be read ({type(error).__name__})") from error

    def _beat(self) -> None:
        # The whole trail each time: a beat's details replace those of the one before.
        activity.heartbeat(self._trail)

    def _record(self, candidate: Candidate, error: ProviderError) -> TryError:
        failed = self._failed(candidate, error)
        _log.warning("try %d failed: %s: %s: %s", self._number, candidate.name, failed.type, failed.message)
        self._why = f"{failed.type}: {failed.message}"
        self._trail = self._trail.finished(self._tried(candidate, error=failed))
        self._beat()
        return failed

    def _failed(self, candidate: Candidate, error: ProviderError) -> TryError:
        # Servers have been seen to quote the key they refuse.
        message = str(error).replace(candidate.api_key.get_secret_value(), "[key]")
        return TryError(type=type(error).__name__, message=message, hopeless=verdict(error) is Verdict.HOPELESS)

    def _tried(self, candidate: Candidate, *, error: TryError | None = None, usage: Usage | None = None) -> Try:
        return Try(
            attempt=self._info.attempt,
            number=self._number,
            provider=candidate.provider,
            model=candidate.model,
            seconds=round(time.monotonic() - self._try_started, 3),
            error=error,
            usage=usage,
        )

    def _pass_failed(self, errors: list[ProviderError]) -> ApplicationError:
        info = self._info
        timeout = info.schedule_to_close_timeout
        deadline = info.scheduled_time.timestamp() + (timeout.total_seconds() if timeout else float("inf"))
        failure = failures.pass_failed(
            self._trail,
            len(errors),
            wait_s=failures.retry_wait_s(errors),
            time_left_s=deadline - time.time(),
        )
        delay = failure.next_retry_delay
        why = self._trail.tries[-1].error if self._trail.tries else None
        self._live.fail(
            Failure(
                why.type if why else failure.type or "",
                why.message if why else str(failure),
                retry_at=time.time() + delay.total_seconds() if delay else None,
                final=failure.non_retryable,
            )
        )
        return failure

    def _result(self, answer: Answer) -> StepResult:
        """Return the durable result, and tell the viewers that it is coming."""
        call = self._call
        include_raw = self._step.turn.include_raw and call is not None
        result = StepResult(
            message=answer.message,
            finish_reason=answer.finish_reason,
            provider_finish_reason=answer.provider_finish_reason or None,
            provider=call.candidate.provider if call else None,
            model=answer.model or (call.candidate.model if call else None),
            usage=answer.usage,
            tries=self._trail.tries,
            sha256=text_sha256(answer.message.text),
            choices=answer.choices if len(answer.choices) > 1 else None,
            raw=call.raw() if call and include_raw else None,
        )
        size = len(result.model_dump_json())
        if size > MAX_RESULT_BYTES:
            raise AnswerTooLarge(size, MAX_RESULT_BYTES)
        self._live.end(result.finish_reason, result.usage, result.sha256)
        return result

    # -- being stopped

    async def heed_interrupts(self, task: "asyncio.Task[object] | None") -> None:
        """End the attempt when a hint comes and the workflow confirms it: Redis hints, Temporal knows."""
        info = self._info
        handle = activity.client().get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
        while True:
            await self._live.interrupt_hinted.wait()
            self._live.interrupt_hinted.clear()
            with contextlib.suppress(RPCError, WorkflowQueryFailedError):
                state = await handle.query("state", result_type=TurnState)
                if state.status == "interrupting" and task is not None:
                    self._interrupted = True
                    task.cancel()
                    return
            await asyncio.sleep(_HINTS_AT_MOST_EVERY_S)

    def cancelled(self) -> StepResult:
        """Return the partial message where the turn was stopped; otherwise say why this attempt ends.

        Raises:
            ApplicationError: the worker is stopping; another takes over.
            asyncio.CancelledError: Temporal gave this attempt up (timed out, paused, reset).
        """
        details = activity.cancellation_details()
        if self._interrupted or (details is not None and details.cancel_requested):
            return self._result(self._partial("interrupted"))
        if details is not None and details.worker_shutdown:
            self._live.fail(Failure("WorkerShutdown", "this worker is stopping", retry_at=time.time()))
            raise failures.handed_over()
        raise asyncio.CancelledError

    def _partial(self, finish_reason: FinishReason) -> Answer:
        call = self._call
        nothing = Answer([Message(role="assistant", parts=[])], finish_reason, "", None, Usage())
        if call is None:
            return nothing
        try:
            so_far = call.answer()
        except NotTheWire:
            so_far = nothing
        self._trail = self._trail.finished(self._tried(call.candidate, usage=so_far.usage))
        return Answer(so_far.choices, finish_reason, so_far.provider_finish_reason, so_far.model, so_far.usage)
