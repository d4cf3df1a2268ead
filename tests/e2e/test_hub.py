"""The hub and the publisher over a real Redis, with many turns, viewers who leave, and strangers who publish."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from deploy.sandbox.redis import find_redis, start_redis
from streaming.deltas import PartAdded, PartStarted
from streaming.live import frames
from streaming.live.channels import Channels, epoch
from streaming.live.counts import Counts
from streaming.live.durable import Outcome, Standing
from streaming.live.frames import Frame, Header
from streaming.live.hub import Hub, WatchedTurn
from streaming.live.link import Link, connect_redis
from streaming.live.publisher import LiveTurn, Publisher
from streaming.live.subscriptions import Subscriptions
from tests.e2e.proxy import port_of, proxy_to
from tests.e2e.rig import Rig, eventually, redis_of_its_own
from tests.e2e.shown import connect_patiently
from tests.e2e.watching import Watching

CHANNELS = Channels("hub-tests")
MANY = 150
"""Turns at once: more than a Redis client's pool has connections."""


class Temporal:
    """A durable side whose turns end when a test says so."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.asked = 0

    async def outcome(self, turn_id: str) -> Outcome:
        """See `Durable`."""
        await self.ended.wait()
        return Outcome("failed", failure=f"{turn_id}: as the test says")

    async def standing(self, turn_id: str) -> Standing:
        """See `Durable`."""
        self.asked += 1
        return Standing("running", 1)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Redis]:
    """Give a client of its own."""
    redis = connect_redis(url)
    try:
        yield redis
    finally:
        await redis.aclose()


def begun(publisher: Publisher, stack: AsyncExitStack, turn_id: str) -> LiveTurn:
    """Begin a try of a turn that says nothing yet."""
    turn = stack.enter_context(publisher.watched(turn_id))
    turn.begin(epoch(int(time.time() * 1000), 1), Header(turn_id, "r", 0, 1, 1, "mill", "wheel"), None)
    turn.add([PartStarted(0, "text")])
    return turn


def new_id() -> str:
    """Return an id that nothing else has."""
    return f"turn-{uuid4().hex[:8]}"


async def synced(*watched: WatchedTurn) -> None:
    """Wait until every one of these is known to be right."""

    async def all_are() -> bool:
        return all(turn.viewer.synced and turn.viewer.epoch for turn in watched)

    await eventually(all_are)


async def test_all_turns_that_join_at_once_are_answered_over_few_connections(rig: Rig) -> None:
    """Redis' pub/sub connections break: nobody takes a full connection pool for a turn that nobody makes."""
    temporal, ids = Temporal(), [new_id() for _ in range(MANY)]
    async with redis_of_its_own(rig) as own, AsyncExitStack() as stack:
        # One that stands still for a second is not one that has no connection left.
        ours = await stack.enter_async_context(aclosing(connect_patiently(own.stack.redis_url)))
        publisher = await stack.enter_async_context(Publisher(connect_redis(own.stack.redis_url), CHANNELS))
        hub = await stack.enter_async_context(Hub(ours, CHANNELS, temporal))
        for turn_id in ids:
            begun(publisher, stack, turn_id)

        async def all_are_heard() -> bool:
            listening = await own.redis.pubsub_numsub(*map(CHANNELS.ask, ids))
            return all(listeners for _, listeners in listening)

        await eventually(all_are_heard)  # who joined before would be right to ask Temporal
        watched = await asyncio.gather(*(stack.enter_async_context(hub.watch(turn_id)) for turn_id in ids))
        watching = [asyncio.create_task(Watching(turn).watch()) for turn in watched]
        await synced(*watched)
        for turn in watched:
            turn.viewer.lost()
        await synced(*watched)
        connections = len(await own.redis.client_list())
        temporal.ended.set()
        await asyncio.gather(*watching)

    assert connections < 10
    assert temporal.asked == 0


NONSENSE = (
    b"",
    b"\xff\xfe",
    b'{"k":"delta"}',
    b'{"k":"snap","e":%d,"s":99,"p":[[0,"tool_call",{"arguments":"","id":' + b"[" * 1000 + b"]" * 1000 + b"}]]}",
    b'{"k":"fail","e":%d,"s":0,"class":' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"}",
    b'{"k":"snap","e":%d,"s":-1,"p":[]}',
    b'{"k":"snap","e":%d,"s":9,"p":[[9999,"text","x"]]}',
    b'{"k":"delta","e":%d,"s":{},"p":[]}',
    b'{"k":"end","e":%d,"s":0,"sha256":[]}',
    b'{"k":"begin","e":9999999999999999999,"s":0}',
    b"[" * 1_000_000,
    b"x" * 5_000_000,
)


