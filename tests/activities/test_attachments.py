import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from activities.attachments import Attachments, Sources
from activities.calling import CandidateCall
from activities.routes import Candidate
from activities.store import Store
from activities.transport import Transport
from streaming.contracts import TurnInput
from streaming.errors import AttachmentNotLoaded, BadAttachment, ClockRanOut, StatusError, TurnError
from streaming.jsontext import JsonObject
from streaming.media import encoded
from streaming.messages import Message
from streaming.providers import WIRES
from tests.activities.candidates import candidate
from tests.activities.hosts import Names, certificate_for, fetcher
from tests.activities.servers import DONE, HEAD, RESET, WAIT, Served, chunk, saying, serving

PNG = b"\x89PNG\r\n\x1a\n" + b"a picture"
PDF = b"%PDF-1.7\n" + b"a document"
MP3 = b"ID3\4\0\0" + b"a sound"
NOWHERE: frozenset[str] = frozenset()
NOT_FOUND = b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"

Load = Callable[..., Attachments]


@pytest.fixture
async def load(tmp_path: Path) -> AsyncIterator[Load]:
    """Makes the attachments of an attempt, with a store and with this machine for the internet."""
    (tmp_path / "a").mkdir()
    for name, content in {"a/b.png": PNG, "c.pdf": PDF, "d.csv": b"x,y", "e": b"\0", "page.html": b"<html>"}.items():
        (tmp_path / name).write_bytes(content)
    async with fetcher() as client:

        def attachments(max_bytes: int = 1000, max_total_bytes: int = 5000, within_s: float = 20) -> Attachments:
            return Attachments(Sources(client, Store(tmp_path), max_bytes, max_total_bytes, within_s))

        yield attachments


def said(*parts: JsonObject, role: str = "user") -> list[Message]:
    """Return a conversation of one message."""
    return [Message.model_validate({"role": role, "content": list(parts)})]


def image(**source: str) -> JsonObject:
    """Return an image part."""
    return {"type": "image", **source}


def file(**source: str) -> JsonObject:
    """Return a file part."""
    return {"type": "file", **source}


def response(content: bytes, content_type: str = "") -> bytes:
    """Return a response."""
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\nContent-Type: {content_type}\r\n\r\n"
    return head.encode() + content


async def refusal(
    attachments: Attachments,
    messages: list[Message],
    kind: type[TurnError] = BadAttachment,
    by_url: frozenset[str] = NOWHERE,
) -> str:
    """Return why attachments cannot be sent."""
    with pytest.raises(TurnError) as refused:
        await attachments.by_value(messages, by_url)
    assert type(refused.value) is kind
    return str(refused.value)


# -- by value, whatever it was


async def test_messages_without_media_stay_the_same(load: Load) -> None:
    """Most turns: nothing is copied and nothing opened."""
    messages = said({"type": "text", "text": "Hi"})

    assert await load().by_value(messages, NOWHERE) is messages


async def test_media_become_data_wherever_they_are(load: Load) -> None:
    """In messages and in tools' results; what is no medium stays, and so does what else a part says."""
    async with serving(saying(response(PNG, "application/octet-stream"))) as server:
        given = [
            *said(
                {"type": "text", "text": "Look:"},
                image(url=f"{server.url}/x") | {"provider_data": {"p": {}}},
                image(data=encoded(PNG), media_type="Image/PNG"),
                file(object="c.pdf", filename="paper.pdf"),
                file(object="d.csv"),
                file(object="e", media_type="application/x-odd; v=1"),
                {"type": "audio", "data": encoded(MP3), "media_type": "audio/mp3", "transcript": "la"},
            ),
            *said({"type": "tool_result", "tool_call_id": "t", "content": [image(object="a/b.png")]}, role="tool"),
        ]
        first, second = await load().by_value(given, NOWHERE)

    assert first.model_dump()["parts"] == [
        {"type": "text", "text": "Look:"},
        image(data=encoded(PNG), media_type="image/png") | {"provider_data": {"p": {}}},
        image(data=encoded(PNG), media_type="image/png"),
        file(data=encoded(PDF), media_type="application/pdf", filename="paper.pdf"),
        file(data=encoded(b"x,y"), media_type="text/csv"),
        file(data=encoded(b"\0"), media_type="application/x-odd; v=1"),
        {"type": "audio", "data": encoded(MP3), "media_type": "audio/mp3", "transcript": "la"},
    ]
    assert second.model_dump()["parts"][0]["content"] == [image(data=encoded(PNG), media_type="image/png")]


