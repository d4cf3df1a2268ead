"""What both of OpenAI's formats share: the key, errors, headers and the list of models."""

from typing import ClassVar

from pydantic import ValidationError

from deploy.sandbox.provider.errors import Refused
from deploy.sandbox.provider.format import Event, Target
from deploy.sandbox.provider.script import JsonObject

# OpenAI pads its events so that their sizes do not tell the text.
_PADDING = "kTz0qW8sYb3NfXc7"
_INVALID = "invalid_request_error"
_SORRY = "The server had an error while processing your request. Sorry about that!"
_USUAL_ERRORS: dict[int, tuple[str, str, str | None]] = {
    401: ("Incorrect API key provided.", _INVALID, "invalid_api_key"),
    404: ("The model does not exist or you do not have access to it.", _INVALID, "model_not_found"),
    429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
}


def error_object(
    message: str, kind: str = _INVALID, *, param: str | None = None, code: str | None = None
) -> JsonObject:
    """Returns what OpenAI has under `error`."""
    return {"message": message, "type": kind, "param": param, "code": code}


def refused(message: str, param: str | None = None, code: str | None = None) -> Refused:
    """Returns the refusal of a request that is wrong at `param`."""
    return Refused(400, error_object(message, param=param, code=code))


def missing(param: str) -> Refused:
    """Returns the refusal of a request that lacks `param`."""
    return refused(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def explained(problem: ValidationError) -> Refused:
    """Returns the refusal of a request that a model of it does not allow."""
    first = problem.errors()[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    match first["type"]:
        case "missing":
            return missing(path)
        case "too_short":
            return refused(f"Invalid '{path}': empty array.", path, "empty_array")
        case kind:
            code = "invalid_type" if kind.endswith("_type") else "invalid_value"
            return refused(f"Invalid value for '{path}': {first['msg']}.", path, code)


def padding(padded: object) -> str:
    """Returns the padding of an event, the same for the same content."""
    return _PADDING[: 1 + len(str(padded)) % len(_PADDING)]


class OpenAIFormat:
    """OpenAI's formats, but for their requests and answers."""

    newline: ClassVar[str] = "\n"
    ping: ClassVar[Event | None] = None
    script_field: ClassVar[str] = "metadata.script"

    def authorise(self, target: Target) -> None:
        """Asks for a bearer token."""
        scheme, _, key = target.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not key.strip():
            text = "You didn't provide an API key in an Authorization: Bearer header."
            raise Refused(401, error_object(text))

    def error(self, status: int, message: str = "", field: str = "") -> JsonObject:
        """Returns the error object, with its `type` and `code` where the message is OpenAI's usual one."""
        if message:
            return error_object(message, param=field or None)
        if status >= 500:
            return error_object(_SORRY, "server_error")
        usual, kind, code = _USUAL_ERRORS.get(status, ("The request was refused.", _INVALID, None))
        return error_object(usual, kind, code=code)

    def failure(self, error: JsonObject, request_id: str) -> JsonObject:
        """Returns the error's envelope; the request id is in a header only."""
        del request_id
        return {"error": error}

    def headers(self, request_id: str) -> dict[str, str]:
        """Returns the request id, the time it took and what is left of the limits."""
        return {
            "openai-version": "2020-10-01",
            "openai-processing-ms": "12",
            "x-request-id": request_id,
            "x-ratelimit-limit-requests": "10000",
            "x-ratelimit-limit-tokens": "2000000",
            "x-ratelimit-remaining-requests": "9999",
            "x-ratelimit-remaining-tokens": "1999000",
            "x-ratelimit-reset-requests": "6ms",
            "x-ratelimit-reset-tokens": "30ms",
        }

    def models(self, names: tuple[str, ...]) -> JsonObject:
        """Returns the list."""
        return {"object": "list", "data": [self.one_model(name) for name in names]}

    def one_model(self, name: str) -> JsonObject:
        """Returns one model."""
        return {"id": name, "object": "model", "created": 1_767_225_600, "owned_by": "millstream"}
