import asyncio
import gzip
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.abc import ResolveResult

from activities.destinations import Destinations
from activities.fetching import MAX_REDIRECTS, Fetched, Fetcher
from streaming.errors import AttachmentNotLoaded, BadAttachment, TurnError
from tests.activities.hosts import LOOPBACK, Names, certificate_for, fetcher
from tests.activities.servers import DONE, HEAD, RESET, WAIT, Answer, Served, chunk, saying, serving

CAP = 1000
PNG = b"\x89PNG\r\n\x1a\n"
NOT_PUBLIC = "its host has no public address"
LOST = "the connection to its host failed"


def response(body: bytes, *headers: str, status: int = 200) -> bytes:
    """Return a response with its length; the headers are added."""
    lines = "".join(f"{header}\r\n" for header in (f"Content-Length: {len(body)}", *headers))
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body


def moved(location: str, status: int = 302) -> Answer:
    """Return an answer that leads elsewhere."""
    return saying(response(b"", f"Location: {location}", status=status))


IMAGE = saying(response(PNG, "Content-Type: Image/PNG; q=1"))


async def refusal(client: Fetcher, url: str) -> str:
    """Return why a fetch fails for good, in words that tell nobody where it led."""
    return await _failure(client, url, BadAttachment)


async def misfortune(client: Fetcher, url: str) -> str:
    """Return why a fetch failed this time."""
    return await _failure(client, url, AttachmentNotLoaded)


async def _failure(client: Fetcher, url: str, kind: type[TurnError]) -> str:
    async with client:
        with pytest.raises(TurnError) as failed:
            await client.get(url, CAP)
    words = str(failed.value)
    assert type(failed.value) is kind
    assert not any(secret in words for secret in ("127.", "example", "localhost", "secret", url))
    return words


two_addresses = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has one loopback address")


@asynccontextmanager
async def inside(port: int) -> AsyncIterator[Served]:
    """Serve at an address of this machine that is not allowed."""
    async with serving(IMAGE, "127.0.0.2", port) as server:
        yield server


async def test_what_stands_at_a_url_is_returned() -> None:
    """With its type; the request says nothing of us, and wants nothing packed."""
    async with serving(IMAGE) as server, fetcher() as client:
        assert await client.get(f"{server.url}/a%2Fb?sig=a%2Bb%3D+c#there", CAP) == Fetched(PNG, "image/png")
    [request] = server.requests

    assert request.head.startswith("GET /a%2Fb?sig=a%2Bb%3D+c HTTP/1.1\r\n")
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "millstream",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
    }


async def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither its proxies, which would look names up for us, nor its passwords."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with serving(IMAGE) as server, serving(IMAGE) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with fetcher() as client:
            await client.get(server.url, CAP)
    [request] = server.requests

    assert proxy.requests == []
    assert "authorization" not in request.headers


async def test_no_cookie_is_kept() -> None:
    """Not for the next fetch, nor for the next hop."""
    answers = [
        response(b"", "Set-Cookie: session=1; Path=/", "Location: /on", status=302),
        response(PNG, "Set-Cookie: session=2; Path=/"),
        response(PNG),
    ]
    async with serving(_in_turn(answers)) as server, fetcher() as client:
        await client.get(server.url, CAP)
        await client.get(server.url, CAP)

    assert ["cookie" in request.headers for request in server.requests] == [False] * 3


