"""The parts of a Gemini request and the rules that tie them together; each fault is told in one sentence."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from deploy.sandbox.provider.script import JsonObject
from deploy.sandbox.provider.writing import objects

# A part is exactly one of these; the objects have fields they cannot be without.
_DATA: dict[str, tuple[str, ...]] = {
    "text": (),
    "inlineData": ("mimeType", "data"),
    "fileData": ("fileUri",),
    "functionCall": ("name",),
    "functionResponse": ("name", "response"),
    "executableCode": ("code", "language"),
    "codeExecutionResult": ("outcome",),
    "toolCall": ("toolType",),
    "toolResponse": ("toolType",),
}
_BESIDE = ("thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution")
_STRUCTS = {"functionCall": "args", "functionResponse": "response"}
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")

# Protocol buffers in JSON take both spellings of a name, and refuse a name that they do not know.
PROTO = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


class GenerationConfig(BaseModel):
    """How the answer is made; what it does not depend on is only known to be allowed."""

    model_config = PROTO

    candidate_count: Annotated[int, Field(ge=1, le=8)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    stop_sequences: Annotated[list[str], Field(max_length=5)] | None = None
    response_logprobs: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None

    audio_timestamp: bool | None = None
    enable_affective_dialog: bool | None = None
    enable_enhanced_civic_answers: bool | None = None
    frequency_penalty: float | None = None
    image_config: JsonObject | None = None
    logprobs: int | None = None
    media_resolution: str | None = None
    presence_penalty: float | None = None
    response_json_schema: JsonValue = None
    response_mime_type: str | None = None
    response_modalities: list[str] | None = None
    response_schema: JsonObject | None = None
    routing_config: JsonObject | None = None
    seed: int | None = None
    speech_config: JsonObject | None = None
    thinking_config: JsonObject | None = None
    top_k: float | None = None
    top_p: float | None = None


class Content(BaseModel):
    """One turn of the conversation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["user", "model", "function"] = "user"
    parts: list[JsonObject] = []

    @property
    def text(self) -> str:
        """The turn's text, its parts joined."""
        return " ".join(str(part["text"]) for part in self.parts if "text" in part)

    def count(self, kind: str) -> int:
        """Returns how many parts are of a kind."""
        return sum(kind in _named(part) for part in self.parts)


def _named(given: JsonObject) -> JsonObject:
    return {to_camel(name) if "_" in name else name: value for name, value in given.items()}


def check_contents(contents: list[Content]) -> str | None:
    """Returns what is wrong with the conversation."""
    return next(_part_faults(contents), None) or next(_turn_faults(contents), None) or _lost_signature(contents)


def _part_faults(contents: list[Content]) -> Iterator[str]:
    for number, content in enumerate(contents):
        where = f"* GenerateContentRequest.contents[{number}].parts"
        if not content.parts:
            yield f"{where}: contents.parts must not be empty.\n"
        for position, given in enumerate(content.parts):
            part = _named(given)
            at = f"{where}[{position}]"
            kinds = [kind for kind in _DATA if kind in part]
            if unknown := part.keys() - _DATA.keys() - {*_BESIDE}:
                yield f'Invalid JSON payload received. Unknown name "{min(unknown)}" at {at[2:]}: Cannot find field.'
            if len(kinds) != 1:
                yield f"{at}.data: required oneof field 'data' must have one initialized field\n"
            else:
                yield from _data_faults(kinds[0], part[kinds[0]], at)


def _data_faults(kind: str, data: JsonValue, where: str) -> Iterator[str]:
    if kind == "text":
        if not isinstance(data, str):
            yield f"Invalid value at {where[2:]}.text (TYPE_STRING)"
        return
    if not isinstance(data, dict):
        yield f"Invalid value at {where[2:]}.{kind}: it is no object"
        return
    named = _named(data)
    yield from (
        f"{where}.{kind}.{name}: {name} must not be empty.\n" for name in _DATA[kind] if not _filled(named, name)
    )
    struct = _STRUCTS.get(kind)
    if struct is not None and not isinstance(named.get(struct, {}), dict):
        yield f"Invalid value at {where[2:]}.{kind}.{struct} (type.googleapis.com/google.protobuf.Struct)"


def _filled(given: JsonObject, name: str) -> bool:
    # An object may be empty, a string may not.
    return given.get(name) not in (None, "")


def _turn_faults(contents: list[Content]) -> Iterator[str]:
    before: Content | None = None
    for content in contents:
        calls, answers = content.count("functionCall"), content.count("functionResponse")
        called = before.count("functionCall") if before else 0
        if calls and (before is None or before.role == "model"):
            yield "Please ensure that function call turn comes immediately after a user or function response turn."
        if answers and not called:
            yield "Please ensure that function response turn comes immediately after a function call turn."
        if called != answers:
            yield (
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
        before = content
    if before is not None and before.count("functionCall"):
        yield "Please ensure that a function call turn is followed by a function response turn."


def _lost_signature(contents: list[Content]) -> str | None:
    # Only the calls of the exchange that goes on must be signed: those after the user's last own words.
    for content in reversed(contents):
        if content.role != "model" and not content.count("functionResponse"):
            return None
        calls = [part for part in map(_named, content.parts) if "functionCall" in part]
        if calls and not calls[0].get("thoughtSignature"):
            return "Function call is missing a thought_signature in functionCall parts."
    return None


def check_tools(tools: list[JsonObject]) -> str | None:
    """Returns what is wrong with the tools."""
    for number, tool in enumerate(tools):
        declared = objects(_named(tool).get("functionDeclarations"))
        for position, function in enumerate(declared):
            if not _NAME.fullmatch(str(function.get("name", ""))):
                where = f"tools[{number}].function_declarations[{position}].name"
                return f"* GenerateContentRequest.{where}: Invalid function name."
            if {"parameters", "parametersJsonSchema"} <= _named(function).keys():
                return "Only one of parameters and parameters_json_schema can be set."
    return None