async def test_a_url_that_the_wire_takes_is_passed_on(load: Load) -> None:
    """Unread and unresolved; another type of part is fetched all the same."""
    async with serving(saying(response(PDF))) as server:
        signed = "https://files.example/x?sig=%2B#y"
        [message] = await load().by_value(said(image(url=signed), file(url=server.url)), frozenset({"image"}))

    assert message.model_dump()["parts"] == [
        image(url=signed),
        file(data=encoded(PDF), media_type="application/pdf"),
    ]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "its URL does not begin with https://"),
        ("https://u:p@files.example/", "its URL holds a user name or a password"),
        ("https://169.254.169.254/latest/", "its host has no public address"),
    ],
)
async def test_a_url_is_held_to_the_rules_whoever_fetches_it(load: Load, url: str, why: str) -> None:
    """Some providers stand inside our network."""
    for by_url in (NOWHERE, frozenset({"image"})):
        assert await refusal(load(), said(image(url=url)), by_url=by_url) == f"messages.0.parts.0: {why}"


async def test_what_a_model_made_goes_back_as_it_came(load: Load) -> None:
    """A sound that was cut by an interrupt is none; but what refers to elsewhere is no model's doing."""
    cut: JsonObject = {"type": "audio", "data": "QQ", "media_type": "audio/wav"}
    [message] = await load().by_value(said(cut, image(object="a/b.png"), role="assistant"), NOWHERE)

    assert message.model_dump()["parts"] == [cut, image(data=encoded(PNG), media_type="image/png")]


# -- what cannot be sent


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (image(data="no base64", media_type="image/png"), "its data is not base64: no line breaks"),
        (
            image(data=encoded(PDF), media_type="image/png"),
            "its type is given as image/png and its bytes are application",
        ),
        (image(data=encoded(b"x" * 1001), media_type="image/png"), "it is over 1,000 bytes"),
        (image(data="", media_type="image/png"), "it is empty"),
        (image(object="none.png"), "the worker's attachment store has no such object"),
        (image(object="../a/b.png"), "its object is no key"),
        (image(object="c.pdf"), "image parts hold image/* and not application/pdf"),
        (
            file(object="a/b.png", media_type="application/pdf"),
            "its type is given as application/pdf and its bytes are im",
        ),
        (file(object="e"), "its bytes do not tell their type: give its media_type"),
    ],
    ids=range(9),
)
async def test_what_cannot_be_sent_is_named(load: Load, part: JsonObject, why: str) -> None:
    """By its place in the turn's input."""
    result: JsonObject = {"type": "tool_result", "tool_call_id": "t", "content": [{"type": "text", "text": "a"}, part]}

    assert (await refusal(load(), said({"type": "text", "text": "a"}, part))).startswith(f"messages.0.parts.1: {why}")
    assert (await refusal(load(), said(result, role="tool"))).startswith(f"messages.0.parts.0.content.1: {why}")


@pytest.mark.parametrize(
    ("answer", "part", "why"),
    [
        (NOT_FOUND, image(), "its URL answers with HTTP 404"),
        (response(PDF, "image/png"), image(), "image parts hold image/* and not application/pdf"),
        (response(b"x", "image/png"), image(), "its type is given as image/png and its bytes are no such thing"),
        (response(PDF, "image/png"), image(media_type="image/png"), "its type is given as image/png and its bytes are"),
        (response(b"<p>Log in", "text/html"), image(media_type="image/png"), "its URL leads to a web page"),
        (response(b"<p>Log in", "text/html"), file(), "its URL leads to a web page"),
        (response(b"<!doctype html>"), file(), "its URL leads to a web page"),
        (response(b"\xff\xfe", "text/plain"), file(), "its type is given as text/plain and its bytes are not UTF-8"),
        (response(b"x" * 1001), file(), "it is over 1,000 bytes"),
        (response(b"", "image/png"), image(), "it is empty"),
    ],
    ids=range(10),
)
async def test_what_a_url_gives_is_checked(load: Load, answer: bytes, part: JsonObject, why: str) -> None:
    """As if it had been sent along."""
    async with serving(saying(answer)) as server:
        told = await refusal(load(), said(part | {"url": server.url}))

    assert told.startswith(f"messages.0.parts.0: {why}")


async def test_a_web_page_may_be_what_was_wanted(load: Load) -> None:
    """Where the part says so."""
    page = b"<!doctype html><p>Hi"
    async with serving(saying(response(page, "text/html; charset=utf-8"))) as server:
        given = said(file(url=server.url, media_type="Text/HTML"), file(object="page.html"))
        [message] = await load().by_value(given, NOWHERE)

    assert message.model_dump()["parts"] == [
        file(data=encoded(page), media_type="text/html"),
        file(data=encoded(b"<html>"), media_type="text/html"),
    ]