def _in_turn(answers: list[bytes]) -> Answer:
    left = iter(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(next(left))(reader, writer)

    return answer


# -- TLS


@pytest.mark.parametrize(
    ("trusted", "name"), [(True, "files.example"), (True, "other.example"), (False, "files.example")]
)
async def test_the_certificate_must_be_trusted_and_the_hosts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, *, trusted: bool
) -> None:
    """By the bundle that the environment names, as for providers."""
    tls, bundle = certificate_for("files.example", tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    names = Names({"files.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})
    async with serving(IMAGE, tls=tls) as server:
        client, url = fetcher(names), f"https://{name}:{server.port}/"
        if trusted and name == "files.example":
            async with client:
                assert await client.get(url, CAP) == Fetched(PNG, "image/png")
        else:
            assert (await refusal(client, url)).startswith("TLS: ")
            assert server.requests == []


async def test_what_does_not_speak_tls_is_refused() -> None:
    """It is no accident of a moment."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"this is no TLS")
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        assert (await refusal(fetcher(), url)).startswith("TLS: ")


# -- where a connection may go


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "files.example", "127.0.0.1.nip.example"])
async def test_nothing_inside_is_connected_to(host: str) -> None:
    """By address, by a name everybody knows, or by a name that leads there; and nobody hears which it was."""
    names = Names({"files.example": [["127.0.0.1"]], "127.0.0.1.nip.example": [["127.0.0.1", "127.0.0.2"]]})
    resolver = None if host == "localhost" else names
    async with serving(IMAGE) as server:
        assert await refusal(fetcher(resolver, allow=None), f"http://{host}:{server.port}/") == NOT_PUBLIC

    assert server.requests == []


async def test_a_name_that_does_not_exist_is_told_in_the_same_words() -> None:
    """Whoever asks does not learn the names inside."""
    too_long = ".".join(["a" * 60] * 5)  # for a name: no name server is asked, which could be down
    assert await refusal(fetcher(), f"http://{too_long}/") == NOT_PUBLIC


@two_addresses
async def test_of_several_addresses_only_the_allowed_one_is_connected_to() -> None:
    """Whatever their order."""
    for addresses in (["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]):
        client = fetcher(Names({"files.example": [addresses]}))
        async with serving(IMAGE) as server, inside(server.port) as neighbour, client:
            assert (await client.get(f"http://files.example:{server.port}/", CAP)).content == PNG

        assert (len(server.requests), len(neighbour.requests)) == (1, 0)


@two_addresses
async def test_a_name_that_is_bound_anew_leads_nowhere_else() -> None:
    """The address that is connected to is the one that was checked: there is no second look-up in between."""
    names = Names({"files.example": [["127.0.0.1"], ["127.0.0.2"]]})
    async with serving(IMAGE) as server, inside(server.port) as neighbour:
        url = f"http://files.example:{server.port}/"
        client = fetcher(names)
        assert (await client.get(url, CAP)).content == PNG
        assert names.asked == ["files.example"]
        assert await refusal(client, url) == NOT_PUBLIC

    assert (len(server.requests), len(neighbour.requests)) == (1, 0)


@two_addresses
async def test_a_name_that_is_bound_anew_between_redirects_leads_nowhere_else() -> None:
    """Each hop is a connection of its own, with a check of its own."""
    names = Names({"files.example": [["127.0.0.1"], ["127.0.0.2"]]})
    async with serving(moved("/again")) as server, inside(server.port) as neighbour:
        assert await refusal(fetcher(names), f"http://files.example:{server.port}/") == NOT_PUBLIC

    assert (len(server.requests), len(neighbour.requests)) == (1, 0)


class _Failing(Names):
    """Fails as a name server does."""

    def __init__(self, code: int) -> None:
        super().__init__({})
        self._code = code

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raise what `getaddrinfo` would."""
        raise socket.gaierror(self._code, "inside.secret")


async def test_a_name_server_that_fails_may_be_better_later() -> None:
    """Unlike one that says no."""
    assert await misfortune(fetcher(_Failing(socket.EAI_AGAIN)), "http://files.example/") == LOST
    assert await refusal(fetcher(_Failing(socket.EAI_NONAME)), "http://files.example/") == NOT_PUBLIC
    assert await refusal(fetcher(_Failing(socket.EAI_NODATA)), "http://files.example/") == NOT_PUBLIC


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://user:secret@127.0.0.1/", "its URL holds a user name or a password"),
        ("ftp://127.0.0.1/", "its URL does not begin with https://"),
        ("http://127.0.0.2/", NOT_PUBLIC),
        ("http://127.1/", "its URL's host is no host name; write other letters than ASCII's as xn--"),
        (f"http://{'a' * 64}.example/", "its URL is malformed"),
    ],
)
async def test_a_url_that_is_none_is_refused(url: str, why: str) -> None:
    """Before anything is connected to."""
    assert await refusal(fetcher(), url) == why


async def test_plain_http_is_refused_unless_allowed() -> None:
    """By default TLS is a must."""
    async with serving(IMAGE) as server:
        client = Fetcher(Destinations(allow_networks=(LOOPBACK,)))
        assert await refusal(client, server.url) == "its URL does not begin with https://"

    assert server.requests == []


# -- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(status: int) -> None:
    """To another host too."""
    async with serving(IMAGE) as server, serving(moved(f"{server.url}/there", status)) as first, fetcher() as client:
        assert (await client.get(first.url, CAP)).content == PNG

    assert server.requests[0].head.startswith("GET /there ")


async def test_only_so_many_redirects_are_followed() -> None:
    """A circle ends."""
    hops = [response(b"", "Location: /on", status=302)] * MAX_REDIRECTS
    async with serving(_in_turn([*hops, response(PNG)])) as server, fetcher() as client:
        assert (await client.get(server.url, CAP)).content == PNG
    async with serving(moved("/on")) as server:
        assert await refusal(fetcher(), server.url) == f"its URL redirects more than {MAX_REDIRECTS} times"

    assert len(server.requests) == MAX_REDIRECTS + 1


@two_addresses
@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{port}/",
        "//127.0.0.2:{port}/",
        "http://2130706434:{port}/",
        "http://[::ffff:127.0.0.2]:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://u:secret@127.0.0.1:{port}/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "http://[",
    ],
)
async def test_a_redirect_does_not_lead_inside(location: str) -> None:
    """It is checked as if it had been given."""
    async with serving(IMAGE, "127.0.0.2") as neighbour, serving(moved(location.format(port=neighbour.port))) as first:
        assert await refusal(fetcher(), first.url) == "its URL redirects to one that may not be fetched"

    assert neighbour.requests == []


