"""One viewer's place in a process' view of a turn, and what it has yet to be told. Pure.

A reader has no queue: what it is behind by is computed when it reads. A slow one is told bigger additions, the
newest try only, and of failures and standings the last: what it ends with is what everybody ends with.
"""

from streaming.live.durable import Outcome, Standing
from streaming.live.frames import Frame
from streaming.live.transcript import Place
from streaming.live.viewer import Viewer

Event = Frame | Standing | Outcome


class Reader:
    """One viewer of a turn."""

    def __init__(self) -> None:
        self._opening: Frame | None = None
        self._place = Place()
        self._failure: Frame | None = None
        self._end: Frame | None = None
        self._standing: Standing | None = None
        self._told: Standing | None = None

    def read(self, viewer: Viewer, standing: Standing | None, outcome: Outcome | None) -> list[Event]:
        """Return what happened since the last read, in order; the outcome is the last thing that does."""
        failed = self._read_failure(viewer)
        text: list[Event] = list(self._read_text(viewer))
        before = failed and failed[0].e < viewer.epoch  # a failed try's reason comes before its successor
        events: list[Event] = [*failed, *text] if before else [*text, *failed]
        if viewer.end is not self._end:
            self._end = viewer.end
            if viewer.end is not None:
                events.append(viewer.end)
        if standing is not self._standing:
            self._standing = standing
            if standing is not None and self._is_news(standing):
                self._told = standing
                events.append(standing)
        return [*events, outcome] if outcome is not None else events

    def _is_news(self, standing: Standing) -> bool:
        """Where a turn stands again as before it had moved; Temporal may be away all the time while text flows."""
        return standing != self._told or standing.status != "unreachable"

    def _read_failure(self, viewer: Viewer) -> list[Frame]:
        failure, told = viewer.failure, self._failure
        self._failure = failure
        if failure is None or failure is told:
            return []
        epochs = (viewer.epoch, self._opening.e if self._opening else 0)
        return [failure] if failure.e in epochs else []

    def _read_text(self, viewer: Viewer) -> list[Frame]:
        opening = viewer.opening
        if opening is None:
            return []  # the beginning of this epoch was missed: its snapshot is on the way
        newer = opening is not self._opening
        if newer:
            self._opening, self._place = opening, Place()
        additions = viewer.transcript.read(self._place)
        now = {"e": viewer.epoch, "s": viewer.flush_number}
        if newer and opening.kind == "snap":
            return [Frame("snap", viewer.epoch, viewer.flush_number, opening.body | now | {"p": additions})]
        told = [opening] if newer else []
        if additions:
            told.append(Frame("delta", viewer.epoch, viewer.flush_number, now | {"k": "delta", "p": additions}))
        return told
