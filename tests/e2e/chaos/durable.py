"""Asking Temporal while it comes and goes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.service import RPCError, RPCStatusCode

_T = TypeVar("_T")
# The last is what a connection cut in the middle of an answer comes to.
_AWAY = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED, RPCStatusCode.UNKNOWN)
_ASK_AGAIN_S = 0.1


async def insist(ask: Callable[[], Awaitable[_T]], within_s: float = 60.0) -> _T:
    """Ask until there is an answer, or an error that is one.

    Raises:
        RPCError: the server is away for longer than `within_s`, or refuses.
    """
    until = time.monotonic() + within_s
    while True:
        try:
            return await ask()
        except RPCError as error:
            if error.status not in _AWAY or time.monotonic() > until:
                raise
        await asyncio.sleep(_ASK_AGAIN_S)
