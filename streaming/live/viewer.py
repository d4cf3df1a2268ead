"""One process' view of a turn: what may be on screen, and whether it is known to be right. Pure.

Rules of this file:

- State is `(e, s, transcript, synced)`; what a frame does to it is the table `_EFFECTS`, and nothing else.
- An unsynced view joins: at most each 300 ms, again after 1 s without an answer, and after three unanswered
  joins the durable side must be asked, because a stopped worker still counts as a receiver.
- `end` is provisional. Only the workflow's outcome, which the caller brings, is final.
"""

from collections.abc import Callable
from enum import Enum, auto

from streaming.live.frames import Frame
from streaming.live.transcript import Transcript
from streaming.messages import text_sha256

JOIN_AT_MOST_EVERY_S = 0.3
JOIN_AGAIN_AFTER_S = 1.0
UNANSWERED_JOINS = 3


class _Is(Enum):
    """How a frame stands to the view."""

    OLDER = auto()  # of an older epoch: a zombie's
    NEWER = auto()
    UNSYNCED = auto()  # of this epoch, of which something was missed
    BEFORE = auto()  # of a flush that is known
    HERE = auto()
    NEXT = auto()
    BEYOND = auto()


class Viewer:
    """The view of one turn.

    Args:
        join_at_start: whether there may be something to join; who subscribed before the turn was started has
            missed nothing.
    """

    def __init__(self, *, join_at_start: bool) -> None:
        self.epoch = 0
        self.flush_number = 0
        self.transcript = Transcript()
        self.synced = not join_at_start
        self.opening: Frame | None = None
        """The frame that the text on screen starts with: None while this epoch's beginning is missed."""
        self.failure: Frame | None = None
        """The last failure of a try, of this epoch or the one before."""
        self.end: Frame | None = None
        """The step's end: provisional."""
        self._joined_at: float | None = None
        self._unanswered = 0

    @property
    def text(self) -> str:
        """The text on screen."""
        return self.transcript.text

    @property
    def ended(self) -> bool:
        """Whether the step's stream is complete, as far as its producer knows."""
        return self.end is not None

    def take(self, frame: Frame) -> bool:
        """Take one frame; return whether it belongs on screen."""
        effect = _EFFECTS.get((self._stands(frame), frame.kind))
        return effect is not None and effect(self, frame)

    def _stands(self, frame: Frame) -> _Is:
        if frame.e != self.epoch:
            return _Is.OLDER if frame.e < self.epoch else _Is.NEWER
        if not self.synced:
            return _Is.UNSYNCED
        ahead = frame.s - self.flush_number
        if ahead < 0:
            return _Is.BEFORE
        return _Is.HERE if ahead == 0 else _Is.NEXT if ahead == 1 else _Is.BEYOND

    # -- effects: each returns whether the frame belongs on screen

    def _start(self, frame: Frame) -> bool:
        self.epoch, self.flush_number = frame.e, 0
        self.transcript = Transcript()
        self.opening, self.end = frame, None
        self._sync()
        return True

    def _restore(self, frame: Frame) -> bool:
        if frame.e > self.epoch:
            self._miss(frame)
        transcript = Transcript()
        if not transcript.apply(frame.additions):
            return False
        if self.opening is None or not transcript.extends(self.transcript):
            self.opening = frame  # what was on screen was never said: it starts over
        self.transcript, self.flush_number = transcript, frame.s
        self._sync()
        return True

    def _miss(self, frame: Frame) -> bool:
        """Start an epoch whose beginning was missed."""
        self._start(frame)
        self.opening = None
        self.synced = False
        return self._note(frame)

    def _extend(self, frame: Frame) -> bool:
        if not self.transcript.apply(frame.additions):
            return self._lose(frame)
        self.flush_number = frame.s
        return True

    def _finish(self, frame: Frame) -> bool:
        if frame.body.get("sha256") != text_sha256(self.text):
            return self._lose(frame)
        self.end = self.end or frame  # every join has it said again
        return True

    def _lose(self, _: Frame) -> bool:
        self.synced = False
        return False

    def _note(self, frame: Frame) -> bool:
        if frame.kind == "fail":
            self.failure = frame
        return frame.kind in ("fail", "tool")

    def _confirm(self, _: Frame) -> bool:
        return True

    # -- keeping right

    def _sync(self) -> None:
        self.synced = True
        self._unanswered = 0

    def lost(self) -> None:
        """The subscription broke or fell silent: anything may have been missed."""
        self.synced = False

    def join_is_due(self, now: float) -> bool:
        """Whether to publish a join now; the caller then says `joined`."""
        if self.synced:
            return False
        if self._joined_at is None:
            return True
        wait = JOIN_AGAIN_AFTER_S if self._unanswered else JOIN_AT_MOST_EVERY_S
        return now - self._joined_at >= wait

    def joined(self, now: float) -> None:
        """A join was published."""
        self._joined_at = now
        self._unanswered += 1

    @property
    def unanswered(self) -> bool:
        """Whether so many joins went unanswered that the durable side must be asked."""
        return self._unanswered >= UNANSWERED_JOINS


_Effect = Callable[[Viewer, Frame], bool]
_IN_THIS_EPOCH = (_Is.UNSYNCED, _Is.BEFORE, _Is.HERE, _Is.NEXT, _Is.BEYOND)

# A missing pair has no effect: a zombie's frame, a duplicate, or what an unsynced view cannot use.
_EFFECTS: dict[tuple[_Is, str], _Effect] = {
    (_Is.NEWER, "begin"): Viewer._start,
    (_Is.NEWER, "snap"): Viewer._restore,
    **{(_Is.NEWER, kind): Viewer._miss for kind in ("delta", "beat", "tool", "fail", "end")},
    **{(stands, "snap"): Viewer._restore for stands in _IN_THIS_EPOCH if stands is not _Is.BEFORE},
    **{(stands, kind): Viewer._note for stands in _IN_THIS_EPOCH for kind in ("fail", "tool")},
    (_Is.NEXT, "delta"): Viewer._extend,
    (_Is.BEYOND, "delta"): Viewer._lose,
    (_Is.HERE, "beat"): Viewer._confirm,
    (_Is.NEXT, "beat"): Viewer._lose,
    (_Is.BEYOND, "beat"): Viewer._lose,
    (_Is.HERE, "end"): Viewer._finish,
    (_Is.NEXT, "end"): Viewer._lose,
    (_Is.BEYOND, "end"): Viewer._lose,
}
