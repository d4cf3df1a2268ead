"""The `anthropic-messages` wire: a request, and the unary `message` object that answers it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from deploy.sandbox.provider.anthropic_messages_input import Message, check_conversation, check_thinking, check_tools
from deploy.sandbox.provider.anthropic_messages_stream import message_events
from deploy.sandbox.provider.errors import Refused, Unfit
from deploy.sandbox.provider.format import Delivery, Event, Target
from deploy.sandbox.provider.script import JsonObject, Response
from deploy.sandbox.provider.writing import finish, length, scripted_list, usage, write

# The newer version has no sampling parameters any more, and allows a system role among the messages.
_OLD, _NEW = "2023-06-01", "2026-10-21"
_SAMPLING = ("temperature", "top_p", "top_k")
_SCRIPT = "script:"
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_USUAL_ERRORS = {
    401: "invalid x-api-key",
    404: "The model does not exist.",
    429: "This request would exceed your organization's rate limit.",
    529: "Overloaded",
}
_STOP_REASONS = {"own": "end_turn", "limit": "max_tokens", "stop_sequence": "stop_sequence"}


class Metadata(BaseModel):
    """Who asks."""

    model_config = ConfigDict(extra="forbid", strict=True)

    user_id: str | None = None


class MessagesRequest(BaseModel):
    """A request body; what an answer does not depend on is only known to be allowed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str
    max_tokens: Annotated[int, Field(ge=0)]
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    metadata: Metadata | None = None
    thinking: JsonObject | None = None
    tools: list[JsonObject] | None = None
    tool_choice: JsonObject | None = None
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    system: JsonValue = None

    cache_control: JsonObject | None = None
    compaction: JsonObject | None = None
    container: JsonValue = None
    context_management: JsonObject | None = None
    diagnostics: JsonObject | None = None
    fallback_credit_token: JsonValue = None
    fallbacks: JsonValue = None
    inference_geo: str | None = None
    mcp_servers: list[JsonObject] | None = None
    output_config: JsonObject | None = None
    output_format: JsonObject | None = None
    service_tier: str | None = None
    speed: str | None = None
    thread: JsonObject | None = None

    @property
    def script(self) -> str | None:
        """The name of the script that the request asks for."""
        user = (self.metadata and self.metadata.user_id) or ""
        return user.removeprefix(_SCRIPT) if user.startswith(_SCRIPT) else None

    @property
    def delivery(self) -> Delivery:
        """Whether the answer is streamed."""
        return "events" if self.stream else "whole"

    @property
    def question(self) -> str:
        """The last thing the user said."""
        users = (message.text for message in reversed(self.messages) if message.role == "user")
        return next((text for text in users if text), "")

    def whole(self, script: Response, identity: str, created: int) -> JsonObject:
        """Returns the `message` object."""
        del created
        if script.choices is not None:
            raise Unfit("This wire has no choices.")
        stop_sequence = None
        if script.message is None:
            written = write(script, self.question, stops=self.stop_sequences or [], limit=self.max_tokens)
            content: list[JsonObject] = [{"type": "text", "text": written.text}]
            usual, stop_sequence = _STOP_REASONS[written.end], written.stop_sequence
        else:
            content = scripted_list(script.message, "content")
            usual = "tool_use" if any(block.get("type") == "tool_use" for block in content) else "end_turn"
        stop_reason = finish(script, usual)
        body: JsonObject = {
            "id": f"msg_01{identity}",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [*content],
            "stop_reason": stop_reason,
            "stop_sequence": stop_sequence if stop_reason == "stop_sequence" else None,
            "usage": usage(script, self._usage(content)),
        }
        return body | script.completion

    def events(self, whole: JsonObject) -> Iterator[Event]:
        """Yields the events from `message_start` to `message_stop`."""
        return message_events(whole)

    def _usage(self, content: list[JsonObject]) -> JsonObject:
        texts = ("text", "thinking", "input")
        return {
            "input_tokens": length(self.system) + sum(length(message.text) for message in self.messages),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": sum(length(block.get(text)) for block in content for text in texts),
            "service_tier": "standard",
        }


