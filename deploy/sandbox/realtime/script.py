"""What a fake realtime provider does: a `Step` for each successive user turn, strictly validated.

The same script serves both wires. When the steps are over the last one is repeated. An answer to tool results takes
the step's `after_tools`, so a tool exchange is one step.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

Ms = Annotated[float, Field(ge=0, le=3_600_000, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


class _Scripted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScriptedCall(_Scripted):
    """A tool call of the model."""

    name: str
    arguments: dict[str, JsonValue] = {}
    id: str | None = None
    """By default one is made up, unique in the session."""
    cancel_after_ms: Ms | None = None
    """Take the call back after so long, unless its result has come (Gemini only)."""


class Close(_Scripted):
    """How the connection ends."""

    when: Literal["before_answer", "mid_answer", "after_answer"] = "after_answer"
    how: Literal["close", "reset"] = "close"
    """A closing handshake, or a TCP reset."""
    code: int = 1000
    reason: str = ""


class Fault(_Scripted):
    """An error message of the provider."""

    when: Literal["before_answer", "mid_answer", "after_answer"] = "before_answer"
    code: str = "server_error"
    kind: str = "server_error"
    message: str = "scripted"
    fatal: bool = False
    """Close the connection after it (OpenAI: 1011; Gemini has no error messages but this close)."""


class Step(_Scripted):
    """What happens after one user turn."""

    user_says: str = "hello there"
    """The transcript of the user's speech, whatever was spoken."""
    transcript_after_ms: Ms = 0
    """How late that transcript comes, counted from the end of the turn: after the answer has begun, or ended."""
    text: str = "Hello, how can I help?"
    """What the model says."""
    audio_ms: Ms | None = None
    """How long its sound is; by default 60 ms a letter."""
    speed: Annotated[float, Field(gt=0)] | None = None
    """How fast sound is sent: 1 is as fast as it plays; None is all at once. Providers send faster than it plays."""
    think_ms: Ms = 0
    """How long the model waits before it answers."""
    tool_calls: list[ScriptedCall] = []
    """Called instead of answering; with `text` given too it is said before the calls."""
    tool_rounds: Annotated[int, Field(ge=1)] = 1
    """How often it calls its tools: results are answered with the calls again until then."""
    after_tools: str = "Done."
    """What the model says to the results. Faults, closes and the like happen with the calls and not with this."""
    barge_in_after_ms: Ms | None = None
    """The user is heard to speak after so much of the answer's sound was sent, though nobody did."""
    status: Literal["completed", "incomplete", "failed", "cancelled"] = "completed"
    """How the answer ends, after all its words (OpenAI's word; Gemini has no failed answers)."""
    incomplete_reason: Literal["max_output_tokens", "content_filter"] = "max_output_tokens"
    """Why, where it is incomplete."""
    silent: bool = False
    """Never answer."""
    empty: bool = False
    """End the answer with nothing in it."""
    fault: Fault | None = None
    """Where the answer fails, what it fails with; and else a message beside it."""
    close: Close | None = None
    go_away_s: Seconds | None = None
    """Before answering say that the connection will be closed in so long, and close it then (OpenAI only closes)."""
    raw: list[str] = []
    """Messages sent as they are before answering."""


class Script(_Scripted):
    """What a fake provider does, for one session over all its connections."""

    steps: Annotated[list[Step], Field(min_length=1)] = [Step()]
    refuse_setup: str | None = None
    """Refuse every setup, in these words."""
    resume: Literal["accept", "refuse"] = "accept"
    max_connection_s: Seconds | None = None
    """Close every connection after so long: OpenAI's session_expired, Gemini's goAway and then close."""
    vad_silence_ms: Ms | None = None
    """How long a silence ends a turn; None: what the client's setup says."""
    slow_connect_ms: Ms = 0


def parse_script(data: bytes) -> Script:
    """Parse a script from JSON.

    Raises:
        pydantic.ValidationError: names what is wrong.
    """
    return TypeAdapter(Script).validate_json(data)
