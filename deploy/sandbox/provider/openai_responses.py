"""The `openai-responses` wire: a request, and the unary `response` object that answers it."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from deploy.sandbox.provider.errors import Unfit
from deploy.sandbox.provider.format import Delivery, Event, Target
from deploy.sandbox.provider.openai_format import OpenAIFormat, explained, missing, refused
from deploy.sandbox.provider.openai_responses_input import check_input, check_text_format, check_tools
from deploy.sandbox.provider.openai_responses_stream import StreamOptions, response_events
from deploy.sandbox.provider.script import JsonObject, Response
from deploy.sandbox.provider.writing import Written, finish, length, logprob, objects, scripted_list, usage, write

_LOGPROBS = "message.output_text.logprobs"
_ID_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "web_search_call": "ws",
    "file_search_call": "fs",
    "code_interpreter_call": "ci",
    "image_generation_call": "ig",
}
# Everything else that a script may give as its finish reason is why a response is incomplete.
_STATUSES = ("completed", "failed", "cancelled", "in_progress", "queued")
_FAILED: JsonObject = {"code": "server_error", "message": "The model failed to generate a response."}
_ECHOED = (
    "background",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "reasoning",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
)


class ResponsesRequest(BaseModel):
    """A request body; what an answer does not depend on is only known to be allowed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str
    input: Annotated[list[JsonObject], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    include: list[str] | None = None
    instructions: str | None = None
    max_output_tokens: Annotated[int, Field(ge=16)] | None = None
    metadata: dict[str, str] | None = None
    text: JsonObject | None = None
    tools: list[JsonObject] | None = None
    previous_response_id: str | None = None
    conversation: JsonValue = None

    background: bool | None = None
    context_management: JsonValue = None
    max_tool_calls: int | None = None
    moderation: JsonValue = None
    parallel_tool_calls: bool | None = None
    prompt: JsonObject | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: JsonObject | None = None
    prompt_cache_retention: str | None = None
    reasoning: JsonObject | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    tool_choice: JsonValue = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    truncation: str | None = None
    user: str | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _text_is_a_message(cls, value: JsonValue) -> JsonValue:
        return [{"role": "user", "content": value}] if isinstance(value, str) else value

    @property
    def script(self) -> str | None:
        """The name of the script that the request asks for."""
        return (self.metadata or {}).get("script")

    @property
    def delivery(self) -> Delivery:
        """Whether the answer is streamed."""
        return "events" if self.stream else "whole"

    @property
    def question(self) -> str:
        """The last thing the user said."""
        content = next((item.get("content") for item in reversed(self.input) if item.get("role") == "user"), "")
        if isinstance(content, str):
            return content
        return " ".join(str(part["text"]) for part in objects(content) if "text" in part)

    def whole(self, script: Response, identity: str, created: int) -> JsonObject:
        """Returns the `response` object."""
        if script.choices is not None:
            raise Unfit("This wire has no choices.")
        usual = "completed"
        if script.message is None:
            written = write(script, self.question, limit=self.max_output_tokens)
            output = self._text(written)
            usual = "max_output_tokens" if written.end == "limit" else usual
        else:
            output = scripted_list(script.message, "output")
        end = finish(script, usual) or "in_progress"
        status = end if end in _STATUSES else "incomplete"
        items = [_item(item, f"{identity}{position:02d}") for position, item in enumerate(output)]
        if items and status == "incomplete" and "status" in items[-1]:
            items[-1] |= {"status": "incomplete"}
        body: JsonObject = {
            **_defaults(self),
            "id": f"resp_{identity}",
            "object": "response",
            "created_at": created,
            "completed_at": created + 1 if status == "completed" else None,
            "model": self.model,
            "status": status,
            "error": _FAILED if status == "failed" else None,
            "incomplete_details": {"reason": end} if status == "incomplete" else None,
            "output": [*items],
            "usage": usage(script, self._usage(output)),
        }
        return body | script.completion

    def events(self, whole: JsonObject) -> Iterator[Event]:
        """Yields the events from `response.created` to the one that tells the response's end."""
        options = self.stream_options or StreamOptions()
        return response_events(whole, padded=options.include_obfuscation is not False)

    def _text(self, written: Written) -> list[JsonObject]:
        wanted = _LOGPROBS in (self.include or [])
        logprobs: list[JsonValue] = [logprob(piece) for piece in written.pieces] if wanted else []
        part: JsonObject = {"type": "output_text", "text": written.text, "logprobs": logprobs}
        return [{"type": "message", "content": [part]}]

    def _usage(self, output: list[JsonObject]) -> JsonObject:
        asked = length(self.instructions) + sum(length(item.get("content")) for item in self.input)
        counts = {"reasoning": 0, "other": 0}
        for item in output:
            kind = "reasoning" if item.get("type") == "reasoning" else "other"
            parts = [*objects(item.get("summary")), *objects(item.get("content"))]
            counts[kind] += sum(length(item.get(key)) for key in ("arguments", "input"))
            counts[kind] += sum(length(part.get("text") or part.get("refusal")) for part in parts)
        written = sum(counts.values())
        return {
            "input_tokens": asked,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": counts["reasoning"]},
            "total_tokens": asked + written,
        }


def _defaults(request: ResponsesRequest) -> JsonObject:
    usual: JsonObject = {
        **dict.fromkeys(_ECHOED),
        "background": False,
        "metadata": {},
        "parallel_tool_calls": True,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
    }
    given = request.model_dump(include={*_ECHOED}, exclude_none=True)
    return usual | given


def _item(scripted: JsonObject, identity: str) -> JsonObject:
    kind = str(scripted.get("type", "message"))
    usual: JsonObject = {"id": f"{_ID_PREFIXES.get(kind, kind)}_{identity}", "type": kind}
    if kind == "reasoning":
        return usual | {"summary": []} | scripted
    usual |= {"status": "completed"}
    if kind != "message":
        return usual | scripted
    parts: list[JsonValue] = [_part(part) for part in objects(scripted.get("content"))]
    return usual | {"role": "assistant"} | scripted | {"content": parts}


def _part(scripted: JsonObject) -> JsonObject:
    usual: JsonObject = {"type": "output_text", "annotations": [], "logprobs": []}
    return usual | scripted if scripted.get("type", "output_text") == "output_text" else scripted


class OpenAIResponses(OpenAIFormat):
    """The format of `POST /v1/responses`."""

    def parse(self, body: JsonObject, target: Target) -> ResponsesRequest:
        """Returns the validated request."""
        del target
        for name in ("model", "input"):
            if name not in body:
                raise missing(name)
        try:
            request = ResponsesRequest.model_validate(body)
        except ValidationError as problem:
            raise explained(problem) from None
        if request.stream_options is not None and not request.stream:
            text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
            raise refused(text, "stream_options")
        if request.background and request.store is False:
            raise refused("A response can only be made in the background if it is stored.", "background")
        check_input(request.input, continued=bool(request.previous_response_id or request.conversation))
        check_tools(request.tools or [])
        check_text_format(request.text or {})
        return request

    def broken(self, error: JsonObject, request_id: str, position: int) -> Event:
        """Returns the `error` event in its nested form, which is what production sends."""
        del request_id
        return Event({"type": "error", "error": error, "sequence_number": position}, name="error")
