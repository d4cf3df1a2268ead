"""Recorded histories keep replaying: a change to a workflow must not strand the turns that run today."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from streaming.jsontext import JsonObject
from tests.e2e.rig import Rig, turn
from workflows.turn import Turn

HISTORIES = Path(__file__).parents[1] / "histories"


@pytest.mark.parametrize("name", sorted(path.stem for path in HISTORIES.glob("*.json")))
async def test_recorded_history_replays(name: str) -> None:
    """A history that a released worker wrote is replayed by today's code."""
    history = WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())

    await Replayer(workflows=[Turn], data_converter=pydantic_data_converter).replay_workflow(history)


def test_there_is_a_history_of_every_way_a_turn_ends() -> None:
    """Each shape of a run is on record."""
    names = {path.stem.partition("-")[0] for path in HISTORIES.glob("*.json")}

    assert names == {"cancelled", "completed", "failed", "interrupted", "invalid", "retried"}


@pytest.mark.usefixtures("worker")
async def test_history_of_today_replays(rig: Rig) -> None:
    """What this worker writes, this code replays: memo, retry and all."""
    busy: JsonObject = {"status": 500}
    script = await rig.script(busy, {"text": "replayed"})
    handle = await rig.start(turn(script, metadata={"customer": "c-1"}))
    await handle.result()
    history = await handle.fetch_history()

    await Replayer(workflows=[Turn], data_converter=pydantic_data_converter).replay_workflow(history)
