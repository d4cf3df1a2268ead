"""What a followed turn looks like on a terminal: live text, who speaks, how fast, and at the end the proof."""

import asyncio
import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from cli import words
from cli.text import visible
from streaming.contracts import TurnResult
from streaming.live.durable import Outcome, Standing
from streaming.live.frames import Frame
from streaming.live.reader import Event
from streaming.live.viewer import Viewer

_REDRAWN_EVERY_S = 1 / 12
_LINES_BESIDE_TEXT = 3
_CHARACTERS_A_TOKEN = 4  # a guess while it streams; the provider's own count comes with the result
_RATE_AFTER_S = 0.5
_ROOM_FOR_CTRL_C = 3  # terminals echo ^C where the cursor is, and a line it breaks is not redrawn


class Screen:
    """A terminal. While the turn runs its last lines are redrawn in place; its end prints the whole text.

    To be made where an event loop runs: it draws there, because whoever follows the turn changes the text there.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began: float | None = None
        self._first_text_s: float | None = None
        self._viewer: Viewer | None = None
        self._speaker = ""
        self._told_why = ""
        self._note: Callable[[], str] = lambda: "waiting for a worker"
        self._live = Live(console=console, get_renderable=self.picture, auto_refresh=False, transient=True)
        self._live.start()
        self._loop = asyncio.get_running_loop()
        self._drawing = self._loop.call_soon(self._draw)

    def _draw(self) -> None:
        # When it is due, not at every event: a long text would cost more to wrap than to receive.
        self._live.refresh()
        self._drawing = self._loop.call_later(_REDRAWN_EVERY_S, self._draw)

    def _stop_drawing(self) -> None:
        self._drawing.cancel()
        self._live.stop()

    def show(self, event: Event, viewer: Viewer) -> None:
        """See `Display`."""
        self._viewer = viewer
        match event:
            case Outcome():
                self._finish(event, viewer.text)
            case Frame() if self._live.is_started:
                self._take_frame(event)
            case Standing() if self._live.is_started:
                self._note = lambda: words.of_standing(event)  # counts down as it is redrawn

    def close(self) -> None:
        """See `Display`. What was on screen stays there."""
        if self._live.is_started:
            self._stop_drawing()
            self._print(self._text, "")

    @property
    def _text(self) -> str:
        return self._viewer.text if self._viewer else ""

    def _take_frame(self, frame: Frame) -> None:
        if "provider" in frame.body:
            self._speaker = words.of_speaker(frame)
        if frame.kind == "begin":
            self._began, self._first_text_s = time.monotonic(), None
        match frame.kind:
            case "begin" if why := frame.body.get("why"):
                self._note = lambda: "starting over"
                because = "" if why == self._told_why else f" ({why})"
                self._print(f"↻ {self._speaker}: the text starts over{because}", "yellow")
            case "begin":
                self._note = lambda: "waiting for the first token"
            case "fail":
                self._told_why = words.of_reason(frame)
                self._note = lambda: words.of_failure(frame)
                self._print(f"✗ {self._speaker}: {words.of_failure(frame)}", "red")
            case "delta" | "snap":
                self._note = lambda: ""
                if self._began and self._first_text_s is None and self._text:
                    self._first_text_s = time.monotonic() - self._began

    def picture(self) -> RenderableType:
        """Return what stands on the screen at this moment."""
        text = self._text
        status = [self._note(), self._speaker, f"~{len(text) // _CHARACTERS_A_TOKEN} tokens"]
        if self._began is not None and self._first_text_s is not None:
            status.append(f"first token {self._first_text_s:.2f} s")
            streaming_s = time.monotonic() - self._began - self._first_text_s
            if streaming_s > _RATE_AFTER_S:
                status.append(f"~{len(text) / _CHARACTERS_A_TOKEN / streaming_s:.0f} tokens/s")
        line = Text(visible(" · ".join(filter(None, status))), style="dim")
        line.truncate(self._console.width - _ROOM_FOR_CTRL_C, overflow="ellipsis")
        return Group(*(self._last_lines(text) if text else ()), line)

    def _last_lines(self, text: str) -> list[Text]:
        room = max(self._console.height - _LINES_BESIDE_TEXT, 1)
        width = self._console.width
        # Wrapping starts at a place that seldom moves, so that the lines on screen do not dance.
        step = room * width
        begin = max(0, len(text) // step - 1) * step
        return list(Text(visible(text[begin:])).wrap(self._console, width))[-room:]

    def _finish(self, outcome: Outcome, on_screen: str) -> None:
        self._stop_drawing()
        if outcome.result is None:
            self._print(on_screen, "")
            self._print(f"✗ {outcome.status}: {outcome.failure}", "bold red")
            return
        self._print_result(outcome.result, on_screen)

    def _print_result(self, result: TurnResult, on_screen: str) -> None:
        self._print(result.message.text, "")
        for line in words.beside_text(result.message):
            self._print(line, "yellow")
        self._print(words.facts(result, self._first_text_s), "dim")
        same, proof = words.proof(result, on_screen)
        self._print(proof, "bold green" if same else "bold yellow")

    def _print(self, text: str, style: str) -> None:
        if text:
            self._console.print(Text(visible(text), style=style))
