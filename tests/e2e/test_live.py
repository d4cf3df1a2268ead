"""The live view over a real Redis: joins, late joins, nobody watching, Redis dying, and turns that do not care."""

import asyncio
import json
import time
from pathlib import Path
from uuid import uuid4

import jsonschema
import pytest
from redis.asyncio import Redis

from deploy.sandbox.redis import find_redis, start_redis
from streaming.jsontext import JsonObject, JsonValue
from streaming.live.durable import Outcome, Standing
from streaming.live.frames import JOIN, Frame
from streaming.live.hub import WatchedTurn
from streaming.live.link import Link
from streaming.live.reader import Event
from streaming.live.subscriptions import Subscriptions
from tests.e2e.proxy import port_of
from tests.e2e.rig import Rig, eventually, redis_of_its_own, text_of, turn
from tests.e2e.shown import sees_all
from tests.e2e.watching import overheard

pytestmark = pytest.mark.usefixtures("worker")

SLOW: JsonObject = {"tokens": 60, "pace_s": 0.03}
_SCHEMA = Path(__file__).parents[2] / "docs" / "frames.schema.json"


async def watched_to_the_end(rig: Rig, viewing: WatchedTurn) -> tuple[list[Event], str]:
    """Return what a viewer was told, and what it had on screen before the result came."""
    events: list[Event] = []
    on_screen = ""
    async for event in viewing.events():
        events.append(event)
        on_screen = viewing.viewer.text
    return events, on_screen


def result_text(events: list[Event]) -> str:
    """Return the text of the durable result that ended the events."""
    outcome = events[-1]
    assert isinstance(outcome, Outcome)
    assert outcome.result is not None
    return outcome.result.message.text


async def test_viewer_from_the_start_sees_every_kind_of_frame_and_the_result(rig: Rig) -> None:
    """begin, deltas, end, result; the text on screen is the durable one."""
    script = await rig.script({"tokens": 120, "pace_s": 0.03})  # longer than any process stands still

    async with sees_all(rig, script) as viewing:
        await rig.start(turn(script), turn_id=script)
        events, on_screen = await watched_to_the_end(rig, viewing)

    kinds = [event.kind for event in events if isinstance(event, Frame)]
    assert kinds[0] == "begin"
    assert kinds[-1] == "end"
    assert kinds.count("delta") > 2  # piece by piece; a busy machine reads several at once
    assert result_text(events) == on_screen


async def test_late_joiner_gets_everything_so_far_in_one_snapshot(rig: Rig) -> None:
    """Whoever joins in the middle misses nothing."""
    script = await rig.script({"tokens": 150, "pace_s": 0.03})
    handle = await rig.start(turn(script), turn_id=script)

    async def well_begun() -> bool:
        return any(entry.chunks_sent > 25 for entry in await rig.requests(script))

    await eventually(well_begun)
    async with sees_all(rig, handle.id, join_at_start=True) as viewing:
        events, on_screen = await watched_to_the_end(rig, viewing)

    frames = [event for event in events if isinstance(event, Frame)]
    assert frames[0].kind == "snap"
    assert {"turn", "run", "step", "attempt", "try", "provider", "model", "v"} < set(frames[0].body)
    assert result_text(events) == on_screen


async def test_viewer_of_an_ended_turn_gets_its_result(rig: Rig) -> None:
    """The durable result is served to whoever comes too late to watch."""
    script = await rig.script({"text": "long over"})
    await (await rig.start(turn(script), turn_id=script)).result()

    async with rig.viewer(script, join_at_start=True) as viewing:
        events, _ = await watched_to_the_end(rig, viewing)

    assert result_text(events) == "long over"


async def test_viewers_of_one_turn_all_see_the_same(rig: Rig) -> None:
    """Several viewers, joining at several times, end with one text."""
    script = await rig.script({"tokens": 200, "pace_s": 0.03})
    await rig.start(turn(script), turn_id=script)

    async def joined_after(seconds: float) -> tuple[str, str]:
        await asyncio.sleep(seconds)
        async with sees_all(rig, script, join_at_start=True) as viewing:
            events, on_screen = await watched_to_the_end(rig, viewing)
            return result_text(events), on_screen

    seen = await asyncio.gather(*(joined_after(0.2 * at) for at in range(8)))

    assert len({text for pair in seen for text in pair}) == 1


async def test_plain_subscriber_that_never_asks_is_found(rig: Rig) -> None:
    """A bare `redis-cli SUBSCRIBE` sees frames within about a second: the sweep finds it."""
    script = await rig.script({"tokens": 600, "pace_s": 0.03})
    await rig.start(turn(script), turn_id=script)

    async def begun() -> bool:
        return any(entry.chunks_sent > 5 for entry in await rig.requests(script))

    await eventually(begun)
    pubsub = rig.redis.pubsub()
    await pubsub.subscribe(rig.channels.live(script))

    async def first_frame() -> JsonObject | None:
        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=0.1)
        frame: JsonObject | None = json.loads(message["data"]) if message else None
        return frame

    frame = await eventually(first_frame, within_s=30)
    await pubsub.aclose()  # type: ignore[no-untyped-call]

    assert frame["k"] == "snap"


