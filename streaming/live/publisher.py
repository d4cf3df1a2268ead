"""The live view's producing half: one loop and one pipeline per worker.

Nothing here is awaited by the code that reads the provider, and nothing here raises into it: Redis slow, full
or gone costs the viewers some seconds and the turn nothing. Every awake turn's frames go out in one pipeline,
and the next one follows as soon as its replies are in, so batches grow by themselves under load.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Self

from redis.asyncio import Redis

from streaming.deltas import Delta
from streaming.live import frames
from streaming.live.channels import Channels
from streaming.live.counts import Counts, Measure, unmeasured
from streaming.live.frames import Failure, Header
from streaming.live.link import BROKEN, RETRY_AFTER_S, Link
from streaming.live.producer import Producer
from streaming.live.subscriptions import Subscriptions
from streaming.messages import Usage

_log = logging.getLogger(__name__)

_LINGER_S = 10.0  # joins are answered from memory until the result is surely recorded
_LAST_WORDS_S = 1.0  # a failed attempt's last frame still has to leave
_LOOK_EVERY_S = 0.25  # for who has been quiet: a beat a second must not become one in two
_SWEEP_EVERY_S = 1.0


class LiveTurn:
    """The handle by which one attempt of a turn speaks to its viewers. Every method returns at once."""

    def __init__(self, producer: Producer, live: str, ask: str, publisher: "Publisher") -> None:
        self.producer = producer
        self.live = live
        self.ask = ask
        self.interrupt_hinted = asyncio.Event()
        self._publisher = publisher

    def begin(self, epoch: int, header: Header, why: str | None) -> None:
        """A try starts."""
        self.producer.begin(epoch, header, why)
        self._publisher.wake(self)

    def add(self, deltas: list[Delta]) -> None:
        """Take what one read added."""
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
        measure: told the counts once a second.
    """

    def __init__(
        self,
        redis: Redis,
        channels: Channels,
        *,
        floor_s: float = 0.0,
        dormancy: bool = True,
        measure: Measure = unmeasured,
    ) -> None:
        self._redis = redis
        self._channels = channels
        self._floor_s = floor_s
        self._dormancy = dormancy
        self._measure = measure
        self._counts = Counts()
        self._link = Link()
        self._turns: dict[str, list[LiveTurn]] = {}
        self._asks = Subscriptions(redis, self._hear_ask, self._link)
        self._listening = contextlib.AsyncExitStack()
        self._dirty: dict[LiveTurn, None] = {}
        self._wake = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._closing = False  # as in `Subscriptions`: a cancellation may be swallowed

    async def __aenter__(self) -> Self:
        await self._listening.enter_async_context(self._asks)
        loops = (
            self._flush_forever(),
            self._repeat(_LOOK_EVERY_S, self._wake_awake),
            self._repeat(_SWEEP_EVERY_S, self._sweep),
        )
        self._loops = [asyncio.create_task(loop) for loop in loops]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._listening.aclose()
        with contextlib.suppress(*BROKEN):
            await self._flush()  # the last words of turns that were handed over
        await self._redis.aclose()

    @property
    def reachable(self) -> bool:
        """Whether Redis took what was last sent."""
        return self._link.stands

    @contextlib.contextmanager
    def watched(self, turn_id: str) -> Iterator[LiveTurn]:
        """Give one attempt of a turn its voice."""
        producer = Producer(self._counts, dormancy=self._dormancy)
        turn = LiveTurn(producer, self._channels.live(turn_id), self._channels.ask(turn_id), self)
        self._turns.setdefault(turn.ask, []).append(turn)
        self._asks.add(turn.ask)
        try:
            yield turn
        finally:
            wait_s = _LINGER_S if turn.producer.ended else _LAST_WORDS_S
            asyncio.get_running_loop().call_later(wait_s, self._forget, turn)

    def _forget(self, turn: LiveTurn) -> None:
        self._dirty.pop(turn, None)
        self._turns[turn.ask].remove(turn)
        if not self._turns[turn.ask]:
            del self._turns[turn.ask]
            self._asks.remove(turn.ask)

    def wake(self, turn: LiveTurn) -> None:
        """Have the turn's frames flushed."""
        self._dirty[turn] = None
        self._wake.set()

    def _hear_ask(self, channel: str, message: bytes | None) -> None:
        ask = None if message is None else self._counted_ask(message)
        for turn in self._turns.get(channel, ()):
            if message is None:
                turn.producer.subscribed()
            elif ask == "join":
                turn.producer.joined()
            elif ask == "interrupt":
                turn.interrupt_hinted.set()
            self.wake(turn)

    def _counted_ask(self, message: bytes) -> str | None:
        ask = frames.parse_ask(message)
        match ask:
            case "join":
                self._counts.joins += 1
            case "interrupt":
                self._counts.interrupt_hints += 1
            case _:
                self._counts.ignored_asks += 1
        return ask

    # -- flushing

    async def _flush_forever(self) -> None:
        while not self._closing:
            await self._wake.wait()
            self._wake.clear()
            wait_s = self._floor_s
            try:
                await self._flush()
            except BROKEN as error:
                self._link.broke(error)
                wait_s = RETRY_AFTER_S
            except Exception:
                _log.exception("a flush failed: what it held is lost, the live view goes on")
                wait_s = RETRY_AFTER_S
            if wait_s:
                await asyncio.sleep(wait_s)
            if self._dirty:
                self._wake.set()

    async def _flush(self) -> None:
        turns, self._dirty = list(self._dirty), {}
        now = asyncio.get_running_loop().time()
        pipeline = self._redis.pipeline(transaction=False)
        sent: list[tuple[LiveTurn, int]] = []
        for turn in turns:
            out = turn.producer.flush(now)
            for frame in out:
                pipeline.publish(turn.live, frame)
            if out:
                sent.append((turn, len(out)))
        if not sent:
            return
        try:
            replies = await pipeline.execute(raise_on_error=False)
        except BROKEN:
            self._counts.dropped_flushes += len(sent)
            for turn, _ in sent:
                turn.producer.dropped()
                self._dirty[turn] = None
            raise
        refusals = [reply for reply in replies if isinstance(reply, Exception)]
        if refusals:  # by an ACL, or for want of memory
            self._link.broke(refusals[0])
        else:
            self._link.stood()
        self._hear_replies(sent, replies)

    def _hear_replies(self, sent: list[tuple[LiveTurn, int]], replies: list[object]) -> None:
        at = 0
        for turn, count in sent:
            at += count
            reply = replies[at - 1]
            if isinstance(reply, int):
                self._counts.frames += count
                turn.producer.received(reply)
            else:
                self._counts.dropped_flushes += 1
                turn.producer.received(0)  # a refused frame reached nobody
            if turn.producer.due:
                self.wake(turn)

    # -- finding plain subscribers, and beating

    async def _repeat(self, every_s: float, work: Callable[[], Awaitable[None]]) -> None:
        while not self._closing:
            await asyncio.sleep(every_s)
            try:
                await work()
            except BROKEN:
                pass  # flushes and the subscription say so
            except Exception:
                _log.exception("a look at the turns failed; the next goes on")

    async def _wake_awake(self) -> None:
        for turn in self._all_turns():
            if not turn.producer.dormant:
                self.wake(turn)  # a beat, if it has been quiet

    async def _sweep(self) -> None:
        turns = self._all_turns()
        self._tell_counts(turns)
        dormant = {turn.live: turn for turn in turns if turn.producer.dormant}
        if dormant:  # also while Redis refuses frames: it may take them again
            await self._wake_watched(dormant)

    def _all_turns(self) -> list[LiveTurn]:
        return [turn for siblings in self._turns.values() for turn in siblings]

    def _tell_counts(self, turns: list[LiveTurn]) -> None:
        streaming = [turn for turn in turns if not turn.producer.ended]
        self._counts.turns = len(streaming)
        self._counts.dormant_turns = sum(turn.producer.dormant for turn in streaming)
        self._measure(self._counts)

    async def _wake_watched(self, dormant: dict[str, LiveTurn]) -> None:
        for channel, subscribers in await self._redis.pubsub_numsub(*dormant):
            turn = dormant[channel.decode() if isinstance(channel, bytes) else channel]
            if subscribers:
                turn.producer.joined()
                self.wake(turn)
