"""Who says what in a voice session: word by word on a terminal, utterance by utterance in a pipe."""

from collections.abc import Callable
from typing import Literal

from cli.text import visible
from streaming.duplex.elements import (
    AudioDropped,
    CallsCancelled,
    GoingAway,
    Notice,
    Reconnected,
    SessionEvent,
    StreamElement,
)

Speaker = Literal["user", "assistant"]
_NAMES: dict[Speaker, str] = {"user": "you  ", "assistant": "model"}
_DROPPED = {"sent": "what you said", "received": "the answer's sound"}


class Spoken:
    """Shows a session's elements.

    Args:
        write: takes what is said, in pieces.
        note: takes a line about the session itself.
        live: show pieces as they come, for somebody who watches.
    """

    def __init__(self, write: Callable[[str], None], note: Callable[[str], None], *, live: bool) -> None:
        self._write = write
        self._note = note
        self._live = live
        self._said: dict[Speaker, str] = {"user": "", "assistant": ""}
        self._on_line: Speaker | None = None

    def show(self, element: StreamElement) -> None:
        """Show one element."""
        if element.text:
            self._say("assistant", element.text)
        if spoken := element.transcript:
            self._say(spoken.speaker, spoken.text[self._known(spoken.speaker, spoken.text) if spoken.final else 0 :])
            if spoken.final:
                self._finish(spoken.speaker)
        if element.interrupted:
            heard = element.heard.text if element.heard else ""
            self._finish("assistant")
            self._note(f"cut off; heard: {visible(heard)!r}")
        if element.end_of_stream:
            self._finish("assistant")
        if element.event and (line := _of(element.event)):
            self._break()
            self._note(line)

    def close(self) -> None:
        """Nothing more is said."""
        for speaker in _NAMES:
            self._finish(speaker)

    def _known(self, speaker: Speaker, whole: str) -> int:
        # A final transcript says everything again; one that was corrected meanwhile is said anew.
        said = self._said[speaker]
        if said and not whole.startswith(said):
            self._finish(speaker)
            return 0
        return len(said)

    def _say(self, speaker: Speaker, text: str) -> None:
        if not text:
            return
        if self._live:
            if self._on_line != speaker:
                self._break()
                self._write(f"{_NAMES[speaker]} │ ")
                self._on_line = speaker
            self._write(visible(text))
        self._said[speaker] += text

    def _finish(self, speaker: Speaker) -> None:
        said, self._said[speaker] = self._said[speaker], ""
        if self._live and self._on_line == speaker:
            self._break()
        elif said and not self._live:
            self._write(f"{_NAMES[speaker]} │ {visible(said.strip())}\n")

    def _break(self) -> None:
        if self._on_line is not None:
            self._write("\n")
            self._on_line = None


def _of(event: SessionEvent) -> str | None:
    match event:
        case Notice(code, message) if message:
            return visible(f"{code}: {message}")
        case Reconnected(how, why):
            return visible(f"another connection goes on ({how}): {why}")
        case GoingAway(time_left_s):
            return f"the provider closes this connection in {time_left_s:g} s"
        case CallsCancelled(call_ids):
            return visible(f"the model takes back {', '.join(call_ids)}")
        case AudioDropped(ms, which):
            return f"{ms:.0f} ms of {_DROPPED[which]} were dropped"
    return None
