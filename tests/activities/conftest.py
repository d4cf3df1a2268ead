"""A scripted provider for the tests here, a transport, and an environment without proxies."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator

import pytest

from activities.transport import Transport
from deploy.sandbox.provider.client import ScriptedProvider


@pytest.fixture(scope="session")
async def provider() -> AsyncIterator[ScriptedProvider]:
    """A running provider, which must end cleanly and have complained of nothing."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.sandbox.provider", "--port", "0", stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    url = json.loads(await process.stdout.readline())["url"]
    async with ScriptedProvider(url) as control:
        yield control
    process.terminate()
    _, complaints = await process.communicate()

    assert (process.returncode, complaints) == (0, b"")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxies are not under test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    """The client, made where the environment is already set."""
    async with Transport() as transport:
        yield transport
