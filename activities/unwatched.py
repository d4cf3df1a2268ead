"""A turn that nobody can watch: what `live.enabled = false` puts in a live turn's place."""

import asyncio

from streaming.deltas import Delta
from streaming.live.frames import Failure, Header
from streaming.messages import Usage


class UnwatchedTurn:
    """Hears everything, tells nobody."""

    def __init__(self) -> None:
        self.interrupt_hinted = asyncio.Event()

    def begin(self, epoch: int, header: Header, why: str | None) -> None:
        """A try starts."""

    def add(self, deltas: list[Delta]) -> None:
        """The message grew."""

    def fail(self, failure: Failure) -> None:
        """The try failed."""

    def end(self, finish_reason: str, usage: Usage, sha256: str) -> None:
        """The step's stream is complete."""
