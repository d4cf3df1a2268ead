"""What a step's attempts have tried, as it travels from one to the next in heartbeat details. Pure."""

from collections.abc import Sequence

from pydantic import ValidationError

from activities.routes import Candidate
from streaming.contracts import Try, TryError
from streaming.messages import Contract, Usage

WORKER_LOST = "worker lost"
# A turn may wait for a day, and Temporal ends an activity whose heartbeat details are over 2 MiB.
MAX_TRIES = 500
# In words of ours: it did not fail, and whoever is called next may be the same candidate.
_LOST = TryError(
    type="WorkerLost",
    message="its worker was lost, or stopped, during the call: what it had used is known as of its last heartbeat",
    hopeless=False,
)


class Candidacy(Contract):
    """A candidate whose call is under way, as the trail remembers it."""

    provider: str
    model: str
    resume: str | None = None
    """Where its provider keeps the response, so that another attempt may read on."""
    so_far: Try | None = None
    """What the call had come to at this beat; None where it is accounted for already, or by an older version."""

    @property
    def key(self) -> tuple[str, str]:
        """As `Candidate.key`."""
        return self.provider, self.model


class Trail(Contract):
    """What a turn's step has tried so far: all of it goes into every heartbeat, whose details replace the last.

    The SDK sends a beat at once only after 0.8 of the heartbeat timeout without one: of a call that is lost, its
    first 0.2 s may leave no word, and what is known of the rest is as old as the last beat that was sent.
    """

    tries: list[Try] = []
    in_flight: Candidacy | None = None

    def started(self, candidate: Candidate, resume: str | None = None, so_far: Try | None = None) -> "Trail":
        """Return the trail with a call under way."""
        flying = Candidacy(provider=candidate.provider, model=candidate.model, resume=resume, so_far=so_far)
        return Trail(tries=self.tries, in_flight=flying)

    def finished(self, done: Try) -> "Trail":
        """Return the trail with that call over."""
        return Trail(tries=[*self.tries, done])

    def lost(self) -> "Trail":
        """Return the trail with the call in flight as a try whose end nobody saw; who it was stays known."""
        flying = self.in_flight
        if flying is None or flying.so_far is None:
            return self
        forgotten = Candidacy(provider=flying.provider, model=flying.model)
        return Trail(tries=[*self.tries, lost(flying.so_far)], in_flight=forgotten)

    @property
    def why(self) -> str | None:
        """Why another call is needed, for whoever watches; None where none was made yet."""
        if self.in_flight is not None:
            return WORKER_LOST
        last = self.tries[-1].error if self.tries else None
        return f"{last.type}: {last.message}" if last else None

    @property
    def failed(self) -> list[Try]:
        """The tries that failed: those that were lost with their worker did not."""
        return [tried for tried in self.tries if tried.error and tried.error.type != _LOST.type]

    @property
    def usage(self) -> Usage:
        """What all tries have used."""
        total = Usage()
        for tried in self.tries:
            total = total.plus(tried.usage or Usage())
        return total

    @property
    def cost_usd(self) -> float | None:
        """What all tries have cost; None where one used tokens at a price that nobody knows: that is not nothing."""
        costs = [tried.cost_usd for tried in self.tries if tried.usage is not None]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None


def lost(so_far: Try) -> Try:
    """Return a call that was under way as a try that ended with its worker."""
    return so_far.model_copy(update={"error": _LOST})


def trail_of(heartbeat_details: Sequence[object]) -> Trail | None:
    """Return the trail that the attempts before left; None where they left no word."""
    if not heartbeat_details:
        return None
    try:
        left = Trail.model_validate(heartbeat_details[0])
    except ValidationError:
        return Trail()  # of another version: a pass that starts over is safe
    return left.model_copy(update={"tries": _kept(left.tries)})


def _kept(tries: list[Try]) -> list[Try]:
    """Leave out the oldest that neither cost anything nor keep a candidate out: the account stays right."""
    idle = [at for at, tried in enumerate(tries) if tried.usage is None and not (tried.error and tried.error.hopeless)]
    forgotten = set(idle[: max(len(tries) - MAX_TRIES, 0)])
    return [tried for at, tried in enumerate(tries) if at not in forgotten]
