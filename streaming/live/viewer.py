"""One viewer's side of a turn: what may be on screen, and whether it is known to be right. Pure.

Rules of this file:

- State is `(e, s, transcript, synced)`. A lower epoch is a zombie's and is dropped; a higher one starts anew.
- Within an epoch, flush `s + 1` is applied, an older one dropped, and a gap makes the view unsynced.
- An unsynced view joins: at most each 300 ms, again after 1 s without an answer, and after three unanswered
  joins the durable side must be asked, because a stopped worker still counts as a receiver.
- `end` is provisional. Only the workflow's result, which the caller brings, is final.
"""

from streaming.live.frames import Frame
from streaming.live.transcript import Transcript
from streaming.messages import text_sha256

JOIN_AT_MOST_EVERY_S = 0.3
JOIN_AGAIN_AFTER_S = 1.0
UNANSWERED_JOINS = 3


class Viewer:
    """The view of one turn.

    Args:
        join_at_start: whether there may be something to join; a viewer that subscribed before the turn was
            started has missed nothing.
    """

    def __init__(self, *, join_at_start: bool) -> None:
        self.epoch = 0
        self.flush_number = 0
        self.transcript = Transcript()
        self.synced = not join_at_start
        self.ended = False
        self._joined_at: float | None = None
        self._unanswered = 0

    @property
    def text(self) -> str:
        """The text on screen."""
        return self.transcript.text

    def take(self, frame: Frame) -> bool:
        """Take one frame; return whether it belongs on screen (False: a zombie's, a duplicate, or a gap)."""
        if frame.e < self.epoch:
            return False
        if frame.e > self.epoch:
            return self._take_newer(frame)
        match frame.kind:
            case "snap":
                return self._take_snap(frame)
            case "delta":
                return self._take_delta(frame)
            case "end":
                return self._take_end(frame)
            case "beat":
                return self._expect(frame.s)
            case "fail" | "tool":
                return True
            case _:
                return False

    def _take_newer(self, frame: Frame) -> bool:
        self.epoch, self.flush_number = frame.e, 0
        self.transcript = Transcript()
        self.ended = False
        if frame.kind == "begin":
            self._sync()
            return True
        self.synced = False  # until the epoch's beginning is known
        if frame.kind == "snap":
            return self._take_snap(frame)
        return frame.kind == "fail"

    def _take_snap(self, frame: Frame) -> bool:
        if self.synced and frame.s < self.flush_number:
            return False
        transcript = Transcript()
        if not transcript.apply(frame.additions):
            return False
        self.transcript, self.flush_number = transcript, frame.s
        self._sync()
        return True

    def _take_delta(self, frame: Frame) -> bool:
        if not self.synced or frame.s <= self.flush_number:
            return False
        if frame.s > self.flush_number + 1 or not self.transcript.apply(frame.additions):
            self.synced = False
            return False
        self.flush_number = frame.s
        return True

    def _take_end(self, frame: Frame) -> bool:
        if not self._expect(frame.s):
            return False
        if frame.body.get("sha256") != text_sha256(self.text):
            self.synced = False
            return False
        self.ended = True
        return True

    def _expect(self, flush_number: int) -> bool:
        if self.synced and flush_number > self.flush_number:
            self.synced = False
        return self.synced

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
