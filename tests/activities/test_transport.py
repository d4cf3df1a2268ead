import asyncio
import contextlib
import gzip
import json
import select
import socket
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from activities.transport import MAX_ERROR_BODY_BYTES, Transport
from streaming.errors import ClockRanOut, ConnectFailed, ConnectionLost, ProviderError
from tests.activities.servers import DONE, HEAD, RESET, WAIT, Answer, Request, chunk, saying, serving

KEY = {"Authorization": "Bearer sk-a-secret-that-nobody-may-see"}
EVENTS = HEAD + chunk(b"data: 1\n\n") + DONE


async def exchange(transport: Transport, url: str, *, connect_s: float = 60.0) -> tuple[int, bytes]:
    """Post something; return the status and the whole body."""
    async with transport.post(url + "/v1/chat", KEY, {"a": "ß"}, connect_s=connect_s) as response:
        return response.status, b"".join([chunk async for chunk in response.chunks()])


async def failure(transport: Transport, url: str, *, connect_s: float = 60.0) -> ProviderError:
    """Return the failure of an exchange, which tells nobody where or with what it was tried."""
    with pytest.raises(ProviderError) as failed:
        await exchange(transport, url, connect_s=connect_s)
    words = str(failed.value)
    for secret in ("127.0.0.1", "http", "no-such-host", "/v1", "sk-a-secret", str(httpx.URL(url).port)):
        assert secret not in words.replace("the HTTP exchange", "")
    return failed.value


async def test_a_request_says_what_it_must_and_no_more(transport: Transport) -> None:
    """JSON out; events or JSON back, uncompressed; the key where the wire wants it."""
    async with serving(saying(EVENTS)) as server:
        assert await exchange(transport, server.url) == (200, b"data: 1\n\n")
    [request] = server.requests

    assert request.head.startswith("POST /v1/chat HTTP/1.1\r\n")
    assert json.loads(request.body) == {"a": "ß"}
    headers = request.headers
    assert headers.pop("host").startswith("127.0.0.1:")
    assert headers.pop("connection", "keep-alive") == "keep-alive"
    assert headers == {
        "user-agent": "millstream",
        "content-type": "application/json",
        "accept": "text/event-stream, application/json",
        "accept-encoding": "identity",
        "authorization": KEY["Authorization"],
        "content-length": str(len(request.body)),
    }


async def test_a_document_is_asked_for_with_the_key_and_without_a_body(transport: Transport) -> None:
    """As `millstream providers --check` does; it breaks as a post does."""
    async with (
        serving(saying(EVENTS)) as server,
        transport.get(f"{server.url}/v1/models", KEY, connect_s=60) as response,
    ):
        assert (response.status, await response.error_body()) == (200, b"data: 1\n\n")
    [request] = server.requests

    assert request.head.startswith("GET /v1/models HTTP/1.1\r\n")
    assert request.body == b""
    assert request.headers["accept"] == "application/json"
    assert request.headers["authorization"] == KEY["Authorization"]
    assert "content-type" not in request.headers

    with pytest.raises(ProviderError):
        async with transport.get(server.url, KEY, connect_s=60):
            pass


async def test_no_cookie_is_kept(transport: Transport) -> None:
    """One user's session is not another's."""
    answer = saying(HEAD.replace(b"\r\n\r\n", b"\r\nSet-Cookie: session=1; Path=/\r\n\r\n") + DONE)
    async with serving(answer) as server:
        for _ in range(3):
            await exchange(transport, server.url)

    assert ["cookie" in request.headers for request in server.requests] == [False] * 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer(transport: Transport, status: int) -> None:
    """The key goes to the configured host and nowhere else."""
    async with serving(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as other:
        head = b"HTTP/1.1 %d Moved\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n" % (status, other.url.encode())
        async with serving(saying(head)) as server:
            assert await exchange(transport, server.url) == (status, b"")

    assert (len(server.requests), len(other.requests)) == (1, 0)


async def test_more_than_a_hundred_streams_run_side_by_side(transport: Transport) -> None:
    """None of them waits for another's end."""
    everyone = asyncio.Event()
    open_streams = 0

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_streams
        open_streams += 1
        if open_streams == 150:
            everyone.set()
        await everyone.wait()
        writer.write(EVENTS)
        await writer.drain()

    async with serving(answer) as server, asyncio.timeout(60):
        answers = await asyncio.gather(*(exchange(transport, server.url) for _ in range(150)))

    assert answers == [(200, b"data: 1\n\n")] * 150


async def test_the_body_comes_as_it_arrives(transport: Transport) -> None:
    """Nothing waits for a full buffer, or for the end."""
    async with serving(saying(HEAD + chunk(b"data: 1\n\n"), WAIT)) as server:
        async with transport.post(server.url, KEY, {}, connect_s=60) as response, asyncio.timeout(60):
            first = await anext(response.chunks())
        async with asyncio.timeout(60):
            await server.hung_up.wait()

    # Leaving the block hung up: the provider need not go on generating.
    assert first == b"data: 1\n\n"


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        (b"text/event-stream", "text/event-stream"),
        (b"Text/Event-Stream; charset=ISO-8859-1", "text/event-stream"),
        (b" application/json ;x", "application/json"),
        (b"", ""),
    ],
)
async def test_the_content_type_is_without_its_parameters(transport: Transport, header: bytes, media_type: str) -> None:
    """In lower case, and empty where there is none."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type:" + header + b"\r\nContent-Length: 0\r\n\r\n"
    async with serving(saying(head)) as server, transport.post(server.url, KEY, {}, connect_s=60) as response:
        assert media_type == response.content_type


async def test_a_body_compressed_against_our_wish_is_understood(transport: Transport) -> None:
    """Some hops compress whatever was asked for."""
    head = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    async with serving(saying(head + chunk(gzip.compress(b"data: 1\n\n")) + DONE)) as server:
        assert await exchange(transport, server.url) == (200, b"data: 1\n\n")
    async with serving(saying(head + chunk(b"no gzip at all") + DONE)) as server:
        assert isinstance(await failure(transport, server.url), ConnectionLost)


# -- no connection


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


async def test_a_refused_connection_says_so(transport: Transport, closed_port: int) -> None:
    """In the system's words."""
    failed = await failure(transport, f"http://127.0.0.1:{closed_port}")

    assert (type(failed), str(failed)) == (ConnectFailed, "connection refused")


