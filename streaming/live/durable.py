"""What a viewer asks the durable side, as a port: this package knows no Temporal."""

from dataclasses import dataclass
from typing import Literal, Protocol

from streaming.contracts import TurnResult


class TurnNotFound(Exception):
    """There is no turn of this id."""

    def __init__(self, turn_id: str) -> None:
        self.turn_id = turn_id
        super().__init__(f"no turn {turn_id!r}")


class DurableUnreachable(Exception):
    """The durable side does not answer now."""


@dataclass(frozen=True)
class Outcome:
    """How a turn ended: a result, or a failure in words."""

    status: Literal["completed", "failed", "cancelled", "terminated", "timed out"]
    result: TurnResult | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Standing:
    """Where a turn stands when no producer speaks."""

    status: Literal["not found", "queued", "running", "backing off", "closed", "unreachable"]
    attempt: int = 0
    last_failure: str | None = None
    next_attempt_at: float | None = None
    """Unix seconds."""


class Durable(Protocol):
    """The durable side of turns."""

    async def outcome(self, turn_id: str) -> Outcome:
        """Wait for the turn's end.

        Raises:
            TurnNotFound: there is none.
            DurableUnreachable: nobody answers; ask again later.
        """

    async def standing(self, turn_id: str) -> Standing:
        """Return where the turn stands now, "unreachable" included."""
