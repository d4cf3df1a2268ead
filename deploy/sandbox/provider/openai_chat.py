"""The `openai-chat` wire: a request validated as OpenAI does, and its unary answer."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy.sandbox.provider.format import Delivery, Event, Target
from deploy.sandbox.provider.openai_chat_stream import StreamOptions, chunks
from deploy.sandbox.provider.openai_format import OpenAIFormat, explained, missing, refused
from deploy.sandbox.provider.script import Choice, JsonObject, Response
from deploy.sandbox.provider.writing import finish, length, logprob, usage, write

Limit = Annotated[int, Field(ge=1)]


class Message(BaseModel):
    """A message of the request, as far as an answer depends on it."""

    model_config = ConfigDict(extra="allow", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[JsonObject] | None = None
    tool_calls: list[JsonObject] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The message's text, its parts joined."""
        if isinstance(self.content, list):
            return " ".join(str(part["text"]) for part in self.content if "text" in part)
        return self.content or ""


class ChatRequest(BaseModel):
    """A request body, as far as an answer depends on it."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    max_completion_tokens: Limit | None = None
    max_tokens: Limit | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    metadata: dict[str, str] | None = None
    logprobs: bool | None = None

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
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")

    def whole(self, script: Response, identity: str, created: int) -> JsonObject:
        """Returns the `chat.completion` object."""
        choices = self._choices(script)
        body: JsonObject = {
            "id": f"chatcmpl-{identity}",
            "object": "chat.completion",
            "created": created,
            "model": self.model,
            "choices": [_choice_body(index, choice) for index, choice in enumerate(choices)],
            "usage": usage(script, self._usage(choices)),
            "service_tier": "default",
            "system_fingerprint": "fp_sandbox",
        }
        return body | script.completion

    def events(self, whole: JsonObject) -> Iterator[Event]:
        """Yields the `chat.completion.chunk` objects and `[DONE]`."""
        return chunks(whole, self.stream_options or StreamOptions())

    def _choices(self, script: Response) -> list[Choice]:
        count = self.n or 1
        if script.choices is not None:
            return script.choices
        if script.message is not None:
            usual = next((key for key in ("tool_calls", "function_call") if script.message.get(key)), "stop")
            return [Choice(message=script.message, finish_reason=finish(script, usual))] * count
        return [self._written(script, variant) for variant in range(count)]

    def _written(self, script: Response, variant: int) -> Choice:
        written = write(
            script,
            self.question,
            stops=[self.stop] if isinstance(self.stop, str) else self.stop or [],
            limit=self.max_completion_tokens or self.max_tokens,
            variant=variant,
        )
        logprobs: JsonObject | None = None
        if self.logprobs:
            logprobs = {"content": [logprob(piece) for piece in written.pieces], "refusal": None}
        usual = "length" if written.end == "limit" else "stop"
        return Choice(message={"content": written.text}, finish_reason=finish(script, usual), logprobs=logprobs)

    def _usage(self, choices: list[Choice]) -> JsonObject:
        prompt = sum(length(message.text) for message in self.messages)
        written = sum(length(choice.message) for choice in choices)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


def _choice_body(index: int, choice: Choice) -> JsonObject:
    usual: JsonObject = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    if choice.index is not None:
        index = choice.index
    return {
        **choice.model_dump(),
        "index": index,
        "message": usual | choice.message,
        "finish_reason": finish(choice, "stop"),
    }


class OpenAIChat(OpenAIFormat):
    """The format of `POST /v1/chat/completions`."""

    def parse(self, body: JsonObject, target: Target) -> ChatRequest:
        """Returns the validated request."""
        del target
        if "model" not in body:
            raise refused("you must provide a model parameter")
        try:
            request = ChatRequest.model_validate(body)
        except ValidationError as problem:
            raise explained(problem) from None
        if request.stream_options is not None and not request.stream:
            text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
            raise refused(text, "stream_options")
        _check_conversation(request.messages)
        return request

    def broken(self, error: JsonObject, request_id: str, position: int) -> Event:
        """Returns the error object where a chunk was due."""
        del position
        return Event(self.failure(error, request_id))


def _check_conversation(messages: list[Message]) -> None:
    unanswered: list[str] = []
    for position, message in enumerate(messages):
        where = f"messages[{position}]"
        if message.content is None and message.role not in ("assistant", "function"):
            raise refused("Invalid value for 'content': expected a string, got null.", f"{where}.content")
        if message.role == "tool":
            if message.tool_call_id is None:
                raise missing(f"{where}.tool_call_id")
            if message.tool_call_id not in unanswered:
                text = "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                raise refused(text, f"{where}.role")
            unanswered.remove(message.tool_call_id)
        else:
            _check_all_answered(unanswered)
            unanswered = [str(call.get("id")) for call in message.tool_calls or []]
    _check_all_answered(unanswered)


def _check_all_answered(unanswered: list[str]) -> None:
    if unanswered:
        text = "An assistant message with 'tool_calls' must be followed by tool messages responding to each of them."
        raise refused(f"{text} These had no response: {', '.join(unanswered)}", "messages")
