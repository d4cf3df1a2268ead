"""The neutral message: what was said, whoever the provider was.

A message is a role and a list of parts; the part's `type` says which shape it has. Wherever parts are
accepted a plain string may stand for one text part, and `content` may stand for `parts`.

What only one provider understands (signatures, encrypted thoughts, item ids) rides on the part it belongs to, in
`provider_data` under that provider's name, and goes back to that provider only. An entry, even an empty one, says
that the part came from there.
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

FinishReason = Literal[
    "stop",
    "length",
    "tool_calls",
    "content_filter",
    "refusal",
    "paused",
    "interrupted",
    "deadline",
    "budget",
    "dry_run",
]
"""How a step ended.

"paused" is a provider's wish to be called again with what it said so far. "interrupted", "deadline" and "budget"
are ends of ours: the message is what had been said by then. A "dry_run" asked nobody anything.
"""
Role = Literal["system", "user", "assistant", "tool"]


class Contract(BaseModel):
    """A shape others write JSON against: unknown keys are refused by name, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _plain(value: JsonValue) -> JsonValue:
    if flaw := flaw_of(value):
        raise ValueError(f"{flaw} cannot be passed on")
    return value


PLAIN = AfterValidator(_plain)


class _ModelPart(Contract):
    """A part that a model may write."""

    provider_data: Annotated[dict[str, JsonValue], PLAIN] = Field(default={}, exclude_if=lambda value: not value)

    def own(self, provider: str) -> dict[str, JsonValue] | None:
        """Return what `provider` attached to this part; None where the part is not its."""
        data = self.provider_data.get(provider)
        return data if isinstance(data, dict) else None


class TextPart(_ModelPart):
    """Plain text, with the provider's annotations (citations, links) as it sent them."""

    type: Literal["text"] = "text"
    text: str
    annotations: Annotated[list[JsonValue], PLAIN] = Field(default=[], exclude_if=lambda value: not value)


class ReasoningPart(_ModelPart):
    """What the model thought, or a summary of it; empty where the provider keeps it to itself."""

    type: Literal["reasoning"] = "reasoning"
    text: str


class RefusalPart(_ModelPart):
    """The model's own words for declining."""

    type: Literal["refusal"] = "refusal"
    text: str


class ToolCallPart(_ModelPart):
    """A call the model asks for; `arguments` is the JSON text as it came, whole or not."""

    type: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: str


class ProviderItem(_ModelPart):
    """Something that only its own provider understands, whole: a server-side tool's call or result, a compaction.

    It goes back to that provider and is left out for any other. `kind` is the provider's word for it.
    """

    type: Literal["provider_item"] = "provider_item"
    kind: str


def _absent(value: object) -> bool:
    return value is None


class _Media(_ModelPart):
    """Media by value (`data`, base64, with its `media_type`) or by reference: exactly one of the three.

    `object` is a key in the worker's attachment store.
    """

    media_type: str | None = Field(default=None, exclude_if=_absent)
    data: str | None = Field(default=None, exclude_if=_absent)
    url: str | None = Field(default=None, exclude_if=_absent)
    object: str | None = Field(default=None, exclude_if=_absent)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if [self.data, self.url, self.object].count(None) != 2:
            raise ValueError("give exactly one of data (base64), url and object")
        if self.data is not None and self.media_type is None:
            raise ValueError("data needs its media_type")
        return self


class ImagePart(_Media):
    """An image."""

    type: Literal["image"] = "image"


class AudioPart(_Media):
    """A sound, with what is said in it where the provider wrote that down."""

    type: Literal["audio"] = "audio"
    transcript: str | None = Field(default=None, exclude_if=_absent)


class FilePart(_Media):
    """A document."""

    type: Literal["file"] = "file"
    filename: str | None = Field(default=None, exclude_if=_absent)


def _as_parts(value: object) -> object:
    return [{"type": "text", "text": value}] if isinstance(value, str) else value


ResultPart = Annotated[TextPart | ImagePart | AudioPart | FilePart, Field(discriminator="type")]


class ToolResultPart(Contract):
    """What a tool gave back for one call."""

    type: Literal["tool_result"] = "tool_result"
    tool_call_id: str
    content: Annotated[list[ResultPart], BeforeValidator(_as_parts)]
    is_error: StrictBool = False


MediaPart = ImagePart | AudioPart | FilePart
Part = Annotated[
    TextPart | ReasoningPart | RefusalPart | ToolCallPart | ToolResultPart | MediaPart | ProviderItem,
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

    def plus(self, other: "Usage") -> "Usage":
        """Return the sum; what neither knows stays null."""
        counts = {name: (getattr(self, name), getattr(other, name)) for name in Usage.model_fields}
        known = {name: [count for count in both if count is not None] for name, both in counts.items()}
        return Usage(**{name: sum(both) for name, both in known.items() if both})

    @property
    def total_tokens(self) -> int:
        """Input and output, as far as they are known."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)


def text_sha256(text: str) -> str:
    """Return the fingerprint by which a screen and a durable result are compared: hex SHA-256 of UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()
