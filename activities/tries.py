"""The account of an attempt's tries: what each gave, took and cost, after those of the attempts before."""

import time
from collections.abc import Callable

from activities.budget import Budget, used
from activities.failover import Trail
from activities.failures import Verdict, verdict
from activities.prices import cost_usd
from activities.routes import Candidate
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


def unmeasured(_: Try) -> None:
    """Nobody measures."""


class Tries:
    """One attempt's tries, and the trail that they leave.

    Args:
        turn: what is asked.
        trail: of the attempts before.
        attempt: the activity's number of this one.
    """

    def __init__(self, turn: TurnInput, trail: Trail, attempt: int, measure: Measure = unmeasured) -> None:
        self.trail = trail
        self.before = len(trail.tries)
        """How many tries the attempts before made."""
        self.number = 0
        self.why = trail.why(attempt)
        """Why another call is needed, for whoever watches."""
        self._turn = turn
        self._attempt = attempt
        self._measure = measure
        self._candidate: Candidate | None = None
        self._started = 0.0

    def start(self, candidate: Candidate) -> str | None:
        """A call begins; return where an earlier attempt left its response, if it can be read on."""
        flying = self.trail.in_flight
        resume = flying.resume if flying and flying.key == candidate.key else None
        self.number += 1
        self._candidate, self._started = candidate, time.monotonic()
        self.trail = self.trail.started(candidate, resume)
        return resume

    def reached(self, resume: str | None) -> None:
        """The call in flight can be read on from here."""
        if self.trail.in_flight is not None and self._candidate is not None:
            self.trail = self.trail.started(self._candidate, resume)

    def budget(self, candidate: Candidate) -> Budget:
        """Return what the turn may still spend on this candidate."""
        return Budget(self._turn.limits, self.trail.usage, self.trail.cost_usd, candidate.price)

    def failed(self, candidate: Candidate, error: ProviderError, so_far: Answer | None) -> TryError:
        """The call failed, with so much said by then; None where the provider was not asked yet."""
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
        billed = so_far if _may_bill(error) else None
        self._finish(candidate, self._used(billed, whole=isinstance(error, _WHOLE)), failed)
        return failed

    def answered(self, candidate: Candidate, answer: Answer) -> None:
        """The call gave its whole answer."""
        self._finish(candidate, self._used(answer, whole=True))

    def ended(self, candidate: Candidate, so_far: Answer | None) -> None:
        """We ended the call ourselves, with so much said by then; None where the provider was not asked yet."""
        self._finish(candidate, self._used(so_far, whole=False))

    def _used(self, answer: Answer | None, *, whole: bool) -> tuple[Usage, bool] | None:
        return None if answer is None else used(self._turn, answer.usage, answer.message, whole=whole)

    def _finish(self, candidate: Candidate, spent: tuple[Usage, bool] | None, error: TryError | None = None) -> None:
        usage, estimated = spent or (None, False)
        done = Try(
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
        self.trail = self.trail.finished(done)
        self._measure(done)


def _may_bill(error: ProviderError) -> bool:
    if isinstance(error, ClockRanOut):
        return error.clock != "connect_s"
    return not isinstance(error, _NEVER_BILLED)
