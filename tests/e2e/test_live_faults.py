"""The live view when something breaks at the worst moment: viewers follow, and turns do not notice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetActivityRequest, ResetWorkflowExecutionRequest

from deploy.sandbox.processes import RunningServer
from streaming.jsontext import JsonObject
from streaming.live.durable import Outcome
from streaming.live.frames import Frame
from streaming.live.hub import WatchedTurn
from streaming.live.link import connect_redis
from tests.e2e.proxy import Proxy, proxy_to
from tests.e2e.rig import Rig, redis_of_its_own, text_of, turn

SLOW: JsonObject = {"tokens": 60, "pace_s": 0.03}
BRIEF: JsonObject = {"heartbeat_s": 2}


class Watching:
    """A viewer that draws its screen from events and remembers which epochs it saw."""

    def __init__(self, watched: WatchedTurn) -> None:
        self.watched = watched
        self.frames: list[Frame] = []
        self.text = ""
        self.outcome: Outcome | None = None

    async def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Watch to the end, or until something is seen."""
        async with aclosing(self.watched.events()) as events:
            async for event in events:
                if isinstance(event, Outcome):
                    self.outcome = event
                if isinstance(event, Frame):
                    self._draw(event)
                if until():
                    return

    def _draw(self, frame: Frame) -> None:
        self.frames.append(frame)
        if frame.kind in ("begin", "snap"):
            self.text = ""
        self.text += "".join(str(addition[2]) for addition in frame.additions if isinstance(addition, list))

    def kinds(self) -> list[str]:
        """Return the kinds of the frames seen."""
        return [frame.kind for frame in self.frames]

    def openings(self) -> list[Frame]:
        """Return the frames that began a text."""
        return [frame for frame in self.frames if frame.kind in ("begin", "snap")]

    @property
    def result_text(self) -> str:
        """The durable text it ended with."""
        assert self.outcome is not None
        assert self.outcome.result is not None, self.outcome
        return self.outcome.result.message.text


def new_id(kind: str) -> str:
    """Return an id that nothing else has."""
    return f"{kind}-{uuid4().hex[:8]}"


def port_of(address: str) -> int:
    """Return the port of an address or a Redis URL."""
    return int(address.rpartition(":")[2].partition("/")[0])


@asynccontextmanager
async def slowable_redis(rig: Rig) -> AsyncIterator[tuple[Rig, Proxy]]:
    """Give a rig on a Redis of its own behind a proxy; its `stack` still names the Redis itself."""
    async with redis_of_its_own(rig) as own, proxy_to(port_of(own.stack.redis_url)) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        redis = connect_redis(url)
        yield replace(own, environ={**own.environ, "REDIS_URL": url}, redis=redis), proxy
        await redis.aclose()


# -- dying between `end` and the result


async def test_worker_killed_between_end_and_the_recorded_result_is_followed_to_the_next_try(rig: Rig) -> None:
    """`end` was on every screen, but its result was never recorded: the next try's text is the turn's."""
    queue, turn_id = new_id("mortal"), new_id("end-then-death")
    script = await rig.script({"tokens": 20, "pace_s": 0.05}, {"text": "what counts in the end", "pace_s": 0.1})
    async with proxy_to(port_of(rig.stack.temporal_address)) as proxy, rig.viewer(turn_id) as watched:
        worker = await rig.worker(queue, TEMPORAL_ADDRESS=f"127.0.0.1:{proxy.port}")
        handle = await rig.start(turn(script, limits=BRIEF), queue=queue, turn_id=turn_id)
        seeing = Watching(watched)
        await seeing.watch(until=lambda: len(seeing.text) > 60)
        proxy.freeze()  # before `end`, so that the result cannot slip through
        await seeing.watch(until=lambda: "end" in seeing.kinds())
        worker.kill()
        proxy.cut()
        proxy.thaw()
        await rig.worker(queue)

        following = Watching(watched)
        await following.watch()

    assert seeing.kinds()[-1] == "end"
    assert following.result_text == following.text == "what counts in the end" == text_of(await handle.result())
    assert following.openings()[-1].e > seeing.frames[-1].e
    assert len(await rig.requests(script)) == 2


# -- resets


async def test_viewer_follows_a_workflow_reset(rig: Rig, worker: RunningServer) -> None:
    """Reset to its first workflow task, a turn starts over in a new run: attempts begin again, epochs grow."""
    turn_id = new_id("reset")
    script = await rig.script({"tokens": 200, "pace_s": 0.05}, {"text": "after the reset", "pace_s": 0.1})
    async with rig.viewer(turn_id) as watched:
        handle = await rig.start(turn(script, limits=BRIEF), turn_id=turn_id)
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
            )
        )
        async with asyncio.timeout(20):
            await watching

    begun = [frame for frame in seeing.openings() if frame.kind == "begin"]
    assert seeing.result_text == seeing.text == "after the reset"
    assert [frame.body["attempt"] for frame in begun[-2:]] == [1, 1]
    assert begun[-1].body["run"] != begun[0].body["run"]
    assert begun[-1].e > begun[0].e


async def test_viewer_follows_an_activity_reset(rig: Rig, worker: RunningServer) -> None:
    """Reset in its third attempt, an activity counts from one again: attempts shrink, epochs grow."""
    turn_id = new_id("reset-activity")
    script = await rig.script(
        {"status": 503},
        {"status": 503},
        {"tokens": 200, "pace_s": 0.05},
        {"text": "after the reset", "pace_s": 0.1},
    )
    async with rig.viewer(turn_id) as watched:
        handle = await rig.start(turn(script, limits=BRIEF), turn_id=turn_id)
        seeing = Watching(watched)
        await seeing.watch(until=lambda: len(seeing.text) > 60)
        watching = asyncio.create_task(seeing.watch())
        await rig.client.workflow_service.reset_activity(
            ResetActivityRequest(
                namespace=rig.client.namespace, execution=WorkflowExecution(workflow_id=turn_id), type="generate"
            )
        )
        async with asyncio.timeout(20):
            await watching

    openings = seeing.openings()
    assert seeing.result_text == seeing.text == "after the reset" == text_of(await handle.result())
    assert [frame.body["attempt"] for frame in openings][-2:] == [
        3,
        2,
    ]  # the server counts the one it reset as the first
    assert [frame.e for frame in openings] == sorted(frame.e for frame in openings)
