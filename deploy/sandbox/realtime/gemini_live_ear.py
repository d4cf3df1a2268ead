"""How the service knows that the user speaks, and has finished: it listens, or the client marks the turns itself."""

from enum import Enum, auto

from deploy.sandbox.realtime.gemini_live_closing import INVALID, Refused
from deploy.sandbox.realtime.gemini_live_input import Blob, RealtimeInput
from deploy.sandbox.realtime.gemini_live_setup import Detection, Setup
from deploy.sandbox.realtime.vad import Vad

_SILENCE_MS = 500
_THRESHOLDS = {"START_SENSITIVITY_HIGH": 0.25, "START_SENSITIVITY_LOW": 0.9}
_USUAL_THRESHOLD = 0.5


class Heard(Enum):
    """What the user's input means for the conversation."""

    STARTED = auto()
    """The user begins."""
    SPOKEN = auto()
    """The user has spoken, and it is the model's turn."""
    WRITTEN = auto()
    """The same without a sound."""


class MarkedTurns:
    """The client says when the user begins and ends; what it sends between the turns is of no turn."""

    deadline: float | None = None

    def __init__(self) -> None:
        self._active = False
        self._has_sound = False

    def hear(self, given: RealtimeInput, now: float) -> list[Heard]:
        """Takes input.

        Raises:
            Refused: it is for a service that listens.
        """
        del now
        if given.audio_stream_end is not None:
            raise Refused(INVALID, "audio_stream_end needs automatic activity detection.")
        heard = []
        if given.activity_start is not None:
            self._active, self._has_sound = True, False
            heard.append(Heard.STARTED)
        self._has_sound |= given.audio is not None
        if given.activity_end is not None and self._active:
            self._active = False
            heard.append(Heard.SPOKEN if self._has_sound else Heard.WRITTEN)
        return heard

    def settle(self, now: float) -> list[Heard]:
        """Returns nothing: time ends no turn."""
        del now
        return []


class DetectedTurns:
    """The service listens; text is a turn of its own."""

    def __init__(self, detection: Detection, silence_ms: float | None) -> None:
        self._threshold = _THRESHOLDS.get(detection.start_of_speech_sensitivity or "", _USUAL_THRESHOLD)
        told = _SILENCE_MS if detection.silence_duration_ms is None else detection.silence_duration_ms
        self._silence_ms = told if silence_ms is None else silence_ms
        self._prefix_ms = detection.prefix_padding_ms or 0
        self._rate = 0
        self._vad: Vad | None = None

    @property
    def deadline(self) -> float | None:
        """When to call `settle`, on the clock of `now`."""
        return self._vad.deadline if self._vad else None

    def hear(self, given: RealtimeInput, now: float) -> list[Heard]:
        """Takes input.

        Raises:
            Refused: it is for a client that marks the turns.
        """
        if given.activity_start is not None or given.activity_end is not None:
            told = "Explicit activity control is not supported when automatic activity detection is enabled."
            raise Refused(INVALID, told)
        heard = []
        if given.audio is not None:
            heard += [Heard.STARTED for _ in self._listening(given.audio).hear(given.audio.data, now)]
        if given.text is not None:
            heard += [Heard.STARTED, Heard.WRITTEN]
        if given.audio_stream_end and self._vad and self._vad.speaking:
            self._vad.forget()
            heard.append(Heard.SPOKEN)
        return heard

    def settle(self, now: float) -> list[Heard]:
        """Returns the end of a turn, when it is time."""
        return [Heard.SPOKEN] if self._vad and self._vad.settle(now) else []

    def _listening(self, audio: Blob) -> Vad:
        if self._vad is None or audio.rate != self._rate:
            self._rate = audio.rate
            self._vad = Vad(
                self._rate, threshold=self._threshold, prefix_ms=self._prefix_ms, silence_ms=self._silence_ms
            )
        return self._vad


def ear(setup: Setup, silence_ms: float | None) -> MarkedTurns | DetectedTurns:
    """Returns who tells the user's turns.

    Args:
        setup: What the client asked for.
        silence_ms: How long a silence ends a turn, whatever the client asked for.
    """
    return DetectedTurns(setup.detection, silence_ms) if setup.detection else MarkedTurns()
