"""One body or several; what each kind of body is, and how it may end, is in `test_calling.py`."""

import asyncio
import json

import pytest

from activities.clocks import Clocks
from activities.reading import Reading
from activities.transport import Transport
from streaming.contracts import Limits
from streaming.deltas import Delta
from streaming.errors import ConnectionLost, NotTheWire, TruncatedStream
from streaming.jsontext import JsonObject
from streaming.live.transcript import Transcript
from streaming.providers import openai_chat, openai_responses
from streaming.providers.wire import Quirks
from tests.activities.servers import DONE, HEAD, RESET, chunk, saying, serving
from tests.streaming.providers.test_background import CREATED, STANDING, body, piece, whole

END: JsonObject = {"type": "response.completed", "sequence_number": 3, "response": whole("ab")}


class Screen:
    """Reads bodies and draws what they add."""

    def __init__(self, transport: Transport) -> None:
        self.reading = Reading(openai_responses, Quirks())
        self.shown = Transcript()
        self._transport = transport
        self._clocks = Clocks(Limits(), 0.0)

    async def read(self, *said: bytes) -> None:
        """Read one response of a server that says this."""
        async with (
            serving(saying(*said)) as server,
            self._transport.get(server.url, {}, connect_s=60) as response,
        ):
            await self.reading.read(response, self._clocks, self._show)

    def _show(self, deltas: list[Delta]) -> None:
        for delta in deltas:
            self.shown.add(delta)


@pytest.fixture
def screen(transport: Transport) -> Screen:
    """A reading of the wire that has background responses."""
    return Screen(transport)


async def test_a_background_response_is_read_from_several_bodies(screen: Screen) -> None:
    """A body's end is not its end, however it ends; what comes twice is shown once."""
    await screen.read(HEAD + chunk(body(CREATED) + b"data: {"), DONE)
    with pytest.raises(ConnectionLost):
        await screen.read(HEAD + chunk(body(piece(1, "a")).rstrip()), RESET)
    assert (screen.shown.text, screen.reading.cursor, screen.reading.complete) == ("a", ("resp_1", 1), False)

    await screen.read(HEAD + chunk(body(CREATED, piece(1, "a"), piece(2, "b"), END)), DONE)
    assert (screen.shown.text, screen.reading.final()) == ("ab", whole("ab"))


async def test_it_may_end_in_the_response_itself(screen: Screen) -> None:
    """Once it is finished."""
    head = HEAD.replace(b"text/event-stream", b"application/json")
    await screen.read(HEAD + chunk(body(CREATED, piece(1, "a"))), DONE)
    await screen.read(head + chunk(json.dumps(STANDING).encode()), DONE)
    assert (screen.shown.text, screen.reading.complete) == ("a", False)

    await screen.read(head + chunk(json.dumps(whole("ab")).encode()), DONE)
    assert (screen.shown.text, screen.reading.final()) == ("ab", whole("ab"))


async def test_json_that_was_no_background_response_before_is_a_unary_answer(screen: Screen) -> None:
    """It cannot be read on: one that is not finished is no answer."""
    with pytest.raises(NotTheWire, match="not finished"):
        await screen.read(HEAD + chunk(json.dumps(STANDING).encode()), DONE)
    await screen.read(HEAD + chunk(json.dumps(whole("ab")).encode()), DONE)

    assert (screen.shown.text, screen.reading.cursor) == ("ab", None)


async def test_a_response_that_an_earlier_attempt_asked_for_is_expected(screen: Screen) -> None:
    """Only that one."""
    screen.reading.expect("resp_2")

    with pytest.raises(NotTheWire, match="another response"):
        await screen.read(HEAD + chunk(body(CREATED)), DONE)


async def test_other_responses_end_with_their_body(screen: Screen) -> None:
    """And on other wires nothing can be expected."""
    with pytest.raises(TruncatedStream):
        await screen.read(HEAD + chunk(body(CREATED | {"response": STANDING | {"background": False}})), DONE)

    elsewhere = Reading(openai_chat, Quirks())
    elsewhere.expect("resp_1")
    assert (elsewhere.cursor, elsewhere.complete) == (None, False)


async def test_what_no_delta_tells_of_is_content_to_the_clocks(transport: Transport) -> None:
    """Another choice may speak for long before the first one does."""
    clocks = Clocks(Limits(), asyncio.get_running_loop().time())
    reading, shown = Reading(openai_chat, Quirks()), list[Delta]()
    other = b'data: {"choices":[{"index":1,"delta":{"content":"a"}}]}\n\n'
    with pytest.raises(TruncatedStream):
        async with (
            serving(saying(HEAD + chunk(other), DONE)) as server,
            transport.get(server.url, {}, connect_s=60) as response,
        ):
            await reading.read(response, clocks, shown.extend)

    assert shown == []
    assert clocks.deadline()[1] == "idle_s"  # no longer first_token_s


class Heard(Clocks):
    """Clocks that remember what they were told."""

    def __init__(self) -> None:
        super().__init__(Limits(), asyncio.get_running_loop().time())
        self.told: list[str] = []

    def byte(self, now: float) -> None:
        """Remember bytes."""
        self.told.append("byte")
        super().byte(now)

    def content(self, now: float) -> None:
        """Remember content."""
        self.told.append("content")
        super().content(now)


async def test_a_keepalive_is_bytes_to_the_clocks_and_no_content(transport: Transport) -> None:
    """It holds off `idle_s`, and not `stall_s`."""
    clocks, reading, shown = Heard(), Reading(openai_chat, Quirks()), asyncio.Event()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunk(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'))
        await shown.wait()
        writer.write(chunk(b": keepalive\n\n") + DONE)
        await writer.drain()

    with pytest.raises(TruncatedStream):
        async with (
            asyncio.timeout(60),
            serving(answer) as server,
            transport.get(server.url, {}, connect_s=60) as response,
        ):
            await reading.read(response, clocks, lambda _: shown.set())

    assert clocks.told == ["byte", "content", "byte"]
