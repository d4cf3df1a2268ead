"""Hears when somebody speaks and when a turn is over, as a realtime provider's server does.

Two clocks matter, and this is where sound sent in a burst differs from sound sent as it is spoken.

The clock of the samples says where speech begins and where a silence is long enough. It alone is not enough: in a
recording that comes all at once, a speaker's pause for breath is half a second of samples and no time at all, and the
sound after it is already here. No server answers into it, for by the time an answer could begin all has been heard.
So a silence ends the turn only when it has also lasted as long on the wall, counted from when the last loud sample
came, with nothing loud coming meanwhile:

- Sound sent as it is spoken: both clocks agree. The pause ends the turn, the answer begins, the speaker goes on, and
  what is heard then is a barge-in: the utterance was interrupted in its middle.
- A burst: what follows the pause comes at once and takes the end back, as often as there are pauses. The turn ends
  when the burst and the silence at its end are over, or when the client says so.

No I/O and no clock: the caller tells the time.
"""

from dataclasses import dataclass

from deploy.sandbox.realtime.sound import RATE

_FRAME_MS = 20
_BYTES_PER_SAMPLE = 2
_EVERY = 4
_LOUD = 0.02 * 32_768
"""The level of ordinary speech: one twentieth of full scale, and a bit less."""


@dataclass(frozen=True)
class SpeechStarted:
    """Somebody speaks; `at_ms` is where in all the sound, the padding before it included."""

    at_ms: float


@dataclass(frozen=True)
class SpeechStopped:
    """Nobody speaks any more; `at_ms` is where in all the sound, the silence included."""

    at_ms: float


class Vad:
    """One listener, for as long as its connection lives."""

    def __init__(
        self,
        rate: int = RATE,
        *,
        threshold: float = 0.5,
        prefix_ms: float = 300,
        silence_ms: float = 500,
        at_ms: float = 0,
    ) -> None:
        """Begins to listen.

        Args:
            rate: Samples a second.
            threshold: How loud speech is, from 0 to 1; ordinary speech is heard up to 1.
            prefix_ms: How much sound before the first loud moment belongs to the speech.
            silence_ms: How long a silence ends the turn.
            at_ms: How much sound came before it began to listen.
        """
        self.prefix_ms = prefix_ms
        self.silence_ms = silence_ms
        self._energy = (threshold * _LOUD) ** 2
        self._frame = rate * _FRAME_MS // 1000 * _BYTES_PER_SAMPLE
        self._rest = b""
        self._at_ms = at_ms
        self._speaking = False
        self._loud_until_ms = 0.0
        self._loud_at = 0.0
        self._end_ms: float | None = None

    @property
    def speaking(self) -> bool:
        """Whether a turn has begun that is not over."""
        return self._speaking

    @property
    def deadline(self) -> float | None:
        """When the turn is over if nothing loud comes before, on the clock of `now`; call `settle` then."""
        return None if self._end_ms is None else self._loud_at + self.silence_ms / 1000

    def hear(self, data: bytes, now: float) -> list[SpeechStarted]:
        """Takes sound in pieces of any size.

        Args:
            data: PCM16.
            now: Seconds of any clock that does not jump.

        Returns:
            The beginning of speech, where it is in these bytes.
        """
        started = []
        data = self._rest + data
        whole = len(data) - len(data) % self._frame
        for start in range(0, whole, self._frame):
            self._at_ms += _FRAME_MS
            if self._loud(data[start : start + self._frame]):
                if not self._speaking:
                    started.append(SpeechStarted(max(0.0, self._at_ms - _FRAME_MS - self.prefix_ms)))
                self._speaking, self._end_ms = True, None
                self._loud_until_ms, self._loud_at = self._at_ms, now
            elif self._speaking and self._end_ms is None and self._at_ms - self._loud_until_ms >= self.silence_ms:
                self._end_ms = self._at_ms
        self._rest = data[whole:]
        return started

    def settle(self, now: float) -> SpeechStopped | None:
        """Returns the end of the turn, when it is time."""
        deadline = self.deadline
        if self._end_ms is None or deadline is None or now < deadline:
            return None
        stopped = SpeechStopped(self._end_ms)
        self.forget()
        return stopped

    def forget(self) -> None:
        """Forgets the turn that has begun: the client ended it, or threw its sound away."""
        self._speaking, self._end_ms = False, None

    def _loud(self, frame: bytes) -> bool:
        # Every few samples are enough to tell, and fifty sessions share a core.
        samples = memoryview(frame).cast("h")[::_EVERY]
        return sum(sample * sample for sample in samples) >= self._energy * len(samples)
