"""A client's WebSocket as providers want it, and its failures as types.

The library is `websockets`: it answers pings while nobody reads, bounds a message's size before it holds it, and lets
a read be cancelled without losing a message; it has no dependencies.
"""

import logging
import ssl
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException
from websockets.frames import CloseCode

from streaming.duplex.errors import ConnectError, NotTheWireError
from streaming.duplex.provider import Target

MAX_MESSAGE_BYTES = 16 * 2**20
CLOSE_WITHIN_S = 1.0
"""Whoever hangs up does not wait long for a provider's goodbye."""
_PING_EVERY_S = 25.0
_PONG_WITHIN_S = 60.0  # Gemini's pongs take up to 30 s while it is busy
_BROKEN = 1006
_TRANSIENT = frozenset({408, 425, 429})

# At DEBUG the library writes the handshake down, and the key is in its headers.
_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        # To another host it would take along the headers it does not know as secret: x-goog-api-key.
        return exc


async def open_websocket(target: Target, timeout_s: float) -> ClientConnection:
    """Connect, through the proxy that the environment names, if any.

    Messages are not compressed: base64 of sound hardly gets smaller, and each frame would wait for the compressor.

    Raises:
        ConnectError: not `retryable` where trying again would give the same.
    """
    try:
        return await _Connect(
            target.url,
            additional_headers=target.headers,
            compression=None,
            open_timeout=timeout_s,
            close_timeout=CLOSE_WITHIN_S,
            ping_interval=_PING_EVERY_S,
            ping_timeout=_PONG_WITHIN_S,
            max_size=MAX_MESSAGE_BYTES,
            logger=_log,
        )
    except (OSError, WebSocketException, ValueError, ImportError) as error:
        # Without the cause: what the library says may quote the URL, and a proxy's with its password.
        raise _failed(error, _host(target), timeout_s) from None


def _host(target: Target) -> str:
    try:
        return urlsplit(target.url).hostname or "no host"
    except ValueError:
        return "no host"


def _failed(error: Exception, host: str, timeout_s: float) -> ConnectError:
    match error:
        case TimeoutError():
            return ConnectError(f"no connection to {host} in {timeout_s:g} s", code="timeout")
        case InvalidStatus():
            status = error.response.status_code
            failed = ConnectError(f"{host} answered with HTTP {status}", code=str(status))
            failed.retryable = status in _TRANSIENT or status >= 500
        case ssl.SSLCertVerificationError():
            failed = ConnectError(f"the certificate of {host} cannot be trusted", code="tls")
            failed.retryable = False
        case OSError():
            return ConnectError(f"no connection to {host}: {error.strerror or type(error).__name__}")
        case InvalidURI() | ValueError() | ImportError():
            failed = ConnectError(f"no connection to {host}: its address or its proxy's cannot be used")
            failed.retryable = False
        case _:
            return ConnectError(f"{host} does not speak WebSocket: {type(error).__name__}")
    return failed


def close_of(closed: ConnectionClosed) -> tuple[int, str]:
    """Return the code and the reason with which the other end closed; 1006 where it did not."""
    if closed.rcvd is None or closed.rcvd_then_sent is False:
        return _BROKEN, ""
    return closed.rcvd.code, closed.rcvd.reason


def violation_of(closed: ConnectionClosed) -> NotTheWireError | None:
    """Return what the other end did that made us close, if that was it."""
    if closed.sent is None or closed.rcvd_then_sent:
        return None
    words = _VIOLATIONS.get(closed.sent.code)
    return NotTheWireError(f"the provider sent {words}", code=str(closed.sent.code)) if words else None


_VIOLATIONS: dict[int, str] = {
    CloseCode.PROTOCOL_ERROR: "what is no WebSocket frame",
    CloseCode.INVALID_DATA: "text that is not UTF-8",
    CloseCode.MESSAGE_TOO_BIG: f"a message over {MAX_MESSAGE_BYTES:,} bytes",
}
