"""The live view when something breaks at the worst moment: viewers follow, and turns do not notice."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from uuid import uuid4

import pytest
from redis.exceptions import RedisError, ResponseError
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetActivityRequest, ResetWorkflowExecutionRequest

from streaming.jsontext import JsonObject
from streaming.live.durable import Outcome
from streaming.live.hub import WatchedTurn
from streaming.live.link import connect_redis
from streaming.live.reader import Event
from tests.e2e.proxy import Proxy, port_of, proxy_to
from tests.e2e.rig import Rig, eventually, redis_of_its_own, text_of, turn
from tests.e2e.shown import sees_all
from tests.e2e.test_interrupt import workflows_only
from tests.e2e.watching import Watching

SLOW: JsonObject = {"tokens": 60, "pace_s": 0.03}
SLOW_S = 1.8
BRIEF: JsonObject = {"heartbeat_s": 2}


def new_id(kind: str) -> str:
    """Return an id that nothing else has."""
    return f"{kind}-{uuid4().hex[:8]}"


@asynccontextmanager
async def slowable_redis(rig: Rig) -> AsyncIterator[tuple[Rig, Proxy]]:
    """Give a rig on a Redis of its own behind a proxy; its `stack` still names the Redis itself."""
    async with redis_of_its_own(rig) as own, proxy_to(port_of(own.stack.redis_url)) as proxy:
        yield replace(own, environ={**own.environ, "REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0"}), proxy


# -- dying between `end` and the result


async def test_worker_killed_between_end_and_the_recorded_result_is_followed_to_the_next_try(rig: Rig) -> None:
    """`end` was on every screen, but its result was never recorded: the next try's text is the turn's."""
    queue, turn_id = new_id("mortal"), new_id("end-then-death")
    script = await rig.script({"tokens": 60, "pace_s": 0.05})
    async with proxy_to(port_of(rig.stack.temporal_address)) as proxy, sees_all(rig, turn_id) as watched:
        worker = await rig.worker(queue, TEMPORAL_ADDRESS=f"127.0.0.1:{proxy.port}")
        handle = await rig.start(turn(script, limits=BRIEF), queue=queue, turn_id=turn_id)
        seeing = Watching(watched)
        await seeing.watch(until=lambda: bool(seeing.text))
        proxy.freeze()  # before `end`, so that the result cannot slip through
        await seeing.watch(until=lambda: "end" in seeing.kinds())
        worker.kill()
        asked = len(await rig.requests(script))
        await rig.script({"text": "what counts in the end", "pace_s": 0.1}, name=script)
        proxy.cut()
        proxy.thaw()
        await rig.worker(queue)

        following = Watching(watched)
        await following.watch()

    assert seeing.kinds()[-1] == "end"
    assert following.result_text == following.text == "what counts in the end" == text_of(await handle.result())
    assert following.openings()[-1].e > seeing.frames[-1].e
    assert len(await rig.requests(script)) > asked


# -- resets


@pytest.mark.usefixtures("worker")
async def test_viewer_follows_a_workflow_reset(rig: Rig) -> None:
    """Reset to its first workflow task, a turn starts over in a new run: attempts begin again, epochs grow."""
    turn_id = new_id("reset")
    script = await rig.script({"tokens": 200, "pace_s": 0.05}, {"text": "after the reset", "pace_s": 0.1})
    async with sees_all(rig, turn_id) as watched:
        handle = await rig.start(turn(script, limits={"heartbeat_s": 60}), turn_id=turn_id)
        seeing = Watching(watched)
        await seeing.watch(until=lambda: len(seeing.text) > 60)
        watching = asyncio.create_task(seeing.watch())
        await rig.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=rig.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=turn_id, run_id=handle.first_execution_run_id or ""),
                reason="a test",
                workflow_task_finish_event_id=4,
                request_id=turn_id,
            ),
            retry=True,
        )
        async with asyncio.timeout(60):
            await watching

    begun = [frame for frame in seeing.openings() if frame.kind == "begin"]
    assert seeing.result_text == seeing.text == "after the reset"
    assert [frame.body["attempt"] for frame in begun[-2:]] == [1, 1]
    assert begun[-1].body["run"] != begun[0].body["run"]
    assert begun[-1].e > begun[0].e


@pytest.mark.usefixtures("worker")
async def test_viewer_follows_an_activity_reset(rig: Rig) -> None:
    """Reset in its third attempt, an activity counts from one again: attempts shrink, epochs grow."""
    turn_id = new_id("reset-activity")
    script = await rig.script(
        {"status": 503},
        {"status": 503},
        {"tokens": 1000, "pace_s": 0.05},
    )
    async with sees_all(rig, turn_id) as watched:
        handle = await rig.start(turn(script, limits=BRIEF), turn_id=turn_id)
        seeing = Watching(watched)
        await seeing.watch(until=lambda: len(seeing.text) > 60)
        watching = asyncio.create_task(seeing.watch())
        await rig.script({"text": "after the reset", "pace_s": 0.1}, name=script)
        await rig.client.workflow_service.reset_activity(
            ResetActivityRequest(
                namespace=rig.client.namespace, execution=WorkflowExecution(workflow_id=turn_id), type="generate"
            ),
            retry=True,
        )
        async with asyncio.timeout(60):
            await watching

    openings = seeing.openings()
    assert seeing.result_text == seeing.text == "after the reset" == text_of(await handle.result())
    attempts = [int(str(frame.body["attempt"])) for frame in openings]
    fewer = [(before >= 3, after) for before, after in pairwise(attempts) if after < before]
    assert fewer == [(True, 2)]  # the server counts the one it reset as the first
    assert [frame.e for frame in openings] == sorted(frame.e for frame in openings)


# -- joining in each window


@pytest.mark.usefixtures("worker")
async def test_viewer_who_is_there_before_the_start_sees_all_of_it(rig: Rig) -> None:
    """Subscribed before the turn exists: `begin`, every delta, `end`, and no snapshot."""
    turn_id, script = new_id("before"), await rig.script(SLOW)
    async with sees_all(rig, turn_id) as watched:
        await rig.start(turn(script), turn_id=turn_id)
        seeing = Watching(watched)
        await seeing.watch()

    assert (seeing.kinds()[0], seeing.kinds()[-1]) == ("begin", "end")
    assert "snap" not in seeing.kinds()
    assert seeing.text == seeing.result_text


async def test_viewer_who_joins_between_end_and_result_is_served_from_the_producers_memory(rig: Rig) -> None:
    """The stream is over and its result not recorded yet: a snapshot, `end` again, and then the result."""
    queue, turn_id = new_id("unrecorded"), new_id("at-the-end")
    script = await rig.script({"tokens": 100, "pace_s": 0.03})
    async with proxy_to(port_of(rig.stack.temporal_address)) as proxy, rig.viewer(turn_id) as watched:
        await rig.worker(queue, TEMPORAL_ADDRESS=f"127.0.0.1:{proxy.port}")
        handle = await rig.start(turn(script, limits={"heartbeat_s": 60}), queue=queue, turn_id=turn_id)
        first = Watching(watched)
        await first.watch(until=lambda: bool(first.text))
        proxy.freeze()  # long before `end`
        await first.watch(until=lambda: "end" in first.kinds())
        async with rig.viewer(turn_id, join_at_start=True) as joined:
            late = Watching(joined)
            await late.watch(until=lambda: "end" in late.kinds())
            unrecorded = await rig.turns().standing(turn_id)
            proxy.thaw()
            await late.watch()

    assert unrecorded.status == "running"
    assert late.kinds()[:2] == ["snap", "end"]
    assert late.text == late.result_text == text_of(await handle.result())
    assert len(await rig.requests(script)) == 1


@pytest.mark.usefixtures("worker")
async def test_viewer_who_joins_in_the_ten_seconds_after_gets_the_result(rig: Rig) -> None:
    """The producer still remembers, and the result is there: both say the same."""
    turn_id, script = new_id("just-over"), await rig.script(SLOW)
    result = await (await rig.start(turn(script), turn_id=turn_id)).result()

    async with rig.viewer(turn_id, join_at_start=True) as watched:
        seeing = Watching(watched)
        await seeing.watch()

    assert seeing.result_text == text_of(result)
    assert text_of(result).startswith(seeing.text)


async def test_viewer_who_joins_when_no_producer_is_left_gets_the_result(rig: Rig) -> None:
    """A day later, as far as anyone can tell: the worker is gone, and its memory with it."""
    queue, turn_id = new_id("gone"), new_id("long-over")
    script = await rig.script(SLOW)
    worker = await rig.worker(queue)
    result = await (await rig.start(turn(script), queue=queue, turn_id=turn_id)).result()
    await worker.stop()

    async with rig.viewer(turn_id, join_at_start=True) as watched, asyncio.timeout(30):
        seeing = Watching(watched)
        await seeing.watch()

    assert seeing.frames == []
    assert seeing.result_text == text_of(result)


# -- slow viewers

VIEWERS = 500


async def rest_of(watched: WatchedTurn) -> str:
    """Watch to the end; return the durable text, of which the screen had seen some or all by then."""
    seeing = Watching(watched)
    await seeing.watch()
    assert seeing.result_text.startswith(seeing.text)
    return seeing.result_text


@pytest.mark.usefixtures("worker")
async def test_stalled_viewer_among_500_slows_nobody(rig: Rig) -> None:
    """499 have everything while one reads nothing; it then reads the rest at once, in a few events."""
    turn_id, script = new_id("stalled"), await rig.script({"tokens": 300, "pace_s": 0.01})
    async with rig.viewer(turn_id) as watched:
        handle = await rig.start(turn(script), turn_id=turn_id)
        stalled = watched.events()
        first = await anext(stalled)
        others = [asyncio.create_task(rest_of(watched)) for _ in range(VIEWERS - 1)]
        text = text_of(await handle.result())
        seen = await asyncio.gather(*others)
        rest = [first, *[event async for event in stalled]]

    assert set(seen) == {text}
    assert len(rest) < 6
    assert isinstance(rest[-1], Outcome)


@pytest.mark.usefixtures("worker")
async def test_500_stalled_viewers_cost_no_memory_however_much_is_said(rig: Rig) -> None:
    """300,000 characters pass by viewers who read nothing: they are kept once, not once a viewer."""
    turn_id = new_id("nobody-reads")
    script = await rig.script({"tokens": 50_000, "headers_after_s": 0.5})
    async with rig.viewer(turn_id) as watched:
        await rig.start(turn(script), turn_id=turn_id)
        stalled = [watched.events() for _ in range(VIEWERS)]
        await asyncio.gather(*(anext(events) for events in stalled))
        tracemalloc.start()

        async def ended() -> bool:
            return watched.viewer.ended

        await eventually(ended)
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        rest: list[list[Event]] = [[event async for event in events] for events in stalled]

    assert len(watched.viewer.text) == 300_000
    assert grown < 10 * 300_000  # a copy each would be 500 times as much
    assert all(len(events) < 6 for events in rest)


# -- Redis that is slow, full, busy or refusing


async def test_slow_redis_slows_no_turn_and_viewers_see_it_late(rig: Rig) -> None:
    """200 ms each way: the turn takes its own time, and its viewer still sees much of it while it is written."""
    async with slowable_redis(rig) as (own, proxy):
        await own.worker()
        proxy.delay_s = 0.2
        turn_id, script = new_id("slow"), await own.script({"tokens": 200, "pace_s": 0.03})
        async with own.viewer(turn_id, join_at_start=True) as watched:
            started = time.monotonic()
            handle = await own.start(turn(script), turn_id=turn_id)
            seeing = Watching(watched)
            watching = asyncio.create_task(seeing.watch())
            result = await handle.result()
            took_s = time.monotonic() - started
            await watching

    assert took_s < 30  # 80 s more, if the turn waited for each frame
    assert seeing.result_text == text_of(result)
    assert text_of(result).startswith(seeing.text)
    assert len(seeing.text) > 200  # of 1200: whoever stands still for a second loses a connection too
    assert len(await rig.requests(script)) == 1


async def test_full_redis_changes_nothing(rig: Rig) -> None:
    """Over `maxmemory` Redis takes no key, and the live view has none: viewers see everything."""
    async with redis_of_its_own(rig) as own:
        await own.worker()
        await own.redis.config_set("maxmemory-policy", "noeviction")
        await own.redis.config_set("maxmemory", "1")
        with pytest.raises(ResponseError, match="maxmemory"):
            await own.redis.set("any", "thing")
        turn_id, script = new_id("full"), await own.script(SLOW)
        async with sees_all(own, turn_id) as watched:
            handle = await own.start(turn(script), turn_id=turn_id)
            seeing = Watching(watched)
            await seeing.watch()

    assert seeing.text == seeing.result_text == text_of(await handle.result())
    assert len(await rig.requests(script)) == 1


async def test_redis_too_busy_to_take_frames_changes_no_turn_and_viewers_recover(rig: Rig) -> None:
    """Every command is refused for a while, PUBLISH too: the turn goes on, and so does its viewer afterwards."""
    async with redis_of_its_own(rig) as own:
        worker = await own.worker()
        await own.redis.config_set("lua-time-limit", "50")
        turn_id, script = new_id("busy"), await own.script({"tokens": 200, "pace_s": 0.03})
        async with aclosing(connect_redis(own.stack.redis_url)) as hasty, sees_all(own, turn_id) as watched:
            handle = await own.start(turn(script), turn_id=turn_id)
            seeing = Watching(watched)
            await seeing.watch(until=lambda: len(seeing.text) > 60)
            with suppress(RedisError):
                await hasty.eval("while true do end", 0)

            async def noticed() -> bool:
                return "Redis is unreachable" in worker.output()

            await eventually(noticed)
            await own.redis.script_kill()
            await seeing.watch()

    assert seeing.text == seeing.result_text == text_of(await handle.result())
    assert len(await rig.requests(script)) == 1


async def test_redis_that_forbids_the_channels_changes_no_turn(rig: Rig) -> None:
    """An ACL without channels: no frame leaves, the worker says so, and viewers get the result alone."""
    async with redis_of_its_own(rig) as own:
        await own.redis.acl_setuser(
            "mute", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@all"], reset_channels=True
        )
        url = own.stack.redis_url.replace("redis://", "redis://mute:secret@")
        muted = replace(own, environ={**own.environ, "REDIS_URL": url})
        worker = await muted.worker()
        turn_id, script = new_id("muted"), await own.script(SLOW)
        async with muted.viewer(turn_id) as watched:
            started = time.monotonic()
            handle = await muted.start(turn(script), turn_id=turn_id)
            seeing = Watching(watched)
            await seeing.watch()
            took_s = time.monotonic() - started

        async def warned() -> bool:
            return "Redis is unreachable" in worker.output()

        await eventually(warned)

    assert seeing.frames == []
    assert seeing.result_text == text_of(await handle.result())
    assert took_s < SLOW_S + 30
    assert len(await rig.requests(script)) == 1


# -- stopping what nobody runs


async def test_interrupt_with_the_worker_dead_ends_the_turn_after_the_heartbeat_timeout(rig: Rig) -> None:
    """No worker can take the activity over: one that runs workflows only is enough, and nothing was kept."""
    queue = new_id("dead")
    script = await rig.script({"tokens": 5000, "pace_s": 0.02})
    worker = await rig.worker(queue)
    handle = await rig.start(turn(script, limits={"heartbeat_s": 4}), queue=queue)

    async def streaming() -> bool:
        return any(entry.chunks_sent > 20 for entry in await rig.requests(script))

    await eventually(streaming)
    worker.kill()
    killed_at = time.monotonic()

    async def told() -> None:
        """No hint: nobody hears one."""

    async with workflows_only(rig, queue), asyncio.timeout(60):
        partial = await rig.turns(queue).interrupt(handle.id, told)
    took_s = time.monotonic() - killed_at

    assert (partial.finish_reason, partial.message.parts) == ("interrupted", [])
    assert text_of(await handle.result()) == ""
    assert took_s < 4 + 30
    assert len(await rig.requests(script)) == 1
