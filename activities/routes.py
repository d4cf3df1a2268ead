"""A route: the candidates that may answer, in order. What the worker's settings resolve to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from activities.prices import Price
from streaming.contracts import Limits
from streaming.errors import UnknownRoute
from streaming.providers.wire import Quirks, Wire


@dataclass(frozen=True)
class Candidate:
    """One provider and model that may answer, with everything needed to call it."""

    provider: str
    model: str
    wire: Wire
    base_url: str
    api_key: SecretStr
    stream: bool = True
    background: bool = False
    """Have the provider make the response whether or not anybody reads it, and come back to it; streams only."""
    accept_empty: bool = False
    """Take a stop with nothing said as a result."""
    accept_refusal: bool = True
    """Take a refusal as a result, not as a failed try."""
    quirks: Quirks = field(default_factory=Quirks)
    clocks: Mapping[str, float] = field(default_factory=dict)
    """Overrides of the turn's limits, by name."""
    price: Price | None = None
    """What its tokens cost, where that is known."""

    @property
    def key(self) -> tuple[str, str]:
        """Which candidate it is, in the trail and among the breakers."""
        return self.provider, self.model

    @property
    def name(self) -> str:
        """How the candidate is called in messages: provider/model."""
        return f"{self.provider}/{self.model}"

    def limits(self, turn: Limits) -> Limits:
        """Return the turn's limits with this candidate's overrides."""
        return turn.model_copy(update=dict(self.clocks))


@dataclass(frozen=True)
class LeftOut:
    """A candidate that this worker cannot call."""

    provider: str
    model: str
    why: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}: {self.why}"


@dataclass(frozen=True)
class Retries:
    """How a route is tried again when every candidate has failed."""

    passes: int | None = None
    """How often the route is gone through at most; None for as long as the turn lives."""
    max_wait_s: float = 30.0
    """The longest wait between passes that no provider asked for."""


@dataclass(frozen=True)
class Routes:
    """The routes of a worker, by name."""

    by_name: Mapping[str, list[Candidate]]
    retries_by_name: Mapping[str, Retries] = field(default_factory=dict)
    left_out_by_name: Mapping[str, list[LeftOut]] = field(default_factory=dict)

    def candidates(self, route: str) -> list[Candidate]:
        """Return the candidates of a route, in order.

        Raises:
            UnknownRoute: there is none of that name.
        """
        if route not in self.by_name:
            raise UnknownRoute(route, sorted(self.by_name))
        return self.by_name[route]

    def retries(self, route: str) -> Retries:
        """Return how a route is tried again."""
        return self.retries_by_name.get(route, Retries())

    def left_out(self, route: str) -> list[LeftOut]:
        """Return the candidates of a route that this worker cannot call."""
        return self.left_out_by_name.get(route, [])