@two_addresses
async def test_a_redirect_by_name_does_not_lead_inside() -> None:
    """The name is good, its address is not."""
    names = Names({"inside.example": [["127.0.0.2"]]})
    async with serving(IMAGE, "127.0.0.2") as neighbour:
        answer = moved(f"http://inside.example:{neighbour.port}/")
        async with serving(answer) as first:
            assert await refusal(fetcher(names), first.url) == NOT_PUBLIC

    assert neighbour.requests == []


async def test_a_redirect_gives_no_tls_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not even where plain http is allowed."""
    tls, bundle = certificate_for("files.example", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    names = Names({"files.example": [["127.0.0.1"]]})
    async with serving(IMAGE) as plain, serving(moved(plain.url), tls=tls) as server:
        url = f"https://files.example:{server.port}/"
        assert await refusal(fetcher(names), url) == "its URL redirects from https to http"

    assert plain.requests == []


# -- bodies


@pytest.mark.parametrize(
    "pieces",
    [
        [response(b"x" * (CAP + 1)), WAIT],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx", WAIT],
        [HEAD, *[chunk(b"x" * 100)] * 11, WAIT],
        [b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 5000, WAIT],
    ],
    ids=["told", "told and never sent", "untold", "until closed"],
)
async def test_a_body_over_the_cap_is_given_up(pieces: list[bytes]) -> None:
    """As soon as it is known: the rest is not waited for."""
    async with serving(saying(*pieces)) as server, asyncio.timeout(60):
        assert await refusal(fetcher(), server.url) == "it is over 1,000 bytes"
        await server.hung_up.wait()


async def test_an_endless_body_is_given_up() -> None:
    """What was read of it is not much more than the cap."""
    sent = 0

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(HEAD)
        while True:
            writer.write(chunk(b"x" * 65_536))
            sent += 65_536
            await writer.drain()

    async with serving(endless) as server, asyncio.timeout(60):
        assert await refusal(fetcher(), server.url) == "it is over 1,000 bytes"

    assert sent < 50 * 2**20


async def test_a_body_of_just_the_cap_is_taken() -> None:
    """However it is cut."""
    for pieces in ([response(b"x" * CAP)], [HEAD, *[chunk(b"x" * 10)] * (CAP // 10), DONE]):
        async with serving(saying(*pieces)) as server, fetcher() as client:
            assert (await client.get(server.url, CAP)).content == b"x" * CAP


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "GZIP", "identity, gzip"])
async def test_a_compressed_body_is_refused(encoding: str) -> None:
    """A small one may be a bomb; it was asked not to be."""
    packed = gzip.compress(b"x" * 100_000)
    async with serving(saying(response(packed, f"Content-Encoding: {encoding}"))) as server:
        assert await refusal(fetcher(), server.url) == "its host sends it compressed, which it was asked not to"


@pytest.mark.parametrize(
    ("headers", "content_type"),
    [
        ([], ""),
        (["Content-Type: application/pdf"], "application/pdf"),
        (["Content-Type:  TEXT/Plain ; charset=x", "Content-Encoding: identity"], "text/plain"),
    ],
)
async def test_the_header_tells_the_type(headers: list[str], content_type: str) -> None:
    """Without its parameters, and empty where there is none."""
    async with serving(saying(response(b"a", *headers))) as server, fetcher() as client:
        assert await client.get(server.url, CAP) == Fetched(b"a", content_type)


@pytest.mark.parametrize("status", [201, 204, 206, 300, 304, 400, 401, 403, 404, 410, 451, 501, 505])
async def test_a_status_that_says_no_is_final(status: int) -> None:
    """The URL is wrong, or what it needs is not ours to give."""
    async with serving(saying(response(b"" if status in (204, 304) else b"secret", status=status))) as server:
        assert await refusal(fetcher(), server.url) == f"its URL answers with HTTP {status}"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 522, 529])
async def test_a_status_that_says_later_is_not_final(status: int) -> None:
    """Another pass may find it well."""
    async with serving(saying(response(b"secret", status=status))) as server:
        assert await misfortune(fetcher(), server.url) == f"its URL answers with HTTP {status}"


@pytest.mark.parametrize(
    "answer",
    [
        saying(),
        saying(RESET),
        saying(b"HTTP/1.1 200 O", RESET),
        saying(b"SMTP ready\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", RESET),
        saying(HEAD + chunk(b"abc")),
        saying(HEAD + chunk(b"abc"), RESET),
        saying(HEAD + b"nine\r\nabc"),
    ],
    ids=range(13),
)
async def test_an_exchange_that_breaks_is_a_misfortune(answer: Answer) -> None:
    """Half a picture is none."""
    async with serving(answer) as server:
        assert await misfortune(fetcher(), server.url) == LOST


async def test_a_host_where_nobody_listens_is_a_misfortune() -> None:
    """It may be starting."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        assert await misfortune(fetcher(), f"http://127.0.0.1:{held.getsockname()[1]}/") == LOST


@pytest.mark.parametrize("pieces", [[WAIT], [HEAD, WAIT], [HEAD, chunk(b"abc"), WAIT]], ids=["head", "body", "rest"])
async def test_a_fetch_that_is_cancelled_hangs_up(pieces: list[bytes]) -> None:
    """At once, wherever it was."""
    async with serving(saying(*pieces)) as server, fetcher() as client, asyncio.timeout(60):
        fetching = asyncio.create_task(client.get(server.url, CAP))
        while not server.requests:  # noqa: ASYNC110 - the server sets no event
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        await server.hung_up.wait()
