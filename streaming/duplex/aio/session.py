"""A session with a realtime provider, over as many connections as it takes."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from streaming.duplex.aio.opening import Terms
from streaming.duplex.aio.pump import Pump
from streaming.duplex.aio.reconnects import Reconnects
from streaming.duplex.aio.succession import Succession
from streaming.duplex.aio.traffic import Traffic
from streaming.duplex.conversation import Conversation
from streaming.duplex.elements import StreamElement
from streaming.duplex.errors import SessionEndedError
from streaming.duplex.outbox import MAX_MEDIA_BYTES, Outbox
from streaming.duplex.provider import RealtimeProvider
from streaming.messages import Message

DEFAULT_MAX_AGE_S = 55 * 60.0
"""OpenAI closes after 60 minutes; between the two there will be a quiet moment."""


class RealtimeSession:
    """An `ElementSender` and an `ElementReceiver`: what is sent goes to the provider, what is received comes from it.

    It is an async context manager; entering it waits for the provider to take the setup. A connection that breaks is
    followed by another, which goes on by the provider's own handle or is told what was said; what was sent and has no
    answer is sent again there. The answer that broke off is given as `interrupted`, and comes anew.

    The last element that is received says how the session ended: it holds a `SessionEndedError`, or the error that
    ended it. After it `receive` raises `SessionEndedError`.

    Args:
        provider: whom to talk to.
        history: what was said before: the provider is told.
        reconnects: how often and how soon another connection is tried.
        max_age_s: connections older than this are replaced in a quiet moment; None: never by themselves.
        max_queued_bytes: how much sound and pictures wait for a connection, or for an answer; the oldest are dropped.
        connect_timeout_s: for the socket and the HTTP exchange.
        setup_timeout_s: for the provider's word that it has taken the setup.
        pump: where elements wait for the consumer, if its bounds are to be others than the default.
    """

    def __init__(
        self,
        provider: RealtimeProvider,
        *,
        history: Sequence[Message] = (),
        reconnects: Reconnects = Reconnects(),  # noqa: B008 - frozen
        max_age_s: float | None = DEFAULT_MAX_AGE_S,
        max_queued_bytes: int = MAX_MEDIA_BYTES,
        connect_timeout_s: float = 10.0,
        setup_timeout_s: float = 10.0,
        pump: Pump | None = None,
    ) -> None:
        self._pump = pump or Pump()
        self._traffic = Traffic(Conversation(history), Outbox(max_queued_bytes), self._pump)
        terms = Terms(reconnects, max_age_s, connect_timeout_s, setup_timeout_s)
        self._succession = Succession(provider, self._traffic, terms)
        self._running: asyncio.Task[None] | None = None

    @property
    def conversation(self) -> Conversation:
        """What was said so far."""
        return self._traffic.conversation

    # -- its beginning and its end

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            SessionError: there is no connection to be had (`ConnectError`), or the provider refuses the session.
        """
        await self._succession.open()
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        await self.aclose()

    async def aclose(self) -> None:
        """End the session, in a second or so; what has come can still be received. Closing twice is closing once."""
        self._traffic.close()
        try:
            if self._running is not None:
                self._running.cancel()
                await asyncio.wait([self._running])
        finally:  # a task that is cancelled before its first step ends nothing
            await self._end(SessionEndedError("session closed"))

    async def _run(self) -> None:
        ending: Exception = SessionEndedError("session closed")
        try:
            await self._succession.run()
        except Exception as error:
            ending = error
        finally:
            await self._end(ending)

    async def _end(self, ending: Exception) -> None:
        try:
            await self._succession.close()
        finally:
            self._traffic.end(ending)

    # -- up

    async def send(self, element: StreamElement) -> None:
        """Queue an element for the provider; while there is a connection, wait for room.

        Without one it is kept: words, marks and tool results all, sound and pictures as much as `max_queued_bytes`.
        Messages of tool results are given out again, in order, and written down.

        Raises:
            SessionEndedError: the session is over; the element went nowhere.
        """
        await self._traffic.send(element)

    # -- down

    async def receive(self) -> StreamElement:
        """Wait for an element, and take it.

        Raises:
            SessionEndedError: the session is over, and its last element was taken.
        """
        return await self._pump.receive()

    def receive_nowait(self) -> StreamElement | None:
        """Take an element; None where there is none now.

        Raises:
            SessionEndedError: the session is over, and its last element was taken.
        """
        return self._pump.receive_nowait()

    def __aiter__(self) -> Self:
        """Give the elements, to the last."""
        return self

    async def __anext__(self) -> StreamElement:
        """Take the next one."""
        try:
            return await self.receive()
        except SessionEndedError:
            raise StopAsyncIteration from None

    async def barge_in(self) -> None:
        """Wait until the user barges in: see `Pump.barge_in`."""
        await self._pump.barge_in()

    def played(self, ms: float, response_id: str = "") -> None:
        """Tell how much of an answer's sound has been played: see `Pump.played`."""
        self._pump.played(ms, response_id)
