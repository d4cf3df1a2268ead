"""The providers that the conformance suite runs on: a provider, its server and a script each.

A provider is added with one function that serves a script and gives the provider, and a line in `RIGS`; one whose
server hears by itself when the user speaks has another in `LISTENING`. In `RIGS` turns are manual: what ends a turn is
then the test's word and nobody's hearing.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from deploy.sandbox.realtime.journal import Journal
from deploy.sandbox.realtime.script import Script
from deploy.sandbox.realtime.serving import serve
from streaming.contracts import Tool
from streaming.duplex.gemini_live.provider import GeminiLive
from streaming.duplex.openai_realtime.provider import OpenAIRealtime
from streaming.duplex.provider import RealtimeProvider
from streaming.duplex.setup import ServerVad, SessionSetup
from tests.streaming.duplex.toy.server import serve_toy
from tests.streaming.duplex.toy.wire import ToyProvider

WEATHER = Tool(name="weather", description="Tells the weather.")
_GEMINI_25, _GEMINI_3 = "gemini-live-2.5-flash", "gemini-3.1-flash-live"  # they take histories in different ways


@dataclass(frozen=True)
class Rig:
    """A server that plays a script, and how to talk to it."""

    provider: RealtimeProvider
    journal: Journal


Serve = Callable[[Script], AbstractAsyncContextManager[Rig]]


@asynccontextmanager
async def _toy(script: Script, *, resumable: bool) -> AsyncIterator[Rig]:
    async with serve_toy(script) as server:
        yield Rig(ToyProvider(server.url, resumable=resumable), server.journal)


@asynccontextmanager
async def _openai(script: Script, *, vad: ServerVad | None = None) -> AsyncIterator[Rig]:
    setup = SessionSetup(model="gpt-realtime", turn_detection=vad, tools=(WEATHER,))
    async with serve(script) as server:
        yield Rig(OpenAIRealtime("openai", server.openai_url, setup, api_key="k"), server.journal)


@asynccontextmanager
async def _gemini(script: Script, *, model: str, vad: ServerVad | None = None) -> AsyncIterator[Rig]:
    setup = SessionSetup(model=model, turn_detection=vad, tools=(WEATHER,))
    async with serve(script) as server:
        yield Rig(GeminiLive("gemini", server.url, setup, api_key="k"), server.journal)


RIGS: dict[str, Serve] = {
    "toy": partial(_toy, resumable=True),
    "toy_without_handles": partial(_toy, resumable=False),
    "openai_realtime": _openai,
    "gemini_live": partial(_gemini, model=_GEMINI_25),
    "gemini_live_3": partial(_gemini, model=_GEMINI_3),
}
LISTENING: dict[str, Serve] = {
    "openai_realtime": partial(_openai, vad=ServerVad()),
    "gemini_live": partial(_gemini, model=_GEMINI_25, vad=ServerVad()),
}
