"""A TCP proxy on loopback whose link can be slowed, black-holed and cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.sandbox.processes import LOOPBACK

_READ_BYTES = 65_536


def port_of(address: str) -> int:
    """Return the port of an address or a Redis URL."""
    return int(address.rpartition(":")[2].partition("/")[0])


class Proxy:
    """What happens to the bytes between its clients and one server."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.delay_s = 0.0
        """How late each piece is forwarded, in either direction."""
        self._target_port = target_port
        self._open = asyncio.Event()
        self._open.set()
        self._links: set[asyncio.Task[None]] = set()

    def freeze(self) -> None:
        """Forward nothing any more, on old connections and new: a black hole, in which nothing is refused."""
        self._open.clear()

    def thaw(self) -> None:
        """Forward again, and what was held first."""
        self._open.set()

    def cut(self) -> None:
        """Close every connection; what was held is lost."""
        for link in self._links:
            link.cancel()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a client's connection."""
        link = asyncio.create_task(self._serve(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)
        link.add_done_callback(lambda _: writer.close())  # also where it was cut before it took its first step

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
        except OSError:
            return  # nobody listens there: the client's connection ends too
        with contextlib.closing(there_writer):  # also where a second cut comes while the pumps end
            pumps = [self._pump(reader, there_writer), self._pump(there_reader, writer)]
            both = [asyncio.create_task(pump) for pump in pumps]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in both:
                    pump.cancel()
                await asyncio.gather(*both, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_READ_BYTES):
                await asyncio.sleep(self.delay_s)
                await self._open.wait()
                writer.write(data)
                await writer.drain()

    async def closed(self) -> None:
        """Cut everything, and wait until it is."""
        self.cut()
        await asyncio.gather(*self._links, return_exceptions=True)


@asynccontextmanager
async def proxy_to(target_port: int) -> AsyncIterator[Proxy]:
    """Run a proxy to a port of this machine."""
    proxy = Proxy(target_port)
    server = await asyncio.start_server(proxy.accept, LOOPBACK, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.closed()
        await server.wait_closed()
