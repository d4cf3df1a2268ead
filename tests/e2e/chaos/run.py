"""Runs a plan and says what went wrong: `python -m tests.e2e.chaos.run --turns 300 --seed 7`."""

import argparse
import asyncio
import logging
import os
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace

from temporalio.client import WorkflowHandle

from streaming.jsontext import JsonObject
from streaming.live.durable import Outcome
from streaming.live.frames import Frame
from streaming.live.hub import Hub, WatchedTurn
from streaming.live.link import connect_redis
from tests.e2e.chaos.faults import Faults
from tests.e2e.chaos.plan import LIMITS, Person, Plan, PlannedTurn, plan
from tests.e2e.chaos.screens import Screen, Truth
from tests.e2e.proxy import proxy_to
from tests.e2e.rig import Rig, clean_environ, redis_of_its_own, rig_up, text_of, turn

_RESULT_WITHIN_S = 100.0
_VIEWERS_END_WITHIN_S = 10.0
_Handle = WorkflowHandle[object, JsonObject]


@dataclass
class Report:
    """What happened."""

    plan: Plan
    faults: Counter[str] = field(default_factory=Counter)
    turns: int = 0
    attempts: int = 0
    tries: int = 0
    visits: int = 0
    stayed: int = 0
    """Visits to the end."""
    live: int = 0
    """Those of them that began before the result."""
    complete: int = 0
    """Those of them whose screen was complete before the result came."""
    slowest_end_s: float = 0.0
    """From the result, or a visit's beginning, to its last word."""
    problems: list[str] = field(default_factory=list)

    def problem(self, planned: PlannedTurn, what: str) -> None:
        """Note what must not be, with all that is needed to see it again."""
        self.problems.append(f"seed {self.plan.seed}, {len(self.plan.turns)} turns: {what}: {planned}")

    def __str__(self) -> str:
        faults = ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items()))
        return (
            f"seed {self.plan.seed}: {self.turns} turns ended once ({self.attempts} attempts, {self.tries} tries); "
            f"{self.visits} visits, {self.stayed} to the end, {self.live} of them from before the result, "
            f"{self.complete} of those complete before it; last word at most {self.slowest_end_s:.2f} s late; "
            f"faults: {faults}; {len(self.problems)} problems"
        )


