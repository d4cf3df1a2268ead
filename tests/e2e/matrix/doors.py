"""A port in front of the provider that fails its first caller, and lets the later ones through."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from deploy.sandbox.processes import LOOPBACK
from tests.e2e.proxy import Proxy

_READ_BYTES = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Greeting:
    """What the first caller gets instead of the provider.

    Attributes:
        refused: no connection, for as long as nobody opens the door.
        reads: wait for the caller's first words.
        says: the bytes it is told.
        reset: the connection is reset then, not closed.
        hangs: nothing at all, until the caller goes.
        tls: callers must come by https.
    """

    refused: bool = False
    reads: bool = True
    says: bytes = b""
    reset: bool = False
    hangs: bool = False
    tls: bool = False


class Door:
    """One such port."""

    def __init__(self, greeting: Greeting, target_port: int, tls: ssl.SSLContext) -> None:
        self._greeting = greeting
        self._tls = tls if greeting.tls else None
        self._behind = Proxy(target_port)
        self._serving: asyncio.Task[None] | None = None
        # Bound and not listening: the port is ours, and the kernel refuses whoever calls.
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.bind((LOOPBACK, 0))
        if not greeting.refused:
            self.open()

    @property
    def url(self) -> str:
        """The address as a URL, without a path; a certificate names a host."""
        scheme, host = ("https", "localhost") if self._tls else ("http", LOOPBACK)
        return f"{scheme}://{host}:{self._socket.getsockname()[1]}"

    @property
    def refuses(self) -> bool:
        """Whether callers get no connection."""
        return self._serving is None

    def open(self) -> None:
        """Take callers from now on; a door that takes them already is open."""
        if self.refuses:
            self._socket.listen()
            self._serving = asyncio.create_task(self._serve())

    async def close(self) -> None:
        """End all connections."""
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        await self._behind.closed()
        self._socket.close()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._greeting.refused:
            first, _ = await loop.sock_accept(self._socket)
            with contextlib.closing(first), contextlib.suppress(OSError):
                await self._greet(first)
        async with asyncio.TaskGroup() as letting:
            while True:
                later, _ = await loop.sock_accept(self._socket)
                letting.create_task(self._let_through(later))

    async def _greet(self, caller: socket.socket) -> None:
        loop, greeting = asyncio.get_running_loop(), self._greeting
        caller.setblocking(False)
        while greeting.hangs and await loop.sock_recv(caller, _READ_BYTES):
            pass
        if greeting.reads:
            await loop.sock_recv(caller, _READ_BYTES)
        await loop.sock_sendall(caller, greeting.says)
        if greeting.reset:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    async def _let_through(self, caller: socket.socket) -> None:
        def streams() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._behind.accept)

        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(streams, caller, ssl=self._tls)


@asynccontextmanager
async def doors_to(
    target_port: int, tls: ssl.SSLContext, greetings: dict[str, Greeting]
) -> AsyncIterator[dict[str, Door]]:
    """Put a door of each name in front of a port of this machine."""
    doors = {name: Door(greeting, target_port, tls) for name, greeting in greetings.items()}
    try:
        yield doors
    finally:
        await asyncio.gather(*(door.close() for door in doors.values()))
