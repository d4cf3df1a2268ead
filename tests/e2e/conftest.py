"""The stack of the end-to-end tests: brought up once, used by all; workers of its own end with each file."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from deploy.sandbox.processes import RunningServer, running_servers
from tests.e2e.rig import Rig, clean_environ, rig_up


@pytest.fixture(scope="session")
async def shared() -> AsyncIterator[Rig]:
    """A running stack without a worker."""
    environ = clean_environ(os.environ)  # noqa: TID251 - the tests' own composition root
    async with rig_up(environ) as up:
        yield up


@pytest.fixture(scope="module")
async def rig(shared: Rig) -> AsyncIterator[Rig]:
    """The stack, for the tests of one file: what they start ends with them, and is no load on those that follow."""
    async with running_servers() as servers:
        yield replace(shared, servers=servers)


@pytest.fixture(scope="session")
async def worker(shared: Rig) -> RunningServer:
    """The worker most tests share; tests that hurt workers start their own on a queue of their own."""
    return await shared.worker()
