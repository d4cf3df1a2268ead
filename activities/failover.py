"""Who is asked next. Pure.

One activity attempt is one pass over the route: switching happens at once inside it, waiting is Temporal's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.breakers import ASKING_TO_WAIT, Breakers
from activities.routes import Candidate, Retries
from activities.trail import Trail
from streaming.contracts import Try
from streaming.reasons import Reason

FIRST_WAIT_S = 1.0
_NO_WAIT_MENDS = frozenset({Reason.QUOTA, Reason.AUTH, Reason.PERMISSION})


@dataclass(frozen=True)
class Ask:
    """Call this candidate now."""

    candidate: Candidate


@dataclass(frozen=True)
class Wait:
    """This pass is over; another may find better luck in so many seconds."""

    seconds: float
    asked: bool = False
    """Nobody may be asked before, by a provider's own word or a breaker's: waiting less is useless."""
    left_alone: tuple[str, ...] = ()
    """Whom breakers leave out, each with why they were opened."""


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
    time_left_s: float = float("inf"),
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
        time_left_s: what the turn has. Where no breaker closes in that time, each candidate is asked once all the
            same: that they failed others is no reason for this turn to end without a word of theirs.
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
    failed_passes = len({tried.attempt for tried in trail.failed})
    if retries.passes is not None and failed_passes >= retries.passes:
        return GiveUp(retries.passes)
    waits = [_wait_s(candidate, tried_now.get(candidate.key), breakers, now) for candidate in live]
    asked = [wait for wait in waits if wait is not None]
    if len(asked) == len(waits):
        if min(asked) >= time_left_s and (last_chance := _never_asked(left, trail, breakers)):
            return Ask(last_chance)
        return Wait(min(asked), asked=True, left_alone=_left_alone(left, breakers))
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


def _never_asked(left: Sequence[Candidate], trail: Trail, breakers: Breakers) -> Candidate | None:
    """Return a candidate whose breaker alone keeps the turn from asking it: not one that asks for a pause itself."""
    failed = {(tried.provider, tried.model) for tried in trail.failed}
    never = (one for one in left if one.key not in failed)
    return next((one for one in never if breakers.of(*one.key).reason not in ASKING_TO_WAIT), None)


def _left_alone(left: Sequence[Candidate], breakers: Breakers) -> tuple[str, ...]:
    return tuple(f"{one.name} ({breakers.of(*one.key).reason})" for one in left)


def _wait_s(candidate: Candidate, tried: Try | None, breakers: Breakers, now: float) -> float | None:
    """Return how long this candidate is to be left alone; None where nobody says."""
    if tried is None:
        reopens = breakers.of(*candidate.key).reopens_at(now)
        return None if reopens is None else reopens - now
    # At once is no wait that anybody asks for: ours holds, or passes would follow each other without a pause.
    return (tried.error.retry_after_s or None) if tried.error else None
