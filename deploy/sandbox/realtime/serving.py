"""Serves both fake providers on one port.

`serve(script)` plays the script to each session anew; a session is all that one API key does, over any number of
connections. So a test that wants two sessions gives them two keys.

    async with serve(Script(steps=[...])) as server:
        AsyncOpenAI(base_url=server.openai_url, api_key="k").realtime.connect(model="gpt-realtime")
        genai.Client(api_key="k", http_options=HttpOptions(base_url=server.url))  # it insists on TLS
        server.journal.tool_results

For the author of a wire: `serve_connection(connection)` is called once the WebSocket is open, with a
`ClientConnection`. It returns when there is nothing more to be said, or raises `ConnectionClosed`; the connection is
closed after it (1000), its background tasks are cancelled, and the close code is in the journal. What else it or a
task raises is the fake's own failure: the connection is closed with 1011, and `serve` raises it in the end.
`Script.slow_connect_ms` is over before the handshake; all the rest of the script is the wire's to play.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from ssl import SSLContext
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from deploy.sandbox.processes import LOOPBACK
from deploy.sandbox.realtime import gemini_live, openai_realtime
from deploy.sandbox.realtime.connection import BAD_KEY, ClientConnection
from deploy.sandbox.realtime.journal import Journal
from deploy.sandbox.realtime.playing import Playthroughs
from deploy.sandbox.realtime.script import Script

OPENAI_PATH = "/v1/realtime"
GEMINI_PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
_GEMINI_VERSIONS = ("v1alpha", "v1beta", "v1")
_LARGEST_MESSAGE = 32 * 2**20
_CLOSE_S = 1.0
_SLASHES = re.compile("/+")


@dataclass(frozen=True)
class _Wire:
    name: str
    key: Callable[[Request], str]
    serve_connection: Callable[[ClientConnection], Awaitable[None]]
    refuses_keys: bool
    """With HTTP 401; the other provider closes the open WebSocket with its words."""


def _bearer(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _google_key(request: Request) -> str:
    query = parse_qs(urlsplit(request.path).query)
    return request.headers.get("x-goog-api-key") or query.get("key", [""])[0]


_GEMINI = _Wire("gemini_live", _google_key, gemini_live.serve_connection, refuses_keys=False)
_WIRES = {
    OPENAI_PATH: _Wire("openai_realtime", _bearer, openai_realtime.serve_connection, refuses_keys=True),
    **{GEMINI_PATH.replace("v1beta", version): _GEMINI for version in _GEMINI_VERSIONS},
}


@dataclass(frozen=True)
class RealtimeServer:
    """Where the fake providers are, and what happened there."""

    host: str
    port: int
    journal: Journal
    secure: bool = False

    @property
    def url(self) -> str:
        """The root as `http://`, or `https://`, as Google's client wants it."""
        return f"http{'s' * self.secure}://{self._address}"

    @property
    def ws_url(self) -> str:
        """The root as `ws://`, or `wss://`."""
        return f"ws{'s' * self.secure}://{self._address}"

    @property
    def openai_url(self) -> str:
        """The base URL as OpenAI's client wants it."""
        return f"{self.url}/v1"

    @property
    def _address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@asynccontextmanager
async def serve(
    script: Script | None = None,
    *,
    host: str = LOOPBACK,
    port: int = 0,
    journal: bool = True,
    tls: SSLContext | None = None,
) -> AsyncIterator[RealtimeServer]:
    """Serves until the block is left; then all connections are closed.

    Args:
        script: What each session plays; by default a pleasant answer to whatever is said.
        host: Where to listen.
        port: 0 takes a free one.
        journal: Whether all that clients send is kept.
        tls: Serve over TLS, without which Google's client does not connect.

    Raises:
        ExceptionGroup: The fake itself went wrong, on leaving the block.
    """
    script = script or Script()
    kept = Journal(journal)
    desk = _Desk(script, kept)
    # A fake has no heartbeat of its own: what the client's is worth is for the client to show.
    server: Server = await serve_websockets(
        desk.handle,
        host,
        port,
        ssl=tls,
        process_request=desk.admit,
        compression=None,
        max_size=_LARGEST_MESSAGE,
        open_timeout=None,
        ping_interval=None,
        close_timeout=_CLOSE_S,
    )
    async with server:
        bound = next(iter(server.sockets)).getsockname()
        try:
            yield RealtimeServer(host, bound[1], kept, tls is not None)
        finally:
            server.close()
            await desk.close(server)
    if kept.failures:
        raise ExceptionGroup("the fake realtime provider failed", kept.failures)


class _Desk:
    """Lets clients in, and hands them to the wire they ask for."""

    def __init__(self, script: Script, journal: Journal) -> None:
        self._script = script
        self._journal = journal
        self._sessions = Playthroughs(script)
        self._closing = asyncio.Event()
        self._open: set[ServerConnection] = set()

    async def close(self, server: Server) -> None:
        """Keeps nobody waiting, and waits only so long for clients that read nothing, not even the end."""
        self._closing.set()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await server.wait_closed()
        except TimeoutError:
            for socket in self._open:
                socket.transport.abort()

    async def admit(self, socket: ServerConnection, request: Request) -> Response | None:
        """Returns nothing, or the refusal of a handshake."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._script.slow_connect_ms / 1000):
                await self._closing.wait()
        wire = _wire_of(request)
        if wire is None:
            return self._refuse(socket, HTTPStatus.NOT_FOUND, "Invalid URL", "invalid_request_error", None)
        if wire.refuses_keys and wire.key(request) in ("", BAD_KEY):
            told = "Incorrect API key provided." if wire.key(request) else "Missing bearer authentication in header."
            return self._refuse(socket, HTTPStatus.UNAUTHORIZED, told, "invalid_request_error", "invalid_api_key")
        return None

    def _refuse(
        self, socket: ServerConnection, status: HTTPStatus, message: str, kind: str, code: str | None
    ) -> Response:
        error = {"message": message, "type": kind, "param": None, "code": code}
        response = socket.respond(status, json.dumps({"error": error}))
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/json"
        self._journal.refused.append(int(status))
        return response

    async def handle(self, socket: ServerConnection) -> None:
        """Serves one connection to its end."""
        request = socket.request
        wire = _wire_of(request) if request else None
        if request is None or wire is None:  # refused before
            return
        key = wire.key(request)
        session = self._sessions.of(key)
        record = self._journal.open(session.number, wire.name)
        self._open.add(socket)
        connection = ClientConnection(socket, session, record, self._journal, key)
        try:
            await wire.serve_connection(connection)
        except ConnectionClosed:
            pass
        except Exception as failure:
            await connection.fail(failure)
        finally:
            await connection.finish()
            self._open.discard(socket)


def _wire_of(request: Request) -> _Wire | None:
    return _WIRES.get(_SLASHES.sub("/", urlsplit(request.path).path).removesuffix("/"))
