"""What a worker counts of its live view, as Prometheus scrapes it."""

import asyncio
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from contextlib import aclosing
from functools import partial
from uuid import uuid4

import aiohttp

from deploy.sandbox.processes import free_port
from streaming.live.frames import INTERRUPT, Frame
from streaming.live.link import connect_redis
from streaming.live.reader import Event
from tests.e2e.rig import PROJECT, Rig, eventually, turn
from tests.e2e.watching import overheard

_PREFIX = "millstream_live_"
_PATIENT = "?socket_timeout=60&socket_connect_timeout=60"


async def scraped(address: str) -> dict[str, float]:
    """Return every sample whose labels are the service's only, by the metric's name."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/metrics") as response:
        lines = (await response.text()).splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name.partition("{")[0]: float(value) for name, _, value in samples}


async def live(address: str) -> dict[str, float]:
    """Return the live view's metrics, without their prefix."""
    samples = await scraped(address)
    return {name.removeprefix(_PREFIX): value for name, value in samples.items() if name.startswith(_PREFIX)}


async def watched(rig: Rig, turn_id: str, *, join_at_start: bool = False) -> list[Frame]:
    """Watch a turn to its end; return the frames."""
    events: list[Event] = []
    async with rig.viewer(turn_id, join_at_start=join_at_start) as viewing:
        if not join_at_start:
            await rig.start(turn(turn_id), turn_id=turn_id, queue=turn_id)
        events = [event async for event in viewing.events()]
    return [event for event in events if isinstance(event, Frame)]


async def test_a_watched_turn_is_counted(rig: Rig) -> None:
    """Each frame that went out, no snapshot for who saw it all, and nothing lost."""
    queue = await rig.script({"tokens": 40, "pace_s": 0.02})
    address = f"127.0.0.1:{free_port()}"
    # Nothing is lost with a Redis that stands still for a second, if the worker waits for it.
    url = rig.stack.redis_url + _PATIENT
    await rig.worker(queue, MILLSTREAM_WORKER__METRICS_ADDRESS=address, REDIS_URL=url)

    async with overheard(rig, queue) as frames:
        await watched(rig, queue)

        async def all_counted() -> tuple[dict[str, float], list[str]] | None:
            samples, heard = await live(address), [frame.kind for frame in frames]
            told = (samples.get("turns"), samples.get("frames_total"), samples.get("snapshots_total"))
            return (samples, heard) if told == (0, len(heard), heard.count("snap")) else None

        counted, kinds = await eventually(all_counted)
    # A viewer joins again on a machine that stood still for seconds, and may be found by a sweep without a join.
    counted.pop("joins_total")
    assert counted == {
        "frames_total": len(kinds),
        "snapshots_total": kinds.count("snap"),
        "dropped_flushes_total": 0,
        "interrupt_hints_total": 0,
        "ignored_asks_total": 0,
        "turns": 0,
        "dormant_turns": 0,
    }

    async def completed() -> float | None:
        return (await scraped(address)).get("temporal_workflow_completed_total")

    assert await eventually(completed) == 1


async def test_dormant_turns_joins_and_nonsense_are_counted(rig: Rig) -> None:
    """A turn counts as dormant until somebody joins; what is no ask counts as ignored."""
    queue = await rig.script({"tokens": 50_000, "pace_s": 0.03})
    address = f"127.0.0.1:{free_port()}"
    await rig.worker(queue, MILLSTREAM_WORKER__METRICS_ADDRESS=address)
    await rig.start(turn(queue, limits={"heartbeat_s": 60}), turn_id=queue, queue=queue)

    async def dormant() -> bool:
        samples = await live(address)
        return (samples.get("turns"), samples.get("dormant_turns")) == (1, 1)

    await eventually(dormant)
    ask = rig.channels.ask(queue)
    async with aclosing(connect_redis(rig.stack.redis_url + _PATIENT)) as once:  # `rig.redis` may say a thing twice
        for nonsense in (b"{", b'{"k":"dance"}'):
            await eventually(partial(once.publish, ask, nonsense))  # until somebody hears it
    watching = asyncio.create_task(watched(rig, queue, join_at_start=True))

    async def joined() -> bool:
        return (await live(address))["joins_total"] > 0

    await eventually(joined)

    async def hint() -> None:
        await rig.redis.publish(ask, INTERRUPT)

    await rig.turns(queue).interrupt(queue, hint)
    frames = await watching

    async def ended() -> dict[str, float] | None:
        samples = await live(address)
        return samples if samples["turns"] == 0 else None

    counted = await eventually(ended)
    assert frames[0].kind == "snap"
    assert counted["joins_total"] >= 1
    assert counted["snapshots_total"] >= 1
    assert counted["ignored_asks_total"] == 2
    assert counted["dormant_turns"] == 0


async def test_flushes_that_redis_does_not_take_are_counted(rig: Rig) -> None:
    """Refused by an ACL, say: the turn ends as ever, and the counter tells."""
    queue = await rig.script({"tokens": 30, "pace_s": 0.05})
    address, user = f"127.0.0.1:{free_port()}", f"mute-{uuid4().hex[:8]}"
    await rig.redis.execute_command("ACL", "SETUSER", user, "on", ">pass", "+@all", "-publish", "allchannels", "~*")  # type: ignore[no-untyped-call]
    url = rig.stack.redis_url.replace("redis://", f"redis://{user}:pass@")
    await rig.worker(queue, MILLSTREAM_WORKER__METRICS_ADDRESS=address, REDIS_URL=url)
    handle = await rig.start(turn(queue), turn_id=queue, queue=queue)
    await handle.result()

    async def dropped() -> bool:
        return (await live(address)).get("dropped_flushes_total", 0) > 0

    await eventually(dropped)
    assert (await live(address))["frames_total"] == 0


async def test_a_taken_address_ends_the_worker_at_once(rig: Rig) -> None:
    """The message names the setting."""
    taken = rig.stack.temporal_address
    environ = rig.worker_environ(MILLSTREAM_WORKER__METRICS_ADDRESS=taken)
    process = await create_subprocess_exec(sys.executable, "-m", "worker", env=environ, cwd=PROJECT, stderr=PIPE)
    async with asyncio.timeout(300):
        _, said = await process.communicate()

    assert process.returncode == 2
    assert f"worker.metrics_address {taken}: " in said.decode()
