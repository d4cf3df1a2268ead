"""What a followed turn looks like in a pipe and to a program; `cli.screen` is for people."""

import json
from dataclasses import asdict
from typing import Protocol

from cli import words
from cli.standard_streams import tell
from cli.text import visible
from streaming.contracts import TurnResult
from streaming.live.durable import Outcome, Standing
from streaming.live.frames import Frame
from streaming.live.reader import Event
from streaming.live.viewer import Viewer


class Display(Protocol):
    """Shows what happens to one turn."""

    def show(self, event: Event, viewer: Viewer) -> None:
        """Something happened; `viewer` holds what may be on screen."""

    def close(self) -> None:
        """Only the outcome may still be shown."""


class Pipe:
    """Standard output that is no terminal: the durable text once, and nothing that was ever taken back."""

    def show(self, event: Event, viewer: Viewer) -> None:
        """See `Display`."""
        match event:
            case Frame("fail"):
                _note(words.of_failure(event))
            case Standing():
                _note(words.of_standing(event))
            case Outcome(result=None):
                _note(f"{event.status}: {event.failure}")
            case Outcome(result=TurnResult() as result):
                print(visible(result.message.text), flush=True)
                for line in words.beside_text(result.message):
                    _note(line)

    def close(self) -> None:
        """See `Display`."""


class JsonLines:
    """For programs: every event as one JSON object a line; the last is `result` or `failed`."""

    def show(self, event: Event, viewer: Viewer) -> None:
        """See `Display`."""
        match event:
            case Frame():
                line: dict[str, object] = dict(event.body)
            case Standing():
                line = {"k": "state"} | asdict(event)
            case Outcome(result=None):
                line = {"k": "failed", "status": event.status, "failure": event.failure}
            case Outcome(result=TurnResult() as result):
                line = {"k": "result", "result": result.model_dump(mode="json")}
        print(json.dumps(line), flush=True)

    def close(self) -> None:
        """See `Display`."""


class JsonResult:
    """For programs that want the end only: the durable result as one JSON object."""

    def show(self, event: Event, viewer: Viewer) -> None:
        """See `Display`."""
        match event:
            case Outcome(result=TurnResult() as result):
                print(json.dumps(result.model_dump(mode="json")), flush=True)
            case Outcome():
                print(json.dumps({"error": {"status": event.status, "message": event.failure}}), flush=True)

    def close(self) -> None:
        """See `Display`."""


def _note(line: str) -> None:
    tell(visible(line))
