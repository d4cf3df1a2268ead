"""The live view's receiving half: one subscription per turn per process, any number of viewers in it.

What a turn looks like is kept once (`viewer.py`); each viewer is a place in it (`reader.py`), so a slow one costs
nothing and slows nobody. Redis slow or gone costs text on the way: the outcome comes from the durable side alone.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Self

from redis.asyncio import Redis

from streaming.live import frames
from streaming.live.channels import Channels
from streaming.live.durable import Durable, DurableUnreachable, Outcome, Standing
from streaming.live.link import BROKEN, Link
from streaming.live.reader import Event, Reader
from streaming.live.subscriptions import SILENT_AFTER_S, Subscriptions
from streaming.live.viewer import Viewer

_LOOK_EVERY_S = 0.5
_LOOK_UNSYNCED_EVERY_S = 0.1
_SUBSCRIBED_WITHIN_S = 2.0
_ASK_AGAIN_AFTER_S = 1.0


class WatchedTurn:
    """One turn as this process sees it. Made by `Hub.watch`."""

    def __init__(self, turn_id: str, viewer: Viewer, hub: "Hub") -> None:
        self.turn_id = turn_id
        self.viewer = viewer
        self.standing: Standing | None = None
        self.outcome: Outcome | None = None
        self._error: Exception | None = None
        self.watchers = 0
        self.heard_at = time.monotonic()
        self._hub = hub
        self._subscribed = asyncio.Event()
        self._changed = asyncio.Event()
        self._missed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_subscribed(self) -> bool:
        """Whether Redis has acknowledged the subscription: since then nothing was missed unseen."""
        return self._subscribed.is_set()

    async def subscribed(self) -> None:
        """Wait until Redis acknowledges the subscription, but not for long: it may be down."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SUBSCRIBED_WITHIN_S):
                await self._subscribed.wait()

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield what happens, from what there is already to the outcome, which is the last.

        Each caller has a place of its own, and may take its time.

        Raises:
            TurnNotFound: there is no such turn.
        """
        self._follow()
        reader = Reader()
        while True:
            changed, outcome = self._changed, self.outcome
            if self._error is not None:
                raise self._error
            for event in reader.read(self.viewer, self.standing, outcome):
                yield event
            if outcome is not None:
                return
            await changed.wait()

    async def interrupt_hint(self) -> None:
        """Tell the producer that the turn was interrupted: it asks its workflow now, not at its next beat."""
        await self._hub.hint_interrupt(self.turn_id)

    # -- what the hub tells it

    def hear(self, message: bytes | None) -> None:
        """Take a message of the live channel, or None: from now on nothing is missed, until now something may be."""
        if message is None:
            if self.is_subscribed:
                self.viewer.lost()
                self._missed.set()
            self._subscribed.set()
            return
        frame = frames.parse(message, int(time.time() * 1000))
        if frame is None or frame.e < self.viewer.epoch:
            return  # noise, or a zombie's: neither is a sign of the producer's life
        self.heard_at = time.monotonic()
        if self.viewer.take(frame):
            self.standing = None  # it speaks for itself again
            self._change()
        if not self.viewer.synced:
            self._missed.set()

    def _change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _follow(self) -> None:
        if not self._tasks:
            work = (self._keep_right(), self._await_outcome())
            self._tasks = [asyncio.create_task(self._tell_errors(doing)) for doing in work]

    def leave(self) -> None:
        """Nobody watches any more."""
        for task in self._tasks:
            task.cancel()

    # -- keeping it right

    async def _tell_errors(self, doing: Coroutine[None, None, None]) -> None:
        """Run, and have every viewer raise what it raises: a viewer that nobody keeps right must not hang."""
        try:
            await doing
        except Exception as error:
            self._error = error
        self._change()

    async def _keep_right(self) -> None:
        while self.outcome is None and self.watchers:
            now = time.monotonic()
            if now - self.heard_at > SILENT_AFTER_S:
                self.heard_at = now
                self.viewer.lost()
            if self.viewer.join_is_due(now):
                self.viewer.joined(now)
                if not await self._hub.join(self.turn_id) or self.viewer.unanswered:
                    self._stand(await self._hub.durable.standing(self.turn_id))
            self._missed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S if self.viewer.synced else _LOOK_UNSYNCED_EVERY_S):
                    await self._missed.wait()

    def _stand(self, standing: Standing) -> None:
        if standing.status != "closed" and standing != self.standing:
            self.standing = standing
            self._change()

    async def _await_outcome(self) -> None:
        while self.outcome is None:
            try:
                self.outcome = await self._hub.durable.outcome(self.turn_id)
            except DurableUnreachable:
                self._stand(Standing("unreachable"))
                await asyncio.sleep(_ASK_AGAIN_AFTER_S)


class Hub:
    """Follows turns for the viewers of one process. An async context manager."""

    def __init__(self, redis: Redis, channels: Channels, durable: Durable) -> None:
        self.durable = durable
        self._redis = redis
        self._channels = channels
        self._subscriptions = Subscriptions(redis, self._hear, Link())
        self._turns: dict[str, WatchedTurn] = {}
        self._unsent: list[tuple[str, bytes]] = []
        self._sending: asyncio.Task[list[int]] | None = None
        self._one_batch = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._subscriptions.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._subscriptions.__aexit__(None, None, None)
        if self._sending is not None:  # or it would leave a connection behind
            await asyncio.wait({self._sending})

    @asynccontextmanager
    async def watch(self, turn_id: str, *, join_at_start: bool = True) -> AsyncIterator[WatchedTurn]:
        """Watch a turn with whoever watches it here already.

        Args:
            turn_id: the turn.
            join_at_start: off for who subscribes before starting the turn, and so misses nothing.
        """
        live = self._channels.live(turn_id)
        turn = self._turns.get(live)
        if turn is None:
            turn = self._turns[live] = WatchedTurn(turn_id, Viewer(join_at_start=join_at_start), self)
            self._subscriptions.add(live)
        turn.watchers += 1
        try:
            await turn.subscribed()
            yield turn
        finally:
            turn.watchers -= 1
            if turn.watchers == 0:
                turn.leave()
                del self._turns[live]
                self._subscriptions.remove(live)

    def _hear(self, channel: str, message: bytes | None) -> None:
        turn = self._turns.get(channel)
        if turn is not None:
            turn.hear(message)

    async def join(self, turn_id: str) -> int:
        """Ask the producer for everything so far; return how many heard it, 0 where Redis does not take it."""
        return await self._publish(turn_id, frames.JOIN)

    async def hint_interrupt(self, turn_id: str) -> None:
        """Hint at an interrupt that the workflow knows of."""
        await self._publish(turn_id, frames.INTERRUPT)

    async def _publish(self, turn_id: str, message: bytes) -> int:
        if self._sending is None or not self._unsent:
            self._sending = asyncio.create_task(self._send())
        at = len(self._unsent)
        self._unsent.append((self._channels.ask(turn_id), message))
        receivers = await asyncio.shield(self._sending)
        return receivers[at]

    async def _send(self) -> list[int]:
        """Publish what has gathered by when the last batch is through; return how many heard each."""
        # All turns join at once when Redis is back: a connection each would be more than the pool gives.
        async with self._one_batch:
            unsent, self._unsent = self._unsent, []
            pipeline = self._redis.pipeline(transaction=False)
            for channel, message in unsent:
                pipeline.publish(channel, message)
            try:
                replies = await pipeline.execute(raise_on_error=False)
            except BROKEN:
                return [0] * len(unsent)
            return [reply if isinstance(reply, int) else 0 for reply in replies]
