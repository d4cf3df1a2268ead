"""What a script may say: one `Response` for each successive request, strictly validated.

A *chunk* below is a piece of answer: an SSE event with content in it (the role, finish and usage events do
not count), an entry of `raw_events`, or, in a body that is no event stream, a piece of `chunk_bytes` bytes.
A *ping* is what the wire has for one: Anthropic's own event, an SSE comment elsewhere, or a blank line in a body
that is no event stream.

What is quoted from a provider (`message`, `choices`, `completion`, `finish_reason`, `usage`, `error`) is in the words
of the wire on which the script is asked for.
"""

import base64
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, field_validator, model_validator

JsonObject: TypeAlias = dict[str, JsonValue]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]

_SOURCES = ("text", "tokens", "message", "choices", "raw_events", "body", "raw_base64")
_FAULTS = ("pings_only", "silent_after", "ping_after", "cut_after", "error_after")


class Choice(BaseModel):
    """One choice of a unary answer, or one of Gemini's candidates; fields a dialect adds are passed on."""

    model_config = ConfigDict(extra="allow", strict=True)

    index: int | None = None
    message: JsonObject = {}
    finish_reason: str | None = None
    logprobs: JsonObject | None = None


class Response(BaseModel):
    """One scripted answer: what it says, how fast, and what goes wrong on the way.

    Attributes:
        text: The answer's text; without any source a pleasant one is made up.
        tokens: Answer with this many numbered tokens instead.
        message: Answer with this instead (tool calls, refusal, reasoning, ...): a unary `message` object on
            openai-chat, `{"output": [items]}` on openai-responses, `{"content": [blocks]}` on anthropic-messages,
            `{"parts": [parts]}` on gemini.
        choices: Answer with these choices instead, however many were asked for; openai-chat and gemini only.
        completion: Top-level fields laid over the unary object.
        finish_reason: Why a text or message ends; null leaves that out, and the event that tells it. On
            openai-responses it is a response's status, or why it is incomplete.
        usage: The usage object; null leaves it out.
        headers_after_s: Silence before the headers.
        first_token_s: Silence between the headers and anything else.
        pace_s: Time from one chunk to the next.
        chunk_bytes: Cut the body into pieces of this many bytes, whatever the events.
        newline: The line end of the event stream; by default the wire's own.
        bom: Begin the body with a byte order mark.
        comments_every_s: Send pings this often for as long as there is silence.
        no_done: Leave out what says that a stream is whole: `[DONE]`, the last event of openai-responses,
            `message_stop`. Gemini has nothing of the kind.
        kept_s: How long a response that is made in the background can be asked for, from its creation on.
        streamed_s: How long its events can be asked for; OpenAI gives them for 5 minutes.
        pings_only: Send pings, and nothing else, for ever.
        silent_after: Send nothing after this many chunks; the connection stays open.
        ping_after: Send only pings after this many chunks, every 0.1 s unless `comments_every_s` says otherwise.
        cut_after: End after this many chunks, with no terminal event.
        cut: How that end looks: a closed connection, a reset one, or the body's proper end.
        error_after: Send `error` after this many chunks, and end properly.
        error: What is under `error` in the stream, or in the body when `status` is an error.
        status: The HTTP status; from 400 on the body is an error unless `body` is given.
        headers: More response headers.
        content_type: The content type, instead of the fitting one.
        body: The body, instead of an answer.
        raw_base64: The body as bytes in base64, instead of an answer.
        raw_events: SSE events, each one line or more, instead of the generated ones.
        json_although_stream: Answer a streaming request with the unary object.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    # What it says: at most one of the first four, on which `completion` is laid.
    text: str | None = None
    tokens: Annotated[int, Field(ge=1, le=100_000)] | None = None
    message: JsonObject | None = None
    choices: list[Choice] | None = None
    completion: JsonObject = {}
    finish_reason: str | None = None
    usage: JsonObject | None = None

    # How fast.
    headers_after_s: Seconds = 0.0
    first_token_s: Seconds = 0.0
    pace_s: Seconds = 0.0

    # How long it can be read again, where it is made in the background.
    kept_s: Seconds | None = None
    streamed_s: Seconds | None = None

    # How its bytes are cut and framed.
    chunk_bytes: Annotated[int, Field(ge=1)] | None = None
    newline: Literal["\n", "\r\n", "\r"] | None = None
    bom: bool = False
    comments_every_s: Annotated[float, Field(ge=0.001, le=86_400)] | None = None
    no_done: bool = False

    # What goes wrong in the stream: at most one.
    pings_only: bool = False
    silent_after: Count | None = None
    ping_after: Count | None = None
    cut_after: Count | None = None
    cut: Literal["close", "reset", "eof"] = "close"
    error_after: Count | None = None
    error: JsonObject | None = None

    # What is answered instead of an answer.
    status: Annotated[int, Field(ge=200, le=599)] = 200
    headers: dict[str, str] = {}
    content_type: str | None = None
    body: str | None = None
    raw_base64: str | None = None
    raw_events: list[str] | None = None
    json_although_stream: bool = False

    @field_validator("completion")
    @classmethod
    def _choices_can_be_streamed(cls, value: JsonObject) -> JsonObject:
        TypeAdapter(list[Choice]).validate_python(value.get("choices", []))
        return value

    @field_validator("raw_base64")
    @classmethod
    def _is_base64(cls, value: str | None) -> str | None:
        base64.b64decode(value or "", validate=True)
        return value

    @model_validator(mode="after")
    def _has_one_source_and_one_fault(self) -> Self:
        for names in (_SOURCES, _FAULTS):
            given = [name for name in names if name in self.model_fields_set]
            if len(given) > 1:
                raise ValueError(f"only one of these can be: {', '.join(given)}")
        if "cut" in self.model_fields_set and self.cut_after is None:
            raise ValueError("cut needs cut_after")
        if self.error is not None and self.error_after is None and self.status < 400:
            raise ValueError("error needs error_after or a status of 400 or more")
        return self

    @property
    def stops_after(self) -> int | None:
        """The number of chunks after which the scripted fault strikes, if there is one."""
        faults = (self.silent_after, self.ping_after, self.cut_after, self.error_after)
        return next((after for after in faults if after is not None), None)


RESPONSES = TypeAdapter(Annotated[list[Response], Field(min_length=1)])
