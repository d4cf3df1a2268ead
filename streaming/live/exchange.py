"""Hints over Redis: left and heard once a second.

Nothing here is awaited by anyone: Redis slow, full or gone costs the hints.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Self

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from streaming.live.hints import MAX_BYTES, Board
from streaming.live.link import BROKEN, Link

_log = logging.getLogger(__name__)

_EVERY_S = 1.0


async def read(redis: Redis, keys: Sequence[str]) -> list[bytes]:
    """Return the beginning of what is under each key; empty where there is nothing, or no text.

    Raises:
        RedisError, OSError: see `link.BROKEN`.
    """
    pipeline = redis.pipeline(transaction=False)
    _ask(pipeline, keys)
    return _values(await pipeline.execute(raise_on_error=False))


class Exchange:
    """Leaves and hears hints once a second. An async context manager: it runs inside.

    Args:
        redis: a client that does not retry (`link.connect_redis`).
        board: what is left, and who hears.
    """

    def __init__(self, redis: Redis, board: Board) -> None:
        self._redis = redis
        self._board = board
        self._link = Link("hints of other workers are not exchanged", "hints of other workers are exchanged again")
        self._running: asyncio.Task[None] | None = None
        self._closing = False  # as in `Subscriptions`: a cancellation may be swallowed

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run_forever())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run_forever(self) -> None:
        while not self._closing:
            try:
                await self._exchange()
            except BROKEN as error:
                self._link.broke(error)
            except Exception:
                _log.exception("an exchange of hints failed; the next goes on")
            await asyncio.sleep(_EVERY_S)

    async def _exchange(self) -> None:
        news = self._board.news(time.time())
        pipeline = self._redis.pipeline(transaction=False)
        for key, hint in news.items():
            if hint is None:
                pipeline.delete(key)
            else:
                pipeline.set(key, hint.value, px=max(int(hint.for_s * 1000), 1))
        _ask(pipeline, self._board.keys)
        replies = await pipeline.execute(raise_on_error=False)
        refusals = [reply for reply in replies[: len(news)] if isinstance(reply, Exception)]
        if refusals:  # by an ACL, or for want of memory
            self._link.broke(refusals[0])
        else:
            self._link.stood()
        self._board.hear(_values(replies[len(news) :]), time.time())


def _ask(pipeline: Pipeline, keys: Sequence[str]) -> None:
    # Not MGET: a stranger's value of half a gigabyte would come too.
    for key in keys:
        pipeline.getrange(key, 0, MAX_BYTES - 1)


def _values(replies: Sequence[object]) -> list[bytes]:
    return [reply if isinstance(reply, bytes) else b"" for reply in replies]
