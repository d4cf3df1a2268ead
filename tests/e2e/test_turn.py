"""The main job: a turn is durable, exact and small, whoever starts it."""

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE
from functools import reduce
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from streaming.jsontext import JsonObject
from streaming.messages import text_sha256
from tests.e2e.rig import SECRET, Rig, text_of, turn
from tests.test_readme import blocks

pytestmark = pytest.mark.usefixtures("worker")


async def test_turn_returns_the_whole_answer_as_its_durable_result(rig: Rig) -> None:
    """The result holds what the provider sent: message, finish reason, provider, model, usage, tries and proof."""
    script = await rig.script({"text": "Grüße, 水车! 🌾", "usage": {"prompt_tokens": 7, "completion_tokens": 5}})

    result = await rig.run(turn(script))

    assert result["message"] == {"role": "assistant", "parts": [{"type": "text", "text": "Grüße, 水车! 🌾"}]}
    assert result["finish_reason"] == "stop"
    assert result["provider_finish_reason"] == "stop"
    assert (result["provider"], result["model"]) == ("scripted", "model-a")
    assert result["usage"] == {
        "input_tokens": 7,
        "output_tokens": 5,
        "cache_read_tokens": None,
        "cache_write_tokens": None,
        "reasoning_tokens": None,
    }
    assert result["sha256"] == text_sha256("Grüße, 水车! 🌾")
    assert result["steps"] == []
    assert result["cost_usd"] is None
    tries = result["tries"]
    assert isinstance(tries, list)
    assert len(tries) == 1


async def test_unary_route_gives_the_same_result_as_a_streamed_one(rig: Rig) -> None:
    """A candidate with stream = false calls the unary endpoint; the message is the same."""
    script = await rig.script({"text": "the same words", "finish_reason": "length"})

    streamed = await rig.run(turn(script, include_raw=True))
    unary = await rig.run(turn(script, include_raw=True, route="unary"))

    asked = [entry.stream for entry in await rig.requests(script)]
    assert asked == [True, False]
    for name in ("message", "finish_reason", "usage", "sha256"):
        assert streamed[name] == unary[name], name


async def test_several_choices_are_all_kept_and_the_message_is_the_first(rig: Rig) -> None:
    """`n` asks for choices; the result's message is choice 0."""
    said: JsonObject = {"choices": [{"message": {"content": "one"}}, {"message": {"content": "two"}}]}
    script = await rig.script(said)
    request = turn(script)
    settings = request["settings"]
    assert isinstance(settings, dict)
    settings["n"] = 2

    result = await rig.run(request)

    choices = result["choices"]
    assert isinstance(choices, list)
    assert [text_of({"message": choice}) for choice in choices] == ["one", "two"]
    assert text_of(result) == "one"


async def test_plain_turn_has_eleven_events_however_long_it_is(rig: Rig) -> None:
    """History does not grow with tokens: nothing of a stream is recorded but its end.

    They are five, and three for each of two workflow tasks; one that a busy machine was too late for is made again.
    """
    script = await rig.script({"tokens": 10_000})
    handle = await rig.start(turn(script))
    await handle.result()

    history = await handle.fetch_history()

    kinds = [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events]
    assert [kind for kind in kinds if not kind.startswith("WORKFLOW_TASK_")] == [
        "WORKFLOW_EXECUTION_STARTED",
        "ACTIVITY_TASK_SCHEDULED",
        "ACTIVITY_TASK_STARTED",
        "ACTIVITY_TASK_COMPLETED",
        "WORKFLOW_EXECUTION_COMPLETED",
    ]
    assert kinds.count("WORKFLOW_TASK_COMPLETED") == 2


async def test_no_secret_and_no_base_url_is_in_any_history(rig: Rig) -> None:
    """Keys, base URLs and headers live in the worker's settings; failures do not quote them either."""
    echo = await rig.script({"status": 401, "error": {"message": f"Incorrect API key provided: {SECRET}"}})
    ended_early: JsonObject = {"total_s": 2}
    requests = (
        turn(await rig.script({"text": "ok"})),
        turn(echo),
        turn(echo, route="dead-first", limits=ended_early),
    )
    for request in requests:
        handle = await rig.start(request)
        with contextlib.suppress(WorkflowFailureError):
            await handle.result()

        history = (await handle.fetch_history()).to_json()

        assert SECRET not in history
        assert rig.stack.provider_url not in history
        assert rig.stack.provider_url.removeprefix("http://").removesuffix("/v1") not in history


