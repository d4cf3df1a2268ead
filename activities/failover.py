"""The order of a pass and what earlier passes taught. Pure.

One activity attempt is one pass over the route: switching happens at once inside it, waiting is Temporal's.
The trail travels from attempt to attempt in heartbeat details.
"""

from collections.abc import Sequence

from pydantic import ValidationError

from activities.routes import Candidate
from streaming.contracts import Try
from streaming.messages import Contract

WORKER_LOST = "worker lost"


class Candidacy(Contract):
    """A candidate by name, as the trail remembers it."""

    provider: str
    model: str


class Trail(Contract):
    """What a turn's step has tried so far: all of it goes into every heartbeat, whose details replace the last."""

    tries: list[Try] = []
    in_flight: Candidacy | None = None

    def started(self, candidate: Candidate) -> "Trail":
        """Return the trail with a call under way."""
        return Trail(tries=self.tries, in_flight=Candidacy(provider=candidate.provider, model=candidate.model))

    def finished(self, done: Try) -> "Trail":
        """Return the trail with that call over."""
        return Trail(tries=[*self.tries, done])

    def why(self, attempt: int) -> str | None:
        """Return why another call is needed, for whoever watches: None for a step's first."""
        if self.in_flight is not None or (attempt > 1 and not self.tries):
            return WORKER_LOST
        last = self.tries[-1].error if self.tries else None
        return f"{last.type}: {last.message}" if last else None


def trail_of(heartbeat_details: Sequence[object]) -> Trail:
    """Return the trail that the previous attempt left, empty if it left none."""
    if not heartbeat_details:
        return Trail()
    try:
        return Trail.model_validate(heartbeat_details[0])
    except ValidationError:
        return Trail()  # of another version: a pass that starts over is safe


def order(candidates: list[Candidate], trail: Trail) -> list[Candidate]:
    """Return the candidates of a pass: hopeless ones left out, the one a dead worker was calling first."""
    hopeless = {(tried.provider, tried.model) for tried in trail.tries if tried.error and tried.error.hopeless}
    left = [candidate for candidate in candidates if (candidate.provider, candidate.model) not in hopeless]
    if trail.in_flight is None:
        return left
    flying = (trail.in_flight.provider, trail.in_flight.model)
    return sorted(left, key=lambda candidate: (candidate.provider, candidate.model) != flying)
