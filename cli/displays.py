"""What a followed turn looks like: on a terminal, in a pipe, and to a program."""

import json
import sys
import time
from dataclasses import asdict
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from cli.text import visible
from streaming.contracts import TurnResult
from streaming.live.durable import Outcome, Standing
from streaming.live.frames import Frame
from streaming.live.subscriber import Event
from streaming.live.viewer import Viewer
from streaming.messages import text_sha256

_REFRESHES_PER_S = 12
_LINES_BESIDE_TEXT = 4


class Display(Protocol):
    """Shows what happens to one turn."""

    def show(self, event: Event, viewer: Viewer) -> None:
        """Something happened; `viewer` holds what may be on screen."""

    def close(self) -> None:
        """Nothing more will be shown."""


class Screen:
    """A terminal: live text, who speaks, how fast, and at the end the proof."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=_REFRESHES_PER_S, transient=True)
        self._started = time.monotonic()
        self._first_text_s: float | None = None
        self._speaker = ""
        self._note = "waiting for a worker"
        self._live.start()

    def show(self, event: Event, viewer: Viewer) -> None:
        """See `Display`."""
        match event:
            case Frame():
                self._take_frame(event, viewer)
            case Standing():
                self._note = _standing_words(event)
            case Outcome():
                self._finish(event, viewer)
                return
        self._live.update(self._picture(viewer))

    def close(self) -> None:
        """See `Display`."""
        self._live.stop()

    def _take_frame(self, frame: Frame, viewer: Viewer) -> None:
        body = frame.body
        if "provider" in body:
            self._speaker = f"{body['provider']}/{body['model']} · attempt {body['attempt']} · try {body['try']}"
        match frame.kind:
            case "begin":
                self._note = f"starting over: {body['why']}" if body.get("why") else "waiting for the first token"
                if body.get("why"):
                    self._say(f"↻ {self._speaker}: the text starts over ({body['why']})", "yellow")
            case "fail":
                self._note = _failure_words(frame)
                self._say(f"✗ {self._speaker}: {self._note}", "red")
            case "delta" | "snap" if viewer.text:
                if self._first_text_s is None:
                    self._first_text_s = time.monotonic() - self._started
                self._note = "streaming"

    def _picture(self, viewer: Viewer) -> RenderableType:
        room = max(self._console.height - _LINES_BESIDE_TEXT, 3)
        lines = Text(visible(viewer.text)).wrap(self._console, self._console.width)
        return Group(*lines[-room:], Text(self._status(viewer), style="dim"))

    def _status(self, viewer: Viewer) -> str:
        words = [self._speaker or "no worker yet", f"~{len(viewer.text) // 4} tokens"]
        if self._first_text_s is not None:
            words.append(f"first token {self._first_text_s:.2f} s")
        return " · ".join([*words, self._note])

    def _finish(self, outcome: Outcome, viewer: Viewer) -> None:
        on_screen = viewer.text
        self._live.update(Text(""))
        self._live.stop()
        if outcome.result is None:
            self._console.print(Text(visible(on_screen)))
            self._say(f"✗ {outcome.status}: {outcome.failure}", "bold red")
            return
        self._console.print(Text(visible(outcome.result.message.text)))
        self._say(_facts(outcome.result, self._first_text_s), "dim")
        self._say(*_proof(outcome.result, on_screen))

    def _say(self, line: str, style: str) -> None:
        self._console.print(Text(visible(line), style=style))


class Pipe:
    """Standard output that is no terminal: the durable text once, and nothing that was ever taken back."""

    def show(self, event: Event, viewer: Viewer) -> None:
        """See `Display`."""
        match event:
            case Frame("fail"):
                _note(_failure_words(event))
            case Standing():
                _note(_standing_words(event))
            case Outcome(result=None):
                _note(f"{event.status}: {event.failure}")
            case Outcome(result=TurnResult() as result):
                print(visible(result.message.text))

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
                print(json.dumps(result.model_dump(mode="json")))
            case Outcome():
                print(json.dumps({"error": {"status": event.status, "message": event.failure}}))

    def close(self) -> None:
        """See `Display`."""


def _note(line: str) -> None:
    print(visible(line), file=sys.stderr)


def _standing_words(standing: Standing) -> str:
    match standing.status:
        case "queued":
            return "queued: no worker has taken it yet"
        case "backing off":
            wait_s = max(0.0, (standing.next_attempt_at or 0) - time.time())
            return f"attempt {standing.attempt} in {wait_s:.1f} s, after: {standing.last_failure}"
        case "running":
            return f"attempt {standing.attempt} is running, its worker is silent"
    return standing.status


def _failure_words(frame: Frame) -> str:
    body = frame.body
    words = f"{body.get('class')}: {body.get('message')}"
    if body.get("next"):
        return f"{words}; next: {body['next']}"
    retry_at = body.get("retry_at")
    if isinstance(retry_at, int | float):
        return f"{words}; next attempt in {max(0.0, retry_at - time.time()):.1f} s"
    return words


def _facts(result: TurnResult, first_text_s: float | None) -> str:
    words = [f"{result.provider}/{result.model}", result.finish_reason]
    if result.tries:
        words.append(f"attempt {result.tries[-1].attempt}")
    if result.usage.output_tokens is not None:
        words.append(f"{result.usage.output_tokens} tokens out")
    if first_text_s is not None:
        words.append(f"first token {first_text_s:.2f} s")
    return " · ".join(words)


def _proof(result: TurnResult, on_screen: str) -> tuple[str, str]:
    durable = text_sha256(result.message.text)
    if durable == result.sha256 == text_sha256(on_screen):
        return f"✓ durable result, sha256 {durable[:16]}…: the text on screen is it", "bold green"
    return f"✓ durable result, sha256 {durable[:16]}…: the screen was behind and now shows it", "bold yellow"
