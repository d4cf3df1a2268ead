"""When a connection that works is to be given up for another: before the provider does it. Pure.

OpenAI ends a session after 60 minutes, Gemini a connection after about ten, which it tells shortly before. Times are
seconds of one clock.
"""

_LEAD_S = 2.0  # what closing one connection and opening another may take
_SETTLED_S = 1.0  # a server that goes away may say so to every new connection too: they are not changed at once
_PATIENCE_S = 3.0  # how late a transcript may come: a connection that is gone brings none


class HandOver:
    """The plan for one connection."""

    def __init__(self, opened_at: float, max_age_s: float | None) -> None:
        self._opened_at = opened_at
        self._due_at = None if max_age_s is None else opened_at + max_age_s
        self._must_at: float | None = None
        self.why = f"the connection is {max_age_s:g} s old" if max_age_s is not None else ""

    def going_away(self, time_left_s: float, now: float) -> None:
        """The provider will close the connection in so long."""
        self._due_at = max(now, self._opened_at + _SETTLED_S)
        self._must_at = now + max(time_left_s - _LEAD_S, time_left_s / 2)
        self.why = "the provider closes the connection"

    def put_off(self, seconds: float, now: float) -> None:
        """It did not succeed, and is tried again later."""
        self._due_at = now + seconds

    def due(self, now: float) -> bool:
        """Whether the next quiet moment is right for it."""
        return self._due_at is not None and now >= self._due_at

    def patient(self, now: float) -> bool:
        """Whether it is worth waiting for a transcript that has not come."""
        return self._due_at is not None and now < self._due_at + _PATIENCE_S

    def overdue(self, now: float) -> bool:
        """Whether there is no time to wait for a quiet moment."""
        return self._must_at is not None and now >= self._must_at

    @property
    def announced(self) -> bool:
        """Whether the provider has said that it will close the connection."""
        return self._must_at is not None

    def wait_s(self, now: float) -> float | None:
        """Return how long nothing of this changes by itself; None: as long as the provider says nothing."""
        impatient_at = None if self._due_at is None else self._due_at + _PATIENCE_S
        times = [at for at in (self._due_at, impatient_at, self._must_at) if at is not None and at > now]
        return min(times) - now if times else None
