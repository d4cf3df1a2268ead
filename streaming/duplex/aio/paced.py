"""Waiting between things that are sent as fast as they would happen."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

from streaming.duplex.pacing import Cadence

_Item = TypeVar("_Item")


async def paced(items: Iterable[_Item], ms: Callable[[_Item], float]) -> AsyncIterator[_Item]:
    """Give each item when it is due: the first at once, the next when the one before has lasted its time.

    Args:
        items: taken one ahead of time.
        ms: how long an item lasts.
    """
    now = asyncio.get_running_loop().time
    cadence = Cadence(now())
    for item in items:
        await asyncio.sleep(cadence.wait_s(now()))
        yield item
        cadence.advance(ms(item))