async def test_all_that_a_worker_publishes_is_as_the_schema_says(rig: Rig) -> None:
    """A cut, a refused pass, a wait, a model that thinks, a join, a call of a tool: every kind of frame on the wire."""
    call: JsonObject = {"id": "c", "type": "function", "function": {"name": "grind", "arguments": '{"fine": true}'}}
    message: JsonObject = {"content": "Well", "reasoning_content": "Hm", "tool_calls": [call]}
    down: JsonObject = {"status": 503}
    script = await rig.script({"tokens": 20, "pace_s": 0.02, "cut_after": 9, "cut": "eof"}, down, model="model-a")
    await rig.script(down, {"first_token_s": 6, "message": message, "pace_s": 0.1}, model="model-b", name=script)
    schema = jsonschema.Draft202012Validator(json.loads(_SCHEMA.read_text()))
    pubsub = rig.redis.pubsub()
    await pubsub.subscribe(rig.channels.live(script))
    said: list[JsonObject] = []

    async def ended() -> bool:
        received = await pubsub.get_message(ignore_subscribe_messages=True, timeout=0.1)
        if received is None:
            return False
        said.append(json.loads(received["data"]))
        if said[-1]["k"] == "beat":
            await rig.redis.publish(rig.channels.ask(script), JOIN)
        return said[-1]["k"] == "end"

    handle = await rig.start(turn(script, route="pair"), turn_id=script)
    await eventually(ended)
    await pubsub.aclose()  # type: ignore[no-untyped-call]
    await handle.result()

    for frame in said:
        schema.validate(frame)
    assert {frame["k"] for frame in said} == {"begin", "delta", "snap", "beat", "fail", "end"}
    grown = {str(part[1]) for frame in said for part in _additions(frame)}
    assert grown == {"text", "reasoning", "tool_call"}
    assert {key for frame in said if frame["k"] == "fail" for key in frame} >= {"next", "retry_at", "final"}


def _additions(frame: JsonObject) -> list[list[JsonValue]]:
    given = frame.get("p", [])
    assert isinstance(given, list)
    return [addition for addition in given if isinstance(addition, list)]


async def test_viewer_is_told_why_and_who_is_next(rig: Rig) -> None:
    """A failed try is said with its reason and the next candidate, and the text starts over.

    The failure and the next try's beginning are published together: a viewer that reads late is told the newest
    of them only, which says why too.
    """
    script = await rig.script({"tokens": 20, "cut_after": 9, "cut": "eof"}, model="model-a")
    await rig.script({"text": "the other one", "pace_s": 0.2}, model="model-b", name=script)

    async with sees_all(rig, script) as viewing:
        await rig.start(turn(script, route="pair"), turn_id=script)
        events, on_screen = await watched_to_the_end(rig, viewing)

    frames = [event.body for event in events if isinstance(event, Frame)]
    again = [body for body in frames if body["k"] == "begin"][-1]
    assert str(again["why"]).startswith("TruncatedStream: ")
    assert (again["provider"], again["model"]) == ("scripted", "model-b")
    told = [(body["class"], body["next"], body["final"]) for body in frames if body["k"] == "fail"]
    assert told in ([], [("TruncatedStream", "scripted/model-b", False)])
    assert on_screen == "the other one" == result_text(events)


async def test_viewer_who_joins_between_attempts_learns_from_temporal_what_is_awaited(rig: Rig) -> None:
    """With no producer to ask, Temporal says which attempt comes, after what failure, and when."""
    script = await rig.script(
        {"status": 503, "headers": {"retry-after": "10"}}, {"text": "second time lucky", "pace_s": 0.2}
    )
    started = time.time()
    await rig.start(turn(script), turn_id=script)

    async def backing_off() -> bool:
        return (await rig.turns().standing(script)).status == "backing off"

    async def nobody_answers() -> bool:
        [(_, listening)] = await rig.redis.pubsub_numsub(rig.channels.ask(script))
        return not listening

    await eventually(backing_off)
    await eventually(nobody_answers)
    async with sees_all(rig, script, join_at_start=True) as viewing:
        events, on_screen = await watched_to_the_end(rig, viewing)

    waiting = events[0]
    assert isinstance(waiting, Standing)
    assert (waiting.status, waiting.attempt) == ("backing off", 2)
    assert "HTTP 503" in str(waiting.last_failure)
    assert waiting.next_attempt_at is not None
    assert started < waiting.next_attempt_at < time.time() + 10
    assert on_screen == "second time lucky" == result_text(events)


async def test_failed_pass_says_when_the_next_one_comes(rig: Rig) -> None:
    """The last failure of a pass carries the time of the next."""
    script = await rig.script({"status": 503}, {"text": "again"})

    async with overheard(rig, script) as frames:  # a viewer that reads late is told of the next pass alone
        started = time.time()
        await rig.start(turn(script), turn_id=script)

        async def failed() -> Frame | None:
            return next((frame for frame in frames if frame.kind == "fail"), None)

        retry_at = (await eventually(failed)).body["retry_at"]
    assert isinstance(retry_at, float)
    assert started < retry_at < started + 30


