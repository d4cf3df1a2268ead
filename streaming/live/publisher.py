"""The live view's producing half: one loop, one pipeline and one ask subscription per worker.

Nothing here is awaited by the code that reads the provider, and nothing here raises into it: Redis slow, full
or gone costs the viewers some seconds and the turn nothing. Every awake turn's frames go out in one pipeline,
and the next one follows as soon as its replies are in, so batches grow by themselves under load.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Self
from uuid import uuid4

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from streaming.deltas import Delta
from streaming.live import frames
from streaming.live.channels import Channels
from streaming.live.frames import Failure, Header
from streaming.live.producer import Producer
from streaming.messages import Usage

_log = logging.getLogger(__name__)

_LINGER_S = 10.0  # joins are answered from memory until the result is surely recorded
_SWEEP_EVERY_S = 1.0
_REDIS_TIMEOUT_S = 1.0
_RETRY_AFTER_S = 0.5
_POLL_S = 1.0


def connect_redis(url: str) -> Redis:
    """Return a client that never retries and never waits long: a dead Redis must not hold anything up.

    Raises:
        ValueError: the URL is malformed.
    """
    return Redis.from_url(
        url,
        socket_timeout=_REDIS_TIMEOUT_S,
        socket_connect_timeout=_REDIS_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # plain pub/sub needs no more, and every proxy speaks it
    )


class LiveTurn:
    """The handle by which one attempt of a turn speaks to its viewers. Every method returns at once."""

    def __init__(self, producer: Producer, turn_id: str, publisher: "Publisher") -> None:
        self.turn_id = turn_id
        self.producer = producer
        self.interrupt_hinted = asyncio.Event()
        self._publisher = publisher

    def begin(self, epoch: int, header: Header, why: str | None) -> None:
        """A try starts."""
        self.producer.begin(epoch, header, why)
        self._publisher.wake(self)

    def add(self, deltas: list[Delta]) -> None:
        """Take what one event added."""
        awake = False
        for delta in deltas:
            awake = self.producer.add(delta)
        if awake:
            self._publisher.wake(self)

    def fail(self, failure: Failure) -> None:
        """The try failed."""
        self.producer.fail(failure)
        self._publisher.wake(self)

    def end(self, finish_reason: str, usage: Usage, sha256: str) -> None:
        """The step's stream is complete."""
        self.producer.end(finish_reason, usage, sha256)
        self._publisher.wake(self)


