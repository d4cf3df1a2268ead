"""What OpenAI Realtime's client events hold: settings of the session and of an answer, and items."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from deploy.sandbox.realtime.journal import JsonObject


class Given(BaseModel):
    """Something of a client's: nothing unknown, and no type for another."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Pcm(Given):
    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000] = 24000


class ServerVad(Given):
    """Turns end with a silence."""

    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    prefix_padding_ms: Annotated[int, Field(ge=0)] = 300
    silence_duration_ms: Annotated[int, Field(ge=0)] = 500
    idle_timeout_ms: Annotated[int, Field(gt=0)] | None = None
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(Given):
    """Turns end where a sentence does; to the fake that is where a silence is."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection: TypeAlias = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class _Transcription(Given):
    model: str | None = None
    language: str | None = None
    prompt: str | None = None


class _Input(Given):
    format: _Pcm | None = None
    noise_reduction: JsonObject | None = None
    transcription: _Transcription | None = None
    turn_detection: TurnDetection | None = None


class _Output(Given):
    format: _Pcm | None = None
    voice: str | None = None
    speed: Annotated[float, Field(ge=0.25, le=1.5)] | None = None


class _Audio(Given):
    input: _Input | None = None
    output: _Output | None = None


class _Function(Given):
    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: JsonObject | None = None


Modalities: TypeAlias = Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=1)]
_MaxTokens: TypeAlias = Annotated[int, Field(ge=1, le=4096)] | Literal["inf"]


class SessionFields(Given):
    """What of a session is to change."""

    type: Literal["realtime"]
    model: str | None = None
    instructions: str | None = None
    output_modalities: Modalities | None = None
    audio: _Audio | None = None
    tools: list[_Function] | None = None
    tool_choice: JsonValue = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: _MaxTokens | None = None
    include: list[str] | None = None
    prompt: JsonObject | None = None
    reasoning: JsonObject | None = None
    tracing: JsonValue = None
    truncation: JsonValue = None


class _Content(Given):
    type: Literal["input_text", "input_audio", "input_image", "output_text", "output_audio"]
    text: str | None = None
    audio: str | None = None
    transcript: str | None = None
    image_url: str | None = None
    detail: Literal["auto", "low", "high"] | None = None


class _Item(Given):
    id: Annotated[str, Field(max_length=32)] | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None


class Message(_Item):
    """Words, sound or pictures of somebody."""

    type: Literal["message"]
    role: Literal["user", "assistant", "system"]
    content: list[_Content]


class FunctionCall(_Item):
    """A call the model has made, told again."""

    type: Literal["function_call"]
    name: str
    arguments: str
    call_id: str | None = None


class FunctionCallOutput(_Item):
    """What a call gave."""

    type: Literal["function_call_output"]
    call_id: str
    output: str


Item: TypeAlias = Annotated[Message | FunctionCall | FunctionCallOutput, Field(discriminator="type")]


class ResponseFields(Given):
    """How one answer differs from the session's others."""

    conversation: Literal["auto"] | None = None
    instructions: str | None = None
    output_modalities: Modalities | None = None
    audio: JsonObject | None = None
    tools: list[_Function] | None = None
    tool_choice: JsonValue = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: _MaxTokens | None = None
    metadata: dict[str, str] | None = None
    prompt: JsonObject | None = None
    reasoning: JsonObject | None = None
