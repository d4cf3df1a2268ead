"""What viewers ask a worker: one multiplexed subscription to the ask channels of all its turns."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from streaming.live.link import BROKEN, RETRY_AFTER_S, Link

_POLL_S = 1.0


class Asks:
    """The subscription. `listen_forever` reads it; whoever flushes calls `change` to send what was added and removed.

    Args:
        redis: a client that does not retry, so that no reconnect goes unseen.
        control: a channel that keeps the subscription open while there is no turn.
        wanted: returns the channels to subscribe on a new connection.
        hear: told (channel, message) of each message, and (channel, None) of each subscription's ack.
        link: told how Redis is.
    """

    def __init__(
        self,
        redis: Redis,
        control: str,
        wanted: Callable[[], Iterable[str]],
        hear: Callable[[str, bytes | None], None],
        link: Link,
    ) -> None:
        self._redis = redis
        self._control = control
        self._wanted = wanted
        self._hear = hear
        self._link = link
        self._pubsub: PubSub | None = None
        self._added: set[str] = set()
        self._removed: set[str] = set()

    def add(self, channel: str) -> None:
        """Subscribe at the next `change`; also where it is subscribed already: each add gets its ack."""
        self._removed.discard(channel)
        self._added.add(channel)

    def remove(self, channel: str) -> None:
        """Unsubscribe at the next `change`."""
        self._added.discard(channel)
        self._removed.add(channel)

    async def change(self) -> None:
        """Send what was added and removed; without a connection it waits for the next one.

        Raises:
            RedisError, OSError, TimeoutError: Redis did not take it; the next connection makes up for that.
        """
        if self._pubsub is None:
            return
        if self._added:
            added, self._added = self._added, set()
            await self._pubsub.subscribe(*added)
        if self._removed:
            removed, self._removed = self._removed, set()
            await self._pubsub.unsubscribe(*removed)

    async def listen_forever(self) -> None:
        """Listen, and connect again whenever the connection is lost."""
        while True:
            try:
                await self._listen()
            except BROKEN as error:
                self._link.broke(error)
            finally:
                await self.close()
            await asyncio.sleep(RETRY_AFTER_S)

    async def _listen(self) -> None:
        self._added.clear()
        self._removed.clear()
        pubsub = self._redis.pubsub()
        try:
            await pubsub.subscribe(self._control, *self._wanted())
            self._pubsub = pubsub
            self._link.stood()
            while True:
                message = await pubsub.get_message(timeout=_POLL_S)
                if message is not None and message["type"] in ("message", "subscribe"):
                    said = message["data"] if message["type"] == "message" else None
                    self._hear(message["channel"].decode(), said)
        finally:
            if self._pubsub is None:
                await _close(pubsub)

    async def close(self) -> None:
        """Let go of the connection."""
        pubsub, self._pubsub = self._pubsub, None
        if pubsub is not None:
            await _close(pubsub)


async def _close(pubsub: PubSub) -> None:
    with contextlib.suppress(*BROKEN):
        await pubsub.aclose()  # type: ignore[no-untyped-call]