class Publisher:
    """Publishes the turns of one worker. An async context manager: its loops run inside.

    Args:
        floor_s: the least time between two flushes; 0 sends a delta as soon as the last flush is answered.
        dormancy: see `Producer`.
    """

    def __init__(self, redis: Redis, channels: Channels, *, floor_s: float = 0.0, dormancy: bool = True) -> None:
        self._redis = redis
        self._channels = channels
        self._floor_s = floor_s
        self._dormancy = dormancy
        self._control = channels.control(uuid4().hex)
        self._turns: dict[str, list[LiveTurn]] = {}
        self._dirty: dict[LiveTurn, None] = {}
        self._wake = asyncio.Event()
        self._pubsub: PubSub | None = None
        self._to_subscribe: set[str] = set()
        self._to_unsubscribe: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._reachable = True

    async def __aenter__(self) -> Self:
        loops = (self._flush_forever(), self._listen_forever(), self._sweep_forever())
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await self._flush()  # the last words of turns that were handed over
        await self._close_pubsub()
        await self._redis.aclose()

    @property
    def reachable(self) -> bool:
        """Whether Redis took the last flush or subscription."""
        return self._reachable

    @contextlib.contextmanager
    def watched(self, turn_id: str) -> Iterator[LiveTurn]:
        """Give one attempt of a turn its voice."""
        turn = self._open(turn_id)
        try:
            yield turn
        finally:
            # A step's end may be joined until its result is recorded; a failure needs one flush to leave.
            wait_s = _LINGER_S if turn.producer.ended else _POLL_S
            asyncio.get_running_loop().call_later(wait_s, self._forget, turn)

    def _open(self, turn_id: str) -> LiveTurn:
        turn = LiveTurn(Producer(dormancy=self._dormancy), turn_id, self)
        ask = self._channels.ask(turn_id)
        siblings = self._turns.setdefault(ask, [])
        siblings.append(turn)
        self._to_unsubscribe.discard(ask)
        self._to_subscribe.add(ask)  # also where a sibling is subscribed: the new ack is this turn's
        self._wake.set()
        return turn

    def _forget(self, turn: LiveTurn) -> None:
        ask = self._channels.ask(turn.turn_id)
        siblings = self._turns.get(ask, [])
        if turn in siblings:
            siblings.remove(turn)
        self._dirty.pop(turn, None)
        if not siblings:
            self._turns.pop(ask, None)
            self._to_subscribe.discard(ask)
            self._to_unsubscribe.add(ask)
            self._wake.set()

    def wake(self, turn: LiveTurn) -> None:
        """Have the turn's frames flushed."""
        self._dirty[turn] = None
        self._wake.set()

    # -- flushing

    async def _flush_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._change_subscriptions()
                await self._flush()
            except (RedisError, OSError, TimeoutError) as error:
                self._became_unreachable(error)
                await asyncio.sleep(_RETRY_AFTER_S)
                self._wake.set()
            if self._floor_s:
                await asyncio.sleep(self._floor_s)

    async def _flush(self) -> None:
        turns, self._dirty = list(self._dirty), {}
        now = asyncio.get_running_loop().time()
        pipeline = self._redis.pipeline(transaction=False)
        sent: list[tuple[LiveTurn, int]] = []
        for turn in turns:
            out = turn.producer.flush(now)
            channel = self._channels.live(turn.turn_id)
            for frame in out:
                pipeline.publish(channel, frame)
            if out:
                sent.append((turn, len(out)))
        if not sent:
            return
        try:
            replies = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError):
            for turn, _ in sent:
                turn.producer.dropped()
                self._dirty[turn] = None
            raise
        self._became_reachable()
        self._hear(sent, replies)

    def _hear(self, sent: list[tuple[LiveTurn, int]], replies: list[object]) -> None:
        at = 0
        for turn, count in sent:
            at += count
            reply = replies[at - 1]
            if isinstance(reply, int):
                turn.producer.received(reply)
            else:  # refused by an ACL, or out of memory: nobody heard it
                self._became_unreachable(reply)
                turn.producer.received(0)
            if turn.producer.due:
                self.wake(turn)

    # -- listening to the ask channels

    async def _change_subscriptions(self) -> None:
        if self._pubsub is None:
            return
        if self._to_subscribe:
            channels, self._to_subscribe = self._to_subscribe, set()
            await self._pubsub.subscribe(*channels)
        if self._to_unsubscribe:
            channels, self._to_unsubscribe = self._to_unsubscribe, set()
            await self._pubsub.unsubscribe(*channels)

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                self._became_unreachable(error)
            await self._close_pubsub()
            await asyncio.sleep(_RETRY_AFTER_S)

    async def _listen(self) -> None:
        pubsub = self._redis.pubsub()
        self._to_subscribe.clear()
        self._to_unsubscribe.clear()
        try:
            await pubsub.subscribe(self._control, *self._turns)
        except BaseException:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
            raise
        self._pubsub = pubsub
        self._wake.set()
        self._became_reachable()
        while True:
            message = await pubsub.get_message(timeout=_POLL_S)
            if message is not None:
                self._take_message(message["type"], message["channel"].decode(), message["data"])

    def _take_message(self, kind: str, channel: str, data: object) -> None:
        for turn in self._turns.get(channel, ()):
            if kind == "subscribe":
                turn.producer.subscribed()
            elif kind == "message" and isinstance(data, bytes):
                match frames.parse_ask(data):
                    case "join":
                        turn.producer.joined()
                    case "interrupt":
                        turn.interrupt_hinted.set()
            self.wake(turn)

    async def _close_pubsub(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        if pubsub is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    # -- finding plain subscribers, and beating

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            turns = [turn for siblings in self._turns.values() for turn in siblings]
            for turn in turns:
                if not turn.producer.dormant:
                    self.wake(turn)  # a beat, if it has been quiet
            dormant = {self._channels.live(turn.turn_id): turn for turn in turns if turn.producer.dormant}
            if dormant and self._reachable:
                with contextlib.suppress(RedisError, OSError, TimeoutError):
                    await self._wake_watched(dormant)

    async def _wake_watched(self, dormant: dict[str, LiveTurn]) -> None:
        for channel, subscribers in await self._redis.pubsub_numsub(*dormant):
            if subscribers:
                turn = dormant[channel.decode() if isinstance(channel, bytes) else channel]
                turn.producer.joined()
                self.wake(turn)

    # -- saying so, once

    def _became_unreachable(self, reason: object) -> None:
        if self._reachable:
            _log.warning("Redis is unreachable: turns go on, viewers wait (%s)", reason)
        self._reachable = False

    def _became_reachable(self) -> None:
        if not self._reachable:
            _log.warning("Redis is reachable again")
        self._reachable = True
