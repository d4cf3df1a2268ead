"""HTTP to providers: the only module that knows the client.

httpx with its aiohttp transport, which costs a third of the CPU per streamed chunk. Proxies and CA bundles come
from the environment, as httpx reads it (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR). No retries, no
redirects, no cookies, and no read timeout: `clocks.py` says how long silence may last.
"""

import asyncio
import contextlib
import errno
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Self

import aiohttp
import httpx
from httpx_aiohttp import HttpxAiohttpClient

from streaming.errors import ClockRanOut, ConnectFailed, ConnectionLost, ProviderError
from streaming.jsontext import JsonObject, dumps

MAX_ERROR_BODY_BYTES = 64 * 1024
_ERROR_BODY_WITHIN_S = 2.0
_TOLD_WITHIN_S = 10.0
_TOLD_BEFORE_CLOSING_WITHIN_S = 1.0


@dataclass(frozen=True)
class Response:
    """A response whose head has arrived."""

    status: int
    headers: httpx.Headers
    _response: httpx.Response

    @property
    def content_type(self) -> str:
        """The media type, without its parameters."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives.

        Raises:
            ConnectionLost: it broke.
        """
        try:
            # Identity was asked for; a hop that compresses all the same is understood, at httpx's price.
            encoded = "content-encoding" in self.headers
            async for chunk in self._response.aiter_bytes() if encoded else self._response.aiter_raw():
                yield chunk
        except (httpx.HTTPError, httpx.StreamError, aiohttp.ClientError, OSError) as error:
            raise failure_of(error, connect_s=0) from error

    async def error_body(self) -> bytes:
        """Return the beginning of an error's body; how much of it arrives never changes what the status means."""
        body = bytearray()
        with contextlib.suppress(ProviderError, TimeoutError):
            async with asyncio.timeout(_ERROR_BODY_WITHIN_S), contextlib.aclosing(self.chunks()) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > MAX_ERROR_BODY_BYTES:
                        break
        return bytes(body[:MAX_ERROR_BODY_BYTES])


class Transport:
    """One HTTP client for all providers of a worker. An async context manager."""

    def __init__(self) -> None:
        self._client = HttpxAiohttpClient(
            limits=httpx.Limits(max_connections=0),  # to aiohttp 0 is "no limit", and None would be its 100
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "millstream"},
            follow_redirects=False,
        )
        self._telling: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TOLD_BEFORE_CLOSING_WITHIN_S):
                await asyncio.gather(*self._telling)
        await self._client.aclose()

    @asynccontextmanager
    async def post(
        self, url: str, headers: dict[str, str], body: JsonObject, *, connect_s: float
    ) -> AsyncIterator[Response]:
        """Send a request; the response is closed, and with it an unfinished stream, when the block ends.

        Raises:
            ConnectFailed: no connection.
            ConnectionLost: it broke before the response's head.
            ClockRanOut: connecting took longer than `connect_s`.
        """
        asked = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"} | headers
        async with self._exchange("POST", url, asked, dumps(body), connect_s) as response:
            yield response

    @asynccontextmanager
    async def get(self, url: str, headers: dict[str, str], *, connect_s: float) -> AsyncIterator[Response]:
        """Ask for a small document; as `post` otherwise."""
        async with self._exchange("GET", url, {"Accept": "application/json"} | headers, None, connect_s) as response:
            yield response

    def tell(self, url: str, headers: dict[str, str]) -> None:
        """Post an empty request that nobody waits for, and whose answer changes nothing.

        It is given up after ten seconds, or one after the client's closing began, which waits for it.
        """
        task = asyncio.create_task(self._tell(url, headers))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, url: str, headers: dict[str, str]) -> None:
        with contextlib.suppress(ProviderError, TimeoutError):
            async with (
                asyncio.timeout(_TOLD_WITHIN_S),
                self._exchange("POST", url, headers, b"", _TOLD_WITHIN_S) as response,
            ):
                await response.error_body()  # so that the connection can be used again

    @asynccontextmanager
    async def _exchange(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None, connect_s: float
    ) -> AsyncIterator[Response]:
        # A compressing hop may sit on deltas until its block is full.
        all_headers = {"Accept-Encoding": "identity"} | headers
        timeout = httpx.Timeout(None, connect=connect_s)
        try:
            request = self._client.build_request(method, url, content=content, headers=all_headers, timeout=timeout)
            response = await self._client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError) as error:
            raise failure_of(error, connect_s=connect_s) from error
        try:
            yield Response(response.status_code, response.headers, response)
        finally:
            await response.aclose()


def failure_of(error: Exception, *, connect_s: float) -> ProviderError:
    """Return what a client's exception means, in words that name neither host nor address.

    The aiohttp transport says ConnectTimeout for refusals, failed look-ups and disconnects alike, so the
    cause decides.
    """
    cause = error.__cause__ or error
    match cause:
        case aiohttp.ConnectionTimeoutError():
            return ClockRanOut("connect_s", connect_s)
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return ConnectFailed("TLS: the provider's certificate was not accepted, or the handshake failed")
        case aiohttp.ClientConnectorDNSError():
            return ConnectFailed("the provider's host name does not resolve")
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return ConnectFailed("the proxy did not let the connection through")
        case aiohttp.ClientConnectorError():
            return ConnectFailed(_os_words(cause.os_error))
        case httpx.InvalidURL() | ValueError():
            return ConnectFailed("the provider's base_url is not a URL, or its key cannot stand in a header")
        case aiohttp.ServerDisconnectedError():
            return ConnectionLost("the provider closed the connection without an answer")
        case aiohttp.ClientPayloadError():
            return ConnectionLost("the connection broke in the middle of the answer")
        case OSError():
            return ConnectionLost(_os_words(cause))
    return ConnectionLost(f"the HTTP exchange failed ({type(cause).__name__})")


def _os_words(error: OSError) -> str:
    if error.errno in errno.errorcode:
        return os.strerror(error.errno or 0).lower()
    return "the connection failed"
