"""Servers that answer with whatever bytes a test writes down."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
DONE = b"0\r\n\r\n"
RESET = b"<reset>"
WAIT = b"<wait>"


@dataclass
class Request:
    """One request as it was received."""

    head: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The headers, with their names in lower case."""
        lines = [line.split(": ", 1) for line in self.head.split("\r\n")[1:] if line]
        return {name.lower(): value for name, value in lines}


@dataclass
class Served:
    """A running server: its address, and what it was asked."""

    port: int
    requests: list[Request] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """The address as a URL."""
        return f"http://127.0.0.1:{self.port}"


def chunk(data: bytes) -> bytes:
    """Return `data` as a chunk of HTTP/1.1."""
    return b"%x\r\n%s\r\n" % (len(data), data)


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def saying(*pieces: bytes) -> Answer:
    """Return an answer of these bytes, after which the connection is closed.

    `RESET` resets the connection instead, and `WAIT` waits until the client hangs up.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            if piece is RESET:
                connection: socket.socket = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif piece is WAIT:
                await reader.read()
            else:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)

    return answer


@asynccontextmanager
async def serving(
    answer: Answer, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Served]:
    """Serve until the block ends; each connection gets one answer."""
    connections: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            try:
                served.requests.append(await _request(reader))
                await answer(reader, writer)
                if reader.at_eof():
                    served.hung_up.set()
            except ConnectionError:
                # A client that leaves what has come unread does not close its connection but resets it.
                served.hung_up.set()
            finally:
                writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(talk(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, host, port, backlog=1024, ssl=tls)
    served = Served(server.sockets[0].getsockname()[1])
    try:
        yield served
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request = Request(head, b"")
    request.body = await reader.readexactly(int(request.headers.get("content-length", "0")))
    return request
