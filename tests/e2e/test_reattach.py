"""Responses made in the background: whatever happens to us, the provider is asked, and paid, once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle

from activities.trail import trail_of
from deploy.sandbox.processes import RunningServer
from streaming.contracts import TurnResult
from streaming.jsontext import JsonObject, JsonValue
from streaming.live.viewer import Viewer
from tests.e2e.chaos.durable import insist
from tests.e2e.rig import Rig, eventually, text_of, turn
from tests.e2e.watching import Watching
from tests.tables import candidate, provider

# A beat is sent each 0.8 of it: a worker that stands still for two seconds is none that is lost.
HEARTBEAT_S = 10
NO_HEARTBEAT_S = 60
NO_DRAIN = {"MILLSTREAM_WORKER__DRAIN_S": "0.2"}
GRACE_S = 120
SLOW: JsonObject = {"tokens": 120, "pace_s": 0.05}
TEXT = "".join(f" {number:05}" for number in range(120))


@pytest.fixture
def queue() -> str:
    """A queue whose workers may be hurt."""
    return f"background-{uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def routes(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A worker's settings with one candidate, which answers in the background."""
    path = tmp_path_factory.mktemp("settings") / "routes.toml"
    path.write_text(
        provider("scripted", rig.stack.provider_url, wire="openai-responses")
        + candidate("default", "scripted", "model-a", background=True)
    )
    return path


class Turns:
    """Turns on a queue of a test's own, whose workers know the candidate."""

    def __init__(self, rig: Rig, queue: str, routes: Path) -> None:
        self.rig, self.queue, self._routes = rig, queue, routes

    async def worker(self, **variables: str) -> RunningServer:
        """Start a worker."""
        return await self.rig.worker(self.queue, MILLSTREAM_CONFIG=str(self._routes), **variables)

    async def start(self, script: str, turn_id: str | None = None, **limits: JsonValue) -> WorkflowHandle:  # type: ignore[type-arg]
        """Start a turn."""
        asked = turn(script, limits={"heartbeat_s": NO_HEARTBEAT_S, **limits})
        return await self.rig.start(asked, queue=self.queue, turn_id=turn_id)

    async def asked(self, script: str) -> list[str]:
        """Return what the provider was asked, the response's id left out."""
        paths = [entry.path.split("/")[2:] for entry in await self.rig.requests(script)]
        return ["/".join(["responses", *["ID" for _ in path[1:2]], *path[2:]]) for path in paths]

    async def resumable(self, handle: WorkflowHandle) -> tuple[str, str]:  # type: ignore[type-arg]
        """Wait until Temporal knows where a response can be read on; return the place, and who has it now."""

        async def told() -> tuple[str, str] | None:
            described = await insist(handle.describe)
            for pending in described.raw_description.pending_activities:
                trail = trail_of(await described.data_converter.decode(list(pending.heartbeat_details.payloads)))
                flying = trail.in_flight if trail else None
                if flying and flying.resume:
                    return flying.resume, pending.last_worker_identity
            return None

        return await eventually(told)

    @asynccontextmanager
    async def watched(self, script: str, **limits: JsonValue) -> AsyncIterator[tuple[WorkflowHandle, Watching]]:  # type: ignore[type-arg]
        """Start a turn, and watch it from its beginning to its end."""
        turn_id = f"background-{uuid4().hex[:8]}"
        async with self.rig.viewer(turn_id) as viewing:
            handle = await self.start(script, turn_id, **limits)
            screen = Watching(viewing)
            watching = asyncio.create_task(screen.watch())
            try:
                yield handle, screen
                await watching
                # The result may overtake its last frames.
                await eventually(lambda: _shows(viewing.viewer, screen.result_text))
            finally:
                watching.cancel()

    async def cancelled(self, script: str) -> None:
        """Wait until the provider was told to stop."""

        async def told() -> bool:
            return (await self.asked(script))[-1] == "responses/ID/cancel"

        await eventually(told)


async def _shows(viewer: Viewer, text: str) -> bool:
    return viewer.text == text


@pytest.fixture
def turns(rig: Rig, queue: str, routes: Path) -> Turns:
    """Turns that are answered in the background."""
    return Turns(rig, queue, routes)


def tries_of(result: JsonObject) -> list[tuple[int, bool]]:
    """Return the attempt of each try and whether it failed."""
    tries = result["tries"]
    assert isinstance(tries, list)
    return [(tried["attempt"], tried["error"] is not None) for tried in tries if isinstance(tried, dict)]  # type: ignore[misc]


async def test_killed_workers_cost_no_second_generation(turns: Turns) -> None:
    """SIGKILL, twice: each successor reads the same response, and every screen shows all of it."""
    # It must still be made when the second worker is killed: that one runs before the turn does.
    workers = await asyncio.gather(turns.worker(), turns.worker())
    script = await turns.rig.script({**SLOW, "pace_s": 0.25}, {"text": "paid for twice"})
    resumed: list[str] = []
    async with turns.watched(script, heartbeat_s=HEARTBEAT_S) as (handle, screen):
        for kill in range(2):
            await eventually(lambda kill=kill: _longer(screen, 60, kill + 1))  # type: ignore[misc]
            place, who = await turns.resumable(handle)
            resumed.append(place)
            next(worker for worker in workers if who.startswith(f"{worker.pid}@")).kill()
        await turns.worker()
        result = await handle.result()

    assert text_of(result) == screen.result_text == TEXT
    assert await turns.asked(script) == ["responses", "responses/ID", "responses/ID"]
    assert len({resume.partition(":")[0] for resume in resumed}) == 1
    assert tries_of(result) == [(3, False)]  # one generation is one try, with the usage that came with its answer
    assert result["total_usage"] == result["usage"]
    assert len(epochs_of(screen)) == 3
    assert "fail" not in screen.kinds()


