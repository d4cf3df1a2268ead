import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from temporalio.client import Client

from deploy.sandbox.errors import SandboxError
from deploy.sandbox.stack import Stack, stack

PARENT = """
import asyncio, os
from deploy.sandbox.stack import stack

async def main():
    async with stack(os.environ, lambda line: None) as up:
        print(*(process.pid for process in up.processes.values()), flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def addresses(up: Stack) -> list[str]:
    """Every address a stack serves at."""
    assert up.temporal_ui is not None
    return [
        up.temporal_address,
        *(urlsplit(url).netloc for url in (up.temporal_ui, up.redis_url, up.provider_url)),
    ]


async def serves(address: str) -> bool:
    """Whether something takes connections at an address."""
    host, _, port = address.rpartition(":")
    with suppress(OSError):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        await writer.wait_closed()
        return True
    return False


async def test_two_stacks_side_by_side_serve_and_leave_nothing(environ: Mapping[str, str]) -> None:
    """Each server answers, no port meets another, and afterwards nobody listens there."""
    async with stack(environ, print) as one, stack(environ, print) as two:
        await Client.connect(one.temporal_address, namespace=one.temporal_namespace)
        async with Redis.from_url(two.redis_url) as client:
            await client.ping()
        everywhere = addresses(one) + addresses(two)
        up = [await serves(address) for address in everywhere]

    assert (len(set(everywhere)), up) == (8, [True] * 8)
    assert [await serves(address) for address in everywhere] == [False] * 8
    assert (one.log_dir.exists(), two.log_dir.exists()) == (False, False)


async def test_servers_the_environment_names_are_used_and_left(environ: Mapping[str, str]) -> None:
    """The user's own servers are neither started a second time nor stopped."""
    async with stack(environ, print) as theirs:
        named = {**environ, "TEMPORAL_ADDRESS": theirs.temporal_address, "REDIS_URL": theirs.redis_url}
        told: list[str] = []
        async with stack(named, told.append) as ours:
            started = list(ours.processes)
            used = (ours.temporal_address, ours.temporal_ui, ours.redis_url)
        left = [await serves(address) for address in addresses(theirs)]

    assert started == ["provider"]
    assert used == (theirs.temporal_address, None, theirs.redis_url)
    assert sorted(told) == [
        "Redis: using the server in REDIS_URL",
        f"Temporal: using {theirs.temporal_address}",
    ]
    assert left == [True] * 4


async def test_a_killed_parent_leaves_no_server_behind(
    environ: Mapping[str, str], vanished: Callable[[list[int]], Awaitable[None]], tmp_path: Path
) -> None:
    """A demo ended by SIGKILL holds no port and burns no processor time afterwards."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        cwd=Path(__file__).parents[2],
        env={**environ, "TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    parent.kill()
    await parent.communicate()

    await vanished(pids)
    assert len(pids) == 3


async def test_one_server_that_fails_takes_the_others_down(environ: Mapping[str, str], tmp_path: Path) -> None:
    """The failure is told as itself, and nothing stays up behind it."""
    others_up = tmp_path / "others-up"
    script = f"while [ ! -e {others_up} ]; do sleep 0.05; done; echo out of grain; exit 1"
    told: list[str] = []

    def hear(line: str) -> None:
        if ": serving at " in line:  # a machine without the programs fetches them first, and says so
            told.append(line)
        if len(told) == 2:
            others_up.touch()

    with pytest.raises(SandboxError, match="out of grain"):
        async with stack(environ, hear, provider=["/bin/sh", "-c", script]):
            pytest.fail("a stack without a provider is no stack")
    up = [line.rpartition(" ")[2].removeprefix("redis://").removesuffix("/0") for line in told]
    assert [await serves(address) for address in up] == [False, False]


async def test_a_cancelled_stack_leaves_nothing(environ: Mapping[str, str]) -> None:
    """Ctrl-C in a running demo takes every server down."""
    up: asyncio.Future[Stack] = asyncio.get_running_loop().create_future()

    async def demo() -> None:
        async with stack(environ, print) as running:
            up.set_result(running)
            await asyncio.sleep(60)

    task = asyncio.create_task(demo())
    running = await up
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [await serves(address) for address in addresses(running)] == [False] * 4
