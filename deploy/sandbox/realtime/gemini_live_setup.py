"""The setup of a Gemini Live session, strictly validated."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from deploy.sandbox.provider.gemini_input import PROTO, Content, GenerationConfig, check_tools
from deploy.sandbox.provider.script import JsonObject
from deploy.sandbox.realtime.gemini_live_closing import INVALID, Refused

_MODEL = re.compile(r"(models|tunedModels)/[\w.:@-]+")

Whole = int | Annotated[str, Field(pattern=r"^-?\d{1,19}$")]
"""A number of 64 bits: a string in JSON, and a number is taken too."""


class ProtoMessage(BaseModel):
    """A message of protocol buffers in JSON: both spellings of a name are known, and no other name."""

    model_config = PROTO


class _Generation(GenerationConfig):
    """How the model answers; a live session knows one field more."""

    translation_config: JsonObject | None = None


class Detection(ProtoMessage):
    """How the service hears when the user speaks."""

    disabled: bool = False
    start_of_speech_sensitivity: (
        Literal["START_SENSITIVITY_UNSPECIFIED", "START_SENSITIVITY_HIGH", "START_SENSITIVITY_LOW"] | None
    ) = None
    end_of_speech_sensitivity: (
        Literal["END_SENSITIVITY_UNSPECIFIED", "END_SENSITIVITY_HIGH", "END_SENSITIVITY_LOW"] | None
    ) = None
    prefix_padding_ms: Annotated[int, Field(ge=0)] | None = None
    silence_duration_ms: Annotated[int, Field(ge=0)] | None = None


class InputConfig(ProtoMessage):
    """What the user's activity does."""

    automatic_activity_detection: Detection = Detection()
    activity_handling: Literal["ACTIVITY_HANDLING_UNSPECIFIED", "START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION"] = (
        "START_OF_ACTIVITY_INTERRUPTS"
    )
    turn_coverage: (
        Literal[
            "TURN_COVERAGE_UNSPECIFIED",
            "TURN_INCLUDES_ONLY_ACTIVITY",
            "TURN_INCLUDES_ALL_INPUT",
            "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
        ]
        | None
    ) = None
    interim_transcript_timestamp_enabled: bool | None = None


class Resumption(ProtoMessage):
    """Asks for handles, and comes with one."""

    handle: str = ""


class _SlidingWindow(ProtoMessage):
    target_tokens: Whole | None = None


class _Compression(ProtoMessage):
    sliding_window: _SlidingWindow | None = None
    trigger_tokens: Whole | None = None


class _History(ProtoMessage):
    initial_history_in_client_content: bool = False


class Setup(ProtoMessage):
    """The first message; what an answer does not depend on is only known to be allowed."""

    model: str
    generation_config: _Generation = _Generation()
    history_config: _History = _History()
    input_audio_transcription: JsonObject | None = None
    output_audio_transcription: JsonObject | None = None
    realtime_input_config: InputConfig = InputConfig()
    session_resumption: Resumption | None = None
    tools: list[JsonObject] | None = None

    avatar_config: JsonObject | None = None
    context_window_compression: _Compression | None = None
    labels: dict[str, str] | None = None
    proactivity: JsonObject | None = None
    safety_settings: list[JsonObject] | None = None
    system_instruction: Content | None = None

    @property
    def speaks(self) -> bool:
        """Whether the model answers in sound, which it does unless told otherwise."""
        return self.generation_config.response_modalities != ["TEXT"]

    @property
    def detection(self) -> Detection | None:
        """How the service hears the user; None where the client tells it."""
        detection = self.realtime_input_config.automatic_activity_detection
        return None if detection.disabled else detection

    @property
    def interruptible(self) -> bool:
        """Whether the user's activity cuts an answer."""
        return self.realtime_input_config.activity_handling != "NO_INTERRUPTION"


def check_setup(setup: Setup) -> None:
    """Looks at what no field alone is wrong with.

    Raises:
        Refused: the service does not take this setup.
    """
    if not _MODEL.fullmatch(setup.model):
        raise Refused(INVALID, "* BidiGenerateContentRequest.setup.model: unexpected model name format\n")
    if setup.generation_config.response_modalities not in (None, [], ["TEXT"], ["AUDIO"]):
        raise Refused(INVALID)
    if fault := check_tools(setup.tools or []):
        raise Refused(INVALID, fault.replace("GenerateContentRequest", "BidiGenerateContentRequest.setup"))
