"""One attempt of the streaming activity: one pass over the route, and the trail it leaves."""

import asyncio
import logging
import random
import time
from dataclasses import replace
from functools import partial

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import failures
from activities.attachments import Attachments, Sources
from activities.breakers import Breakers
from activities.budget import Budget
from activities.calling import CandidateCall
from activities.failover import Ask, GiveUp, Move, Wait, next_move
from activities.interrupts import Interrupts
from activities.live_turn import LiveTurn
from activities.rehearsal import rehearse
from activities.results import step_result
from activities.routes import Candidate, LeftOut, Retries
from activities.trail import trail_of
from activities.transport import Transport
from activities.tries import Measure, Tries
from streaming.contracts import GenerateInput, StepResult, TryError
from streaming.errors import (
    BudgetSpent,
    DeadlineExceeded,
    NotTheWire,
    ProviderError,
    TurnError,
)
from streaming.live.channels import epoch
from streaming.live.frames import Failure, Header
from streaming.messages import FinishReason
from streaming.providers.wire import Answer

_log = logging.getLogger(__name__)

_TO_RETURN_S = 2.0
_JITTER = 0.25


class Attempt:
    """One attempt of the activity: one pass.

    Made inside the activity, whose context it reads.
    """

    def __init__(
        self,
        step: GenerateInput,
        transport: Transport,
        sources: Sources,
        breakers: Breakers,
        live: LiveTurn,
        measure: Measure,
    ) -> None:
        self._step = step
        self._transport = transport
        self._attachments = Attachments(sources)
        self._breakers = breakers
        self._live = live
        self._info = activity.info()
        self._deadline = time.monotonic() + _given_s(self._info)
        self._tries = Tries(step.turn, trail_of(self._info.heartbeat_details), self._info.attempt, measure)
        self._breaker_call = 0
        self._call: CandidateCall | None = None
        self.interrupts = Interrupts(live, self._info)

    async def run(self, candidates: list[Candidate], retries: Retries) -> StepResult:
        """Ask one candidate after another; return the first whole answer, or what there is when time or budget ends."""
        move = self._next_move(candidates, retries)
        while isinstance(move, Ask):
            candidate = move.candidate
            try:
                async with asyncio.timeout(self._time_left_s() - self._to_return_s()):
                    answer = await self._try(candidate)
            except ProviderError as error:
                failed = self._failed(candidate, error)
                move = self._next_move(candidates, retries)
                if isinstance(move, Ask):
                    self._live.fail(Failure(failed.type, failed.message, next=move.candidate.name))
            except TimeoutError:
                return self._ended("deadline", DeadlineExceeded(self._out_of_time()))
            except BudgetSpent as spent:
                return self._ended("budget", spent)
            else:
                self._breakers.of(*candidate.key).succeeded(self._breaker_call)
                self._tries.answered(candidate, answer)
                return self._result(answer)
        if not self._tries.number:
            self._beat()  # the next attempt need not count again what the last one left; calls beat themselves
        raise self._pass_failed(move)

    async def rehearse(self, candidates: list[Candidate], left_out: list[LeftOut]) -> StepResult:
        """Check everything, and ask nobody."""
        return await rehearse(
            self._step.turn, candidates, left_out, self._attachments.by_value, self._info.attempt, self._beat
        )

    def _next_move(self, candidates: list[Candidate], retries: Retries) -> Move:
        return next_move(
            candidates,
            self._tries.trail,
            self._tries.before,
            self._breakers,
            time.time(),
            time_left_s=self._time_left_s(),
            retries=retries,
            jitter=random.uniform(1 - _JITTER, 1 + _JITTER),  # noqa: S311 - it spreads retries, it hides nothing
        )

    async def _try(self, candidate: Candidate) -> Answer:
        info, turn = self._info, self._step.turn
        resume = self._tries.start(candidate)
        budget = self._tries.budget(candidate)
        self._call = CandidateCall(candidate, turn, resume=resume)
        self._breaker_call = self._breakers.of(*candidate.key).started(time.time())
        header = Header(
            turn=info.workflow_id or "",
            run=info.workflow_run_id or "",
            step=self._step.step,
            attempt=info.attempt,
            try_=self._tries.number,
            provider=candidate.provider,
            model=candidate.model,
        )
        this_epoch = epoch(int(info.started_time.timestamp() * 1000), self._tries.number)
        self._live.begin(this_epoch, header, self._tries.why)
        try:
            show = budget.holding(self._live.add)
            gone = partial(self._response_gone, budget)
            return await self._call.run(self._transport, self._attachments.by_value, self._beat, show, gone)
        except TurnError:
            raise
        except Exception as error:
            # A defect of ours must not buy the same answer again and again: the next candidate may fare better.
            _log.exception("%s could not be read", candidate.name)
            raise NotTheWire(f"the answer could not be read ({type(error).__name__})") from error
        finally:
            self._breakers.of(*candidate.key).ended(self._breaker_call)

    def _response_gone(self, budget: Budget) -> None:
        if done := self._tries.gone():
            budget.also_spent(done)

    def _failed(self, candidate: Candidate, error: ProviderError) -> TryError:
        call = self._call
        failed = self._tries.failed(
            candidate, error, call.so_far() if call else None, begun=call is not None and call.begun
        )
        _log.warning("try %d failed: %s: %s", self._tries.number, candidate.name, self._tries.why)
        self._breakers.of(*candidate.key).failed(
            error.reason, time.time(), error.retry_after_s, call=self._breaker_call
        )
        self._beat()
        return failed

    def _beat(self) -> None:
        if self._call is not None and self._tries.in_flight:
            self._tries.reached(self._call.resume, self._call.so_far())
        # The whole trail each time: a beat's details replace those of the one before.
        activity.heartbeat(self._tries.trail)

    def _time_left_s(self) -> float:
        return self._deadline - time.monotonic()

    def _to_return_s(self) -> float:
        """Return how long before the deadline a result has to be on its way to Temporal, or it is lost."""
        return min(_TO_RETURN_S, self._step.turn.limits.total_s / 10)

    def _out_of_time(self) -> str:
        last = next((tried.error.message for tried in reversed(self._tries.trail.tries) if tried.error), "")
        said = f"the turn was not done in limits.total_s ({self._step.turn.limits.total_s:g} s)"
        return f"{said}; last failure: {last}" if last else said

    def _pass_failed(self, move: Wait | GiveUp) -> ApplicationError:
        failure = failures.pass_failed(self._tries.trail, move, time_left_s=self._time_left_s())
        delay = failure.next_retry_delay
        failed = self._tries.trail.failed
        why = failed[-1].error if failed else None
        self._live.fail(
            Failure(
                why.type if why else failure.type or "",
                why.message if why else str(failure),
                retry_at=time.time() + delay.total_seconds() if delay else None,
                final=failure.non_retryable,
            )
        )
        return failure

    def _ended(self, finish_reason: FinishReason, nothing: TurnError) -> StepResult:
        """Return what was said and paid for until our own end came.

        Raises:
            TurnError: `nothing`, where nothing was said.
        """
        partial = self._partial(finish_reason)
        if not partial.message.parts:
            raise nothing
        return self._result(partial)

    def _result(self, answer: Answer) -> StepResult:
        """Return the durable result, and tell the viewers that it is coming."""
        result = step_result(self._step.turn, answer, self._call, self._tries.trail.tries)
        self._live.end(result.finish_reason, result.usage, result.sha256)
        return result

    # -- being stopped

    def cancelled(self) -> StepResult:
        """Return the partial message where the turn was stopped; otherwise say why this attempt ends.

        Raises:
            ApplicationError: the worker is stopping; another takes over.
            asyncio.CancelledError: Temporal gave this attempt up (timed out, paused, reset).
        """
        details = activity.cancellation_details()
        if self.interrupts.confirmed or (details is not None and details.cancel_requested):
            return self._result(self._partial("interrupted"))
        if details is not None and details.worker_shutdown:
            self._live.fail(Failure("WorkerShutdown", "this worker is stopping", retry_at=time.time()))
            self._beat()  # where the next worker may read on, and what was used until now
            raise failures.handed_over() from None
        raise asyncio.CancelledError

    def _partial(self, finish_reason: FinishReason) -> Answer:
        if self._call is None:
            self._tries.leave()
            return Answer.empty(finish_reason)
        self._call.give_up(self._transport)
        so_far = self._call.so_far()
        self._tries.ended(self._call.candidate, so_far)
        return replace(so_far or Answer.empty(finish_reason), finish_reason=finish_reason)


def _given_s(info: activity.Info) -> float:
    # Between two times of the server's clock, from which this worker's may differ by more than the turn has.
    timeout = info.schedule_to_close_timeout
    return (timeout - (info.started_time - info.scheduled_time)).total_seconds() if timeout else float("inf")
