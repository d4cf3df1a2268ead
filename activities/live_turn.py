"""What the activity tells whoever watches, as a port: `streaming/live/publisher.py` or, without Redis, nobody."""

import asyncio
from typing import Protocol

from streaming.deltas import Delta
from streaming.live.frames import Failure, Header
from streaming.messages import Usage


class LiveTurn(Protocol):
    """What the activity tells whoever watches. Every method returns at once and raises nothing."""

    @property
    def interrupt_hinted(self) -> asyncio.Event:
        """Set when a viewer hints that the turn was interrupted."""

    def begin(self, epoch: int, header: Header, why: str | None) -> None:
        """A try starts."""

    def add(self, deltas: list[Delta]) -> None:
        """The message grew."""

    def fail(self, failure: Failure) -> None:
        """The try failed."""

    def end(self, finish_reason: str, usage: Usage, sha256: str) -> None:
        """The step's stream is complete."""