async def test_metadata_becomes_the_runs_memo(rig: Rig) -> None:
    """Metadata can be searched for in Temporal, and costs an event only where it is given."""
    script = await rig.script({"text": "ok"})
    handle = await rig.start(turn(script, metadata={"customer": "c-1", "tags": ["a"]}))
    await handle.result()

    description = await handle.describe()

    assert await description.memo() == {"customer": "c-1", "tags": ["a"]}


async def test_state_says_running_and_then_done(rig: Rig) -> None:
    """Query `state` answers while the turn runs and after it."""
    script = await rig.script({"tokens": 50_000, "pace_s": 0.1})
    handle = await rig.start(turn(script, limits={"heartbeat_s": 1}))

    running = await handle.query("state")
    await handle.execute_update("interrupt")
    done = await handle.query("state")

    assert running == {"status": "running", "step": 0, "steps": [], "pending": []}
    assert done == {"status": "done", "step": 0, "steps": [], "pending": []}


async def test_client_that_imports_nothing_of_ours_starts_a_turn(rig: Rig) -> None:
    """A plain Temporal client, a type name and JSON are enough: no converter, no class of ours."""
    script = await rig.script({"text": "plain"})
    plain = await Client.connect(rig.stack.temporal_address)

    result = await plain.execute_workflow("Turn", turn(script), id=f"plain-{uuid4().hex}", task_queue=rig.queue)

    assert text_of(result) == "plain"


@workflow.defn(name="Parent")
class Parent:
    """Somebody's own workflow."""

    @workflow.run
    async def run(self, child: str, queue: str) -> str:
        """Run a turn, given as JSON, as a child and return its text."""
        result = await workflow.execute_child_workflow("Turn", json.loads(child), task_queue=queue)
        return text_of(result)


async def test_anyones_workflow_runs_a_turn_as_its_child(rig: Rig) -> None:
    """`Turn` is a child workflow like any other."""
    script = await rig.script({"text": "from the child"})
    plain = await Client.connect(rig.stack.temporal_address)
    queue = f"parents-{uuid4().hex[:8]}"

    async with Worker(plain, task_queue=queue, workflows=[Parent], workflow_runner=UnsandboxedWorkflowRunner()):
        text = await plain.execute_workflow(
            Parent.run, args=[json.dumps(turn(script)), rig.queue], id=f"parent-{uuid4().hex}", task_queue=queue
        )

    assert text == "from the child"


async def test_the_python_of_the_readme_works(rig: Rig) -> None:
    """Run as it stands, but for the server's address, the task queue and the id."""
    turn_id = f"readme-{uuid4().hex}"
    changed = {
        "localhost:7233": rig.stack.temporal_address,
        'task_queue="millstream"': f'task_queue="{rig.queue}"',
        "from-python": turn_id,
    }
    client, parent = (
        reduce(lambda code, pair: code.replace(*pair), changed.items(), code) for code in blocks("python")
    )
    written: dict[str, object] = {"__name__": "readme"}
    exec(parent, written)  # noqa: S102 - our own words
    review = written["Review"]
    assert isinstance(review, type)
    async with (
        Worker(rig.client, task_queue=turn_id, workflows=[review], workflow_runner=UnsandboxedWorkflowRunner()),
        asyncio.TaskGroup() as both,
    ):
        ran = both.create_task(asyncio.create_subprocess_exec(sys.executable, "-c", client, stdout=PIPE))
        reviewed = both.create_task(
            rig.client.execute_workflow("Review", "x = 1", id=f"{turn_id}-review", task_queue=turn_id)
        )
        printed, _ = await (await ran).communicate()

    assert printed.decode().startswith("You asked: “Hi”")
    assert "You asked: “Review this: x = 1”" in await reviewed