async def test_attachments_are_too_large_together(load: Load) -> None:
    """Each as often as it is sent, wherever it comes from."""
    size = 2 * len(PNG) + len(PDF)
    given = said(
        image(object="a/b.png"), image(object="a/b.png"), file(data=encoded(PDF), media_type="application/pdf")
    )

    assert await load(max_total_bytes=size).by_value(given, NOWHERE)
    told = await refusal(load(max_total_bytes=size - 1), given)
    assert told == f"messages: their attachments are over {size - 1:,} bytes together"


async def test_once_there_is_too_much_no_more_is_fetched(load: Load) -> None:
    """A hundred URLs cost no more than the cap and what was under way."""
    async with serving(saying(response(b"x" * 1000, "text/plain"))) as server:
        given = said(*(file(url=f"{server.url}/{number}") for number in range(100)))
        assert "5,000 bytes together" in await refusal(load(), given)

    assert 6 <= len(server.requests) <= 10


async def test_once_one_has_failed_no_more_is_fetched(load: Load) -> None:
    """The first in the turn's order is told."""
    async with serving(saying(NOT_FOUND)) as server:
        given = said(*(file(url=f"{server.url}/{number}") for number in range(100)))
        assert (await refusal(load(), given)).startswith("messages.0.parts.0: ")

    assert len(server.requests) <= 8


# -- a misfortune


