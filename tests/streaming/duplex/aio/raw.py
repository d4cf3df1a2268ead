"""Servers that are no provider: they do one wrong thing each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

READY = '{"is": "ready", "session": "raw"}'


@asynccontextmanager
async def serving(
    handle: Callable[[ServerConnection], Awaitable[None]],
    admit: Callable[[ServerConnection, Request], Response | None] | None = None,
) -> AsyncIterator[str]:
    """Serve every connection with `handle`; yield the URL."""

    async def handled(socket: ServerConnection) -> None:
        try:
            await handle(socket)
        except ConnectionClosed:
            return

    async with serve(
        handled, "127.0.0.1", 0, process_request=admit, compression=None, max_size=None, close_timeout=0.5
    ) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def silence(socket: ServerConnection) -> None:
    """Listen, and say nothing."""
    async for _ in socket:
        pass


def saying(*messages: str | bytes, text: bool | None = None) -> Callable[[ServerConnection], Awaitable[None]]:
    """Return what takes any setup, and then says this."""

    async def say(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(READY)
        for message in messages:
            await socket.send(message, text=text)
        await silence(socket)

    return say
