"""Who is asked next, and what earlier passes taught. Pure.

One activity attempt is one pass over the route: switching happens at once inside it, waiting is Temporal's.
The trail travels from attempt to attempt in heartbeat details.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from activities.breakers import Breakers
from activities.routes import Candidate, Retries
from streaming.contracts import Try
from streaming.messages import Contract, Usage
from streaming.reasons import Reason

WORKER_LOST = "worker lost"
FIRST_WAIT_S = 1.0
_NO_WAIT_MENDS = frozenset({Reason.QUOTA, Reason.AUTH, Reason.PERMISSION})


class Candidacy(Contract):
    """A candidate by name, as the trail remembers it."""

    provider: str
    model: str
    resume: str | None = None
    """Where its provider keeps the response, so that another attempt may read on."""

    @property
    def key(self) -> tuple[str, str]:
        """As `Candidate.key`."""
        return self.provider, self.model


class Trail(Contract):
    """What a turn's step has tried so far: all of it goes into every heartbeat, whose details replace the last."""

    tries: list[Try] = []
    in_flight: Candidacy | None = None

    def started(self, candidate: Candidate, resume: str | None = None) -> "Trail":
        """Return the trail with a call under way."""
        flying = Candidacy(provider=candidate.provider, model=candidate.model, resume=resume)
        return Trail(tries=self.tries, in_flight=flying)

    def finished(self, done: Try) -> "Trail":
        """Return the trail with that call over."""
        return Trail(tries=[*self.tries, done])

    def why(self, attempt: int) -> str | None:
        """Return why another call is needed, for whoever watches: None for a step's first."""
        if self.in_flight is not None or (attempt > 1 and not self.tries):
            return WORKER_LOST
        last = self.tries[-1].error if self.tries else None
        return f"{last.type}: {last.message}" if last else None

    @property
    def usage(self) -> Usage:
        """What all tries have used."""
        total = Usage()
        for tried in self.tries:
            total = total.plus(tried.usage or Usage())
        return total

    @property
    def cost_usd(self) -> float:
        """What all tries have cost, as far as it is known."""
        return sum(tried.cost_usd or 0.0 for tried in self.tries)


def trail_of(heartbeat_details: Sequence[object]) -> Trail:
    """Return the trail that the previous attempt left, empty if it left none."""
    if not heartbeat_details:
        return Trail()
    try:
        return Trail.model_validate(heartbeat_details[0])
    except ValidationError:
        return Trail()  # of another version: a pass that starts over is safe


@dataclass(frozen=True)
class Ask:
    """Call this candidate now."""

    candidate: Candidate


@dataclass(frozen=True)
class Wait:
    """This pass is over; another may find better luck in so many seconds."""

    seconds: float
    asked: bool = False
    """The providers asked for it: waiting less is useless."""


@dataclass(frozen=True)
class GiveUp:
    """No pass would do better."""

    passes: int | None = None
    """The route's limit of passes, where that is why; None where no candidate has any hope."""


Move = Ask | Wait | GiveUp


def next_move(
    route: Sequence[Candidate],
    trail: Trail,
    before: int,
    breakers: Breakers,
    now: float,
    *,
    retries: Retries | None = None,
    jitter: float = 1.0,
) -> Move:
    """Return what to do now.

    Args:
        route: the candidates, in order.
        trail: what was tried in this attempt and before.
        before: how many of the trail's tries earlier attempts made; one attempt is one pass. Their numbers do not
            tell them apart, because Temporal counts from one again after a reset.
        breakers: which candidates are known to be down.
        now: the breakers' time.
        retries: the route's own rules.
        jitter: what a wait of our own is multiplied by, so that turns that failed together do not come back together.
    """
    live = _in_order(route, trail)
    if not live:
        return GiveUp()
    tried_now = {(tried.provider, tried.model): tried for tried in trail.tries[before:]}
    left = [candidate for candidate in live if candidate.key not in tried_now]
    for candidate in left:
        if breakers.of(*candidate.key).reopens_at(now) is None:
            return Ask(candidate)
    if left and not tried_now and (blamed := _blamed_for_good(left, breakers)):
        return Ask(blamed)
    retries = retries or Retries()
    failed_passes = len({tried.attempt for tried in trail.tries if tried.error})
    if retries.passes is not None and failed_passes >= retries.passes:
        return GiveUp(retries.passes)
    waits = [_wait_s(candidate, tried_now.get(candidate.key), breakers, now) for candidate in live]
    asked = [wait for wait in waits if wait is not None]
    if len(asked) == len(waits):
        return Wait(min(asked), asked=True)
    ours = FIRST_WAIT_S * 2 ** min(max(failed_passes - 1, 0), 20)
    return Wait(min(ours, retries.max_wait_s) * jitter)


def _in_order(route: Sequence[Candidate], trail: Trail) -> list[Candidate]:
    """Return the candidates with any hope, the one that a dead worker was calling first."""
    hopeless = {(tried.provider, tried.model) for tried in trail.tries if tried.error and tried.error.hopeless}
    live = [candidate for candidate in route if candidate.key not in hopeless]
    if trail.in_flight is None:
        return live
    flying = trail.in_flight.key
    return sorted(live, key=lambda candidate: candidate.key != flying)


def _blamed_for_good(left: Sequence[Candidate], breakers: Breakers) -> Candidate | None:
    """Return a candidate that no waiting mends: with nobody else to ask, its own refusal says more than silence."""
    return next((one for one in left if breakers.of(*one.key).reason in _NO_WAIT_MENDS), None)


def _wait_s(candidate: Candidate, tried: Try | None, breakers: Breakers, now: float) -> float | None:
    """Return how long this candidate is to be left alone; None where nobody says."""
    if tried is None:
        reopens = breakers.of(*candidate.key).reopens_at(now)
        return None if reopens is None else reopens - now
    # At once is no wait that anybody asks for: ours holds, or passes would follow each other without a pause.
    return (tried.error.retry_after_s or None) if tried.error else None
