import contextlib
import json
import os

import pytest

from cli.displays import Display, JsonLines, JsonResult, Pipe
from streaming.live.durable import Outcome, Standing
from streaming.live.frames import Failure
from streaming.live.reader import Event
from streaming.live.viewer import Viewer
from streaming.messages import Message, RefusalPart
from tests.cli.events import begin, completed, delta, fail, result

OSC_52 = "\x1b]52;c;aGVsbG8=\x07"
FAILED = Outcome("failed", failure="RouteExhausted: no candidate")


def show(display: Display, *events: Event) -> None:
    """Show events one after the other."""
    viewer = Viewer(join_at_start=False)
    for event in events:
        display.show(event, viewer)
    display.close()


def test_a_pipe_gets_the_durable_text_once_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """Text that was taken back never reaches a file."""
    show(Pipe(), begin(), delta("flo"), begin(2, why="lost"), delta("flour", number=2), completed("flour\n[b]x[/b]"))

    assert capsys.readouterr() == ("flour\n[b]x[/b]\n", "")


def test_a_pipe_escapes_what_could_command_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What is piped into a pager ends on a terminal after all."""
    show(Pipe(), completed(OSC_52))

    assert capsys.readouterr().out == "\\x1b]52;c;aGVsbG8=\\x07\n"


def test_a_pipes_troubles_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Failures and waits are told without spoiling the output."""
    show(Pipe(), fail(Failure("Lost", f"gone{OSC_52}", next="b/x")), Standing("queued"), FAILED)
    out, err = capsys.readouterr()

    assert out == ""
    assert err.splitlines() == [
        "Lost: gone\\x1b]52;c;aGVsbG8=\\x07; next: b/x",
        "queued: no worker has taken it yet",
        "failed: RouteExhausted: no candidate",
    ]


def test_troubles_that_nobody_can_hear_spoil_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard error may be a pipe that nobody reads: the answer is printed all the same."""
    reading, writing = os.pipe()
    os.close(reading)
    with contextlib.suppress(BrokenPipeError), open(writing, "w") as unread:
        monkeypatch.setattr("sys.stderr", unread)
        show(Pipe(), fail(Failure("Lost", "gone")), completed("flour"))

    assert capsys.readouterr().out == "flour\n"


def test_a_refusal_is_told_beside_the_empty_text(capsys: pytest.CaptureFixture[str]) -> None:
    """A model that declines leaves a reason and not an unexplained empty line."""
    show(Pipe(), completed(Message(role="assistant", parts=[RefusalPart(text="I cannot.")]), "refusal"))

    assert capsys.readouterr() == ("\n", "the model declined: I cannot.\n")


def test_json_lines_are_the_frames_and_end_with_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    """A program sees each event as it came, one object a line."""
    frames = [begin(), delta(OSC_52)]
    show(JsonLines(), *frames, Standing("queued"), completed("flour"))
    printed = capsys.readouterr().out
    lines = [json.loads(line) for line in printed.splitlines()]

    assert lines[:2] == [frame.body for frame in frames]
    assert lines[2] == {"k": "state", "status": "queued", "attempt": 0, "last_failure": None, "next_attempt_at": None}
    assert lines[3] == {"k": "result", "result": result("flour").model_dump(mode="json")}
    assert "\x1b" not in printed


def test_json_lines_of_a_failed_turn_end_with_the_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """The last line says how it ended, also when it ended badly."""
    show(JsonLines(), begin(), FAILED)
    last = capsys.readouterr().out.splitlines()[-1]

    assert json.loads(last) == {"k": "failed", "status": "failed", "failure": "RouteExhausted: no candidate"}


def test_a_json_result_is_one_object_whatever_happened_before(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that asks gets the result as any Temporal client would."""
    show(JsonResult(), begin(), delta("flo"), completed("flour"))

    assert json.loads(capsys.readouterr().out) == result("flour").model_dump(mode="json")


def test_a_json_result_of_a_failed_turn_is_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A program never has to parse an empty output."""
    show(JsonResult(), begin(), FAILED)

    assert json.loads(capsys.readouterr().out) == {
        "error": {"status": "failed", "message": "RouteExhausted: no candidate"}
    }
