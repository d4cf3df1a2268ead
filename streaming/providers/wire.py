"""What a wire format is: a request body out, a stream or a unary body in.

One truth, one path: a wire accumulates a stream into the provider's *own* response object, exactly as its
unary endpoint would have returned it, and one function maps that object to the neutral answer for both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from streaming.contracts import GenerationSettings, Tool
from streaming.deltas import Delta
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import FinishReason, Message, Usage
from streaming.sse import Event


@dataclass(frozen=True)
class Quirks:
    """Where a compatible server differs from the wire it speaks."""

    no_done: bool = False
    """Ends its streams without `[DONE]`: a finish reason on every choice is the terminal marker."""
    no_stream_options: bool = False
    """Refuses `stream_options`, so usage is whatever it sends by itself."""
    renames: Mapping[str, str] = field(default_factory=dict)
    """Body keys it calls otherwise: the wire's own name -> the server's."""
    refuses: frozenset[str] = frozenset()
    """Names of neutral settings that it cannot do."""
    reasoning_field: str = ""
    """The assistant message's field in which it wants its own reasoning back; "" where it wants none."""
    json_object_only: bool = False
    """Knows JSON mode but no schemas: an output schema is told to the model in words."""
    short_tool_ids: bool = False
    """Takes tool call ids of nine letters and digits only (Mistral)."""


@dataclass(frozen=True)
class Call:
    """One model call in neutral words."""

    model: str
    messages: list[Message]
    provider: str = ""
    """Whose `provider_data` is sent back with the messages: the provider's name in the settings."""
    system: str | None = None
    tools: list[Tool] = field(default_factory=list)
    output_schema: JsonObject | None = None
    settings: GenerationSettings = field(default_factory=GenerationSettings)
    extra: JsonObject = field(default_factory=dict)
    quirks: Quirks = field(default_factory=Quirks)
    background: bool = False
    """Have the response made whether or not anybody reads it; only a `BackgroundWire` can."""


class ErrorDetails(NamedTuple):
    """What an error body says, "" for what it does not."""

    message: str = ""
    kind: str = ""
    """The provider's class of errors: `error.type`, or Gemini's `error.status`."""
    code: str = ""
    """The provider's most exact word for this one."""
    retry_after_s: float | None = None
    """How long the body (not a header) asks to wait."""


@dataclass(frozen=True)
class Answer:
    """One whole model response in neutral words."""

    choices: list[Message]
    finish_reason: FinishReason
    provider_finish_reason: str
    model: str | None
    usage: Usage

    @classmethod
    def empty(cls, finish_reason: FinishReason = "stop", provider_finish_reason: str = "") -> "Answer":
        """Return the answer of a model that said nothing."""
        return cls([Message(role="assistant", parts=[])], finish_reason, provider_finish_reason, None, Usage())

    @property
    def message(self) -> Message:
        """The first choice."""
        return self.choices[0]


class Accumulator(Protocol):
    """Rebuilds one streamed response. `feed` every event; after the last one, `final` is the whole object."""

    @property
    def complete(self) -> bool:
        """Whether the wire's terminal marker has been seen: nothing more will come."""

    @property
    def unshown(self) -> int:
        """How many pieces of content came that no delta tells of: of other choices, of sound, of what is sealed.

        To a clock they are content all the same.
        """

    def feed(self, event: Event) -> list[Delta]:
        """Take one event; return what it adds to the message.

        Raises:
            StreamedError: the event is an error object.
            NotTheWire: the event is not this wire's.
        """

    def end(self) -> None:
        """The body ended; what came by then must be a whole answer.

        Raises:
            TruncatedStream: the terminal marker is missing.
        """

    def final(self) -> JsonObject:
        """Return the provider's response object as far as it has come: whole once `complete`."""


class Wire(Protocol):
    """One wire format: a module of this package."""

    BY_URL: frozenset[str]
    """The types of media part that it takes by https URL; others are fetched first and sent as data."""

    def path(self, model: str, *, stream: bool) -> str:
        """Return the endpoint's path below a provider's base URL."""

    def headers(self, api_key: str) -> dict[str, str]:
        """Return the headers that carry the key, and the wire's version where it has one."""

    def body(self, call: Call, *, stream: bool) -> JsonObject:
        """Return the request body; streaming and unary differ in `stream*` keys only.

        Raises:
            CannotExpress: the wire has no words for something in the call.
        """

    def accumulator(self, quirks: Quirks) -> Accumulator:
        """Return a fresh accumulator for one stream."""

    def unary(self, body: JsonValue) -> JsonObject:
        """Check a unary response.

        Raises:
            StreamedError: the body is the provider's error object.
            NotTheWire: it is nothing of this wire's.
        """

    def answer(self, final: JsonObject, provider: str) -> Answer:
        """Map the provider's response object to the neutral answer; opaque data is put under `provider`.

        Raises:
            NotTheWire: the object lacks what a response must have.
        """

    def error_details(self, body: JsonValue) -> ErrorDetails:
        """Return what an error body says, each word cut short; empty where it is no error object."""
