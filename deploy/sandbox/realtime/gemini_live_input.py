"""What a client of Gemini Live may say, strictly validated: exactly one thing in a message."""

import base64
import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, ValidationError, field_serializer

from deploy.sandbox.provider.gemini_input import Content
from deploy.sandbox.provider.script import JsonObject
from deploy.sandbox.realtime.gemini_live_closing import INVALID, Refused
from deploy.sandbox.realtime.gemini_live_setup import ProtoMessage, Setup

_RATE = re.compile(r"audio/pcm(?:;\s*rate=(\d{4,6}))?", re.ASCII)
_DEFAULT_RATE = 16_000
_RATES = (8_000, 192_000)


class ClientContent(ProtoMessage):
    """What was said, in order, and whether it is now the model's turn."""

    turns: list[Content] = []
    turn_complete: bool = False


def _decoded(text: object) -> bytes:
    # Both alphabets of base64 are taken, padded or not.
    if not isinstance(text, str):
        raise ValueError("bytes are a string of base64")  # noqa: TRY004 - what pydantic takes for a fault of the value
    standard = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)


class Blob(ProtoMessage):
    """Sound or a picture."""

    data: Annotated[bytes, BeforeValidator(_decoded, json_schema_input_type=str)]
    mime_type: str
    display_name: str | None = None

    @field_serializer("data")
    def _size(self, data: bytes) -> str:
        return f"<{len(data)} bytes>"

    @property
    def rate(self) -> int:
        """How many samples a second there are in the sound.

        Raises:
            Refused: it is no PCM of such a rate.
        """
        known = _RATE.fullmatch(self.mime_type)
        rate = int(known[1] or _DEFAULT_RATE) if known else 0
        if not _RATES[0] <= rate <= _RATES[1]:
            raise Refused(INVALID, f"Unsupported audio format: {self.mime_type}")
        return rate


class RealtimeInput(ProtoMessage):
    """What the user says and shows as it happens."""

    audio: Blob | None = None
    audio_stream_end: bool | None = None
    video: Blob | None = None
    text: str | None = None
    activity_start: JsonObject | None = None
    activity_end: JsonObject | None = None
    media_chunks: list[JsonObject] | None = None


class FunctionResponse(ProtoMessage):
    """What a function gave back."""

    id: str = ""
    name: str = ""
    response: JsonObject | None = None
    will_continue: bool = False
    scheduling: Literal["SCHEDULING_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT"] | None = None
    parts: list[JsonObject] | None = None


class ToolResponse(ProtoMessage):
    """What functions gave back."""

    function_responses: list[FunctionResponse] = []


class ClientMessage(ProtoMessage):
    """One message: exactly one of these."""

    setup: Setup | None = None
    client_content: ClientContent | None = None
    realtime_input: RealtimeInput | None = None
    tool_response: ToolResponse | None = None
    context_update: JsonObject | None = None

    def told(self) -> JsonObject:
        """Returns it for the journal: in one spelling, and of sound only how much there is."""
        return self.model_dump(by_alias=True, exclude_unset=True)


def parse(data: str | bytes) -> ClientMessage:
    """Returns a client's message.

    Raises:
        Refused: it is none; the reason names what is wrong.
    """
    try:
        message = ClientMessage.model_validate_json(data)
    except ValidationError as problem:
        raise Refused(INVALID, _explained(problem)) from None
    if len(message.model_fields_set) != 1:
        raise Refused(INVALID)
    return message


def _explained(problem: ValidationError) -> str:
    first = problem.errors()[0]
    if first["type"] == "json_invalid":
        return "Invalid JSON payload received. Unexpected token."
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        parent = ".".join(str(part) for part in first["loc"][:-1])
        where = f" at '{parent}'" if parent else ""
        return f'Invalid JSON payload received. Unknown name "{first["loc"][-1]}"{where}: Cannot find field.'
    return f"Invalid value at '{path}': {first['msg']}"