class TurnRun:
    """One turn of a run, and everybody who watches it."""

    def __init__(self, planned: PlannedTurn, rig: Rig, shared: Hub, report: Report) -> None:
        self._planned, self._rig, self._shared, self._report = planned, rig, shared, report
        self._truth = Truth([response.sent for response in planned.responses])
        self._id = f"{rig.queue}-{planned.number}"
        self._ended_at: float | None = None
        self._texts: list[str] = []

    async def run(self) -> None:
        """Start the turn, watch it to its end, and check what everybody saw."""
        planned = self._planned
        await self._rig.script(*(response.script() for response in planned.responses), name=self._id)
        async with AsyncExitStack() as waiting:
            first = await waiting.enter_async_context(self._hub(planned.people[0])) if planned.awaited else None
            if first is not None:
                await waiting.enter_async_context(first.watch(self._id, join_at_start=False))
            request = turn(self._id, route=planned.route, limits=LIMITS)
            handle = await self._rig.start(request, queue=self._rig.queue, turn_id=self._id)
            hubs = [first, *[None] * (len(planned.people) - 1)]
            people = [
                asyncio.create_task(self._watch(person, hub)) for person, hub in zip(planned.people, hubs, strict=True)
            ]
            try:
                async with asyncio.timeout(_RESULT_WITHIN_S):
                    result = await handle.result()
                self._ended_at = time.monotonic()
                patience = _VIEWERS_END_WITHIN_S + max(person.planned_s for person in planned.people)
                done, hanging = await asyncio.wait(people, timeout=patience)
                for _ in hanging:
                    self._report.problem(planned, "a viewer hangs")
                for watching in done:
                    watching.result()
                await self._check(handle, result)
            except Exception as error:
                self._report.problem(planned, repr(error))
            finally:
                for person in people:
                    person.cancel()
                await asyncio.gather(*people, return_exceptions=True)

    def _hub(self, person: Person) -> "_HubOf":
        return _HubOf(self._rig, self._shared if person.shares_hub else None)

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
                if watched.viewer.synced:
                    self._right(watched.viewer.epoch, watched.viewer.text, "a view")

    def _right(self, epoch: int, text: str, whose: str) -> None:
        if not self._truth.explains(epoch, text):
            self._report.problem(self._planned, f"{whose} shows in epoch {epoch} what no response said: {text!r}")

    def _last_word(self, outcome: Outcome, began_at: float, *, on_screen: str | None) -> None:
        text = outcome.result.message.text if outcome.result else f"{outcome.status}: {outcome.failure}"
        self._texts.append(text)
        report, now = self._report, time.monotonic()
        report.stayed += 1
        report.live += on_screen is not None
        report.complete += on_screen == text
        report.slowest_end_s = max(report.slowest_end_s, now - max(self._ended_at or now, began_at))

    async def _check(self, handle: _Handle, result: JsonObject) -> None:
        text = text_of(result)
        history = (await handle.fetch_history()).to_json()
        for event in ("ACTIVITY_TASK_COMPLETED", "WORKFLOW_EXECUTION_COMPLETED"):
            if (count := history.count(f"EVENT_TYPE_{event}")) != 1:
                self._report.problem(self._planned, f"{count} {event}")
        if text not in (response.text for response in self._planned.responses if not response.fault):
            self._report.problem(self._planned, f"the durable text is no response's: {text!r}")
        for seen in self._texts:
            if seen != text:
                self._report.problem(self._planned, f"a viewer ended with {seen!r}, not {text!r}")
        tries = result["tries"]
        assert isinstance(tries, list)
        last = tries[-1]
        assert isinstance(last, dict)
        self._report.turns += 1
        self._report.tries += len(tries)
        self._report.attempts += int(str(last["attempt"]))


class _HubOf:
    """The shared hub, or one with a connection pool of its own. An async context manager."""

    def __init__(self, rig: Rig, shared: Hub | None) -> None:
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


async def run(rig: Rig, wanted: Plan) -> Report:
    """Run a plan on a Redis and workers of its own."""
    report = Report(wanted)
    async with redis_of_its_own(rig) as behind:
        redis_port = int(behind.stack.redis_url.rpartition(":")[2].partition("/")[0])
        async with proxy_to(redis_port) as proxy:
            url = f"redis://127.0.0.1:{proxy.port}/0"
            environ = {**behind.environ, "REDIS_URL": url}
            through = replace(behind, environ=environ, stack=replace(behind.stack, redis_url=url))
            faults = Faults(behind, through, proxy)
            report.faults = faults.inflicted
            await faults.start_workers()
            async with _HubOf(through, None) as shared, asyncio.TaskGroup() as everything:
                started = asyncio.get_running_loop().time()
                everything.create_task(faults.inflict(wanted.faults, started))
                for planned in wanted.turns:
                    await asyncio.sleep(started + planned.at_s - asyncio.get_running_loop().time())
                    everything.create_task(TurnRun(planned, through, shared, report).run())
    return report


async def _main(turns: int, seed: int) -> int:
    logging.basicConfig(level=logging.ERROR)  # that Redis comes and goes is known
    environ = clean_environ(os.environ)  # noqa: TID251 - a program of its own
    async with rig_up(environ) as rig:
        report = await run(rig, plan(turns, seed))
    for line in (*report.problems, report):
        print(line)  # noqa: T201 - a program of its own
    return bool(report.problems)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--turns", type=int, default=300)
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    given = arguments.parse_args()
    sys.exit(asyncio.run(_main(given.turns, given.seed)))
