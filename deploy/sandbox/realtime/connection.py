"""One client's connection, as both fake providers use it."""

import asyncio
import socket
import struct
from collections.abc import Coroutine

import orjson
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from deploy.sandbox.realtime.journal import ConnectionRecord, Journal, JsonObject
from deploy.sandbox.realtime.playing import Playthrough
from deploy.sandbox.realtime.script import Close

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_INTERNAL_ERROR = 1011
BAD_KEY = "bad"
"""The one API key that is not taken."""


class ClientConnection:
    """A client's socket, what is recorded of it, and the session it belongs to.

    Whatever is sent or received after the socket is closed raises `websockets.exceptions.ConnectionClosed`. A wire
    lets it through: the server takes it as the connection's end, in `serve_connection` and in background tasks.

    Attributes:
        session: How far the session's script is played; the same object for all connections of one API key.
        record: The connection's own page of the journal; the wire writes into it what it understands.
        key: The API key, as given.
        path: What was connected to, with its query.
        now: The loop's clock, in seconds: what `Vad.hear` and `receive` want.
    """

    def __init__(
        self, socket: ServerConnection, session: Playthrough, record: ConnectionRecord, journal: Journal, key: str
    ) -> None:
        self.session = session
        self.record = record
        self.key = key
        self.path = socket.request.path if socket.request else ""
        self.now = asyncio.get_running_loop().time
        self._socket = socket
        self._journal = journal
        self._background: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        """Whether nobody has begun to close it."""
        return self._socket.state is State.OPEN

    async def receive(self, until: float | None = None) -> str | bytes | None:
        """Returns the next message, or None where the time comes first; a message that is already here wins.

        Args:
            until: A time on the clock of `now`; None waits for ever.
        """
        try:
            async with asyncio.timeout_at(until):
                return await self._socket.recv()
        except TimeoutError:
            return None

    async def send(self, message: JsonObject) -> None:
        """Sends one JSON object as a text frame."""
        await self.send_raw(orjson.dumps(message).decode())

    async def send_binary(self, message: JsonObject) -> None:
        """Sends one JSON object as a binary frame."""
        await self.send_raw(orjson.dumps(message))

    async def send_raw(self, message: str | bytes) -> None:
        """Sends a frame as it is, of text or of bytes."""
        await self._socket.send(message)
        self.record.sent += 1

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes with a handshake; returns when the client has answered it, or did not in time."""
        await self._socket.close(code, reason)

    async def end(self, how: Close) -> None:
        """Ends the connection as a script says."""
        if how.how == "close":
            await self.close(how.code, how.reason)
        else:
            self.reset()

    def reset(self) -> None:
        """Ends the TCP connection with a reset: the client's next read fails."""
        bound: socket.socket = self._socket.transport.get_extra_info("socket")
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._socket.transport.abort()

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Runs something beside the reading; it is cancelled when the connection ends."""
        task = asyncio.create_task(self._watched(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        # A task that is cancelled before its first moment never awaits its work, which Python complains of.
        task.add_done_callback(lambda _: work.close())
        return task

    async def finish(self) -> None:
        """Ends what runs beside the reading, and records how the socket was closed. The server calls it."""
        running = list(self._background)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._socket.close()
        self.record.closed = self._socket.close_code
        self.record.close_reason = self._socket.close_reason or ""

    async def fail(self, failure: Exception) -> None:
        """Records that the fake itself went wrong, and closes."""
        self._journal.failures.append(failure)
        await self._socket.close(_INTERNAL_ERROR)

    async def _watched(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except ConnectionClosed:
            return
        except Exception as failure:
            await self.fail(failure)
