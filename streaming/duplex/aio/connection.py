"""One connection: a socket, and the wire that is spoken on it."""

import asyncio
from collections import deque
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from streaming.duplex.aio.websocket import CLOSE_WITHIN_S, close_of, open_websocket, violation_of
from streaming.duplex.elements import StreamElement
from streaming.duplex.errors import ConnectError
from streaming.duplex.provider import RealtimeWire, Target


class Connection:
    """A connection whose setup is done.

    One task reads and another writes. What the wire wants said by itself waits for the writer: a reader that wrote
    would stop reading whenever the provider does.

    Attributes:
        early: what the provider said before it was ready.
        over: the socket is closed, and the wire knows it.
        left: the provider closed it because its server goes away (1001): the session is not what ended.
    """

    def __init__(self, socket: ClientConnection, wire: RealtimeWire) -> None:
        self.wire = wire
        self.early: list[StreamElement] = []
        self.over = False
        self.left = False
        self._socket = socket
        self._unsent: deque[str] = deque()

    @classmethod
    async def open(
        cls, target: Target, wire: RealtimeWire, *, connect_timeout_s: float, setup_timeout_s: float
    ) -> "Connection":
        """Connect, and wait until the provider has taken the setup.

        Raises:
            ConnectError: no connection, or no word from the provider in time.
            SessionError: the provider's refusal, as the wire understands it.
        """
        connection = cls(await open_websocket(target, connect_timeout_s), wire)
        try:
            async with asyncio.timeout(setup_timeout_s):
                await connection._set_up()
        except TimeoutError:
            await connection.abort()
            raise ConnectError(f"the provider took no setup in {setup_timeout_s:g} s", code="setup_timeout") from None
        except BaseException:
            await connection.abort()
            raise
        return connection

    async def _set_up(self) -> None:
        self.wire.opened()
        self._collect()
        await self.flush()
        while not self.wire.ready:
            for element in await self.receive(lambda: 0.0):
                if element.error is not None:
                    raise element.error
                self.early.append(element)
        await self.flush()

    @property
    def has_unsent(self) -> bool:
        """Whether the writer has something to do."""
        return bool(self._unsent)

    async def receive(self, heard_ms: Callable[[], float]) -> list[StreamElement]:
        """Wait for a message; return what it says. The last one holds an error, and says why it is `over`.

        Args:
            heard_ms: how much of the newest answer's sound has been played by then.
        """
        try:
            message = await self._socket.recv()
        except ConnectionClosed as closed:
            return self._closed(closed)
        self.wire.heard(heard_ms())
        elements = self.wire.receive(message)
        self._collect()
        return elements

    def give(self, element: StreamElement, heard_ms: float) -> None:
        """Put an element into the provider's words, for the writer.

        Raises:
            CannotSendError: the wire has none for it.
        """
        self.wire.heard(heard_ms)
        self.wire.send(element)
        self._collect()

    async def flush(self) -> bool:
        """Write what there is to be written; return whether more may follow."""
        try:
            while self._unsent:
                await self._socket.send(self._unsent.popleft())
        except ConnectionClosed:
            return False  # the reader learns why
        return not self.over

    def give_up(self) -> list[StreamElement]:
        """Expect nothing more of the provider; return the cut answer, if there is one."""
        if self.over:
            return []
        self.over = True
        return [element for element in self.wire.closed(1006, "") if element.error is None]

    async def close(self) -> None:
        """Close the socket in order, within a second or so."""
        self.over = True
        try:
            # The library waits without end for a peer that does not read to take the close frame.
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._socket.close()
        except TimeoutError:
            await self.abort()
        except BaseException:
            await self.abort()
            raise

    async def abort(self) -> None:
        """Close the socket at once."""
        self.over = True
        self._socket.transport.abort()
        await self._socket.wait_closed()

    def _collect(self) -> None:
        self._unsent.extend(self.wire.outgoing())

    def _closed(self, closed: ConnectionClosed) -> list[StreamElement]:
        violation = violation_of(closed)
        if violation is not None:
            return [*self.give_up(), StreamElement(error=violation)]
        self.over = True
        code, reason = close_of(closed)
        self.left = code == CloseCode.GOING_AWAY
        return self.wire.closed(code, reason)
