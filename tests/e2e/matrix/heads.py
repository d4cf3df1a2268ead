"""Calls that fail before an answer begins: no connection, and a status other than 200."""

from collections.abc import Iterator

from streaming.jsontext import JsonObject
from streaming.reasons import Reason
from tests.e2e.matrix import bodies
from tests.e2e.matrix.doors import Greeting
from tests.e2e.matrix.fault import HTML, WRONG, ByWire, Fault, clock_ran_out
from tests.e2e.matrix.words import NO_MONEY, TOO_LONG

# Status, reason, hopeless: what each wire's usual error object of that status comes to.
_STATUSES: tuple[tuple[int, Reason, bool], ...] = (
    (206, Reason.NOT_FOUND, True),
    (302, Reason.NOT_FOUND, True),
    (400, Reason.INVALID, True),
    (401, Reason.AUTH, True),
    (402, Reason.QUOTA, True),
    (403, Reason.PERMISSION, True),
    (404, Reason.NOT_FOUND, True),
    (408, Reason.TIMEOUT, False),
    (409, Reason.CONFLICT, False),
    (413, Reason.TOO_LARGE, True),
    (422, Reason.INVALID, True),
    (425, Reason.CONFLICT, False),
    (429, Reason.RATE_LIMIT, False),
    (500, Reason.SERVER, False),
    (501, Reason.NOT_FOUND, True),
    (502, Reason.SERVER, False),
    (503, Reason.OVERLOADED, False),
    (504, Reason.TIMEOUT, False),
    (529, Reason.OVERLOADED, False),
)


def statuses() -> Iterator[Fault]:
    """Yield the faults that a status tells."""
    for status, reason, hopeless in _STATUSES:
        # Below 400 the provider sends a whole answer all the same: the status says that it is none.
        said: JsonObject = {"text": WRONG, "headers": {"location": "/v1/models"}} if status < 400 else {}
        yield _status(status, "", reason, said, hopeless=hopeless)
    yield _status(429, ", Retry-After", Reason.RATE_LIMIT, {"headers": {"retry-after": "1"}})
    yield _status(429, ", out of money", Reason.QUOTA, lambda wire: {"error": NO_MONEY[wire]}, hopeless=True)
    yield _status(400, ", prompt too long", Reason.CONTEXT, lambda wire: {"error": TOO_LONG[wire]}, hopeless=True)
    yield _status(400, ", should be retried", Reason.INVALID, {"headers": {"x-should-retry": "true"}})
    never: JsonObject = {"headers": {"x-should-retry": "false"}}
    yield _status(503, ", should not be retried", Reason.OVERLOADED, never, hopeless=True)
    yield _status(502, ", HTML body", Reason.SERVER, {"body": HTML, "content_type": "text/html"})
    yield _status(500, ", whole answer", Reason.SERVER, lambda wire: bodies.raw(bodies.stream(wire, text=WRONG)))
    endless: JsonObject = {"body": "so sorry", "chunk_bytes": 2, "silent_after": 2}
    yield _status(500, ", endless body", Reason.SERVER, endless)


def _status(status: int, more: str, reason: Reason, script: JsonObject | ByWire, *, hopeless: bool = False) -> Fault:
    def answer(wire: str) -> JsonObject:
        return {"status": status, **(script if isinstance(script, dict) else script(wire))}

    return Fault(f"status {status}{more}", "StatusError", reason, hopeless, answer, says=f"HTTP {status}")


def connections() -> Iterator[Fault]:
    """Yield the faults before there is any status."""
    greetings: dict[str, tuple[str, Greeting]] = {
        "connection refused": ("ConnectFailed", Greeting(refused=True)),
        "connection closed before the request": ("ConnectionLost", Greeting(reads=False)),
        "connection closed before the headers": ("ConnectionLost", Greeting()),
        "connection reset before the headers": ("ConnectionLost", Greeting(reset=True)),
        "connection closed inside the headers": ("ConnectionLost", Greeting(says=b"HTTP/1.1 200 OK\r\nContent-Ty")),
        "not HTTP": ("ConnectionLost", Greeting(says=b"SSH-2.0-OpenSSH_9.9\r\n")),
        "https to a plain port": ("ConnectFailed", Greeting(says=b"HTTP/1.1 400 Bad Request\r\n\r\n", tls=True)),
        "https closed in the handshake": ("ConnectFailed", Greeting(tls=True)),
        "https reset in the handshake": ("ConnectFailed", Greeting(reset=True, tls=True)),
    }
    for name, (error, greeting) in greetings.items():
        yield Fault(name, error, Reason.CONNECTION, greeting=greeting)
    mute = Greeting(hangs=True, tls=True)
    yield clock_ran_out("https without a word in the handshake", "connect_s", greeting=mute)
