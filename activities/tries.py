"""The account of an attempt's tries: what each gave, took and cost, after those of the attempts before."""

import time
from collections.abc import Callable
from functools import cached_property

from activities.budget import Budget, estimated_input, used
from activities.failures import Verdict, verdict
from activities.prices import cost_usd
from activities.routes import Candidate
from activities.trail import WORKER_LOST, Trail, lost
from streaming.contracts import Try, TryError, TurnInput
from streaming.errors import (
    AttachmentNotLoaded,
    CannotExpress,
    ClockRanOut,
    ConnectFailed,
    EmptyAnswer,
    ProviderError,
    Refused,
    StatusError,
)
from streaming.messages import Usage
from streaming.providers.wire import Answer

# The provider was not asked, or refused.
_NEVER_BILLED = (StatusError, ConnectFailed, CannotExpress, AttachmentNotLoaded)
# What came was a whole answer, with its counts.
_WHOLE = (EmptyAnswer, Refused)

Measure = Callable[[Try], None]
_Spent = tuple[Usage, bool] | None


def unmeasured(_: Try) -> None:
    """Nobody measures."""


class Tries:
    """One attempt's tries, and the trail that they leave.

    A call that an earlier attempt left in flight, because its worker was lost or stopped, becomes a try of that
    attempt as soon as its answer is nobody's. While it can still be read on, it is none: its usage comes with the
    one answer.

    Args:
        turn: what is asked.
        left: the trail of the attempts before; None where they left no word.
        attempt: the activity's number of this one.
        measure: told of each try that is over.
    """

    def __init__(self, turn: TurnInput, left: Trail | None, attempt: int, measure: Measure = unmeasured) -> None:
        self.trail = left or Trail()
        self.number = 0
        self.why = WORKER_LOST if left is None and attempt > 1 else self.trail.why
        """Why another call is needed, for whoever watches."""
        self._turn = turn
        self._attempt = attempt
        self._measure = measure
        self._candidate: Candidate | None = None
        self._read_on: Try | None = None
        self._started = 0.0
        self.before = len(self.trail.tries)
        """How many tries the attempts before made."""
        if self.trail.in_flight and self.trail.in_flight.resume is None:
            self.leave()

    def start(self, candidate: Candidate) -> str | None:
        """A call begins; return where an earlier attempt left its response, if it can be read on."""
        flying = self.trail.in_flight
        resume = flying.resume if flying and flying.key == candidate.key else None
        if resume is None:
            self.leave()
        self._read_on = flying.so_far if flying and resume else None
        self.number += 1
        self._candidate, self._started = candidate, time.monotonic()
        self.trail = self.trail.started(candidate, resume, self._read_on)
        return resume

    def leave(self) -> None:
        """Nobody will read on what an earlier attempt left in flight."""
        before = self.trail
        self.trail = before.lost()
        self._count(self.trail.tries[len(before.tries) :])

    def gone(self) -> Try | None:
        """What was to be read on is not there any more, and is now asked for anew; return it as a try, if known."""
        if self._read_on is None:
            return None
        done, self._read_on = lost(self._read_on), None
        self.trail = self.trail.model_copy(update={"tries": [*self.trail.tries, done]})
        self._count([done])
        return done

    def _count(self, left: list[Try]) -> None:
        self.before += len(left)
        for done in left:
            self._measure(done)

    @property
    def in_flight(self) -> bool:
        """Whether a call of this attempt is under way."""
        return self._candidate is not None

    def reached(self, resume: str | None, so_far: Answer | None) -> None:
        """The call in flight has come so far, and can be read on from here; None where it was not asked yet."""
        if self._candidate is not None:
            done = self._try(self._candidate, self._used(so_far, whole=False))
            self.trail = self.trail.started(self._candidate, resume, done)

    @cached_property
    def _prompt_tokens(self) -> int:
        """About how many tokens the turn's request is."""
        return estimated_input(self._turn)

    def budget(self, candidate: Candidate) -> Budget:
        """Return what the turn may still spend on this candidate."""
        return Budget(self._turn.limits, self.trail.usage, self.trail.cost_usd, candidate.price, self._prompt_tokens)

    def failed(
        self, candidate: Candidate, error: ProviderError, so_far: Answer | None, *, begun: bool = False
    ) -> TryError:
        """The call failed.

        Args:
            candidate: who was called.
            error: how.
            so_far: what was said by then; None where the provider was not asked yet.
            begun: the provider goes on making the answer all the same: what failed is the way back to it.
        """
        # Servers have been seen to quote the key they refuse.
        key = candidate.api_key.get_secret_value()
        failed = TryError(
            type=type(error).__name__,
            reason=error.reason,
            message=str(error).replace(key, "[key]") if key else str(error),
            hopeless=verdict(error) is Verdict.HOPELESS,
            retry_after_s=error.retry_after_s,
        )
        self.why = f"{failed.type}: {failed.message}"
        billed = so_far if begun or _may_bill(error) else None
        self._finish(candidate, self._used(billed, whole=isinstance(error, _WHOLE)), failed)
        return failed

    def answered(self, candidate: Candidate, answer: Answer) -> None:
        """The call gave its whole answer."""
        self._finish(candidate, self._used(answer, whole=True))

    def ended(self, candidate: Candidate, so_far: Answer | None) -> None:
        """We ended the call ourselves, with so much said by then; None where the provider was not asked yet."""
        self._finish(candidate, self._used(so_far, whole=False))

    def _used(self, answer: Answer | None, *, whole: bool) -> _Spent:
        """Return what the call used, and whether that is an estimate; None where it was not asked."""
        spent = None if answer is None else used(self._prompt_tokens, answer.usage, answer.message, whole=whole)
        if whole or self._read_on is None or self._read_on.usage is None:
            return spent
        # Less than the attempts before had read of the same response was not read again yet.
        known = self._read_on.usage
        return (known, True) if spent is None or spent[0].total_tokens < known.total_tokens else spent

    def _finish(self, candidate: Candidate, spent: _Spent, error: TryError | None = None) -> None:
        done = self._try(candidate, spent, error)
        self._candidate = self._read_on = None
        self.trail = self.trail.finished(done)
        self._measure(done)

    def _try(self, candidate: Candidate, spent: _Spent, error: TryError | None = None) -> Try:
        usage, estimated = spent or (None, False)
        return Try(
            attempt=self._attempt,
            number=self.number,
            provider=candidate.provider,
            model=candidate.model,
            seconds=round(time.monotonic() - self._started, 3),
            error=error,
            usage=usage,
            estimated=estimated,
            cost_usd=cost_usd(usage, candidate.price, self._turn.settings.prompt_caching) if usage else None,
        )


def _may_bill(error: ProviderError) -> bool:
    if isinstance(error, ClockRanOut):
        return error.clock != "connect_s"
    return not isinstance(error, _NEVER_BILLED)
