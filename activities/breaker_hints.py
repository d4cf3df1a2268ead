"""What workers tell each other of their circuit breakers, as hints in Redis. Pure: no Redis here.

A key holds one hint: who tells more stays, which is a reason that others believe, then a longer time. Everything is
told, so that `millstream providers` shows it. Believed is what only the provider can have said: where a connection
fails, nothing comes, what comes is broken, or a key is refused, the trouble may be one worker's own network or
settings, and must not become everybody's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from activities.breakers import MAX_OPEN_S, OPENING_REASONS, Breaker, Breakers, State
from streaming.errors import NotTheWire
from streaming.jsontext import dumps, loads
from streaming.live.hints import Hint
from streaming.reasons import Reason

_BELIEVED = frozenset({Reason.SERVER, Reason.OVERLOADED, Reason.RATE_LIMIT, Reason.QUOTA})
_CLOCKS_DIFFER_S = 60.0
_MAX_WORKER = 100


class BreakerHint(NamedTuple):
    """A worker's word that its breaker is open."""

    open_until: float
    """Unix seconds."""
    reason: Reason
    worker: str

    @property
    def _weight(self) -> tuple[bool, float]:
        return self.reason in _BELIEVED, self.open_until

    def tells_more_than(self, other: "BreakerHint") -> bool:
        """Return whether this one should stand where the other is."""
        return self != other and (self.worker == other.worker or self._weight > other._weight)

    def left(self, now: float) -> Hint:
        """Return it as it is left in Redis."""
        return Hint(dumps(self._asdict()), self.open_until - now)


def parsed(data: bytes, now: float) -> BreakerHint | None:
    """Return the hint of an open breaker, or None: nothing there, malformed, over, or from a forged future."""
    try:
        value = loads(data)
    except NotTheWire:
        return None
    match value:
        case {"open_until": int() | float() as until, "reason": str(reason), "worker": str(worker)} if (
            reason in OPENING_REASONS
            and worker.isprintable()  # it is shown, in one line
            and now < until <= now + MAX_OPEN_S + _CLOCKS_DIFFER_S
        ):
            return BreakerHint(float(until), Reason(reason), worker)
    return None


class SharedBreakers:
    """One worker's breakers as the others' hints change them, and its own as hints for the others: a `Board`.

    Args:
        breakers: the worker's.
        candidates: provider and model of each that a route of the worker names.
        name: gives a candidate's key in Redis.
        worker: what this worker is called; no other has the name.
    """

    def __init__(
        self,
        breakers: Breakers,
        candidates: Iterable[tuple[str, str]],
        name: Callable[[str, str], str],
        worker: str,
    ) -> None:
        self._breakers = breakers
        self._candidates = {name(*candidate): candidate for candidate in candidates}
        self._worker = worker[:_MAX_WORKER]
        self._heard: dict[str, BreakerHint | None] = dict.fromkeys(self._candidates)

    @property
    def keys(self) -> Sequence[str]:
        """Where hints may be."""
        return list(self._candidates)

    def news(self, now: float) -> Mapping[str, Hint | None]:
        """Return what to leave now, by key; None takes our own word back."""
        news: dict[str, Hint | None] = {}
        for key, heard in self._heard.items():
            own = self._own(self._breaker(key), now)
            if own and (heard is None or own.tells_more_than(heard)):
                news[key] = own.left(now)
            elif own is None and heard and heard.worker == self._worker:
                news[key] = None
        return news

    def hear(self, values: Sequence[bytes], now: float) -> None:
        """Take what is under each key now. Only what is new there counts: a breaker that was closed since stays so."""
        for key, data in zip(self._candidates, values, strict=True):
            before, hint = self._heard[key], parsed(data, now)
            self._heard[key] = hint
            if hint == before:
                continue
            if hint and self._is_believed(hint):
                self._breaker(key).opened(hint.open_until, hint.reason, now)
            elif before and self._is_believed(before):
                self._breaker(key).withdrawn(now)

    def _own(self, breaker: Breaker, now: float) -> BreakerHint | None:
        opening = breaker.opening
        if opening is None or opening.by_another or breaker.state(now) is not State.OPEN:
            return None
        return BreakerHint(opening.until, opening.reason, self._worker)

    def _breaker(self, key: str) -> Breaker:
        return self._breakers.of(*self._candidates[key])

    def _is_believed(self, hint: BreakerHint) -> bool:
        return hint.worker != self._worker and hint.reason in _BELIEVED
