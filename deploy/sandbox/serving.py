"""When a started server counts as serving, and what is told when it never does."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from deploy.sandbox.errors import PortTakenError, SandboxError
from deploy.sandbox.processes import RunningServer

Served = TypeVar("Served")
_LIMIT = 30.0
_POLL = 0.02
_ATTEMPTS = 5


async def until_serving(
    server: RunningServer, ask: Callable[[], Awaitable[Served | None]], limit: float = _LIMIT
) -> Served:
    """Ask a server again and again until it answers.

    Args:
        server: The process that is to answer.
        ask: Returns the answer, or None when there is none yet.
        limit: Seconds it may take.

    Returns:
        The first answer.

    Raises:
        PortTakenError: The server ended because its port is another's.
        SandboxError: It ended for another reason, or did not answer in time; with its last output.
    """
    try:
        async with asyncio.timeout(limit):
            while True:
                answer = await ask()
                # Looked at after the answer: a server without its port may hear another's.
                if server.exit_code is not None:
                    raise _death_of(server)
                if answer is not None:
                    return answer
                await asyncio.sleep(_POLL)
    except TimeoutError:
        said = server.last_lines()
        raise SandboxError(f"{server.name} does not answer after {limit:.0f} s. Its last output:\n{said}") from None


async def on_free_ports(attempt: Callable[[], Awaitable[Served]], attempts: int = _ATTEMPTS) -> Served:
    """Repeat a start for as long as other processes take the ports it chose.

    Args:
        attempt: Chooses ports, and starts a server on them.
        attempts: How often it may.

    Returns:
        What the first attempt to find its ports free gave.
    """
    for _ in range(attempts - 1):
        with suppress(PortTakenError):
            return await attempt()
    return await attempt()


def _death_of(server: RunningServer) -> SandboxError:
    said = server.last_lines()
    kind = PortTakenError if "address already in use" in said.lower() else SandboxError
    return kind(f"{server.name} ended with exit code {server.exit_code}. Its last output:\n{said}")
