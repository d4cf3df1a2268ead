"""Chaos in short: the long form is `make chaos`."""

import pytest

from tests.e2e.chaos.plan import FAULTS, plan
from tests.e2e.chaos.run import run
from tests.e2e.rig import Rig

TURNS = 45
SLACK_S = 10.0
"""For a machine that has other things to do: what nobody noticed takes longer, until `try_s` or `total_s` ends it.
`make chaos` prints what is wanted, and what came of it."""


def test_a_seed_always_makes_the_same_plan() -> None:
    """What a failure prints is enough to see it again."""
    assert plan(40, 7) == plan(40, 7)
    assert plan(40, 7) != plan(40, 8)


@pytest.mark.parametrize("seed", [7])
async def test_every_turn_and_viewer_ends_with_what_a_provider_said_whatever_breaks(rig: Rig, seed: int) -> None:
    """One result a turn, no mixed text at any time, nobody hangs and nothing leaks, while all that can break does."""
    report = await run(rig, plan(TURNS, seed))

    assert report.problems == [], str(report)
    assert report.timings.missed(SLACK_S) == [], str(report)
    assert report.turns == TURNS
    assert set(report.faults) == set(FAULTS)
    assert report.interrupted
    assert report.stayed > TURNS