async def test_a_name_that_does_not_resolve_says_so(transport: Transport) -> None:
    """Without the name."""
    failed = await failure(transport, "http://no-such-host.invalid:80", connect_s=60)

    assert (type(failed), str(failed)) == (ConnectFailed, "the provider's host name does not resolve")


async def test_a_handshake_that_fails_says_so(transport: Transport) -> None:
    """Where TLS was expected and something else answers."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"this is no TLS")

    async with _accepting(answer) as port:
        failed = await failure(transport, f"https://127.0.0.1:{port}")

    assert type(failed) is ConnectFailed
    assert str(failed).startswith("TLS:")


@contextlib.asynccontextmanager
async def _accepting(answer: Answer) -> AsyncIterator[int]:
    """Serve whoever connects, whatever they say; yield the port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_connecting_has_its_own_clock(transport: Transport) -> None:
    """A host that does not answer at all: its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        failed = await failure(transport, f"http://127.0.0.1:{full.getsockname()[1]}", connect_s=0.2)

    assert isinstance(failed, ClockRanOut)
    assert (failed.clock, failed.seconds) == ("connect_s", 0.2)


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://host", "http://[::1", "http://a b", "http://host:99999"])
async def test_a_base_url_that_is_none_fails_the_try(transport: Transport, url: str) -> None:
    """And crashes nothing; what was wrong with it is in the settings, not in the turn's history."""
    with pytest.raises(ProviderError) as failed:
        await exchange(transport, url)

    assert url not in str(failed.value)


@pytest.mark.parametrize("key", ["sk-ключ", "sk-new\nline", "sk-\x00"])
async def test_a_key_that_no_header_can_carry_fails_the_try(transport: Transport, key: str) -> None:
    """Without quoting it."""
    async with serving(saying(EVENTS)) as server:
        with pytest.raises(ProviderError) as failed:
            async with transport.post(server.url, {"Authorization": f"Bearer {key}"}, {}, connect_s=60):
                pass

    assert "sk-" not in str(failed.value)
    assert server.requests == []


# -- a connection that breaks


@pytest.mark.parametrize(
    "answer",
    [
        saying(),
        saying(RESET),
        saying(b"HTTP/1.1 200 O"),
        saying(b"HTTP/1.1 200 O", RESET),
        saying(b"SMTP ready\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n"),
        saying(HEAD),
        saying(HEAD + chunk(b"data: 1\n\n")),
        saying(HEAD + chunk(b"data: 1\n\n"), RESET),
        saying(HEAD + b"9\r\ndata"),
        saying(HEAD + b"nine\r\ndata: 1\n\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ndata: 1\n\n"),
    ],
    ids=range(13),
)
async def test_an_exchange_that_breaks_is_a_lost_connection(transport: Transport, answer: Answer) -> None:
    """Before the head, in it, or in the body; closed, reset, or garbled."""
    async with serving(answer) as server:
        failed = await failure(transport, server.url)

    assert type(failed) is ConnectionLost


async def test_what_came_before_the_break_is_handed_over(transport: Transport) -> None:
    """The protocol decides whether it was enough."""
    broken = saying(HEAD + chunk(b"data: 1\n\n"), RESET)
    async with serving(broken) as server, transport.post(server.url, KEY, {}, connect_s=60) as response:
        chunks = response.chunks()
        assert await anext(chunks) == b"data: 1\n\n"
        with pytest.raises(ConnectionLost):
            await anext(chunks)


