"""The `openai-chat` wire without streaming: a request validated as OpenAI does, and its unary answer."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from deploy.sandbox.provider.answers import answer, numbered, tokens
from deploy.sandbox.provider.errors import Refused
from deploy.sandbox.provider.script import Choice, JsonObject, Response

Limit = Annotated[int, Field(ge=1)]


class Message(BaseModel):
    """A message of the request, as far as an answer depends on it."""

    model_config = ConfigDict(extra="allow", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[JsonObject] | None = None

    @property
    def text(self) -> str:
        """The message's text, its parts joined."""
        if isinstance(self.content, list):
            return " ".join(str(part["text"]) for part in self.content if "text" in part)
        return self.content or ""


class StreamOptions(BaseModel):
    """How the client wants its stream."""

    model_config = ConfigDict(strict=True)

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


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
    def question(self) -> str:
        """The last thing the user said."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")


def error(
    message: str, kind: str = "invalid_request_error", *, param: str | None = None, code: str | None = None
) -> JsonObject:
    """Returns OpenAI's error body."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_of(status: int) -> JsonObject:
    """Returns the error body that OpenAI sends with a status when there is nothing special to say."""
    match status:
        case 401:
            return error("Incorrect API key provided.", code="invalid_api_key")
        case 404:
            return error("The model does not exist or you do not have access to it.", code="model_not_found")
        case 429:
            return error("Rate limit reached for requests.", "requests", code="rate_limit_exceeded")
        case status if status >= 500:
            return error("The server had an error while processing your request. Sorry about that!", "server_error")
        case _:
            return error("The request was refused.")


def parse(body: JsonObject) -> ChatRequest:
    """Returns the validated request.

    Raises:
        Refused: It is not a request that OpenAI would answer.
    """
    if "model" not in body:
        raise Refused(400, error("you must provide a model parameter"))
    try:
        request = ChatRequest.model_validate(body)
    except ValidationError as problem:
        raise Refused(400, _explained(problem)) from None
    if request.stream_options is not None and not request.stream:
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Refused(400, error(text, param="stream_options"))
    return request


def _explained(problem: ValidationError) -> JsonObject:
    first = problem.errors()[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    match first["type"]:
        case "missing":
            return error(f"Missing required parameter: '{path}'.", param=path, code="missing_required_parameter")
        case "too_short":
            return error(f"Invalid '{path}': empty array.", param=path, code="empty_array")
        case kind:
            code = "invalid_type" if kind.endswith("_type") else "invalid_value"
            return error(f"Invalid value for '{path}': {first['msg']}.", param=path, code=code)


def completion(request: ChatRequest, response: Response, identity: str, created: int) -> JsonObject:
    """Returns the unary answer: the object that a stream of the same answer amounts to."""
    count = request.n or 1
    if response.choices is not None:
        choices = response.choices
    elif response.message is not None:
        choices = [_scripted_choice(response, response.message)] * count
    else:
        choices = [_written_choice(request, response, variant) for variant in range(count)]
    body: JsonObject = {
        "id": f"chatcmpl-{identity}",
        "object": "chat.completion",
        "created": created,
        "model": request.model,
        "choices": [_choice_body(index, choice) for index, choice in enumerate(choices)],
        "usage": _usage(request, choices),
        "service_tier": "default",
        "system_fingerprint": "fp_sandbox",
    }
    if "usage" in response.model_fields_set:
        body["usage"] = response.usage
    return body | response.completion


def _scripted_choice(response: Response, message: JsonObject) -> Choice:
    usual = next((key for key in ("tool_calls", "function_call") if message.get(key)), "stop")
    return Choice(message=message, finish_reason=_finish_reason(response, usual))


def _written_choice(request: ChatRequest, response: Response, variant: int) -> Choice:
    text = numbered(response.tokens) if response.tokens else response.text
    if text is None:
        text = answer(request.question, variant)
    for stop in [request.stop] if isinstance(request.stop, str) else request.stop or []:
        text = text.partition(stop)[0] if stop else text
    pieces = tokens(text)
    limit = request.max_completion_tokens or request.max_tokens
    usual = "length" if limit is not None and len(pieces) > limit else "stop"
    pieces = pieces[:limit]
    logprobs: JsonObject | None = None
    if request.logprobs:
        logprobs = {"content": [_logprob(piece) for piece in pieces], "refusal": None}
    return Choice(
        message={"content": "".join(pieces)}, finish_reason=_finish_reason(response, usual), logprobs=logprobs
    )


def _finish_reason(response: Response, usual: str) -> str | None:
    return response.finish_reason if "finish_reason" in response.model_fields_set else usual


def _logprob(token: str) -> JsonObject:
    return {"token": token, "logprob": -0.125, "bytes": list(token.encode()), "top_logprobs": []}


def _choice_body(index: int, choice: Choice) -> JsonObject:
    usual: JsonObject = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    if choice.index is not None:
        index = choice.index
    return {**choice.model_dump(), "index": index, "message": usual | choice.message}


def _usage(request: ChatRequest, choices: list[Choice]) -> JsonObject:
    prompt = sum(len(tokens(message.text)) for message in request.messages)
    written = sum(_length(choice.message) for choice in choices)
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


def _length(value: JsonValue) -> int:
    match value:
        case str():
            return len(tokens(value))
        case list():
            return sum(_length(item) for item in value)
        case dict():
            return sum(_length(item) for item in value.values())
        case _:
            return 0
