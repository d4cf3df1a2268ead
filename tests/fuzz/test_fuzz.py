"""Fuzzing in CI's measure: everything ever kept, and the same few new inputs each time. `make fuzz` takes its time."""

import importlib.util
import sys

import pytest

from streaming.providers import WIRES
from tests.fuzz import corpora
from tests.fuzz.properties import TARGETS
from tests.fuzz.run import fuzz

INPUTS = 400


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_ever_worth_keeping_still_breaks_nothing(target: str) -> None:
    """Each input reached code that no other did."""
    inputs = [*corpora.seeds(target), *corpora.kept(target)]
    assert inputs
    for data in inputs:
        TARGETS[target](data)


@pytest.mark.skipif(
    sys.platform != "linux" or importlib.util.find_spec("atheris") is None,
    reason="atheris has wheels for Linux on x86-64 only; the corpus is replayed everywhere",
)
@pytest.mark.parametrize("wire", WIRES)
def test_some_new_inputs_break_nothing(wire: str) -> None:
    """Coverage guides what is tried next."""
    target = f"{wire}-stream"
    known = len(corpora.seeds(target)) + len(corpora.kept(target))  # those are counted as runs too
    count, inputs = fuzz(target, f"-runs={known + INPUTS}", "-seed=1")

    assert count >= known + INPUTS
    assert len(inputs) > 1
