"""An environment that names no server, a place to start servers in, and a look at what became of them."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
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


@pytest.fixture
def vanished() -> Callable[[list[int]], Awaitable[None]]:
    """Waits until none of some processes, which are not our children, runs any more."""

    async def wait(pids: list[int]) -> None:
        async with asyncio.timeout(60):
            while any(_runs(pid) for pid in pids):  # noqa: ASYNC110 - their end sets no event of ours
                await asyncio.sleep(0.01)

    return wait


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # A container's first process may never look at its orphans: they stay as zombies.
        state = Path(f"/proc/{pid}/stat")
        return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")
    except (ProcessLookupError, FileNotFoundError):
        return False
