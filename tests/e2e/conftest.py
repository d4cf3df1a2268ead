"""The stack of the end-to-end tests: brought up once, used by all."""

import os
from collections.abc import AsyncIterator

import pytest

from deploy.sandbox.processes import RunningServer
from tests.e2e.rig import Rig, clean_environ, rig_up


@pytest.fixture(scope="session")
async def rig() -> AsyncIterator[Rig]:
    """A running stack without a worker."""
    environ = clean_environ(os.environ)  # noqa: TID251 - the tests' own composition root
    async with rig_up(environ) as up:
        yield up


@pytest.fixture(scope="session")
async def worker(rig: Rig) -> RunningServer:
    """The worker most tests share; tests that hurt workers start their own on a queue of their own."""
    return await rig.worker()
