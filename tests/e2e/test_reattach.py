"""Responses made in the background: whatever happens to us, the provider is asked, and paid, once."""

import asyncio
import time
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle

from activities.trail import Candidacy, trail_of
from deploy.sandbox.processes import RunningServer
from streaming.contracts import TurnResult
from streaming.jsontext import JsonObject, JsonValue
from tests.e2e.chaos.durable import insist
from tests.e2e.rig import Rig, eventually, text_of, turn
from tests.e2e.watching import Watching
from tests.tables import candidate, provider

HEARTBEAT_S = 3
SLOW: JsonObject = {"tokens": 120, "pace_s": 0.05}
TEXT = "".join(f" {number:05}" for number in range(120))
ASKED = "/v1/responses"


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
        asked = turn(script, limits={"heartbeat_s": HEARTBEAT_S, **limits})
        return await self.rig.start(asked, queue=self.queue, turn_id=turn_id)

    async def asked(self, script: str) -> list[str]:
        """Return what the provider was asked, the response's id left out."""
        paths = [entry.path.split("/")[2:] for entry in await self.rig.requests(script)]
        return ["/".join(["responses", *["ID" for _ in path[1:2]], *path[2:]]) for path in paths]

    async def resumable(self, handle: WorkflowHandle, output_tokens: int = 0) -> str:  # type: ignore[type-arg]
        """Wait until Temporal knows where a response can be read on, and of so many tokens; return the place."""

        async def told() -> str | None:
            described = await insist(handle.describe)
            for pending in described.raw_description.pending_activities:
                trail = trail_of(await described.data_converter.decode(list(pending.heartbeat_details.payloads)))
                flying = trail.in_flight if trail else None
                if flying and flying.resume and (_said(flying) or 0) >= output_tokens:
                    return flying.resume
            return None

        return await eventually(told)

    async def cancelled(self, script: str) -> None:
        """Wait until the provider was told to stop."""

        async def told() -> bool:
            return (await self.asked(script))[-1] == "responses/ID/cancel"

        await eventually(told)


def _said(flying: Candidacy) -> int | None:
    return flying.so_far.usage.output_tokens if flying.so_far and flying.so_far.usage else None


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
    # It must still be made when the second worker is killed: workers take their time to start.
    script = await turns.rig.script({**SLOW, "pace_s": 0.25}, {"text": "paid for twice"})
    turn_id = f"background-{uuid4().hex[:8]}"
    resumed: list[str] = []
    worker = await turns.worker()
    async with turns.rig.viewer(turn_id) as viewing:
        handle = await turns.start(script, turn_id)
        screen = Watching(viewing)
        watching = asyncio.create_task(screen.watch())
        for kill in range(2):
            await eventually(lambda kill=kill: _longer(screen, 60, kill + 1))  # type: ignore[misc]
            resumed.append(await turns.resumable(handle))
            worker.kill()
            worker = await turns.worker()
        result = await handle.result()
        await watching

    assert text_of(result) == screen.text == screen.result_text == TEXT
    assert await turns.asked(script) == ["responses", "responses/ID", "responses/ID"]
    assert len({resume.partition(":")[0] for resume in resumed}) == 1
    assert tries_of(result) == [(3, False)]  # one generation is one try, with the usage that came with its answer
    assert result["total_usage"] == result["usage"]
    assert screen.kinds().count("begin") == 3
    assert "fail" not in screen.kinds()


async def _longer(screen: Watching, length: int, epochs: int) -> bool:
    return len(screen.text) > length and screen.kinds().count("begin") == epochs


async def test_a_worker_that_stops_hands_its_response_over(turns: Turns) -> None:
    """The next one reads it on at once; nobody cancels it."""
    script = await turns.rig.script(SLOW, {"text": "paid for twice"})
    worker = await turns.worker(MILLSTREAM_WORKER__DRAIN_S="0.2")
    handle = await turns.start(script, heartbeat_s=60)
    await turns.resumable(handle)

    await worker.stop(grace=15)
    await turns.worker()
    result = await handle.result()

    assert text_of(result) == TEXT
    assert tries_of(result) == [(2, False)]
    assert await turns.asked(script) == ["responses", "responses/ID"]


async def test_a_cut_connection_is_no_failure(turns: Turns) -> None:
    """The same try reads on, and the viewer notices nothing."""
    script = await turns.rig.script({**SLOW, "pace_s": 0.02, "cut_after": 40, "cut": "reset"}, {"text": "twice"})
    turn_id = f"background-{uuid4().hex[:8]}"
    await turns.worker()
    async with turns.rig.viewer(turn_id) as viewing:
        screen = Watching(viewing)
        handle = await turns.start(script, turn_id)
        await screen.watch()
        result = await handle.result()

    assert text_of(result) == screen.text == screen.result_text == TEXT
    assert tries_of(result) == [(1, False)]
    assert len(screen.openings()) == 1
    assert "fail" not in screen.kinds()
    assert await turns.asked(script) == ["responses", "responses/ID"]


async def test_an_interrupt_stops_the_provider(turns: Turns) -> None:
    """It would go on, and bill, with nobody reading. By then Temporal knows the response: the first beat told it."""
    script = await turns.rig.script({"tokens": 5000, "pace_s": 0.02})
    await turns.worker()
    heartbeat_s = 60
    handle = await turns.start(script, heartbeat_s=heartbeat_s)
    started = time.monotonic()
    await turns.resumable(handle)
    assert time.monotonic() - started < 0.5 * heartbeat_s  # the second beat comes after 0.8 of it

    async with turns.rig.viewer(handle.id) as viewing:
        partial = await turns.rig.turns(turns.queue).interrupt(handle.id, viewing.interrupt_hint)

    assert partial.finish_reason == "interrupted"
    assert partial.message.text.startswith(" 00000")
    await turns.cancelled(script)
    assert await turns.asked(script) == ["responses", "responses/ID/cancel"]


async def test_a_cancelled_run_stops_the_provider(turns: Turns) -> None:
    """As an interrupt does."""
    script = await turns.rig.script({"tokens": 5000, "pace_s": 0.02})
    await turns.worker()
    handle = await turns.start(script)
    await turns.resumable(handle)

    await handle.cancel()

    with pytest.raises(WorkflowFailureError):
        await handle.result()
    await turns.cancelled(script)


async def test_a_turn_that_is_out_of_time_stops_the_provider(turns: Turns) -> None:
    """Its partial is kept."""
    script = await turns.rig.script({"tokens": 5000, "pace_s": 0.02})
    await turns.worker()
    handle = await turns.start(script, total_s=6)
    result = await handle.result()

    assert result["finish_reason"] == "deadline"
    await turns.cancelled(script)


async def test_a_response_that_is_gone_is_made_anew(turns: Turns) -> None:
    """The provider keeps it for some time only."""
    script = await turns.rig.script({**SLOW, "kept_s": 1.0}, {"text": "made anew"})
    worker = await turns.worker()
    handle = await turns.start(script)
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
    script = await turns.rig.script({**SLOW, "kept_s": 1.0}, {"tokens": 400, "pace_s": 0.02})
    worker = await turns.worker()
    handle = await turns.start(script, max_total_tokens=170)
    await turns.resumable(handle, output_tokens=40)

    worker.kill()
    await turns.worker()
    result = TurnResult.model_validate(await handle.result())

    assert result.finish_reason == "budget"
    assert [tried.attempt for tried in result.tries] == [1, 2]
    lost, cut = (tried.usage for tried in result.tries)
    assert lost is not None
    assert cut is not None
    assert cut.total_tokens < 170 <= lost.total_tokens + cut.total_tokens
