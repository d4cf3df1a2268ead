"""What a session is to be, in words every realtime provider has its own for."""

from dataclasses import dataclass, field
from typing import Literal

from streaming.contracts import Tool


@dataclass(frozen=True)
class ServerVad:
    """The provider hears by itself when the user has finished; the defaults are OpenAI's."""

    threshold: float = 0.5
    """How loud speech is, 0 to 1; a wire with two steps only takes the nearer one."""
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500


@dataclass(frozen=True)
class SessionSetup:
    """What a session is to be."""

    model: str
    instructions: str | None = None
    voice: str | None = None
    tools: tuple[Tool, ...] = ()
    output: Literal["audio", "text"] = "audio"
    turn_detection: ServerVad | None = field(default_factory=ServerVad)
    """None: turns are manual; the user's ends with `end_of_stream`, and only then."""
    transcription: bool = True
    """Have the user's speech written down too."""
    transcription_model: str | None = None
    max_output_tokens: int | None = None