@pytest.mark.parametrize(
    ("pieces", "within_s", "why"),
    [
        ([WAIT], 0.2, "it did not come within 0.2 s"),
        ([HEAD, *[chunk(b"x")] * 1000], 0.2, "it did not come within 0.2 s"),
        ([HEAD, chunk(PNG), RESET], 60, "the connection to its host failed"),
        ([b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"], 60, "its URL answers with HTTP 503"),
    ],
    ids=["silent", "slow", "reset", "busy"],
)
async def test_a_host_that_fails_may_be_better_later(
    load: Load, pieces: list[bytes], within_s: float, why: str
) -> None:
    """Which is another error, for another verdict; a byte now and then keeps no one waiting."""
    async with serving(saying(*pieces)) as server, asyncio.timeout(60):
        told = await refusal(load(within_s=within_s), said(image(url=server.url)), AttachmentNotLoaded)

    assert told == f"messages.0.parts.0: {why}"


# -- once


async def test_each_is_loaded_once(load: Load) -> None:
    """However many parts and candidates want it; under another type it is another."""
    async with serving(saying(response(PNG))) as server:
        attachments = load()
        given = [*said(image(url=server.url), image(url=server.url)), *said(image(url=server.url))]
        once = await attachments.by_value(given, NOWHERE)
        assert await attachments.by_value(given, frozenset({"image"})) == given
        assert await attachments.by_value(given, NOWHERE) == once
        assert len(server.requests) == 1
        await attachments.by_value(said(file(url=server.url)), NOWHERE)

    assert len(server.requests) == 2


async def test_a_failure_is_known_too(load: Load) -> None:
    """The next candidate need not wait for it again, unless it takes the URL itself."""
    async with serving(saying(RESET)) as server:
        attachments, given = load(), said(image(url=server.url))
        told = await refusal(attachments, given, AttachmentNotLoaded)
        asked = len(server.requests)
        assert told == await refusal(attachments, given, AttachmentNotLoaded)
        assert await attachments.by_value(given, frozenset({"image"})) == given

    assert asked == len(server.requests)


async def test_a_few_are_fetched_at_a_time(load: Load) -> None:
    """Not one after the other, and not all at once."""
    running, most = 0, 0
    a_few = asyncio.Event()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 4:
            a_few.set()
        await a_few.wait()
        await asyncio.sleep(0.05)  # in which a fifth would come
        running -= 1
        writer.write(response(PNG))

    async with serving(answer) as server, asyncio.timeout(60):
        await load(within_s=60).by_value(said(*(image(url=f"{server.url}/{number}") for number in range(20))), NOWHERE)

    assert most == 4


async def test_a_cancelled_attempt_hangs_up(load: Load) -> None:
    """An interrupt waits for nobody; and what was given up is no failure."""
    answers = iter([saying(HEAD, WAIT), saying(response(PNG))])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(answers)(reader, writer)

    async with serving(answer) as server, asyncio.timeout(60):
        attachments, given = load(), said(image(url=server.url))
        loading = asyncio.ensure_future(attachments.by_value(given, NOWHERE))
        while not server.requests:  # noqa: ASYNC110 - the server sets no event
            await asyncio.sleep(0.01)
        loading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
        await server.hung_up.wait()
        assert await attachments.by_value(given, NOWHERE)


# -- in a try


def nothing_shown(_: object) -> None:
    """Nobody watches."""


def nothing_gone() -> None:
    """No earlier attempt left anything."""


async def sent_to(one: Candidate, transport: Transport, attachments: Attachments, *parts: JsonObject) -> str:
    """Return the request's body at a provider that is down."""
    turn = TurnInput.model_validate({"messages": [{"role": "user", "content": list(parts)}]})
    down = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    async with serving(saying(down)) as provider:
        call = CandidateCall(replace(one, base_url=provider.url), turn)
        with pytest.raises(StatusError):
            await call.run(transport, attachments.by_value, lambda: None, nothing_shown, nothing_gone)
    [request] = provider.requests
    return request.body.decode()


def fetching_call(host: Served, provider: Served, **limits: float) -> CandidateCall:
    """Return the call of a provider, whose turn has a file at a host."""
    messages: JsonObject = {"messages": [{"role": "user", "content": [file(url=host.url)]}]}
    return CandidateCall(candidate(url=provider.url), TurnInput.model_validate(messages | {"limits": limits}))


@pytest.mark.parametrize("wire", sorted(WIRES))
async def test_attachments_reach_every_provider(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, transport: Transport, wire: str
) -> None:
    """By value over TLS from a name that leads here, or by URL where the wire takes that; objects always by value."""
    tls, bundle = certificate_for("files.example", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    (tmp_path / "paper").write_bytes(PDF)
    (tmp_path / "picture").write_bytes(PNG + b"2")
    one = replace(candidate(), wire=WIRES[wire])
    client = fetcher(Names({"files.example": [["127.0.0.1"]]}))
    async with client, serving(saying(response(PNG, "image/png")), tls=tls) as host:
        url = f"https://files.example:{host.port}/picture"
        attachments = Attachments(Sources(client, Store(tmp_path), 1000, 5000, 20))
        parts = [image(url=url), image(object="picture"), file(object="paper", filename="paper.pdf")]
        body = await sent_to(one, transport, attachments, *parts)

    by_url = "image" in WIRES[wire].BY_URL
    assert [url in body, encoded(PNG) in body] == [by_url, not by_url]
    assert len(host.requests) == (0 if by_url else 1)
    assert encoded(PNG + b"2") in body
    assert encoded(PDF) in body


async def test_fetching_is_part_of_a_try(load: Load, transport: Transport) -> None:
    """Its clocks run, and the provider is not called before everything is there."""
    async with serving(saying(HEAD, chunk(PNG), WAIT)) as host, serving(saying(DONE)) as provider:
        call = fetching_call(host, provider, first_token_s=1)
        with pytest.raises(ClockRanOut) as failed:
            await call.run(transport, load().by_value, lambda: None, nothing_shown, nothing_gone)

    assert (failed.value.clock, provider.requests) == ("first_token_s", [])


async def test_a_try_beats_while_it_fetches(load: Load, transport: Transport) -> None:
    """More than once; a try that is given up hangs up on the host too."""
    beats = 0
    twice = asyncio.Event()

    def beat() -> None:
        nonlocal beats
        beats += 1
        if beats == 2:
            twice.set()

    async with (
        serving(saying(HEAD, chunk(PNG), WAIT)) as host,
        serving(saying(DONE)) as provider,
        asyncio.timeout(60),
    ):
        call = fetching_call(host, provider, heartbeat_s=1)
        running = asyncio.create_task(
            call.run(transport, load(within_s=60).by_value, beat, nothing_shown, nothing_gone)
        )
        await twice.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await host.hung_up.wait()

    assert provider.requests == []


async def test_a_bad_attachment_is_no_failure_of_the_providers(load: Load, transport: Transport) -> None:
    """It is not called, and no other candidate is either."""
    async with serving(saying(DONE)) as provider:
        turn = TurnInput.model_validate({"messages": [{"role": "user", "content": [image(object="none")]}]})
        with pytest.raises(BadAttachment, match=r"^messages\.0\.parts\.0: "):
            await CandidateCall(candidate(url=provider.url), turn).run(
                transport, load().by_value, lambda: None, nothing_shown, nothing_gone
            )

    assert provider.requests == []
