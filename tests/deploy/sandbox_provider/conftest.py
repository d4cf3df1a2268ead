"""One provider process for all tests here, the official client against it, and a bare socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias
from urllib.parse import urlsplit

import pytest
from openai import AsyncOpenAI

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject
from tests.provider import running_provider

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
RawAsk: TypeAlias = Callable[..., Awaitable[Connection]]


@pytest.fixture(scope="session")
async def provider() -> AsyncIterator[ScriptedProvider]:
    """A running provider, which must end cleanly and have complained of nothing."""
    async with running_provider() as control:
        yield control


@pytest.fixture
def script(request: pytest.FixtureRequest) -> str:
    """A script name of the test's own."""
    return str(request.node.nodeid).rsplit("::", 1)[-1].replace("/", "_")


@pytest.fixture
async def openai(provider: ScriptedProvider) -> AsyncIterator[AsyncOpenAI]:
    """The official client, without retries."""
    async with AsyncOpenAI(base_url=provider.url, api_key="sk-made-up", max_retries=0) as client:
        yield client


@pytest.fixture
async def ask(provider: ScriptedProvider) -> AsyncIterator[RawAsk]:
    """Asks on a bare socket and hands over the connection."""
    parts = urlsplit(provider.url)
    opened: list[asyncio.StreamWriter] = []

    async def send(script: str | None = None, *, stream: bool = True, **more: object) -> Connection:
        asked: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        body = json.dumps(asked | ({"metadata": {"script": script}} if script else {}) | more).encode()
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        opened.append(writer)
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer sk-made-up\r\n"
            f"Connection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        return reader, writer

    yield send
    for writer in opened:
        writer.close()
