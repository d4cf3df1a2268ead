"""One turn of a run, everybody who watches it, and whoever stops it."""

import asyncio
import time
from contextlib import AsyncExitStack, aclosing

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import WorkflowAlreadyStartedError

from connection import CannotReachTemporal
from streaming.contracts import TurnResult
from streaming.jsontext import JsonObject
from streaming.live.durable import Outcome
from streaming.live.frames import Frame
from streaming.live.hub import Hub, WatchedTurn
from streaming.live.link import connect_redis
from tests.e2e.chaos.accounts import misaccounted
from tests.e2e.chaos.durable import insist
from tests.e2e.chaos.plan import LIMITS, Person, PlannedInterrupt, PlannedTurn
from tests.e2e.chaos.report import Report
from tests.e2e.chaos.screens import Screen, Truth
from tests.e2e.chaos.timings import Interrupt
from tests.e2e.rig import Rig, text_of
from tests.e2e.test_wires import asked
from turns import TurnRefused

_RESULT_WITHIN_S = 200.0
_VIEWERS_END_WITHIN_S = 90.0  # Temporal may be on its way back for as long
_ASK_AGAIN_S = 0.1
_Handle = WorkflowHandle[object, JsonObject]


class TurnRun:
    """One turn of a run, and everybody who watches it."""

    def __init__(self, planned: PlannedTurn, rig: Rig, shared: Hub, report: Report) -> None:
        self._planned, self._rig, self._shared, self._report = planned, rig, shared, report
        self._truth = Truth(planned.responses)
        self._id = f"{rig.queue}-{planned.number}"
        self._ended_at: float | None = None
        self._texts: list[str] = []
        self._interrupt: Interrupt | None = None
        self._partial: TurnResult | None = None

    async def run(self) -> None:
        """Start the turn, watch it to its end, and check what everybody saw."""
        planned = self._planned
        await self._rig.script(*(response.script() for response in planned.responses), name=self._id)
        async with AsyncExitStack() as waiting:
            first = await waiting.enter_async_context(self._hub(planned.people[0])) if planned.awaited else None
            if first is not None:
                await waiting.enter_async_context(first.watch(self._id, join_at_start=False))
            handle = await insist(self._start)
            hubs = [first, *[None] * (len(planned.people) - 1)]
            around = [
                asyncio.create_task(self._watch(person, hub)) for person, hub in zip(planned.people, hubs, strict=True)
            ]
            if planned.interrupt is not None:
                around.append(asyncio.create_task(self._stop(planned.interrupt)))
            try:
                async with asyncio.timeout(_RESULT_WITHIN_S):
                    result = await insist(handle.result)
                self._ended_at = time.monotonic()
                await self._last_words(around)
                await self._check(handle, result)
            except WorkflowFailureError as failure:
                self._report.problem(f"the turn failed: {failure.cause!r}", planned)
            except Exception as error:
                self._report.problem(repr(error), planned)
            finally:
                for doing in around:
                    doing.cancel()
                await asyncio.gather(*around, return_exceptions=True)

    async def _start(self) -> _Handle:
        request: JsonObject = {**asked(self._id, self._planned.route), "limits": LIMITS}
        try:
            return await self._rig.start(request, queue=self._rig.queue, turn_id=self._id)
        except WorkflowAlreadyStartedError:  # by an earlier call, whose answer was lost
            return self._rig.client.get_workflow_handle(self._id, result_type=dict)

    def _hub(self, person: Person) -> "HubOf":
        return HubOf(self._rig, self._shared if person.shares_hub else None)

    async def _last_words(self, around: list[asyncio.Task[None]]) -> None:
        patience = _VIEWERS_END_WITHIN_S + max(person.planned_s for person in self._planned.people)
        done, hanging = await asyncio.wait(around, timeout=patience)
        for _ in hanging:
            self._report.problem("a viewer, or whoever interrupts, hangs", self._planned)
        for ended in done:
            ended.result()

    # -- viewers

    async def _watch(self, person: Person, hub: Hub | None) -> None:
        async with AsyncExitStack() as own:
            using = await own.enter_async_context(self._hub(person)) if hub is None else hub
            for visit in person.visits:
                await asyncio.sleep(visit.after_s)
                self._report.visits += 1
                try:
                    async with asyncio.timeout(visit.stay_s), using.watch(self._id) as watched:
                        await self._look(watched)
                except TimeoutError:
                    pass  # it leaves

    async def _look(self, watched: WatchedTurn) -> None:
        screen, began_at = Screen(), time.monotonic()
        live = self._ended_at is None
        async with aclosing(watched.events()) as events:
            async for event in events:
                if isinstance(event, Outcome):
                    self._last_word(event, began_at, on_screen=screen.text if live else None)
                    return
                if isinstance(event, Frame):
                    screen.show(event)
                self._right(screen.epoch, screen.text, "a screen")
                self._right(watched.viewer.epoch, watched.viewer.text, "a viewer")

    def _right(self, epoch: int, text: str, whose: str) -> None:
        if not self._truth.explains(epoch, text):
            self._report.problem(f"{whose} of epoch {epoch} shows what no response said: {text!r}", self._planned)

    def _last_word(self, outcome: Outcome, began_at: float, *, on_screen: str | None) -> None:
        text = outcome.result.message.text if outcome.result else f"{outcome.status}: {outcome.failure}"
        self._texts.append(text)
        report, now = self._report, time.monotonic()
        report.stayed += 1
        report.live += on_screen is not None
        report.complete += on_screen == text
        report.slowest_end_s = max(report.slowest_end_s, now - max(self._ended_at or now, began_at))

    # -- whoever stops it

    async def _stop(self, planned: PlannedInterrupt) -> None:
        """Interrupt, and again while Temporal is away: the turn is as good as stopped, or has ended."""
        await asyncio.sleep(planned.after_s)
        self._interrupt = Interrupt(time.time(), planned.hinted)
        while self._partial is None:
            try:
                self._partial = await self._rig.turns().interrupt(self._id, self._hint if planned.hinted else _no_hint)
            except TurnRefused:
                return
            except CannotReachTemporal:
                await asyncio.sleep(_ASK_AGAIN_S)

    async def _hint(self) -> None:
        await self._shared.hint_interrupt(self._id)

    # -- what is checked in the end

    async def _check(self, handle: _Handle, result: JsonObject) -> None:
        text, interrupted = text_of(result), result["finish_reason"] == "interrupted"
        await self._check_history(handle, said_nothing=interrupted and not text)
        entries = await self._rig.requests(self._id)
        if interrupted:
            fitting = any(sent.startswith(text) for sent in self._truth.beginnings(entries))
            right = self._interrupt is not None and (fitting or not text)
        else:
            right = text in self._truth.answers(entries)
        if not right:
            self._report.problem(
                f"the durable text ({result['finish_reason']}) is no response's: {text!r}", self._planned
            )
        for seen in (*self._texts, *([self._partial.message.text] if self._partial else [])):
            if seen != text:
                self._report.problem(f"somebody ended with {seen!r}, not {text!r}", self._planned)
        self._report.timings.take(entries, self._planned.responses, self._interrupt if interrupted else None)
        accounted = TurnResult.model_validate(result)
        for wrong in misaccounted(accounted, entries):
            self._report.problem(wrong, self._planned)
        self._count(accounted, interrupted=interrupted)

    async def _check_history(self, handle: _Handle, *, said_nothing: bool) -> None:
        history = (await insist(handle.fetch_history)).to_json()
        # A turn that is stopped while no worker has it ends without a step.
        for event, least in (("ACTIVITY_TASK_COMPLETED", not said_nothing), ("WORKFLOW_EXECUTION_COMPLETED", 1)):
            count = history.count(f"EVENT_TYPE_{event}")
            if not least <= count <= 1:
                self._report.problem(f"{count} {event}", self._planned)

    def _count(self, result: TurnResult, *, interrupted: bool) -> None:
        report = self._report
        report.turns += 1
        report.interrupted += interrupted
        report.tries += len(result.tries)
        report.attempts += max((tried.attempt for tried in result.tries), default=1)
        report.failures.update(tried.error.type for tried in result.tries if tried.error)


async def _no_hint() -> None:
    pass


class HubOf:
    """The shared hub, or one with a connection pool of its own. An async context manager."""

    def __init__(self, rig: Rig, shared: Hub | None = None) -> None:
        self._rig, self._shared = rig, shared
        self._own = AsyncExitStack()

    async def __aenter__(self) -> Hub:
        if self._shared is not None:
            return self._shared
        redis = connect_redis(self._rig.stack.redis_url)
        self._own.push_async_callback(redis.aclose)
        return await self._own.enter_async_context(Hub(redis, self._rig.channels, self._rig.turns()))

    async def __aexit__(self, *_: object) -> None:
        await self._own.aclose()