class AnthropicMessages:
    """The format of `POST /v1/messages`."""

    newline: ClassVar[str] = "\n"
    ping: ClassVar[Event | None] = Event({"type": "ping"}, name="ping")
    script_field: ClassVar[str] = "metadata.user_id"

    def authorise(self, target: Target) -> None:
        """Asks for a key, under either of its names."""
        scheme, _, token = target.headers.get("Authorization", "").partition(" ")
        if not target.headers.get("x-api-key", "").strip() and (scheme != "Bearer" or not token.strip()):
            raise Refused(401, self.error(401, "x-api-key header is required"))

    def parse(self, body: JsonObject, target: Target) -> MessagesRequest:
        """Returns the validated request."""
        version = target.headers.get("anthropic-version")
        if version not in (_OLD, _NEW):
            told = "header is required" if version is None else f"{version!r} is not a valid version"
            raise Refused(400, self.error(400, told, "anthropic-version"))
        try:
            request = MessagesRequest.model_validate(body)
        except ValidationError as problem:
            raise self._explained(problem) from None
        for name in _SAMPLING if version == _NEW else ():
            if name in body:
                raise Refused(400, self.error(400, "Extra inputs are not permitted", name))
        fault = (
            check_conversation(request.messages, system_role=version == _NEW)
            or check_tools(request.tools or [], request.tool_choice)
            or check_thinking(request.thinking or {}, body)
        )
        if fault is not None:
            raise Refused(400, self.error(400, fault))
        return request

    def _explained(self, problem: ValidationError) -> Refused:
        first = problem.errors()[0]
        told = {
            "missing": "Field required",
            "extra_forbidden": "Extra inputs are not permitted",
            "too_short": "at least one message is required",
        }
        path = ".".join(str(part) for part in first["loc"])
        return Refused(400, self.error(400, told.get(first["type"], first["msg"]), path))

    def error(self, status: int, message: str = "", field: str = "") -> JsonObject:
        """Returns the error object; the field stands before its message."""
        usual = "Internal server error" if status >= 500 else "The request was refused."
        told = message or _USUAL_ERRORS.get(status, usual)
        kind = _ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return {"type": kind, "message": f"{field}: {told}" if field else told}

    def failure(self, error: JsonObject, request_id: str) -> JsonObject:
        """Returns the error's envelope."""
        return {"type": "error", "error": error, "request_id": request_id}

    def broken(self, error: JsonObject, request_id: str, position: int) -> Event:
        """Returns the `error` event."""
        del position
        return Event(self.failure(error, request_id), name="error")

    def headers(self, request_id: str) -> dict[str, str]:
        """Returns the request id, whose request it was, and what is left of the limits."""
        soon = (datetime.now(UTC) + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
        limits = {"requests": 4000, "tokens": 480_000, "input-tokens": 400_000, "output-tokens": 80_000}
        left = {
            f"anthropic-ratelimit-{what}-{name}": value
            for what, limit in limits.items()
            for name, value in (("limit", str(limit)), ("remaining", str(limit - 1)), ("reset", soon))
        }
        return {"request-id": request_id, "anthropic-organization-id": "00000000-0000-4000-8000-000000000000", **left}

    def models(self, names: tuple[str, ...]) -> JsonObject:
        """Returns the list, which is one page."""
        return {
            "data": [self.one_model(name) for name in names],
            "has_more": False,
            "first_id": names[0],
            "last_id": names[-1],
        }

    def one_model(self, name: str) -> JsonObject:
        """Returns one model."""
        shown = name.replace("-", " ").title()
        return {"type": "model", "id": name, "display_name": shown, "created_at": "2026-01-01T00:00:00Z"}
