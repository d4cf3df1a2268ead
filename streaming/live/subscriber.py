"""The live view's receiving half: one turn followed from Redis, and ended by the durable side alone.

Redis slow or gone costs text on the way; the outcome comes from the durable side whatever happens here.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Self

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from streaming.live import frames
from streaming.live.channels import Channels
from streaming.live.durable import Durable, Outcome, Standing
from streaming.live.frames import Frame
from streaming.live.link import BROKEN, RETRY_AFTER_S
from streaming.live.viewer import Viewer

PING_EVERY_S = 1.0
SILENT_AFTER_S = 2.5
_SUBSCRIBE_WITHIN_S = 2.0

Event = Frame | Standing | Outcome


@dataclass
class _Heard:
    """When each kind of sign was last received, in monotonic seconds."""

    anything: float
    frame: float
    pinged: float


class Subscription:
    """One viewer of one turn. An async context manager: inside, the subscription stands (if Redis does).

    `viewer` is what may be on screen; `events` says what happens.
    """

    def __init__(self, redis: Redis, channels: Channels, turn_id: str, viewer: Viewer) -> None:
        self.viewer = viewer
        self.turn_id = turn_id
        self._redis = redis
        self._live = channels.live(turn_id)
        self._ask = channels.ask(turn_id)
        self._pubsub: PubSub | None = None
        self._standing: Standing | None = None
        now = time.monotonic()
        self._heard = _Heard(now, now, now)

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._disconnect()

    @property
    def connected(self) -> bool:
        """Whether Redis is being listened to."""
        return self._pubsub is not None

    async def events(self, durable: Durable) -> AsyncGenerator[Event, None]:
        """Yield each frame that belongs on screen, each change of standing, and last the outcome.

        Raises:
            TurnNotFound: there is no such turn.
        """
        outcome = asyncio.create_task(durable.outcome(self.turn_id))
        reading: asyncio.Task[Frame | None] | None = None
        try:
            while not outcome.done():
                reading = reading or asyncio.create_task(self._receive())
                await asyncio.wait({outcome, reading}, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    frame, reading = reading.result(), None
                    if frame is not None and self.viewer.take(frame):
                        yield frame
                    standing = await self._look_after(durable)
                    if standing is not None:
                        yield standing
            yield outcome.result()
        finally:
            for task in (outcome, reading):
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, Exception):
                        await task

    async def interrupt_hint(self) -> None:
        """Tell the producer that the turn was interrupted, so that it asks its workflow now, not at its next beat."""
        with contextlib.suppress(*BROKEN):
            await self._redis.publish(self._ask, frames.INTERRUPT)

    # -- receiving

    async def _receive(self) -> Frame | None:
        """Return the next frame, or None after a while without one."""
        if self._pubsub is None:
            await asyncio.sleep(RETRY_AFTER_S)
            await self._connect()
            return None
        try:
            message = await self._pubsub.get_message(timeout=0.1)
        except BROKEN:
            await self._disconnect()
            return None
        if message is None:
            return None
        now = time.monotonic()
        self._heard.anything = now
        if message["type"] == "subscribe":
            self.viewer.lost()  # redis-py reconnected by itself
        if message["type"] != "message":
            return None
        self._heard.frame = now
        return frames.parse(message["data"], int(time.time() * 1000))

    async def _connect(self) -> None:
        pubsub = self._redis.pubsub()
        try:
            async with asyncio.timeout(_SUBSCRIBE_WITHIN_S):
                await pubsub.subscribe(self._live)
                while (message := await pubsub.get_message(timeout=_SUBSCRIBE_WITHIN_S)) is None:
                    pass
        except BROKEN:
            await self._close(pubsub)
            return
        assert message["type"] == "subscribe"  # noqa: S101 - nothing else can come before the first ack
        self._pubsub = pubsub
        now = time.monotonic()
        self._heard = _Heard(now, now, now)

    async def _disconnect(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        if pubsub is not None:
            self.viewer.lost()
            await self._close(pubsub)

    @staticmethod
    async def _close(pubsub: PubSub) -> None:
        with contextlib.suppress(*BROKEN):
            await pubsub.aclose()  # type: ignore[no-untyped-call]

    # -- keeping right

    async def _look_after(self, durable: Durable) -> Standing | None:
        """Ping, join and ask as the rules demand; return a standing to show, if it changed."""
        now = time.monotonic()
        try:
            await self._watch_link(now)
            receivers = await self._join_if_due(now)
        except BROKEN:
            await self._disconnect()
            receivers = 0
        if receivers == 0 or self.viewer.unanswered:
            standing = await durable.standing(self.turn_id)
            if standing != self._standing and standing.status != "closed":
                self._standing = standing
                return standing
        return None

    async def _watch_link(self, now: float) -> None:
        if self._pubsub is None:
            return
        if now - self._heard.anything > SILENT_AFTER_S:
            await self._disconnect()
        elif now - self._heard.pinged > PING_EVERY_S:
            self._heard.pinged = now
            await self._pubsub.ping()
        if now - self._heard.frame > SILENT_AFTER_S:
            self._heard.frame = now
            self.viewer.lost()

    async def _join_if_due(self, now: float) -> int | None:
        """Publish a join if one is due; return how many heard it, None if none was due."""
        if self._pubsub is None or not self.viewer.join_is_due(now):
            return None
        self.viewer.joined(now)
        receivers: int = await self._redis.publish(self._ask, frames.JOIN)
        return receivers
