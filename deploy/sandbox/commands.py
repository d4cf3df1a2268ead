"""Commands that run to their end: a build, a download, an unpacking."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.sandbox.errors import SandboxError
from deploy.sandbox.processes import Servers

Progress = Callable[[str], None]
_TICK = 10


async def run(
    servers: Servers,
    command: Sequence[str],
    environ: Mapping[str, str],
    cwd: Path | None = None,
    limit: float = 60.0,
) -> str:
    """Run a command to its end.

    Args:
        servers: Where it runs: it ends with them, if it has not before.
        command: The program and its arguments.
        environ: The whole environment it gets.
        cwd: Where it runs; the servers' own folder unless told.
        limit: Seconds it may take.

    Returns:
        What it wrote, to either stream.

    Raises:
        SandboxError: It failed, or took too long.
    """
    told = " ".join([Path(command[0]).name, *command[1:3]])
    child = servers.start(Path(command[0]).name, command, environ, cwd)
    try:
        async with asyncio.timeout(limit):
            code = await child.ended()
    except TimeoutError:
        raise SandboxError(f"`{told}` takes longer than {limit:.0f} s") from None
    finally:
        child.kill()
    if code:
        raise SandboxError(f"`{told}` failed:\n{child.last_lines(5)}")
    return child.output()


@asynccontextmanager
async def telling(say: Progress, message: str, every: int = _TICK) -> AsyncIterator[None]:
    """Say that something is under way, and for how long already, until it is over.

    Args:
        say: Shows one line.
        message: What is under way.
        every: Seconds between two lines.
    """
    ticker = asyncio.create_task(_tick(say, message, every))
    try:
        yield
    finally:
        ticker.cancel()
        await asyncio.wait([ticker])


async def _tick(say: Progress, message: str, every: int) -> None:
    for seconds in itertools.count(step=every):
        say(f"{message} ... {seconds} s" if seconds else f"{message} ...")
        await asyncio.sleep(every)
