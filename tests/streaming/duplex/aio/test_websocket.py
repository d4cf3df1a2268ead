"""How a connection is had, and in how many ways it is not."""

import asyncio
import logging

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from deploy.sandbox.realtime.script import Script
from streaming.duplex.aio.session import RealtimeSession
from tests.streaming.duplex.aio.raw import serving, silence
from tests.streaming.duplex.aio.talking import (
    answer_of,
    refusal,
    write,
)
from tests.streaming.duplex.toy.server import BAD_KEY, serve_toy
from tests.streaming.duplex.toy.wire import NOWHERE, ToyProvider

SECRET = "sk-very-secret"


async def test_nobody_listens() -> None:
    """The error says where nobody was, after every try."""
    error = await refusal(ToyProvider(NOWHERE, SECRET))

    assert error.retryable
    assert "127.0.0.1" in str(error)
    assert SECRET not in f"{error!r} {error.__cause__!r}"


async def test_no_such_host() -> None:
    """A name that resolves to nothing is told, without the URL's query."""
    error = await refusal(ToyProvider("ws://nowhere.invalid", SECRET), tries=1)

    assert "nowhere.invalid" in str(error)
    assert SECRET not in str(error)


async def test_a_refused_key_is_not_tried_again() -> None:
    """HTTP 401 would be 401 the next time too."""
    async with serve_toy(Script()) as server:
        error = await refusal(ToyProvider(server.url, BAD_KEY), tries=5)

        assert error.code == "401"
        assert not error.retryable
        assert server.journal.refused == [401]


@pytest.mark.parametrize(("status", "tried"), [(403, 1), (404, 1), (302, 1), (429, 3), (500, 3), (503, 3)])
async def test_another_status(status: int, tried: int) -> None:
    """Only what may pass is tried again, and nobody is led to another host."""
    asked: list[int] = []

    def admit(connection: ServerConnection, _: Request) -> Response:
        asked.append(status)
        response = connection.respond(status, "no")
        response.headers["Location"] = "ws://elsewhere.invalid/"
        return response

    async with serving(silence, admit) as url:
        error = await refusal(ToyProvider(url), tries=3)

    assert error.code == str(status)
    assert len(asked) == tried


async def test_a_connection_that_takes_too_long() -> None:
    """A handshake has its time."""
    async with serve_toy(Script(slow_connect_ms=2_000)) as server:
        error = await refusal(ToyProvider(server.url), tries=1, connect_timeout_s=0.1)

    assert error.code == "timeout"


@pytest.mark.parametrize("url", ["http://127.0.0.1", "ws://", "ws://[", "nothing"])
async def test_what_is_no_address(url: str) -> None:
    """It is refused without a try at the network, and without its text."""
    error = await refusal(ToyProvider(url, SECRET), tries=3)

    assert not error.retryable
    assert SECRET not in str(error)


async def test_a_server_that_speaks_something_else() -> None:
    """Bytes that are no HTTP are a typed error."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ready\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        error = await refusal(ToyProvider(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"), tries=1)

    assert "WebSocket" in str(error)


async def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not even where everything is logged."""
    with caplog.at_level(logging.DEBUG):
        async with serve_toy(Script()) as server, RealtimeSession(ToyProvider(server.url, SECRET)) as session:
            await write(session, "Hello?")
            await answer_of(session)

    client = [record for record in caplog.records if record.name.startswith("streaming")]
    assert SECRET not in "".join(record.getMessage() for record in client)
