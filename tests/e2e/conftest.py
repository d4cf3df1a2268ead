"""The stack of the end-to-end tests: brought up once, used by all."""

import os
from collections.abc import AsyncIterator

import pytest

import turns
from deploy.sandbox.processes import RunningServer, running_servers
from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.stack import stack
from streaming.live.channels import Channels
from tests.e2e.rig import Rig, clean_environ, redis_of


@pytest.fixture(scope="session")
async def rig() -> AsyncIterator[Rig]:
    """A running stack without a worker."""
    environ = clean_environ(os.environ)  # noqa: TID251 - the tests' own composition root
    async with stack(environ, print) as up, running_servers() as servers:
        pointed = environ | {"TEMPORAL_ADDRESS": up.temporal_address, "REDIS_URL": up.redis_url}
        client = await turns.connect(pointed)
        redis = redis_of(up)
        async with ScriptedProvider(up.provider_url) as provider:
            yield Rig(up, servers, pointed, client, provider, redis, Channels(client.namespace))
        await redis.aclose()


@pytest.fixture(scope="session")
async def worker(rig: Rig) -> RunningServer:
    """The worker most tests share; tests that hurt workers start their own on a queue of their own."""
    return await rig.worker()