async def test_strangers_nonsense_breaks_no_connection_and_no_screen(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever may publish may publish anything; this turn and its neighbours go on as if nothing had been said."""
    temporal, target, neighbour = Temporal(), new_id(), new_id()
    async with connected(rig.stack.redis_url) as ours, AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(Publisher(connect_redis(rig.stack.redis_url), CHANNELS))
        hub = await stack.enter_async_context(Hub(ours, CHANNELS, temporal))
        turns = [begun(publisher, stack, turn_id) for turn_id in (target, neighbour)]
        watched = [await stack.enter_async_context(hub.watch(turn_id)) for turn_id in (target, neighbour)]
        seeing = [Watching(turn) for turn in watched]
        watching = [asyncio.create_task(each.watch()) for each in seeing]
        await synced(*watched)
        for said in ("one ", "two ", "three "):
            for message in NONSENSE:
                forged = message.replace(b"%d", str(watched[0].viewer.epoch).encode())
                await rig.redis.publish(CHANNELS.live(target), forged)
                await rig.redis.publish(CHANNELS.ask(target), forged)
            for turn in turns:
                turn.add([PartAdded(0, said)])

        async def all_said() -> bool:
            return all(each.text == "one two three " for each in seeing)

        await eventually(all_said)
        temporal.ended.set()
        await asyncio.gather(*watching)

    assert [each.kinds().count("fail") for each in seeing] == [0, 0]
    assert "whoever listens here failed" not in caplog.text


async def test_viewers_who_leave_at_any_moment_leave_nothing_behind(rig: Rig) -> None:
    """Cancelled while they subscribe, join, ask or wait: no task, no subscription, nobody else's view harmed."""
    temporal, ids, chance = Temporal(), [new_id() for _ in range(5)], random.Random(4)

    async def view(hub: Hub, turn_id: str) -> None:
        async with hub.watch(turn_id) as watched:
            await Watching(watched).watch()

    async with (
        redis_of_its_own(rig) as own,
        connected(own.stack.redis_url) as ours,
        Hub(ours, CHANNELS, temporal) as hub,
        hub.watch(ids[0]) as stayed,
    ):
        staying = asyncio.create_task(Watching(stayed).watch())

        async def subscribed() -> list[bytes | str]:
            return await own.redis.pubsub_channels()

        async def stays() -> bool:
            return bool(await subscribed()) and stayed.is_subscribed

        await eventually(stays)  # with every task that this takes
        before = len(asyncio.all_tasks())
        for _ in range(40):
            viewers = [asyncio.create_task(view(hub, turn_id)) for turn_id in ids]
            for viewer in chance.sample(viewers, len(viewers)):
                await asyncio.sleep(chance.choice([0, 0, 0.001, 0.01]))
                viewer.cancel()
            await asyncio.gather(*viewers, return_exceptions=True)

        async def as_before() -> bool:
            return len(asyncio.all_tasks()) <= before and await subscribed() == [CHANNELS.live(ids[0]).encode()]

        await eventually(as_before)
        staying.cancel()
        with suppress(asyncio.CancelledError):
            await staying


async def test_viewer_of_a_closed_hub_still_gets_the_result(rig: Rig) -> None:
    """Who waits when its process shuts the live view down is not left waiting for ever."""
    temporal = Temporal()
    async with connected(rig.stack.redis_url) as ours, AsyncExitStack() as outlasting:
        async with Hub(ours, CHANNELS, temporal) as hub:
            seeing = Watching(await outlasting.enter_async_context(hub.watch(new_id())))
            watching = asyncio.create_task(seeing.watch())
            await asyncio.sleep(0)
        temporal.ended.set()
        async with asyncio.timeout(60):
            await watching

    assert seeing.outcome is not None
    assert seeing.outcome.status == "failed"


async def test_hub_that_closes_beside_a_silent_redis_leaves_no_task(rig: Rig) -> None:
    """What it was about to say has been given up by then, and its connections are closed with the client."""
    async with redis_of_its_own(rig) as own, proxy_to(port_of(own.stack.redis_url)) as proxy:
        before = asyncio.all_tasks()
        async with connected(f"redis://127.0.0.1:{proxy.port}/0") as ours:
            async with Hub(ours, CHANNELS, Temporal()) as hub, hub.watch(new_id()):
                proxy.freeze()
                asking = [asyncio.create_task(hub.join(new_id()))]
                await asyncio.sleep(0.05)  # it is on its way
                asking += [asyncio.create_task(hub.join(new_id()))]
                await asyncio.sleep(0)
            ours_now = {task for task in asyncio.all_tasks() - before if not task.done()}
            assert not {task for task in ours_now if "_send" in repr(task.get_coro())}
            assert await asyncio.gather(*asking) == [0, 0]


async def test_redis_that_comes_back_is_known_to_be_back_before_any_turn_needs_it(rig: Rig) -> None:
    """An idle worker's health does not speak of a Redis that was restarted long ago."""
    link = Link()

    async def stands() -> bool:
        return link.stands

    async def broken() -> bool:
        return not link.stands

    async with (
        redis_of_its_own(rig) as own,
        connected(own.stack.redis_url) as ours,
        Subscriptions(ours, lambda _, __: None, link),
    ):
        own.stack.processes["redis"].kill()
        await eventually(broken)
        port = port_of(own.stack.redis_url)
        await start_redis(own.servers, await find_redis(own.servers, own.environ, print), port=port)
        await eventually(stands)


async def test_defect_in_measuring_keeps_no_viewer_from_being_found(rig: Rig) -> None:
    """What is told once a second may fail once: the search for plain subscribers goes on."""
    told: list[Counts] = []

    def measure(counts: Counts) -> None:
        told.append(counts)
        if len(told) == 1:
            raise ValueError("a defect of ours")

    turn_id = new_id()
    async with (
        Publisher(connect_redis(rig.stack.redis_url), CHANNELS, measure=measure) as publisher,
        connected(rig.stack.redis_url) as theirs,
    ):
        with publisher.watched(turn_id) as turn:
            turn.begin(epoch(int(time.time() * 1000), 1), Header(turn_id, "r", 0, 1, 1, "mill", "wheel"), None)

            async def failed_after_the_beginning() -> bool:
                return bool(told) and told[0].frames > 0  # or the beginning itself would find the subscriber

            await eventually(failed_after_the_beginning)
            pubsub = theirs.pubsub()
            await pubsub.subscribe(CHANNELS.live(turn_id))

            async def found() -> Frame | None:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=0.1)
                return frames.parse(message["data"], int(time.time() * 1000)) if message else None

            frame = await eventually(found)
            await pubsub.aclose()  # type: ignore[no-untyped-call]

    assert frame.kind == "snap"
    assert frame.body["turn"] == turn_id
