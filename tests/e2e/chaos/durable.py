"""Asking Temporal while it comes and goes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.service import RPCError, RPCStatusCode

_T = TypeVar("_T")
_AWAY = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.UNKNOWN,  # what a connection cut in the middle of an answer comes to
    RPCStatusCode.INTERNAL,  # "something went wrong, please retry": its store did not answer in time
)
_ASK_AGAIN_S = 0.1


async def insist(ask: Callable[[], Awaitable[_T]], within_s: float = 300.0) -> _T:
    """Ask until there is an answer, or an error that is one.

    Args:
        ask: what may also wait for long, as for a turn's end, before it meets a server that is away.
        within_s: for how long it is asked again, all that waiting included.

    Raises:
        RPCError: the server was away when that time was over, or refuses.
    """
    until = time.monotonic() + within_s
    while True:
        try:
            return await ask()
        except RPCError as error:
            if error.status not in _AWAY or time.monotonic() > until:
                raise
        await asyncio.sleep(_ASK_AGAIN_S)
