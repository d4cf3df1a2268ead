"""One provider process for all tests here, the official clients against it, and a bare socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest
from anthropic import AsyncAnthropic
from google.genai import Client
from google.genai.client import AsyncClient
from google.genai.types import HttpOptions
from openai import AsyncOpenAI

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject
from tests.deploy.sandbox_provider.wires import CHAT, WIRES, Wire
from tests.provider import running_provider

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
RawAsk: TypeAlias = Callable[..., Awaitable[Connection]]
Refusal: TypeAlias = tuple[int, JsonObject]
Post: TypeAlias = Callable[..., Awaitable[Refusal]]


@pytest.fixture(scope="session")
async def provider() -> AsyncIterator[ScriptedProvider]:
    """A running provider, which must end cleanly and have complained of nothing."""
    async with running_provider() as control:
        yield control


@pytest.fixture
def script(request: pytest.FixtureRequest) -> str:
    """A script name of the test's own."""
    return str(request.node.nodeid).removeprefix("tests/deploy/sandbox_provider/").replace("/", "_")


@pytest.fixture(params=WIRES, ids=[wire.name for wire in WIRES])
def wire(request: pytest.FixtureRequest) -> Wire:
    """Each wire in turn."""
    chosen: Wire = request.param
    return chosen


@pytest.fixture
async def openai(provider: ScriptedProvider) -> AsyncIterator[AsyncOpenAI]:
    """OpenAI's client, without retries."""
    async with AsyncOpenAI(base_url=provider.url, api_key="sk-made-up", max_retries=0) as client:
        yield client


@pytest.fixture
async def anthropic(provider: ScriptedProvider) -> AsyncIterator[AsyncAnthropic]:
    """Anthropic's client, without retries."""
    async with AsyncAnthropic(base_url=provider.root, api_key="sk-made-up", max_retries=0) as client:
        yield client


@pytest.fixture
async def gemini(provider: ScriptedProvider, script: str) -> AsyncIterator[AsyncClient]:
    """Google's client; it has no words for a script of this API, so it names the test's in a header."""
    async with httpx.AsyncClient() as http:
        options = HttpOptions(base_url=provider.root, headers={"x-script": script}, httpx_async_client=http)
        yield Client(api_key="made-up", http_options=options).aio


@pytest.fixture
async def post(provider: ScriptedProvider) -> AsyncIterator[Post]:
    """Posts a body as it is and returns the status and the JSON of the answer."""
    async with aiohttp.ClientSession() as session:

        async def send(wire: Wire, body: object, headers: dict[str, str] | None = None) -> Refusal:
            given = wire.headers if headers is None else headers
            async with session.post(provider.root + wire.path, json=body, headers=given) as answer:
                return answer.status, await answer.json()

        yield send


@pytest.fixture
async def ask(provider: ScriptedProvider) -> AsyncIterator[RawAsk]:
    """Asks on a bare socket and hands over the connection."""
    parts = urlsplit(provider.url)
    opened: list[asyncio.StreamWriter] = []

    async def send(script: str | None = None, wire: Wire = CHAT, *, stream: bool = True, **more: object) -> Connection:
        body = json.dumps(wire.body(script, stream=stream, **more)).encode()
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        opened.append(writer)
        headers = {"Host": "sandbox", "Connection": "close", "Content-Length": str(len(body)), **wire.headers}
        head = [f"POST {wire.stream_path if stream else wire.path} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        return reader, writer

    yield send
    for writer in opened:
        writer.close()
