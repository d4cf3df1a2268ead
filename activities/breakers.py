"""Circuit breakers: which candidates this worker's turns leave out for a while. Pure: told what happened and when.

| state     | asked             | a failure that counts                | a success                |
|-----------|-------------------|--------------------------------------|--------------------------|
| closed    | everyone may call | opens after `after` of them in a row | counts from zero again   |
| open      | nobody may        | changes nothing                      | closes                   |
| half-open | one may: a probe  | opens for twice as long              | closes                   |

Which failures count is the table below: a prompt that is too long says nothing of the provider's health. A call
from before the opening says nothing either, however it ends: of a hundred turns that one outage stalls, the last
may fail minutes after it is over, and a stream that was being served all along tells no more of new calls.

Times are Unix seconds, because workers tell each other theirs, and that clock is set back now and then: an opening
from the future is over, so no step of the clock shuts a breaker for longer than it was meant to be.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from streaming.reasons import Reason

MAX_OPEN_S = 300.0
_PROBE_PATIENCE_S = 60.0  # a probe that says nothing for so long is no reason to keep the others waiting


class _Trip(NamedTuple):
    after: int
    """How many failures in a row open the breaker."""
    open_s: float
    """For how long, the first time."""


_UNHEALTHY = _Trip(after=5, open_s=10.0)
_NOT_SOON = _Trip(after=1, open_s=MAX_OPEN_S)
_TRIPS: dict[Reason, _Trip] = {
    Reason.SERVER: _UNHEALTHY,
    Reason.OVERLOADED: _UNHEALTHY,
    Reason.TIMEOUT: _UNHEALTHY,
    Reason.CONNECTION: _UNHEALTHY,
    Reason.BAD_ANSWER: _UNHEALTHY,
    Reason.RATE_LIMIT: _UNHEALTHY,
    Reason.QUOTA: _NOT_SOON,
    Reason.AUTH: _NOT_SOON,
    Reason.PERMISSION: _NOT_SOON,
}
OPENING_REASONS = frozenset(_TRIPS)
ASKING_TO_WAIT = frozenset({Reason.RATE_LIMIT, Reason.OVERLOADED})


class State(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Opening(NamedTuple):
    """When and why a breaker was opened."""

    since: float
    until: float
    reason: Reason
    by_another: bool = False
    """Nothing but another worker's word for it."""


class _Probe(NamedTuple):
    call: int
    since: float


class Breaker:
    """The breaker of one provider's model."""

    def __init__(self) -> None:
        self.opening: Opening | None = None
        """The last one; None once a call has succeeded since."""
        self._failures = 0
        self._begun = 0
        self._begun_before = 0
        self._probe: _Probe | None = None

    @property
    def reason(self) -> Reason | None:
        """Why it was opened; None where it is closed."""
        return self.opening.reason if self.opening else None

    def state(self, now: float) -> State:
        """Return where it stands."""
        if self.opening is None:
            return State.CLOSED
        return State.OPEN if self.opening.since <= now < self.opening.until else State.HALF_OPEN

    def reopens_at(self, now: float) -> float | None:
        """Return when the next call may be made; None for now."""
        match self.state(now), self.opening, self._probe:
            case State.OPEN, Opening(until=until), _:
                return until
            case State.HALF_OPEN, _, _Probe(since=since) if since <= now < since + _PROBE_PATIENCE_S:
                return since + _PROBE_PATIENCE_S
        return None

    # -- this worker's calls

    def started(self, now: float) -> int:
        """A call was begun: with the breaker half-open, it is the probe; return its number, for telling its end."""
        self._begun += 1
        if self.state(now) is State.HALF_OPEN and self.reopens_at(now) is None:
            self._probe = _Probe(self._begun, now)
        return self._begun

    def ended(self, call: int | None = None) -> None:
        """A call is over, however it ended: if it was the probe, another may be it."""
        if call is None or (self._probe and self._probe.call == call):
            self._probe = None

    def succeeded(self, call: int | None = None) -> None:
        """A call gave a whole answer."""
        if self._is_from_before(call):
            return
        self.opening, self._probe, self._failures = None, None, 0

    def failed(
        self, reason: Reason, now: float, retry_after_s: float | None = None, *, call: int | None = None
    ) -> None:
        """A call failed.

        Args:
            reason: why.
            now: Unix seconds.
            retry_after_s: how long the provider asked to be left alone, if it did.
            call: the number that `started` gave; None for a call that is known to be new.
        """
        self.ended(call)
        state, trip = self.state(now), _TRIPS.get(reason)
        if trip is None or state is State.OPEN or self._is_from_before(call):
            return
        self._failures += 1
        asked_s = retry_after_s if reason in ASKING_TO_WAIT else None
        if state is State.CLOSED and self._failures < trip.after and not asked_s:
            return
        doubled_s = 2 * (self.opening.until - self.opening.since) if self.opening else 0.0
        open_s = min(max(asked_s or trip.open_s, doubled_s), MAX_OPEN_S)
        self._open(Opening(now, now + open_s, reason))

    # -- what other workers say

    def opened(self, until: float, reason: Reason, now: float) -> None:
        """Another worker opened its breaker: open this one for as long, unless our own probe is about to tell."""
        until = min(until, now + MAX_OPEN_S)
        if until > (self.reopens_at(now) or now):
            self._open(Opening(now, until, reason, by_another=True))

    def withdrawn(self, now: float) -> None:
        """That worker's word is gone: what rested on it alone is half-open."""
        if self.opening and self.opening.by_another and self.state(now) is State.OPEN:
            self.opening = self.opening._replace(until=now)

    def _open(self, opening: Opening) -> None:
        self.opening, self._probe, self._begun_before = opening, None, self._begun

    def _is_from_before(self, call: int | None) -> bool:
        return call is not None and call <= self._begun_before


class Breakers:
    """One worker's breakers, by provider and model.

    Args:
        enabled: off, none ever opens.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._breakers: dict[tuple[str, str], Breaker] = {}

    def of(self, provider: str, model: str) -> Breaker:
        """Return a candidate's breaker."""
        if not self._enabled:
            return Breaker()
        return self._breakers.setdefault((provider, model), Breaker())

    def __iter__(self) -> Iterator[tuple[str, str, Breaker]]:
        return iter((provider, model, breaker) for (provider, model), breaker in self._breakers.items())
