"""When a started server counts as serving, and what is told when it never does."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from deploy.sandbox.errors import PortTakenError, SandboxError
from deploy.sandbox.processes import RunningServer

Served = TypeVar("Served")
_LIMIT = 300.0  # a busy CI machine starts Python slowly
_POLL = 0.02
_ATTEMPTS = 5


async def until_serving(
    server: RunningServer, ask: Callable[[], Awaitable[Served | None]], limit: float = _LIMIT
) -> Served:
    """Ask a server again and again until it answers, or has ended.

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
    answer = asyncio.create_task(_first_answer(ask))
    end = asyncio.create_task(server.ended())
    try:
        await asyncio.wait({answer, end}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        # Looked at before the answer: a server without its port may hear another's.
        if server.exit_code is not None:
            raise _death_of(server)
        if not answer.done():
            told = f"{server.name} does not answer after {limit:.0f} s."
            raise SandboxError(f"{told} Its last output:\n{server.last_lines()}")
        return answer.result()
    finally:
        answer.cancel()
        end.cancel()
        await asyncio.wait({answer, end})


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


async def _first_answer(ask: Callable[[], Awaitable[Served | None]]) -> Served:
    while True:
        if (answer := await ask()) is not None:
            return answer
        await asyncio.sleep(_POLL)


def _death_of(server: RunningServer) -> SandboxError:
    said = server.last_lines()
    kind = PortTakenError if "address already in use" in said.lower() else SandboxError
    return kind(f"{server.name} ended with exit code {server.exit_code}. Its last output:\n{said}")
