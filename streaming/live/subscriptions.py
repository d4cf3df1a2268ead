"""Many channels over one pub/sub connection, which is watched, because a broken one says nothing.

redis-py asked not to retry raises when the connection ends, and a black-holed one answers no ping: either way
the connection is made anew and every channel is subscribed again. Each acknowledgement is told, so that whoever
wants a channel knows that from now on nothing is missed, and that until now something may have been.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Self

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from streaming.live.link import BROKEN, RETRY_AFTER_S, Link

_log = logging.getLogger(__name__)

PING_EVERY_S = 1.0
SILENT_AFTER_S = 2.5


class Subscriptions:
    """One connection's subscriptions. An async context manager: it listens inside.

    Args:
        redis: a client that does not retry (`link.connect_redis`).
        hear: told (channel, message) of each message, and (channel, None) of each acknowledgement.
        link: told how Redis is.
    """

    def __init__(self, redis: Redis, hear: Callable[[str, bytes | None], None], link: Link) -> None:
        self._redis = redis
        self._hear = hear
        self._link = link
        self._wanted: set[str] = set()
        self._to_subscribe: set[str] = set()
        self._to_unsubscribe: set[str] = set()
        self._changed = asyncio.Event()
        self._heard_at = 0.0
        self._running: asyncio.Task[None] | None = None
        # redis-py sends under asyncio.wait_for, which on Python 3.11 can swallow a cancellation: loops look here too.
        self._closing = False

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run_forever())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def add(self, channel: str) -> None:
        """Subscribe. Also where it is subscribed already: each `add` is acknowledged."""
        self._wanted.add(channel)
        self._to_unsubscribe.discard(channel)
        self._to_subscribe.add(channel)
        self._changed.set()

    def remove(self, channel: str) -> None:
        """Unsubscribe."""
        self._wanted.discard(channel)
        self._to_subscribe.discard(channel)
        self._to_unsubscribe.add(channel)
        self._changed.set()

    async def _run_forever(self) -> None:
        while not self._closing:
            try:
                async with contextlib.aclosing(self._redis.pubsub()) as pubsub:
                    await self._run(pubsub)
            except* BROKEN as errors:
                self._link.broke(errors.exceptions[0])
            except* Exception:
                _log.exception("whoever listens here failed; the connection is made anew")
            await asyncio.sleep(RETRY_AFTER_S)

    async def _run(self, pubsub: PubSub) -> None:
        await pubsub.connect()  # type: ignore[no-untyped-call]
        async with asyncio.TaskGroup() as both:
            listening = both.create_task(self._listen(pubsub))
            listening.add_done_callback(lambda _: self._changed.set())
            both.create_task(self._keep_subscribed(pubsub, listening))

    async def _keep_subscribed(self, pubsub: PubSub, listening: "asyncio.Task[None]") -> None:
        """Send subscriptions as they change, and pings; give a silent connection up.

        Raises:
            TimeoutError: nothing was heard, not even an answer to a ping.
            RedisError, OSError: the connection broke.
        """
        now = asyncio.get_running_loop().time
        self._heard_at = now()
        self._to_subscribe, self._to_unsubscribe = set(self._wanted), set()
        while not (self._closing or listening.done()):
            self._changed.clear()
            await self._send_changes(pubsub)
            await pubsub.ping()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_EVERY_S):
                    await self._changed.wait()
            if now() - self._heard_at > SILENT_AFTER_S:
                raise TimeoutError("Redis does not answer")

    async def _send_changes(self, pubsub: PubSub) -> None:
        if self._to_subscribe:
            channels, self._to_subscribe = self._to_subscribe, set()
            await pubsub.subscribe(*channels)
        if self._to_unsubscribe:
            channels, self._to_unsubscribe = self._to_unsubscribe, set()
            await pubsub.unsubscribe(*channels)

    async def _listen(self, pubsub: PubSub) -> None:
        now = asyncio.get_running_loop().time
        while not self._closing:
            message = await pubsub.get_message(timeout=PING_EVERY_S)
            if message is None:
                continue
            self._heard_at = now()
            match message["type"]:
                case "pong" if not self._wanted:
                    self._link.answered()  # where nothing is wanted, nothing else can tell
                case "subscribe":
                    self._link.stood()
                    self._hear(message["channel"].decode(), None)
                case "message":
                    self._hear(message["channel"].decode(), message["data"])
