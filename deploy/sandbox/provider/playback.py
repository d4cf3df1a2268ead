"""Sends one scripted answer: its pace, its silences, the cuts in its bytes, and the fault it ends in."""

import asyncio
import math
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from aiohttp import web

from deploy.sandbox.provider.script import Response

Outcome = Literal["complete", "cut"]

_BATCH_BYTES = 65_536
_PING_EVERY_S = 0.1
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Piece(NamedTuple):
    """Some bytes of the body.

    Attributes:
        data: The bytes.
        content: Whether they count as a chunk of the answer.
    """

    data: bytes
    content: bool


class Playback:
    """One answer on its way out.

    Bytes wait in a buffer while more can join them: for a full batch when there is no pace, for a full piece
    when the script cuts the body into pieces. Nothing waits through a scripted fault.
    """

    def __init__(
        self, script: Response, target: web.StreamResponse, request: web.Request, count: Callable[[int], None]
    ) -> None:
        self._script = script
        self._target = target
        self._request = request
        self._count = count
        self._clock = asyncio.get_running_loop().time
        self._buffer = bytearray()
        self._pieces = 0
        self._held = 0
        self._sent = 0
        self._next_chunk = 0.0
        self._ping = b""
        self._ping_every = script.comments_every_s or _PING_EVERY_S
        self._next_ping = math.inf

    async def play(self, pieces: Iterable[Piece], error: Callable[[int], bytes], ping: bytes) -> Outcome:
        """Sends the headers and the pieces, and ends as the script says.

        Args:
            pieces: The body.
            error: What an error in the stream looks like on this wire, after that many pieces.
            ping: What says only that the connection lives.

        Returns:
            How it ended; silences end only when the client goes.
        """
        script = self._script
        self._ping = ping
        await asyncio.sleep(script.headers_after_s)
        await self._target.prepare(self._request)
        if script.comments_every_s is not None:
            self._next_ping = self._clock() + self._ping_every
        if script.bom:
            self._buffer += b"\xef\xbb\xbf"
        if script.pings_only:
            return await self._stop(error)
        await self._pause(script.first_token_s)
        self._next_chunk = self._clock()
        for piece in pieces:
            if self._strikes(piece):
                return await self._stop(error)
            await self._send(piece)
        if script.stops_after is not None and self._sent + self._held >= script.stops_after:
            return await self._stop(error)
        return await self._end()

    def _strikes(self, piece: Piece) -> bool:
        after = self._script.stops_after
        # The role chunk still comes before a fault after no content at all.
        return after is not None and self._sent + self._held >= after and (piece.content or after > 0)

    async def _send(self, piece: Piece) -> None:
        pace = self._script.pace_s
        if piece.content and pace:
            await self._pause(self._next_chunk - self._clock())
            # Not the sleep but the rate is what was asked for; time lost to a slow client is not made up.
            self._next_chunk = max(self._next_chunk + pace, self._clock())
        self._buffer += piece.data
        self._pieces += 1
        self._held += piece.content
        size = self._script.chunk_bytes
        if size is not None:
            await self._write_pieces(size)
        elif len(self._buffer) >= _BATCH_BYTES:
            await self._flush()

    async def _write_pieces(self, size: int) -> None:
        while len(self._buffer) >= size:
            await self._target.write(bytes(self._buffer[:size]))
            del self._buffer[:size]
            # Without a turn of the loop the pieces would reach the socket as one.
            await asyncio.sleep(0)
        self._tell()

    async def _flush(self) -> None:
        if self._buffer:
            await self._target.write(bytes(self._buffer))
            self._buffer.clear()
            await asyncio.sleep(0)
        self._tell()

    def _tell(self) -> None:
        self._sent += self._held
        self._held = 0
        self._count(self._sent)

    async def _end(self) -> Outcome:
        # One write with the terminator: a client may well go as soon as it has read the last event.
        await self._target.write_eof(bytes(self._buffer))
        self._tell()
        return "complete"

    async def _pause(self, seconds: float) -> None:
        until = self._clock() + seconds
        if self._script.chunk_bytes is None:
            await self._flush()
        while self._next_ping <= until:
            await asyncio.sleep(self._next_ping - self._clock())
            # The head of an event may already be out: its tail must come before the comment.
            self._buffer += self._ping
            await self._flush()
            self._next_ping += self._ping_every
        await asyncio.sleep(max(0.0, until - self._clock()))

    async def _stop(self, error: Callable[[int], bytes]) -> Outcome:
        script = self._script
        await self._flush()
        if script.error_after is not None:
            self._buffer += error(self._pieces)
            return await self._end()
        if script.cut_after is None:
            await self._wait_for_the_client_to_go()
        elif script.cut == "eof":
            await self._target.write_eof()
        else:
            await self._drop_connection()
        return "cut"

    async def _wait_for_the_client_to_go(self) -> None:
        self._next_ping = math.inf if self._script.silent_after is not None else self._clock()
        while True:
            await self._pause(60.0)

    async def _drop_connection(self) -> None:
        transport = self._request.transport
        if transport is None:
            return
        if self._script.cut == "reset":
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.close()
