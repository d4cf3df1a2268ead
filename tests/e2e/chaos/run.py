"""Runs a plan and says what went wrong: `python -m tests.e2e.chaos.run --turns 200 --seed 7`."""

import argparse
import asyncio
import logging
import os
import sys
import time

from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from tests.e2e.chaos.crew import Crew
from tests.e2e.chaos.faults import Faults
from tests.e2e.chaos.leaks import Leaks
from tests.e2e.chaos.plan import WORKERS, Plan, plan
from tests.e2e.chaos.report import Report
from tests.e2e.chaos.servers import mortal_servers
from tests.e2e.chaos.timings import Timings
from tests.e2e.chaos.turn_run import HubOf, TurnRun
from tests.e2e.rig import Rig, clean_environ, rig_up
from tests.e2e.test_wires import routes_file

_TELL_EVERY_TURNS = 500


async def run(rig: Rig, wanted: Plan) -> Report:
    """Run a plan on workers, a Redis and a Temporal of its own."""
    async with mortal_servers(rig) as (through, temporal, redis):
        config = through.servers.folder / "routes.toml"
        config.write_text(routes_file(rig.stack.provider_url))
        crew = Crew(through, config, WORKERS, redis.proxy.port)
        await crew.start()
        faults = Faults(crew, temporal, redis)
        report = Report(wanted, faults.incidents, Timings(faults.incidents), _say)
        leaks = Leaks(through, redis, crew)
        async with HubOf(through) as shared, asyncio.TaskGroup() as everything:
            started = asyncio.get_running_loop().time()
            everything.create_task(faults.inflict(wanted.faults, started))
            for planned in wanted.turns:
                await asyncio.sleep(started + planned.at_s - asyncio.get_running_loop().time())
                everything.create_task(TurnRun(planned, through, shared, report).run())
                if planned.number % _TELL_EVERY_TURNS == _TELL_EVERY_TURNS - 1:
                    _say(report)
        for left in (*await leaks.found(), *await crew.stop()):
            report.problem(left)
    return report


async def _main(turns: int, seed: int) -> int:
    _be_quiet()
    environ = clean_environ(os.environ)  # noqa: TID251 - a program of its own
    async with rig_up(environ) as rig:
        report = await run(rig, plan(turns, seed))
    _say(report)
    return bool(report.problems)


def _be_quiet() -> None:
    """Log errors only: that servers come and go is known."""
    logging.basicConfig(level=logging.ERROR)
    core = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=core)))


def _say(what: object) -> None:
    print(what, flush=True)  # noqa: T201 - a program of its own


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--turns", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    given = arguments.parse_args()
    sys.exit(asyncio.run(_main(given.turns, given.seed)))
