"""HTTP to the hosts of attachments: one GET that can be led nowhere but where the destinations allow.

The address is checked where the socket is made, which is the last moment there is: the connection goes to exactly what
was checked, whatever a name resolves to before or after. Nothing of ours goes along: no proxy of the environment, no
cookie, no credentials, and no connection is used twice.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import NamedTuple, Self

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from activities.destinations import Destinations, not_public
from streaming.errors import AttachmentNotLoaded, BadAttachment, TurnError
from streaming.media import essence_of, too_large

MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, socket.EAI_NODATA})
_RESOLVING_THREADS = 8

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


class Fetched(NamedTuple):
    """A body and what its header calls it."""

    content: bytes
    content_type: str
    """Without its parameters; "" where there is none."""


class Fetcher:
    """One HTTP client for all attachments of a worker. An async context manager."""

    def __init__(self, destinations: Destinations, resolver: AbstractResolver | None = None) -> None:
        self.destinations = destinations
        connector = aiohttp.TCPConnector(
            resolver=resolver or _Names(),
            use_dns_cache=False,
            socket_factory=self._socket,
            ssl=httpx.create_ssl_context(),  # the CA bundle that the providers' client uses
            force_close=True,
            limit=0,  # a turn's few at a time, times the worker's turns, is the limit
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "millstream", "Accept-Encoding": "identity"},
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(),  # the caller's clock
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, url: str, max_bytes: int) -> Fetched:
        """Return what stands at a URL.

        Raises:
            BadAttachment: it may not be fetched, is not there, or is over `max_bytes`.
            AttachmentNotLoaded: its host did not give it this time.
        """
        url = self.destinations.checked(url)
        try:
            for _ in range(MAX_REDIRECTS + 1):
                async with self._asked(url) as response:
                    if response.status not in _REDIRECTS:
                        return await _body(response, max_bytes)
                    url = self.destinations.redirected(url, response.headers.get("Location", ""))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure_of(error) from error
        raise BadAttachment(f"its URL redirects more than {MAX_REDIRECTS} times")

    @asynccontextmanager
    async def _asked(self, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
        # As it was written: a URL may be signed.
        async with self._session.get(URL(url, encoded=True), allow_redirects=False) as response:
            yield response

    def _socket(self, address: AddressInfo) -> socket.socket:
        family, kind, protocol, _, where = address
        if not self.destinations.allows(str(where[0])):
            raise _NotAllowed
        return socket.socket(family, kind, protocol)


class _NotAllowed(OSError):
    """An address that may not be connected to; an OSError, so that a host's other addresses are tried."""


async def _body(response: aiohttp.ClientResponse, max_bytes: int) -> Fetched:
    status, headers = response.status, response.headers
    if status in _TRANSIENT_STATUSES:
        raise AttachmentNotLoaded(f"its URL answers with HTTP {status}")
    if status != 200:
        raise BadAttachment(f"its URL answers with HTTP {status}")
    if headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise BadAttachment("its host sends it compressed, which it was asked not to")
    if (response.content_length or 0) > max_bytes:
        raise too_large(max_bytes)
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > max_bytes:
            raise too_large(max_bytes)
    return Fetched(bytes(content), essence_of(headers.get("Content-Type", "")))


def _failure_of(error: Exception) -> TurnError:
    """Return what a client's exception means, in words that name neither host nor address."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return BadAttachment("TLS: its host's certificate was not accepted, or the handshake failed")
        case aiohttp.ClientConnectorDNSError() if error.os_error.errno in _NO_SUCH_NAME:
            return not_public()
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, _NotAllowed):
            return not_public()
        case aiohttp.InvalidURL() | ValueError():
            return BadAttachment("its URL is malformed")
    return AttachmentNotLoaded("the connection to its host failed")


class _Names(AbstractResolver):
    """Looks names up in threads of its own: a name server that stalls holds up no provider's name."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVING_THREADS, thread_name_prefix="attachment-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return a host's addresses."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=found_family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found_family, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
