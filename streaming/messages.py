"""The neutral message: what was said, whoever the provider was.

A message is a role and a list of parts; the part's `type` says which shape it has. Wherever parts are
accepted a plain string may stand for one text part, and `content` may stand for `parts`.
"""

import hashlib
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    model_validator,
)

from streaming.jsontext import flaw_of

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "interrupted"]
Role = Literal["system", "user", "assistant", "tool"]


class Contract(BaseModel):
    """A shape others write JSON against: unknown keys are refused by name, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _plain(value: JsonValue) -> JsonValue:
    if flaw := flaw_of(value):
        raise ValueError(f"{flaw} cannot be passed on")
    return value


PLAIN = AfterValidator(_plain)


class TextPart(Contract):
    """Plain text, with the provider's annotations (citations, links) as it sent them."""

    type: Literal["text"] = "text"
    text: str
    annotations: Annotated[list[JsonValue], PLAIN] = Field(default=[], exclude_if=lambda value: not value)


class ReasoningPart(Contract):
    """What the model thought; `provider_data` is opaque and goes back to the same provider only."""

    type: Literal["reasoning"] = "reasoning"
    text: str
    provider_data: Annotated[dict[str, JsonValue], PLAIN] = Field(default={}, exclude_if=lambda value: not value)


class RefusalPart(Contract):
    """The model's own words for declining."""

    type: Literal["refusal"] = "refusal"
    text: str


class ToolCallPart(Contract):
    """A call the model asks for; `arguments` is the JSON text as it came, whole or not."""

    type: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: str


class _Media(Contract):
    """Media by value (`data`, base64, with its `media_type`) or by reference (`url`), never both."""

    media_type: str | None = Field(default=None, exclude_if=lambda value: value is None)
    data: str | None = Field(default=None, exclude_if=lambda value: value is None)
    url: str | None = Field(default=None, exclude_if=lambda value: value is None)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.data is None) == (self.url is None):
            raise ValueError("give exactly one of data (base64) and url")
        if self.data is not None and self.media_type is None:
            raise ValueError("data needs its media_type")
        return self


class ImagePart(_Media):
    """An image."""

    type: Literal["image"] = "image"


class AudioPart(_Media):
    """A sound."""

    type: Literal["audio"] = "audio"


class FilePart(_Media):
    """A document."""

    type: Literal["file"] = "file"
    filename: str | None = Field(default=None, exclude_if=lambda value: value is None)


def _as_parts(value: object) -> object:
    return [{"type": "text", "text": value}] if isinstance(value, str) else value


ResultPart = Annotated[TextPart | ImagePart | AudioPart | FilePart, Field(discriminator="type")]


class ToolResultPart(Contract):
    """What a tool gave back for one call."""

    type: Literal["tool_result"] = "tool_result"
    tool_call_id: str
    content: Annotated[list[ResultPart], BeforeValidator(_as_parts)]
    is_error: StrictBool = False


Part = Annotated[
    TextPart | ReasoningPart | RefusalPart | ToolCallPart | ToolResultPart | ImagePart | AudioPart | FilePart,
    Field(discriminator="type"),
]


class Message(Contract):
    """One message of a conversation."""

    role: Role
    parts: Annotated[list[Part], BeforeValidator(_as_parts)]

    @model_validator(mode="before")
    @classmethod
    def _content_is_parts(cls, value: object) -> object:
        if not isinstance(value, dict) or "content" not in value:
            return value
        if "parts" in value:
            raise ValueError("give content or parts, not both")
        return {("parts" if key == "content" else key): item for key, item in value.items()}

    @property
    def text(self) -> str:
        """The text parts joined in order: no reasoning, no refusal, no tools."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


class Usage(Contract):
    """Tokens of one or more calls; null where the provider did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


def text_sha256(text: str) -> str:
    """Return the fingerprint by which a screen and a durable result are compared: hex SHA-256 of UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()
