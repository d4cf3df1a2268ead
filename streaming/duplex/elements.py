"""What passes between a session and whoever uses it: one shape for both directions.

Up go audio, images, video, text, tool results and marks (`end_of_stream`: the user's turn is over; `interrupted`:
stop answering). Down come text, audio, transcripts, tool calls, errors and marks. An element may hold several at once.

The last element of an answer has `end_of_stream`, with the whole answer as a `message`. An answer that the user cut
has two elements instead: `interrupted` when it is cut, with what was said by then (`message`) and what of that was
heard (`heard`), and `interrupted_turn_complete` when the provider has closed it.
"""

from dataclasses import dataclass, field
from typing import Literal

from streaming.jsontext import JsonObject
from streaming.messages import Message, ToolCallPart, Usage

BYTES_PER_SAMPLE = 2
"""PCM16, mono: what both wires speak."""


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of sound: PCM, 16 bits, little-endian, mono.

    Raises:
        ValueError: the rate is not positive.
    """

    data: bytes = field(repr=False)
    rate: int
    """Samples a second."""

    def __post_init__(self) -> None:
        """Refuse what lasts for ever: whoever counts sound divides by its rate."""
        if self.rate <= 0:
            raise ValueError(f"sound of {self.rate} samples a second")

    @property
    def ms(self) -> float:
        """How long it lasts."""
        return len(self.data) * 1000 / (self.rate * BYTES_PER_SAMPLE)


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, or a frame of a camera."""

    data: bytes = field(repr=False)
    media_type: str
    number: int = 0
    """Its place in its stream, from 0."""
    at: float = 0.0
    """When it was taken: seconds of any clock."""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """A piece of encoded video."""

    data: bytes = field(repr=False)
    media_type: str
    number: int = 0
    is_key_frame: bool = False
    at: float = 0.0
    duration_ms: float = 0.0
    width: int | None = None
    height: int | None = None
    fps: float | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words that were spoken, by the user or by the model."""

    speaker: Literal["user", "assistant"]
    text: str
    """What is new, or all of it where `final`."""
    final: bool = False
    item_id: str = ""
    """Which utterance it is of, where the provider names them: transcripts come late and out of order."""


@dataclass(frozen=True, slots=True)
class ToolResponse:
    """What a tool gave back, for the provider."""

    call_id: str
    name: str
    output: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What of a cut answer reached the user's ear."""

    text: str
    ms: float


FinishReason = Literal["stop", "tool_calls", "length", "content_filter", "interrupted", "cancelled", "failed"]
"""How an answer ended. "interrupted": the user spoke or stopped it; "cancelled": the provider did, on its own."""


# -- what happens to a session, apart from what is said in it


@dataclass(frozen=True, slots=True)
class Ready:
    """The provider has taken the setup."""

    session_id: str = ""
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Reconnected:
    """Another connection carries the session: what was queued meanwhile is sent on it."""

    how: Literal["resumed", "seeded"]
    """By the provider's own handle, or by telling a new session what was said."""
    why: str


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The model begins to answer; audio that comes now is of this answer."""


@dataclass(frozen=True, slots=True)
class GenerationComplete:
    """All of the answer has been made, though not all of it has been played."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The provider hears the user."""

    item_id: str = ""
    at_ms: float | None = None


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The provider hears that the user is silent."""

    item_id: str = ""
    at_ms: float | None = None


@dataclass(frozen=True, slots=True)
class UtteranceTaken:
    """What the user said is an item of the conversation now; its transcript may come much later."""

    item_id: str
    after: str | None = None
    """The item before it."""


@dataclass(frozen=True, slots=True)
class CallsCancelled:
    """The provider no longer waits for these calls' results, and takes none."""

    call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoingAway:
    """The provider will close the connection soon."""

    time_left_s: float


@dataclass(frozen=True, slots=True)
class Resumable:
    """From here another connection can go on; None: not from here."""

    handle: str | None


@dataclass(frozen=True, slots=True)
class AudioDropped:
    """Sound was thrown away because nobody took it in time."""

    ms: float
    which: Literal["sent", "received"]
    """The user's, for no connection was there to take it, or the model's, for the consumer was too slow."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the provider said that changes nothing: a benign error, limits, an unknown event."""

    code: str
    message: str = ""
    details: JsonObject | None = None


SessionEvent = (
    Ready
    | Reconnected
    | ResponseStarted
    | GenerationComplete
    | SpeechStarted
    | SpeechStopped
    | UtteranceTaken
    | CallsCancelled
    | GoingAway
    | Resumable
    | AudioDropped
    | Notice
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamElement:
    """One thing said, heard, asked for or told. All fields are optional; an empty element says nothing."""

    text: str | None = None
    """Up: what the user writes. Down: what the model writes, a piece at a time."""
    audio: Audio | None = None
    image: Image | None = None
    video: Video | None = None
    transcript: Transcript | None = None
    tool_calls: tuple[ToolCallPart, ...] = ()
    tool_responses: tuple[ToolResponse, ...] = ()
    """Up: for the provider."""
    tool_result_messages: tuple[Message, ...] = ()
    """For the history: the session gives them out again, in order, and tells the provider nothing of them."""
    error: Exception | None = None
    end_of_stream: bool = False
    """Up: the user's turn is over. Down: the answer is."""
    interrupted: bool = False
    interrupted_turn_complete: bool = False
    message: Message | None = None
    """The whole answer, or what there is of a cut one."""
    audio_ms: float = 0.0
    """How long the whole answer's sound is."""
    heard: Heard | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    response_id: str = ""
    """Which answer it is of."""
    event: SessionEvent | None = None

    @property
    def calls(self) -> tuple[ToolCallPart, ...]:
        """The tool calls, wherever they are: the element's own, and else those of its message."""
        if self.tool_calls or self.message is None:
            return self.tool_calls
        return tuple(part for part in self.message.parts if isinstance(part, ToolCallPart))
