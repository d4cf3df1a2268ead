"""An environment that names no server, and a place to start servers in."""

import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from deploy.sandbox.processes import Servers, running_servers


@pytest.fixture
def environ(tmp_path: Path) -> Mapping[str, str]:
    """This machine's environment without the servers, or the Temporal profile, it may name."""
    machine = os.environ  # noqa: TID251 - a test run is a composition root
    unnamed = {
        name: value for name, value in machine.items() if name != "REDIS_URL" and not name.startswith("TEMPORAL_")
    }
    return {**unnamed, "TEMPORAL_CONFIG_FILE": str(tmp_path / "no-profile.toml")}


@pytest.fixture
def bare_environ(tmp_path: Path) -> Mapping[str, str]:
    """An environment of a machine with no program on PATH, and no home."""
    return {"PATH": "", "HOME": "", "TEMPORAL_CONFIG_FILE": str(tmp_path / "no-profile.toml")}


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    """A place to start servers in, which stops them."""
    async with running_servers() as servers:
        yield servers
