"""Standard streams that are closed, full, or left by whoever read them."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.shell import MILLSTREAM

ANSWER = b"""data: {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}

data: [DONE]

"""
NOWHERE = "TEMPORAL_ADDRESS=127.0.0.1:1"
DECODE = "decode openai-chat"


def run(arguments: str) -> tuple[int, str, str]:
    """Run a command in a shell, with an answer on standard input; return how it ended and what it said."""
    line = f"exec env {NOWHERE} {MILLSTREAM} {arguments}"
    done = subprocess.run(["/bin/sh", "-c", line], input=ANSWER, capture_output=True, timeout=240, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("command", [f"{DECODE} -", "ask -"])
def test_a_closed_input_is_told(command: str) -> None:
    """It is no empty one."""
    assert run(f"{command} <&-") == (2, "", "millstream: standard input is closed\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_outputs_change_nothing_else(closed: str) -> None:
    """An event loop that found one of them free would put a socket there."""
    code, out, err = run(f"watch turn-1 {closed}")

    assert (code, out) == (5, "")
    assert err.startswith("millstream: no Temporal server answers at") or "2>&-" in closed


def test_an_answer_may_go_nowhere() -> None:
    """Whether it is one is still told."""
    assert run(f"{DECODE} >&-") == (0, "", "")


def test_an_output_without_room_is_told(tmp_path: Path) -> None:
    """An answer that was not written is no success."""
    line = f"ulimit -f 0; exec {MILLSTREAM} {DECODE} > {tmp_path / 'answer.json'}"
    done = subprocess.run(["/bin/sh", "-c", line], input=ANSWER, capture_output=True, timeout=240, check=False)

    assert (done.returncode, done.stderr) == (1, b"millstream: standard output: File too large\n")


def test_a_reader_that_has_left_is_no_trouble() -> None:
    """It has what it wanted."""
    line = f"{MILLSTREAM} {DECODE} | true"
    done = subprocess.run(["/bin/sh", "-c", line], input=ANSWER, capture_output=True, timeout=240, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