async def published(redis: Redis) -> int:
    """Return how many PUBLISH commands Redis has served."""
    stats = await redis.info("commandstats")
    calls = stats.get("cmdstat_publish", {}).get("calls", 0)
    assert isinstance(calls, int)
    return calls


async def test_unwatched_turn_costs_the_same_few_publishes_however_long_it_is(rig: Rig) -> None:
    """Nobody watching: as many PUBLISH commands for 10,000 deltas as for 10, over equal time."""
    async with redis_of_its_own(rig) as own:
        await own.worker()
        counts: list[int] = []
        for tokens in (10, 10_000):
            name = await own.script({"tokens": tokens, "pace_s": 1 / tokens})
            before = await published(own.redis)
            await own.run(turn(name))

            async def all_published(before: int = before) -> int | None:
                count = await published(own.redis) - before
                return count if count > 1 else None  # the end may come after the result

            counts.append(await eventually(all_published))

    assert counts == [2, 2]  # begin and end


async def test_redis_killed_in_the_middle_changes_no_turn_and_viewers_recover(rig: Rig) -> None:
    """Redis dies and comes back: the provider is called once, and the viewer ends with the durable text."""
    async with redis_of_its_own(rig) as own:
        await own.worker()
        script = await own.script({"tokens": 240, "pace_s": 0.05})  # far longer than Redis takes to be back
        killed = live_again = False
        on_screen = ""
        events: list[Event] = []
        async with sees_all(own, script) as viewing:
            handle = await own.start(turn(script, limits={"heartbeat_s": 60}), turn_id=script)
            async for event in viewing.events():
                events.append(event)
                on_screen = viewing.viewer.text
                live_again |= killed and isinstance(event, Frame) and event.kind == "delta"
                if not killed and len(on_screen) > 60:
                    killed = True
                    own.stack.processes["redis"].kill()
                    port = port_of(own.stack.redis_url)
                    program = await find_redis(own.servers, own.environ, print)
                    await start_redis(own.servers, program, port=port)
        result = await handle.result()

        assert len(await own.requests(script)) == 1
    assert killed
    assert live_again
    assert text_of(result) == result_text(events) == on_screen


async def test_turns_complete_unchanged_with_redis_down_from_the_start(rig: Rig) -> None:
    """An unreachable Redis is a warning in the worker's log, and nothing else."""
    queue = f"no-redis-{uuid4().hex[:8]}"
    worker = await rig.worker(queue, REDIS_URL=f"redis://{rig.nobody}")
    script = await rig.script({"tokens": 200})

    result = await rig.run(turn(script), queue=queue)

    assert len(text_of(result)) == 1200
    assert len(await rig.requests(script)) == 1

    async def warned() -> bool:
        return "Redis is unreachable" in worker.output()

    await eventually(warned)


async def test_live_view_can_be_switched_off(rig: Rig) -> None:
    """`live.enabled = false`: no Redis connection at all, and turns as ever."""
    async with redis_of_its_own(rig) as own:
        await own.worker(MILLSTREAM_LIVE__ENABLED="false")
        script = await own.script({"text": "in private"})

        result = await own.run(turn(script))

        assert text_of(result) == "in private"
        assert await published(own.redis) == 0


async def test_redis_that_never_answers_slows_no_turn(rig: Rig) -> None:
    """A black hole in Redis' place: connections stand and nothing comes back; the turn takes its own time."""
    holes: list[asyncio.StreamWriter] = []

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        holes.append(writer)
        while await reader.read(65536):
            pass

    async with await asyncio.start_server(swallow, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        queue = f"black-hole-{uuid4().hex[:8]}"
        worker = await rig.worker(queue, REDIS_URL=f"redis://127.0.0.1:{port}")
        script = await rig.script({"tokens": 40, "pace_s": 0.02})
        started = time.monotonic()

        result = await rig.run(turn(script), queue=queue)

        took = time.monotonic() - started
        await worker.stop()
        for writer in holes:
            writer.close()

    assert len(text_of(result)) == 240
    assert len(await rig.requests(script)) == 1
    assert took < 0.8 + 30  # 40 s, if the turn waited for each frame


async def test_listener_that_fails_once_hears_again(rig: Rig) -> None:
    """A defect in what hears a message costs that message, not every later one."""
    heard: list[tuple[str, bytes | None]] = []

    def hear(channel: str, message: bytes | None) -> None:
        if message == b"poison":
            raise ValueError("a defect of ours")
        heard.append((channel, message))

    channel = f"ears-{uuid4().hex[:8]}"

    async def subscribed_again() -> bool:
        return heard.count((channel, None)) > before

    async def subscribed() -> bool:
        return (channel, None) in heard

    async with Subscriptions(rig.redis, hear, Link()) as subscriptions:
        subscriptions.add(channel)
        await eventually(subscribed)
        before = heard.count((channel, None))
        await rig.redis.publish(channel, b"poison")
        await eventually(subscribed_again)
        await rig.redis.publish(channel, b"food")

        async def fed() -> bool:
            return (channel, b"food") in heard

        await eventually(fed)
