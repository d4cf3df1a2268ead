"""A route: the candidates that may answer, in order. What the worker's settings resolve to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

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
    accept_empty: bool = False
    """Take a stop with nothing said as a result."""
    quirks: Quirks = field(default_factory=Quirks)
    clocks: Mapping[str, float] = field(default_factory=dict)
    """Overrides of the turn's limits, by name."""

    @property
    def name(self) -> str:
        """How the candidate is called in messages: provider/model."""
        return f"{self.provider}/{self.model}"

    def limits(self, turn: Limits) -> Limits:
        """Return the turn's limits with this candidate's overrides."""
        return turn.model_copy(update=dict(self.clocks))


@dataclass(frozen=True)
class Routes:
    """The routes of a worker, by name."""

    by_name: Mapping[str, list[Candidate]]

    def candidates(self, route: str) -> list[Candidate]:
        """Return the candidates of a route, in order.

        Raises:
            UnknownRoute: there is none of that name.
        """
        if route not in self.by_name:
            raise UnknownRoute(route, sorted(self.by_name))
        return self.by_name[route]
