"""A scripted provider for the tests here, a transport, and an environment without proxies."""

from collections.abc import AsyncIterator

import pytest

from activities.transport import Transport
from deploy.sandbox.provider.client import ScriptedProvider
from tests.provider import running_provider


@pytest.fixture(scope="session")
async def provider() -> AsyncIterator[ScriptedProvider]:
    """A running provider, which must end cleanly and have complained of nothing."""
    async with running_provider() as control:
        yield control


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
