"""Speaking to the fake Gemini Live: through Google's own client, and over a bare WebSocket."""

import json
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from google import genai
from google.genai.live import AsyncSession
from google.genai.types import (
    Blob,
    HttpOptions,
    LiveConnectConfig,
    LiveConnectConfigOrDict,
    LiveServerMessage,
)
from websockets.asyncio.client import ClientConnection, connect

from deploy.sandbox.realtime.script import Script
from deploy.sandbox.realtime.serving import GEMINI_PATH, RealtimeServer, serve
from deploy.sandbox.realtime.sound import silence, tone
from streaming.jsontext import JsonObject
from tests.activities.hosts import certificate_for

MODEL = "models/gemini-live"
RATE = 16_000
HOST = "localhost"

SPEECH = tone(200, rate=RATE) + silence(200, rate=RATE)
"""Somebody speaks, and is silent for longer than `QUICK` waits."""
QUICK: JsonObject = {"automaticActivityDetection": {"silenceDurationMs": 100}}
MANUAL: JsonObject = {"automaticActivityDetection": {"disabled": True}}


@dataclass(frozen=True)
class GoogleServer:
    """A server, and what Google's client needs to trust it."""

    server: RealtimeServer
    trust: ssl.SSLContext

    def connect(
        self, config: LiveConnectConfigOrDict | None = None, *, key: str = "key", model: str = MODEL
    ) -> AbstractAsyncContextManager[AsyncSession]:
        """Opens a session, as text unless told otherwise."""
        options = HttpOptions(base_url=f"https://{HOST}:{self.server.port}", async_client_args={"ssl": self.trust})
        client = genai.Client(api_key=key, http_options=options)
        return client.aio.live.connect(model=model, config=config or LiveConnectConfig(response_modalities=["TEXT"]))


@asynccontextmanager
async def google_server(script: Script, folder: Path) -> AsyncIterator[GoogleServer]:
    """Plays a script to Google's client, which takes nothing but TLS."""
    tls, bundle = certificate_for(HOST, folder)
    async with serve(script, tls=tls) as server:
        yield GoogleServer(server, ssl.create_default_context(cafile=str(bundle)))


async def turn(session: AsyncSession) -> list[LiveServerMessage]:
    """Returns all messages to the end of the model's turn."""
    return [message async for message in session.receive()]


def speech(data: bytes = SPEECH) -> Blob:
    """Returns sound as the client sends it."""
    return Blob(data=data, mime_type=f"audio/pcm;rate={RATE}")


def text_of(messages: Iterable[LiveServerMessage]) -> str:
    """Returns what the model wrote."""
    return "".join(message.text or "" for message in messages)


def sound_of(messages: Iterable[LiveServerMessage]) -> bytes:
    """Returns what the model said, as PCM."""
    return b"".join(message.data or b"" for message in messages)


def kinds_of(messages: Iterable[LiveServerMessage]) -> list[str]:
    """Returns what each message is; a run of the same kind is one, and `not_resumable` is an empty update."""
    kinds: list[str] = []
    for message in messages:
        told = message.model_dump(exclude_none=True, exclude={"usage_metadata"})
        for name, value in told.items():
            found = list(value) if name == "server_content" else [name]
            if name == "session_resumption_update" and not value:
                found = ["not_resumable"]
            kinds += [kind for kind in found if [kind] != kinds[-1:] and kind != "interaction_status"]
    return kinds


class Wire:
    """A bare WebSocket; every message of the server is looked at by Google's own types, which know every field."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, *messages: JsonObject | str | bytes) -> None:
        """Sends each message, in a frame of text unless it is bytes."""
        for message in messages:
            await self._socket.send(json.dumps(message) if isinstance(message, dict) else message)

    async def next(self) -> LiveServerMessage:
        """Returns the next message."""
        frame = await self._socket.recv()
        assert isinstance(frame, bytes), "the service sends binary frames"
        return LiveServerMessage.model_validate_json(frame)

    async def until(self, kind: str) -> list[LiveServerMessage]:
        """Returns all messages to the first of a kind."""
        messages: list[LiveServerMessage] = []
        while not messages or kind not in kinds_of(messages[-1:]):
            messages.append(await self.next())
        return messages

    async def turn(self) -> list[LiveServerMessage]:
        """Returns all messages to the end of the model's turn."""
        return await self.until("turn_complete")

    async def close(self) -> None:
        """Closes from this side."""
        await self._socket.close()

    async def closed(self) -> tuple[int, str]:
        """Waits for the end; returns its code and reason."""
        await self._socket.wait_closed()
        return self._socket.close_code or 0, self._socket.close_reason or ""


@asynccontextmanager
async def wire(server: RealtimeServer, key: str = "key") -> AsyncIterator[Wire]:
    """Connects without a setup."""
    headers = {"x-goog-api-key": key} if key else {}
    async with connect(server.ws_url + GEMINI_PATH, additional_headers=headers, close_timeout=10) as socket:
        yield Wire(socket)


def setup(fields: JsonObject | None = None, *, text: bool = True) -> JsonObject:
    """Returns a setup with these fields, and otherwise the least there can be."""
    generation: JsonObject = {"responseModalities": ["TEXT" if text else "AUDIO"]}
    least: JsonObject = {"model": MODEL, "generationConfig": generation}
    return {"setup": least | (fields or {})}


@asynccontextmanager
async def set_up(
    server: RealtimeServer, fields: JsonObject | None = None, *, text: bool = True, key: str = "key"
) -> AsyncIterator[Wire]:
    """Connects, and sets up."""
    async with wire(server, key) as client:
        await client.send(setup(fields, text=text))
        assert kinds_of([await client.next()]) == ["setup_complete"]
        yield client


def said(text: str = "Hello", *, complete: bool = True) -> JsonObject:
    """Returns what the user writes, as a message."""
    turns: JsonObject = {"role": "user", "parts": [{"text": text}]}
    return {"clientContent": {"turns": [turns], "turnComplete": complete}}


def heard(data: bytes = SPEECH) -> JsonObject:
    """Returns what the user says, as a message."""
    return {"realtimeInput": {"audio": {"data": b64encode(data).decode(), "mimeType": f"audio/pcm;rate={RATE}"}}}
