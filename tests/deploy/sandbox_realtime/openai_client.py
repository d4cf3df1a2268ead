"""The official OpenAI client on a connection to the fake, with every event checked."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import ConnectionClosed

from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.serving import RealtimeServer
from tests.deploy.sandbox_realtime.oracle import strictly

_LIMIT_S = 60
RATE = 24_000


class Talk:
    """A connection, and all that came on it."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[JsonObject] = []

    async def next(self) -> JsonObject:
        """Wait for the next event."""
        async with asyncio.timeout(_LIMIT_S):
            event: JsonObject = orjson.loads(await self.connection.recv_bytes())
        self.events.append(event)
        strictly(event)
        return event

    async def until(self, kind: str) -> JsonObject:
        """Wait for the first event of a type from here on."""
        while (event := await self.next())["type"] != kind:
            pass
        return event

    async def end(self) -> ConnectionClosed:
        """Wait until the connection is closed; return how."""
        while True:
            try:
                await self.next()
            except ConnectionClosed as closed:
                return closed

    async def nothing(self, seconds: float = 0.15) -> bool:
        """Whether nothing comes for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self.connection.recv_bytes()
        except TimeoutError:
            return True
        return False

    async def setup(self, **session: object) -> JsonObject:
        """Change the session."""
        update: Any = {"type": "realtime", **session}
        await self.connection.session.update(session=update)
        return await self.until("session.updated")

    async def listen(self, detection: JsonObject | None, **audio_input: object) -> JsonObject:
        """Change how turns are told apart."""
        return await self.setup(audio={"input": {"turn_detection": detection, **audio_input}})

    async def say(self, sound: bytes, chunk_ms: int = 100) -> None:
        """Send sound, in a burst of chunks."""
        size = RATE * 2 * chunk_ms // 1000
        for start in range(0, len(sound), size):
            chunk = b64encode(sound[start : start + size]).decode()
            await self.connection.input_audio_buffer.append(audio=chunk)

    async def write(self, text: str) -> None:
        """Add a message of the user."""
        await self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        )

    async def begin(self) -> None:
        """Add a message of the user, and ask for an answer."""
        await self.write("hi")
        await self.connection.response.create()

    async def ask(self) -> JsonObject:
        """Add a message of the user, and wait for the answer's end."""
        await self.begin()
        return await self.until("response.done")

    @property
    def kinds(self) -> list[str]:
        """The types of all events so far, repeated ones once."""
        found = [str(event["type"]) for event in self.events]
        return [kind for place, kind in enumerate(found) if not place or found[place - 1] != kind]

    def all(self, kind: str) -> list[JsonObject]:
        """All events of a type so far."""
        return [event for event in self.events if event["type"] == kind]

    @property
    def text(self) -> str:
        """All that was said or written so far."""
        kinds = ("response.output_audio_transcript.delta", "response.output_text.delta")
        return "".join(str(event["delta"]) for event in self.events if event["type"] in kinds)

    @property
    def sound(self) -> bytes:
        """All that sounded so far."""
        return b"".join(b64decode(str(event["delta"])) for event in self.all("response.output_audio.delta"))

    @property
    def sound_ms(self) -> float:
        """How long that was."""
        return len(self.sound) * 1000 / (2 * RATE)


@asynccontextmanager
async def talking(server: RealtimeServer, key: str = "sk-made-up", model: str = "gpt-realtime") -> AsyncIterator[Talk]:
    """Connect, and wait for the session."""
    async with (
        AsyncOpenAI(base_url=server.openai_url, api_key=key) as client,
        client.realtime.connect(model=model) as connection,
    ):
        talk = Talk(connection)
        await talk.until("session.created")
        yield talk


def status_of(done: JsonObject) -> str:
    """How a response ended."""
    response = done["response"]
    assert isinstance(response, dict)
    return str(response["status"])


def details_of(done: JsonObject) -> JsonObject | None:
    """What a response's end says of itself."""
    response = done["response"]
    assert isinstance(response, dict)
    details = response["status_details"]
    assert details is None or isinstance(details, dict)
    return details


def output_of(done: JsonObject) -> list[JsonObject]:
    """What a response holds."""
    response = done["response"]
    assert isinstance(response, dict)
    output = response["output"]
    assert isinstance(output, list)
    return [item for item in output if isinstance(item, dict)]


def error_of(event: JsonObject) -> JsonObject:
    """What an error event says."""
    error = event["error"]
    assert isinstance(error, dict)
    return error


def code_of(closed: ConnectionClosed) -> int:
    """The close code; 1006 where there was no closing handshake."""
    return closed.rcvd.code if closed.rcvd else 1006
