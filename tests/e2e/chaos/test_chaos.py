"""Chaos in short: the long form is `make chaos`."""

import pytest

from tests.e2e.chaos.plan import FAULTS, plan
from tests.e2e.chaos.run import run
from tests.e2e.rig import Rig


def test_a_seed_always_makes_the_same_plan() -> None:
    """What a failure prints is enough to see it again."""
    assert plan(40, 7) == plan(40, 7)
    assert plan(40, 7) != plan(40, 8)


@pytest.mark.parametrize("seed", [7])
async def test_every_viewer_ends_with_the_durable_text_whatever_breaks(rig: Rig, seed: int) -> None:
    """One result a turn, no mixed text at any time, and nobody hangs, while all that can break does."""
    report = await run(rig, plan(40, seed))

    assert report.problems == [], str(report)
    assert report.turns == 40
    assert set(report.faults) == set(FAULTS)
    assert report.stayed > 40
