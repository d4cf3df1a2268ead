import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from deploy.sandbox.errors import SandboxError
from deploy.sandbox.processes import RunningServer, Servers, free_ports, running_servers

Vanished = Callable[[list[int]], Awaitable[None]]
SHELL = "/bin/sh"
DEAF = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
PROJECT = Path(__file__).parents[2]
PARENT = """
import asyncio
from deploy.sandbox.processes import running_servers

async def main():
    async with running_servers() as servers:
        child = servers.start("Child", ["/bin/sh", "-c", "sleep 60 & echo $!; wait"], {"PATH": "/bin:/usr/bin"})
        while not child.output():
            await asyncio.sleep(0.01)
        print(child.pid, child.output().strip(), flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds, a minute at most."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - another process's doing sets no event of ours
            await asyncio.sleep(0.01)


def said(child: RunningServer, word: str) -> bool:
    """Whether a child has written a word."""
    return word in child.output()


def shell(servers: Servers, environ: Mapping[str, str], script: str) -> RunningServer:
    """Start a shell script as if it were a server."""
    return servers.start("Script", [SHELL, "-c", script], environ)


async def test_a_child_is_asked_to_end_before_it_is_made_to(servers: Servers, environ: Mapping[str, str]) -> None:
    """A child that ends by itself on SIGTERM gets to say goodbye."""
    child = shell(servers, environ, "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done")
    await eventually(partial(said, child, "ready"))
    await child.stop(grace=60)

    assert (child.exit_code, child.last_lines(1)) == (3, "bye")


async def test_a_deaf_child_is_killed_after_its_grace(servers: Servers, environ: Mapping[str, str]) -> None:
    """SIGTERM ignored means SIGKILL."""
    child = shell(servers, environ, DEAF)
    await eventually(partial(said, child, "ready"))
    await child.stop(grace=0.1)

    assert child.exit_code == -signal.SIGKILL


async def test_what_a_child_started_ends_with_it(
    servers: Servers, environ: Mapping[str, str], vanished: Vanished
) -> None:
    """The whole process group goes, not only the process we know."""
    child = shell(servers, environ, "sleep 60 & echo $!; wait")
    await eventually(lambda: child.output().endswith("\n"))
    grandchild = int(child.output())
    child.kill()

    await vanished([grandchild])


async def test_stopping_twice_is_stopping(servers: Servers, environ: Mapping[str, str]) -> None:
    """A test may kill a server that the sandbox stops again at its end."""
    child = shell(servers, environ, "sleep 60")
    child.kill()
    child.kill()
    await child.stop()

    assert child.exit_code == -signal.SIGKILL


async def test_children_are_stopped_in_reverse_order(environ: Mapping[str, str], tmp_path: Path) -> None:
    """The last one up, which may need the first, is the first one down."""
    order = tmp_path / "order"
    async with running_servers() as servers:
        for name in ("first", "second"):
            script = f"trap 'echo {name} >> {order}; exit' TERM; echo ready; while :; do sleep 0.05; done"
            child = shell(servers, environ, script)
            await eventually(partial(said, child, "ready"))

    assert order.read_text().split() == ["second", "first"]


async def test_a_cancel_while_stopping_leaves_no_child(environ: Mapping[str, str]) -> None:
    """An impatient second Ctrl-C ends the child that keeps us waiting, and still stops the others."""
    children: list[RunningServer] = []

    async def sandbox() -> None:
        async with running_servers() as servers:
            children.append(shell(servers, environ, "exec sleep 60"))
            children.append(shell(servers, environ, DEAF))
            await asyncio.sleep(60)

    task = asyncio.create_task(sandbox())
    await eventually(lambda: len(children) == 2 and said(children[1], "ready"))
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0.05)
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [child.exit_code for child in children] == [-signal.SIGTERM, -signal.SIGKILL]


async def test_a_killed_parent_leaves_no_child_behind(
    environ: Mapping[str, str], vanished: Vanished, tmp_path: Path
) -> None:
    """Nothing of ours runs after a SIGKILL, so the leash must end the child and what it started."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        cwd=PROJECT,
        env={**environ, "TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    parent.kill()
    await parent.communicate()

    await vanished(pids)


async def test_a_terminals_interrupt_does_not_reach_a_child(servers: Servers, environ: Mapping[str, str]) -> None:
    """Each child leads a session of its own, so Ctrl-C is ours to handle."""
    child = shell(servers, environ, "sleep 60")

    assert os.getsid(child.pid) == child.pid != os.getsid(0)


def test_a_program_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    """A missing program becomes a sandbox's error with its name."""

    async def start() -> None:
        async with running_servers() as servers:
            servers.start("Redis", [str(tmp_path / "absent")], {})

    with pytest.raises(SandboxError, match=r"Redis cannot be run: .*absent"):
        asyncio.run(start())


async def test_only_the_last_lines_are_told(servers: Servers, environ: Mapping[str, str]) -> None:
    """An error message shows the end of a long output, where the reason is."""
    child = shell(servers, environ, "echo one; echo two >&2; echo three")
    await child.ended()

    assert child.last_lines(2) == "two\nthree"


async def test_the_servers_folder_goes_away_with_them() -> None:
    """A sandbox leaves no logs behind."""
    async with running_servers() as servers:
        folder = servers.folder
        there = folder.is_dir()

    assert (there, folder.exists()) == (True, False)


def test_free_ports_are_all_different() -> None:
    """A server that needs several ports gets several, and no outgoing connection takes one meanwhile."""
    ports = free_ports(50)

    assert len(set(ports)) == 50
    assert max(ports) < 32_768  # where Linux's range for those begins; macOS' is higher
