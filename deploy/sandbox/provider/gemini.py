"""The `gemini` wire: a request, and the unary `GenerateContentResponse` that answers it."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, Field, JsonValue, PrivateAttr, ValidationError

from deploy.sandbox.provider.errors import Refused
from deploy.sandbox.provider.format import Delivery, Event, Target
from deploy.sandbox.provider.gemini_input import PROTO, Content, GenerationConfig, check_contents, check_tools
from deploy.sandbox.provider.gemini_stream import response_events
from deploy.sandbox.provider.script import Choice, JsonObject, Response
from deploy.sandbox.provider.writing import Written, finish, length, logprob, objects, scripted_list, usage, write

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "INVALID_ARGUMENT",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_USUAL_ERRORS = {
    401: "Request had invalid authentication credentials.",
    404: "The model is not found for API version v1beta, or is not supported for generateContent.",
    429: "You exceeded your current quota, please check your plan and billing details.",
    500: "An internal error has occurred. Please retry.",
    503: "The model is overloaded. Please try again later.",
}
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


class GenerateContentRequest(BaseModel):
    """A request body; what an answer does not depend on is only known to be allowed."""

    model_config = PROTO

    contents: Annotated[list[Content], Field(min_length=1)]
    generation_config: GenerationConfig = GenerationConfig()
    labels: dict[str, str] | None = None
    system_instruction: Content | None = None
    tools: list[JsonObject] | None = None

    cached_content: str | None = None
    continuation_token: str | None = None
    model: str = ""
    safety_settings: list[JsonObject] | None = None
    service_tier: str | None = None
    store: bool | None = None
    tool_config: JsonObject | None = None

    _delivery: Delivery = PrivateAttr("whole")

    @property
    def script(self) -> str | None:
        """The name of the script that the request asks for."""
        return (self.labels or {}).get("script")

    @property
    def delivery(self) -> Delivery:
        """Whether the answer is streamed, and how: the URL says so."""
        return self._delivery

    @classmethod
    def asked(cls, body: JsonObject, target: Target) -> Self:
        """Returns the request that a body and its URL make together.

        Raises:
            ValidationError: The body is none.
        """
        request = cls.model_validate(body).model_copy(update={"model": target.model})
        if target.method == "streamGenerateContent":
            request._delivery = "events" if target.query.get("alt") == "sse" else "array"
        return request

    @property
    def question(self) -> str:
        """The last thing the user said."""
        users = (content.text for content in reversed(self.contents) if content.role != "model")
        return next((text for text in users if text), "")

    def whole(self, script: Response, identity: str, created: int) -> JsonObject:
        """Returns the `GenerateContentResponse` object."""
        del created
        candidates = [_candidate(choice, index) for index, choice in enumerate(self._choices(script))]
        body: JsonObject = {"candidates": [*candidates], "modelVersion": self.model, "responseId": identity}
        counted = usage(script, self._usage(candidates))
        if counted is not None:
            body["usageMetadata"] = counted
        return body | script.completion

    def events(self, whole: JsonObject) -> Iterator[Event]:
        """Yields partial `GenerateContentResponse` objects."""
        return response_events(whole)

    def _choices(self, script: Response) -> list[Choice]:
        count = self.generation_config.candidate_count or 1
        if script.choices is not None:
            return script.choices
        if script.message is not None:
            return [Choice(message=script.message, finish_reason=finish(script, "STOP"))] * count
        return [self._choice(script, variant) for variant in range(count)]

    def _choice(self, script: Response, variant: int) -> Choice:
        asked = self.generation_config
        stops, limit = asked.stop_sequences or [], asked.max_output_tokens
        written = write(script, self.question, stops=stops, limit=limit, variant=variant)
        reason = finish(script, "MAX_TOKENS" if written.end == "limit" else "STOP")
        more = _logprobs(written) if asked.response_logprobs else {}
        return Choice.model_validate({"message": {"parts": [{"text": written.text}]}, "finish_reason": reason, **more})

    def _usage(self, candidates: list[JsonObject]) -> JsonObject:
        prompt = sum(length(content.text) for content in [*self.contents, self.system_instruction] if content)
        counts = {"said": 0, "thought": 0}
        for candidate in candidates:
            content = candidate["content"]
            for part in objects(content["parts"] if isinstance(content, dict) else None):
                call = part.get("functionCall")
                counts["thought" if part.get("thought") else "said"] += length(part.get("text")) + length(call)
        body: JsonObject = {
            "promptTokenCount": prompt,
            "candidatesTokenCount": counts["said"],
            "totalTokenCount": prompt + sum(counts.values()),
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        }
        return body | ({"thoughtsTokenCount": counts["thought"]} if counts["thought"] else {})


def _candidate(choice: Choice, index: int) -> JsonObject:
    parts: list[JsonValue] = [*scripted_list(choice.message, "parts")]
    body: JsonObject = {"content": {"parts": parts, "role": "model"}}
    reason = finish(choice, "STOP")
    if reason is not None:
        body["finishReason"] = reason
    return body | {"index": index if choice.index is None else choice.index} | (choice.model_extra or {})


def _logprobs(written: Written) -> JsonObject:
    told = [logprob(piece) for piece in written.pieces]
    chosen: list[JsonValue] = [{"token": entry["token"], "logProbability": entry["logprob"]} for entry in told]
    return {"avgLogprobs": -0.125, "logprobsResult": {"chosenCandidates": chosen, "topCandidates": []}}


class Gemini:
    """The format of `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`."""

    newline: ClassVar[str] = "\r\n"
    ping: ClassVar[Event | None] = None
    script_field: ClassVar[str] = "labels.script"

    def authorise(self, target: Target) -> None:
        """Asks for a key, in its header or in the query."""
        if not (target.headers.get("x-goog-api-key", "") or target.query.get("key", "")).strip():
            text = (
                "Method doesn't allow unregistered callers. Please use API Key or other form of API consumer identity."
            )
            raise Refused(403, self.error(403, text))

    def parse(self, body: JsonObject, target: Target) -> GenerateContentRequest:
        """Returns the validated request."""
        if not body.get("contents"):
            raise Refused(400, self.error(400, "* GenerateContentRequest.contents: contents is not specified\n"))
        try:
            request = GenerateContentRequest.asked(body, target)
        except ValidationError as problem:
            raise self._explained(problem) from None
        fault = check_contents(request.contents) or check_tools(request.tools or [])
        if fault is not None:
            raise Refused(400, self.error(400, fault))
        return request

    def _explained(self, problem: ValidationError) -> Refused:
        first = problem.errors()[0]
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
        message = f"Invalid value at '{path}': {first['msg']}"
        if first["type"] == "extra_forbidden":
            message = f'Invalid JSON payload received. Unknown name "{first["loc"][-1]}": Cannot find field.'
        return Refused(400, self.error(400, message, path))

    def error(self, status: int, message: str = "", field: str = "") -> JsonObject:
        """Returns the error object; the field is in its details."""
        usual = _USUAL_ERRORS.get(status, "The request was refused.")
        body: JsonObject = {"code": status, "message": message or usual, "status": _STATUSES.get(status, "UNKNOWN")}
        if field:
            violation: JsonValue = {"field": field, "description": message}
            body["details"] = [{"@type": _BAD_REQUEST, "fieldViolations": [violation]}]
        return body

    def failure(self, error: JsonObject, request_id: str) -> JsonObject:
        """Returns the error's envelope; there are no request ids."""
        del request_id
        return {"error": error}

    def broken(self, error: JsonObject, request_id: str, position: int) -> Event:
        """Returns the error object where a chunk was due."""
        del position
        return Event(self.failure(error, request_id))

    def headers(self, request_id: str) -> dict[str, str]:
        """Returns the time it took, and the tier."""
        del request_id
        return {"server-timing": "gfet4t7; dur=12", "x-gemini-service-tier": "standard"}

    def models(self, names: tuple[str, ...]) -> JsonObject:
        """Returns the list, which is one page."""
        return {"models": [self.one_model(name) for name in names]}

    def one_model(self, name: str) -> JsonObject:
        """Returns one model."""
        return {
            "name": f"models/{name}",
            "version": "001",
            "displayName": name.replace("-", " ").title(),
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }
