"""The worker process: clear start-up errors, logs that name the turn, health, and beats that tell the truth."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from uuid import uuid4

import aiohttp
import pytest
from pydantic import SecretStr
from temporalio.api.enums.v1 import TimeoutType
from temporalio.worker import Worker

from activities.attachments import Sources
from activities.breakers import Breakers
from activities.destinations import Destinations
from activities.fetching import Fetcher
from activities.generate import Generate
from activities.live_turn import LiveTurn
from activities.routes import Candidate, Routes
from activities.store import Store
from activities.transport import Response, Transport
from activities.unwatched import UnwatchedTurn
from deploy.sandbox.processes import LOOPBACK, free_port
from streaming.jsontext import JsonObject
from streaming.providers import WIRES
from telemetry.health import serve_health
from tests.e2e.proxy import port_of, proxy_to
from tests.e2e.rig import PROJECT, SECRET, Rig, eventually, text_of, turn
from workflows.turn import Turn


async def refused(environ: Mapping[str, str]) -> tuple[int, str]:
    """Start a worker that cannot start; return its exit code and what it said."""
    process = await create_subprocess_exec(
        sys.executable, "-m", "worker", env=environ, cwd=PROJECT, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(300):
        _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


async def test_unreachable_temporal_is_said_with_its_address_and_the_way_out(rig: Rig) -> None:
    """A worker that cannot reach Temporal says where it looked, and ends with 5."""
    code, said = await refused({**rig.worker_environ(), "TEMPORAL_ADDRESS": rig.nobody})

    assert code == 5
    assert f"no Temporal server answers at {rig.nobody}" in said
    assert "TEMPORAL_ADDRESS" in said


async def test_unknown_namespace_is_said_and_the_worker_does_not_seem_to_run(rig: Rig) -> None:
    """The SDK would have it poll first, and then crash."""
    code, said = await refused({**rig.worker_environ(), "TEMPORAL_NAMESPACE": "nowhere"})

    assert code == 5
    assert (
        f"no namespace 'nowhere' at {rig.stack.temporal_address}: create it with `temporal operator namespace" in said
    )
    assert "worker ready" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"REDIS_URL": "redis//nowhere:secret@x"}, "REDIS_URL is malformed"),
        ({"REDIS_URL": "redis://127.0.0.1:notaport"}, "REDIS_URL is malformed"),
        ({"SCRIPTED_KEY": ""}, "route 'default' has no usable candidate: scripted/model-a: SCRIPTED_KEY is not set"),
        ({"MILLSTREAM_LIVE__ENABELD": "1"}, "live.enabeld: unknown key"),
        ({"MILLSTREAM_CONFIG": "/nowhere.toml"}, "MILLSTREAM_CONFIG names /nowhere.toml, which is not a file"),
        ({"MILLSTREAM_WORKER__HEALTH_ADDRESS": "here"}, "worker.health_address"),
    ],
)
async def test_unusable_settings_end_the_worker_at_once(rig: Rig, variables: dict[str, str], words: str) -> None:
    """Each start-up error names the key and the reason, exits with 2, and quotes no secret."""
    code, said = await refused({**rig.worker_environ(), **variables})

    assert code == 2
    assert words in said
    assert "secret@" not in said
    assert "Traceback" not in said


async def test_log_lines_of_a_turn_carry_its_id_as_json(rig: Rig) -> None:
    """Whoever greps for a turn finds its lines; no line holds the key."""
    queue = f"logs-{uuid4().hex[:8]}"
    worker = await rig.worker(queue)
    script = await rig.script({"status": 500}, {"text": "ok"})
    turn_id = f"logged-{uuid4().hex[:8]}"

    await (await rig.start(turn(script), queue=queue, turn_id=turn_id)).result()

    lines = [json.loads(line) for line in worker.output().splitlines()]
    ours = [line for line in lines if line.get("turn") == turn_id]
    assert any("try 1 failed: scripted/model-a: StatusError: HTTP 500" in line["event"] for line in ours)
    assert ours[0]["attempt"] == 1
    assert SECRET not in worker.output()


async def test_health_says_whether_the_worker_polls_and_redis_answers(rig: Rig) -> None:
    """GET /health is 200 while the worker runs, and tells how Redis is."""
    queue, address = f"health-{uuid4().hex[:8]}", f"127.0.0.1:{free_port()}"
    async with aiohttp.ClientSession() as session:
        await rig.worker(queue, MILLSTREAM_WORKER__HEALTH_ADDRESS=address, REDIS_URL=f"redis://{rig.nobody}")

        async def told() -> bool:
            async with session.get(f"http://{address}/health") as response:
                assert response.status == 200
                return bool(await response.json() == {"worker": "running", "redis": "unreachable"})

        await eventually(told)  # its first try to connect may still be under way


async def test_worker_is_ready_only_when_the_server_has_accepted_it(rig: Rig) -> None:
    """Over a slow link too, whoever waits for the line in the log finds a healthy worker."""
    address = f"127.0.0.1:{free_port()}"
    async with proxy_to(port_of(rig.stack.temporal_address)) as slow, aiohttp.ClientSession() as session:
        slow.delay_s = 0.3
        environ = {
            "TEMPORAL_ADDRESS": f"127.0.0.1:{slow.port}",
            "MILLSTREAM_WORKER__HEALTH_ADDRESS": address,
        }
        await rig.worker(f"slow-{uuid4().hex[:8]}", **environ)
        ready = await health(session, f"http://{address}/health")

    assert ready == (200, "running")


async def test_health_tells_a_worker_that_starts_from_one_that_stops(rig: Rig) -> None:
    """Neither polls."""
    worker = Worker(rig.client, task_queue=f"told-{uuid4().hex[:8]}", workflows=[Turn])
    async with AsyncExitStack() as stack, aiohttp.ClientSession() as session:
        url = await serve_health(f"{LOOPBACK}:0", worker, None, stack)

        async def runs() -> bool:
            return await health(session, url) == (200, "running")

        before = await health(session, url)
        async with worker:
            await eventually(runs)
        after = await health(session, url)

    assert (before, after) == ((503, "starting"), (503, "stopping"))


async def health(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    """Return the status of an answer to GET /health, and what it says of the worker."""
    async with session.get(url) as response:
        return response.status, (await response.json())["worker"]


async def test_idle_worker_ends_cleanly_on_sigterm_every_time(rig: Rig) -> None:
    """Short-lived workers exit with 0: the interpreter's end does not meet the SDK's threads."""
    workers = await asyncio.gather(*(rig.worker(f"short-{at}") for at in range(4)))

    await asyncio.gather(*(worker.stop(grace=120) for worker in workers))

    assert [worker.exit_code for worker in workers] == [0, 0, 0, 0]


class HangingTransport(Transport):
    """A transport whose first connection never gets done closing."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = 1
        self.release = asyncio.Event()

    @asynccontextmanager
    async def post(
        self, url: str, headers: dict[str, str], body: JsonObject, *, connect_s: float
    ) -> AsyncIterator[Response]:
        """Post as ever, and hang at the end once."""
        async with super().post(url, headers, body, connect_s=connect_s) as response:
            try:
                yield response
            finally:
                if self.hangs:
                    self.hangs -= 1
                    await self.release.wait()


