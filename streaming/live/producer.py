"""One turn's producer: what it owes its viewers now. Pure: told what happened, asked for frames.

Rules of this file:

- Nobody watching costs nothing per delta: the reply to a PUBLISH is the number of receivers, 0 means dormant,
  and a dormant producer only remembers.
- A join is answered by one snapshot at the next flush, however many asked; it beats a late reply of 0.
- A flush that Redis did not take is not sent again: the next one carries a snapshot instead.
"""

from streaming.deltas import Delta
from streaming.live import frames
from streaming.live.counts import Counts
from streaming.live.frames import Failure, Header
from streaming.live.transcript import Place, Transcript
from streaming.messages import Usage

BEAT_EVERY_S = 1.0


class Producer:
    """The live side of one attempt of a turn, over its tries.

    Args:
        counts: where its snapshots are counted, with those of the worker's other turns.
        dormancy: off for a Redis proxy that falsifies PUBLISH's reply: then it is always awake.
    """

    def __init__(self, counts: Counts | None = None, *, dormancy: bool = True) -> None:
        self._counts = counts or Counts()
        self._dormancy = dormancy
        self._subscribed = False
        self._awake = not dormancy
        self._epoch = 0
        self._flush_number = 0
        self._header: Header | None = None
        self._transcript = Transcript()
        self._flushed = Place()
        self._why: str | None = None
        self._has_new = False
        self._owes_begin = False
        self._owes_snap = False
        self._fail: list[bytes] = []
        self._end: tuple[str, Usage, str] | None = None
        self._owes_end = False
        self._last_sent = 0.0

    @property
    def dormant(self) -> bool:
        """Whether nobody was watching when last heard."""
        return not self._awake

    @property
    def ended(self) -> bool:
        """Whether the step's stream is complete."""
        return self._end is not None

    @property
    def due(self) -> bool:
        """Whether a flush now would publish something (a beat aside)."""
        owed = self._owes_begin or self._owes_snap or self._owes_end or bool(self._fail)
        return self._subscribed and (owed or (self._awake and self._has_new))

    def begin(self, epoch: int, header: Header, why: str | None) -> None:
        """A try starts: its text starts empty."""
        self._epoch, self._header, self._why = epoch, header, why
        self._flush_number = 0
        self._transcript = Transcript()
        self._flushed = Place()
        self._has_new = self._owes_snap = self._owes_end = False
        self._end = None
        self._owes_begin = True

    def add(self, delta: Delta) -> bool:
        """Take a delta; return whether someone is waiting for it."""
        self._transcript.add(delta)
        self._has_new = True
        return self._awake

    def fail(self, failure: Failure) -> None:
        """The try failed; what it still held unflushed is withdrawn with it."""
        self._fail = self._owed_begin()  # whose failure it is, where nobody could be told yet
        self._fail.append(frames.fail(self._epoch, self._flush_number, failure))
        self._transcript.withdraw_after(self._flushed)
        self._has_new = False

    def end(self, finish_reason: str, usage: Usage, sha256: str) -> None:
        """The step's stream is complete."""
        self._end = (finish_reason, usage, sha256)
        self._owes_end = True

    def joined(self) -> None:
        """Someone asked for everything so far."""
        self._awake = True
        if self._header is not None and not self._owes_begin:
            self._owes_snap = True
            self._owes_end = self._end is not None

    def subscribed(self) -> None:
        """Redis acknowledged the ask subscription; after a reconnect, joins may have been lost before it."""
        if self._subscribed:
            self.joined()
        self._subscribed = True

    def dropped(self) -> None:
        """Redis did not take the last flush: who watched has a gap."""
        self._awake = True
        if self._header is not None:
            self._owes_snap = True
            self._owes_end = self._end is not None

    def received(self, receivers: int) -> None:
        """The last frame of a flush reached this many viewers."""
        if self._dormancy and not self._owes_snap:
            self._awake = receivers > 0

    def flush(self, now: float) -> list[bytes]:
        """Return the frames to publish now, in order; the caller reports `received` or `dropped`."""
        if not self._subscribed or self._header is None:
            return []
        out, self._fail = self._fail, []
        out += self._owed_begin()
        self._flush_content(self._header, out)
        if self._owes_end and self._end is not None:
            finish_reason, usage, sha256 = self._end
            out.append(frames.end(self._epoch, self._flush_number, finish_reason, usage, sha256))
            self._owes_end = False
        if not out and self._beat_is_due(now):
            out.append(frames.beat(self._epoch, self._flush_number))
        if out:
            self._last_sent = now
        return out

    def _owed_begin(self) -> list[bytes]:
        if not self._owes_begin or self._header is None:
            return []
        self._owes_begin = False
        return [frames.begin(self._epoch, self._header, self._why)]

    def _flush_content(self, header: Header, out: list[bytes]) -> None:
        wanted = self._owes_snap or self._awake
        if self._has_new and (wanted or self._owes_end):
            self._flush_number += 1
        if self._owes_snap:
            self._flushed = Place()
            self._counts.snapshots += 1
            out.append(frames.snap(self._epoch, self._flush_number, header, self._transcript.read(self._flushed)))
        elif self._has_new and wanted:
            out.append(frames.delta(self._epoch, self._flush_number, self._transcript.read(self._flushed)))
        if wanted or self._owes_end:
            self._has_new = self._owes_snap = False

    def _beat_is_due(self, now: float) -> bool:
        return self._awake and self._end is None and now - self._last_sent >= BEAT_EVERY_S
