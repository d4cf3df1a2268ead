"""How fast a turn gets over what goes wrong, each figure beside its bar: see README.md here.

python -m benchmarks.failover [--quick]
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import quantiles

import uvloop

from benchmarks import failover_samples as samples
from benchmarks.failover_ground import Ground, ground
from benchmarks.failover_samples import CLOCK_S, FAULTS, HEARTBEAT_S, SILENCES, Cost
from benchmarks.tables import table
from deploy.sandbox.worker import is_scripted
from streaming.jsontext import JsonObject

_WARM_UP = 5
_GOOD: JsonObject = {"text": "whole at last"}
_COSTS: dict[str, tuple[str, list[JsonObject]]] = {
    "nothing fails": ("two", [_GOOD]),
    "one candidate fails (HTTP 500), the next answers": ("two", [{"status": 500}]),
    "all candidates fail once, the next pass answers": ("one", [{"status": 500}, _GOOD]),
}


@dataclass(frozen=True)
class Plan:
    """How many samples are taken of each."""

    switches: int = 100
    kills: int = 10
    silences: int = 20
    interrupts: int = 100
    unhinted: int = 20
    costs: int = 20


QUICK = Plan(switches=20, kills=3, silences=5, interrupts=20, unhinted=5, costs=5)


@dataclass(frozen=True)
class Bar:
    """A percentile and what it must stay under."""

    percentile: int
    under_ms: float

    def __str__(self) -> str:
        return f"p{self.percentile} < {self.under_ms:g}"


_SWITCH = Bar(50, 10)
_KILL = Bar(99, (HEARTBEAT_S + 1.5) * 1000)
_SILENCE = Bar(99, 200)
_INTERRUPT = Bar(99, 50)
_UNHINTED = Bar(99, HEARTBEAT_S * 1000)


@dataclass(frozen=True)
class Measured:
    """One line of the table."""

    what: str
    bar: Bar
    samples: list[float]

    def at(self, percentile: int) -> float:
        """Return a percentile in milliseconds."""
        return quantiles(self.samples, n=100, method="inclusive")[percentile - 1]

    @property
    def is_held(self) -> bool:
        """Whether the bar is met."""
        return self.at(self.bar.percentile) < self.bar.under_ms

    def cells(self) -> list[object]:
        """Return its line."""
        figures = [f"{figure:.1f}" for figure in (self.at(50), self.at(99), max(self.samples))]
        return [self.what, len(self.samples), *figures, self.bar, "yes" if self.is_held else "NO"]


async def run(on: Ground, plan: Plan) -> tuple[list[Measured], dict[str, Cost]]:
    """Measure everything, one after the other."""
    worker = await on.worker()
    await samples.switches(on, "HTTP 500", _WARM_UP)
    await samples.interrupts(on, _WARM_UP)
    found: list[Measured] = []
    for kind in FAULTS:
        late = await samples.switches(on, kind, plan.switches)
        found.append(Measured(f"{kind}: to the next candidate's request", _SWITCH, late))
    for clock in SILENCES:
        late = await samples.silences(on, clock, plan.silences)
        found.append(Measured(f"{clock} = {CLOCK_S:g}: to the closed socket, past the clock", _SILENCE, late))
    late = await samples.interrupts(on, plan.interrupts)
    found.append(Measured("interrupt: to the closed socket", _INTERRUPT, late))
    costs = {name: await samples.cost(on, script, route, plan.costs) for name, (route, script) in _COSTS.items()}
    late, worker = await samples.kills(on, worker, plan.kills)
    found.append(Measured(f"SIGKILL, heartbeat_s = {HEARTBEAT_S:g}: to the next attempt's first token", _KILL, late))
    await worker.stop(grace=15)
    await on.worker(samples.UNWATCHED, live=False)
    late = await samples.unhinted_interrupts(on, plan.unhinted)
    found.append(Measured(f"interrupt without Redis, heartbeat_s = {HEARTBEAT_S:g}: the same", _UNHINTED, late))
    return found, costs


def costs_table(costs: Mapping[str, Cost]) -> str:
    """Return what failures cost, beside a turn without one."""
    rows = [
        [name, f"{quantiles(cost.took_ms, n=2)[0] / 1000:.3f}", cost.events, f"{cost.history_bytes / 1000:.1f}"]
        for name, cost in costs.items()
    ]
    return table(["a turn in which", "median s", "history events", "history KB"], rows)


async def measure(plan: Plan, environ: Mapping[str, str]) -> bool:
    """Bring the stack up, measure, and print; return whether every bar is held."""
    load = os.getloadavg()[0]
    async with ground(environ) as on:
        found, costs = await run(on, plan)
    head = ["from what goes wrong", "samples", "p50 ms", "p99 ms", "max ms", "bar", "held"]
    lines = [line.cells() for line in found]
    print(f"{os.cpu_count()} cores, load {load:.1f} before\n\n{table(head, lines)}\n\n{costs_table(costs)}")
    return all(line.is_held for line in found)


def main() -> int:
    """Measure, on a machine whose servers and settings play no part; return 1 if a bar is missed."""
    machine = os.environ  # noqa: TID251 - a composition root
    theirs = ("MILLSTREAM_", "TEMPORAL_", "OPENAI_", "REDIS_URL")
    environ = {name: value for name, value in machine.items() if not name.startswith(theirs)}
    if not is_scripted(environ):
        sys.exit("a millstream.toml here names real providers: move it away")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        held = runner.run(measure(QUICK if "--quick" in sys.argv else Plan(), environ))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