@contextmanager
def unwatched(_: str) -> Iterator[LiveTurn]:
    """Nobody watches."""
    yield UnwatchedTurn()


async def test_beats_stop_when_a_clock_ran_out_even_if_closing_hangs(rig: Rig) -> None:
    """No blind beater: a try that hangs in its own cleaning up goes silent, and Temporal notices in time."""
    script = await rig.script({"tokens": 9, "silent_after": 3}, {"text": "on the second attempt"})
    candidate = Candidate(
        "scripted", "model-a", WIRES["openai-chat"], rig.stack.provider_url, SecretStr(SECRET), clocks={"idle_s": 0.5}
    )
    queue = f"hanging-{uuid4().hex[:8]}"
    async with HangingTransport() as transport, Fetcher(Destinations()) as fetcher:
        sources = Sources(fetcher, Store(None), max_bytes=1, max_total_bytes=1, within_s=1)
        generate = Generate(Routes({"default": [candidate]}), transport, sources, Breakers(), unwatched)
        async with Worker(rig.client, task_queue=queue, workflows=[Turn], activities=[generate.generate]):
            handle = await rig.start(turn(script, limits={"heartbeat_s": 5}), queue=queue)
            try:
                async with asyncio.timeout(300):  # the turn itself has 900 s
                    result = await handle.result()
            finally:
                transport.release.set()
    events = (await handle.fetch_history()).events
    [started] = [event for event in events if event.HasField("activity_task_started_event_attributes")]
    last = started.activity_task_started_event_attributes

    assert text_of(result) == "on the second attempt"
    assert last.attempt == 2
    assert last.last_failure.timeout_failure_info.timeout_type == TimeoutType.TIMEOUT_TYPE_HEARTBEAT