# -- errors' bodies


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (saying(HEAD + chunk(b"why") + DONE), b"why"),
        (saying(HEAD + DONE), b""),
        (saying(HEAD + chunk(b"wh"), RESET), b"wh"),
        (saying(HEAD + chunk(b"x" * 200_000) + DONE), b"x" * MAX_ERROR_BODY_BYTES),
        (saying(HEAD + chunk(b"x" * 200_000), WAIT), b"x" * MAX_ERROR_BODY_BYTES),
        (saying(HEAD + chunk(b"wh"), WAIT), b"wh"),
    ],
    ids=["whole", "empty", "reset", "long", "endless", "stalled"],
)
async def test_as_much_of_an_errors_body_is_read_as_there_is(transport: Transport, answer: Answer, body: bytes) -> None:
    """Nothing about it changes what the status means: not its size, its end, or the lack of one."""
    async with serving(answer) as server, transport.post(server.url, KEY, {}, connect_s=60) as response:
        async with asyncio.timeout(60):
            assert body == await response.error_body()


# -- proxies


async def test_a_proxy_from_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for the provider's URL: the name need not resolve here."""
    async with serving(saying(EVENTS)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with Transport() as transport:
            assert await exchange(transport, "http://no-such-host.invalid") == (200, b"data: 1\n\n")
    [request] = proxy.requests

    assert request.head.startswith("POST http://no-such-host.invalid/v1/chat HTTP/1.1\r\n")


async def test_a_proxy_tunnels_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for a connection, and never sees the key; what then answers must speak TLS."""
    async with serving(saying(b"HTTP/1.1 200 Established\r\n\r\n", b"this is no TLS")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with Transport() as transport:
            failed = await failure(transport, "https://no-such-host.invalid")
    [request] = proxy.requests

    assert request.head.startswith("CONNECT no-such-host.invalid:443 HTTP/1.1\r\n")
    assert "sk-a-secret" not in request.head
    assert type(failed) is ConnectFailed
    assert str(failed).startswith("TLS:")


async def test_a_proxy_that_refuses_says_so(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    """Or is not there at all."""
    async with serving(saying(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with Transport() as transport:
            refused = await failure(transport, "https://no-such-host.invalid")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port}")
    async with Transport() as transport:
        missing = await failure(transport, "https://no-such-host.invalid")

    assert {type(refused), type(missing)} == {ConnectFailed}
    assert {str(refused), str(missing)} == {"the proxy did not let the connection through"}


async def test_a_host_may_be_exempt_from_the_proxy(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    """As NO_PROXY says."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with Transport() as transport, serving(saying(EVENTS)) as server:
        assert await exchange(transport, server.url) == (200, b"data: 1\n\n")


# -- the tests' own server


def test_a_request_knows_its_headers() -> None:
    """The tests' own server reads names in any case."""
    assert Request("POST / HTTP/1.1\r\nA-B: c: d\r\n\r\n", b"").headers == {"a-b": "c: d"}


async def test_a_client_that_leaves_something_unread_has_hung_up() -> None:
    """The tests' own server hears a reset then, and not an end."""
    async with serving(saying(HEAD, WAIT)) as server, asyncio.timeout(60):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while not select.select([client], [], [], 0)[0]:  # noqa: ASYNC110 - the kernel sets no event
                await asyncio.sleep(0.01)
        await server.hung_up.wait()


# -- words that nobody waits for


async def test_a_word_to_a_provider_is_not_waited_for(transport: Transport) -> None:
    """It is an empty POST with the key."""
    async with serving(saying(WAIT)) as server, asyncio.timeout(60):
        transport.tell(server.url + "/stop", KEY)
        while not server.requests:  # noqa: ASYNC110 - the server sets no event for it
            await asyncio.sleep(0.01)

    [request] = server.requests
    assert request.head.startswith("POST /stop HTTP/1.1")
    assert (request.body, request.headers["authorization"]) == (b"", KEY["Authorization"])


@pytest.mark.parametrize("said", [WAIT, RESET, b"nonsense", b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"])
async def test_closing_waits_for_it_and_not_for_long(said: bytes) -> None:
    """Whatever is answered, or not, is nobody's failure."""
    async with serving(saying(said)) as server, asyncio.timeout(60), Transport() as transport:
        transport.tell(server.url, KEY)

    assert server.requests


async def test_a_worker_that_stands_still_for_a_moment_still_tells(transport: Transport) -> None:
    """A response that was not told to stop goes on, and is billed."""
    async with serving(saying(WAIT)) as server, asyncio.timeout(60):
        transport.tell(server.url, KEY)
        await asyncio.sleep(0)  # its time runs
        time.sleep(1.1)  # noqa: ASYNC251 - as SIGSTOP does
        while not server.requests:  # noqa: ASYNC110 - the server sets no event for it
            await asyncio.sleep(0.01)

    assert len(server.requests) == 1


async def test_nobody_there_is_nobodys_failure() -> None:
    """There is nothing to stop then."""
    async with Transport() as transport:
        transport.tell("http://127.0.0.1:9", KEY)
        transport.tell("no url", KEY)