async def _longer(screen: Watching, length: int, epochs: int) -> bool:
    return len(screen.text) > length and len(epochs_of(screen)) == epochs


def epochs_of(screen: Watching) -> set[int]:
    """Return the tries that a screen showed, each once however often Redis made it begin anew."""
    return {frame.e for frame in screen.openings()}


async def test_a_worker_that_stops_hands_its_response_over(turns: Turns) -> None:
    """The next one reads it on at once; nobody cancels it."""
    script = await turns.rig.script({**SLOW, "pace_s": 0.1}, {"text": "paid for twice"})
    worker = await turns.worker(**NO_DRAIN)
    handle = await turns.start(script)
    await turns.resumable(handle)

    await worker.stop(grace=GRACE_S)
    await turns.worker()
    result = await handle.result()

    assert text_of(result) == TEXT
    assert tries_of(result) == [(2, False)]
    assert await turns.asked(script) == ["responses", "responses/ID"]


async def test_a_cut_connection_is_no_failure(turns: Turns) -> None:
    """The same try reads on, and the viewer notices nothing."""
    script = await turns.rig.script({**SLOW, "pace_s": 0.02, "cut_after": 40, "cut": "reset"}, {"text": "twice"})
    await turns.worker()
    async with turns.watched(script) as (handle, screen):
        result = await handle.result()

    assert text_of(result) == screen.result_text == TEXT
    assert tries_of(result) == [(1, False)]
    assert len(epochs_of(screen)) == 1
    assert "fail" not in screen.kinds()
    assert await turns.asked(script) == ["responses", "responses/ID"]


async def test_an_interrupt_stops_the_provider(turns: Turns) -> None:
    """It would go on, and bill, with nobody reading. By then Temporal knows the response: the first beat told it."""
    script = await turns.rig.script({"tokens": 5000, "pace_s": 0.02})
    turn_id = f"background-{uuid4().hex[:8]}"
    await turns.worker()
    async with turns.rig.viewer(turn_id) as viewing:
        handle = await turns.start(script, turn_id)
        started = time.monotonic()
        await turns.resumable(handle)
        assert time.monotonic() - started < 0.5 * NO_HEARTBEAT_S  # the second beat comes after 0.8 of it
        screen = Watching(viewing)
        await screen.watch(until=lambda: bool(screen.text))
        partial = await turns.rig.turns(turns.queue).interrupt(turn_id, viewing.interrupt_hint)

    assert partial.finish_reason == "interrupted"
    assert partial.message.text.startswith(" 00000")
    await turns.cancelled(script)
    assert await turns.asked(script) == ["responses", "responses/ID/cancel"]


async def test_a_cancelled_run_stops_the_provider(turns: Turns) -> None:
    """As an interrupt does."""
    script = await turns.rig.script({"tokens": 5000, "pace_s": 0.02})
    await turns.worker()
    handle = await turns.start(script, heartbeat_s=HEARTBEAT_S)  # a beat's answer tells of it
    await turns.resumable(handle)

    await handle.cancel()

    with pytest.raises(WorkflowFailureError):
        await handle.result()
    await turns.cancelled(script)


async def test_a_turn_that_is_out_of_time_stops_the_provider(turns: Turns) -> None:
    """Its partial is kept."""
    script = await turns.rig.script({"tokens": 5000, "pace_s": 0.02})
    await turns.worker()
    handle = await turns.start(script, total_s=15)
    result = await handle.result()

    assert result["finish_reason"] == "deadline"
    await turns.cancelled(script)


async def test_a_response_that_is_gone_is_made_anew(turns: Turns) -> None:
    """The provider keeps it for some time only."""
    script = await turns.rig.script({**SLOW, "pace_s": 1, "kept_s": 0.5}, {"text": "made anew"})
    worker = await turns.worker()
    handle = await turns.start(script, heartbeat_s=HEARTBEAT_S)
    await turns.resumable(handle)

    worker.kill()
    await turns.worker()
    result = await handle.result()

    assert text_of(result) == "made anew"
    assert await turns.asked(script) == ["responses", "responses"]
    assert tries_of(result) == [(1, True), (2, False)]
    lost, _ = TurnResult.model_validate(result).tries
    assert lost.error is not None
    assert (lost.error.type, lost.estimated) == ("WorkerLost", True)
    assert lost.usage is not None
    assert lost.usage.total_tokens > 0


async def test_a_response_that_is_gone_was_paid_for(turns: Turns) -> None:
    """The one that is made anew has what is left of the budget."""
    script = await turns.rig.script({**SLOW, "tokens": 400, "kept_s": 0.5}, {"tokens": 400, "pace_s": 0.05})
    turn_id = f"background-{uuid4().hex[:8]}"
    worker = await turns.worker(**NO_DRAIN)
    async with turns.rig.viewer(turn_id) as viewing:
        handle = await turns.start(script, turn_id, max_total_tokens=200)
        screen = Watching(viewing)
        await screen.watch(until=lambda: len(screen.text) > 300)  # about 75 of them
    await worker.stop(grace=GRACE_S)  # it tells the last that it read
    await turns.worker()
    result = TurnResult.model_validate(await handle.result())

    assert result.finish_reason == "budget"
    assert [tried.attempt for tried in result.tries] == [1, 2]
    lost, cut = (tried.usage for tried in result.tries)
    assert lost is not None
    assert cut is not None
    assert cut.total_tokens < 200 <= lost.total_tokens + cut.total_tokens
