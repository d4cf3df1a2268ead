"""How a session comes by a connection: in how many tries, and what the provider is told on it."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from streaming.duplex.aio.connection import Connection
from streaming.duplex.aio.reconnects import Reconnects
from streaming.duplex.aio.traffic import Traffic
from streaming.duplex.errors import ConnectionLostError, ResumeRefusedError, SessionError
from streaming.duplex.provider import RealtimeProvider


@dataclass(frozen=True, slots=True)
class Terms:
    """How connections are made and given up."""

    reconnects: Reconnects
    max_age_s: float | None
    connect_timeout_s: float
    setup_timeout_s: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that nothing has been sent on yet."""

    connection: Connection
    told_up_to: int | None
    """The outbox's place when the history was told; None: resumed."""

    @property
    def how(self) -> Literal["resumed", "seeded"]:
        """In the words of `Reconnected`."""
        return "resumed" if self.told_up_to is None else "seeded"


class Opening:
    """Opens the connections of one session.

    Attributes:
        failures: tries since something was said on a connection: they may all break at the same words.
    """

    def __init__(self, provider: RealtimeProvider, traffic: Traffic, terms: Terms) -> None:
        self.failures = 0
        self._provider = provider
        self._traffic = traffic
        self._terms = terms

    async def persist(self, handle: str | None, tries: int) -> Opened:
        """Try to open a connection, with growing waits in between; one try fewer for each failure.

        Raises:
            SessionError: the last try's, or one that trying again would not change.
            CannotSendError: the provider's wire has no words for something in the history.
        """
        error: SessionError = ConnectionLostError("no tries are left")
        while self.failures < tries:
            await asyncio.sleep(self._terms.reconnects.delay_s(self.failures))
            self.failures += 1
            try:
                return await self.once(handle)
            except ResumeRefusedError as refused:
                self.failures -= handle is not None
                handle, error = None, refused
            except SessionError as failed:
                if not failed.retryable:
                    raise
                error = failed
        raise error

    async def once(self, handle: str | None = None) -> Opened:
        """Open a connection that goes on from a handle, or else is told what was said.

        Raises:
            SessionError: there is none to be had, or the provider refuses.
            CannotSendError: the provider's wire has no words for something in the history.
        """
        if handle is not None:
            wire, told_up_to = self._provider.wire(resume=handle), None
        else:
            told_up_to, said = self._traffic.outbox.end, self._traffic.conversation
            wire = self._provider.wire(history=said.settled(), ask=said.asks)
        connection = await Connection.open(
            self._provider.target(),
            wire,
            connect_timeout_s=self._terms.connect_timeout_s,
            setup_timeout_s=self._terms.setup_timeout_s,
        )
        return Opened(connection, told_up_to)
