"""OpenAI Realtime's client events, strictly validated, and how what is wrong with one is told."""

from typing import Annotated, Literal, TypeAlias

import orjson
from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.openai_realtime_fields import Given, Item, ResponseFields, SessionFields


class Refused(Exception):
    """An event that is answered with an error."""

    def __init__(self, message: str, *, code: str | None, param: str | None = None) -> None:
        self.error: JsonObject = {
            "type": "invalid_request_error",
            "code": code,
            "message": message,
            "param": param,
            "event_id": None,
        }
        super().__init__(message)


class _Event(Given):
    event_id: str | None = None


class SessionUpdate(_Event):
    """Changes the session."""

    type: Literal["session.update"]
    session: SessionFields


class Append(_Event):
    """Sound for the buffer."""

    type: Literal["input_audio_buffer.append"]
    audio: str


class Commit(_Event):
    """Makes the buffer an item."""

    type: Literal["input_audio_buffer.commit"]


class Clear(_Event):
    """Empties the buffer."""

    type: Literal["input_audio_buffer.clear"]


class ItemCreate(_Event):
    """Adds an item."""

    type: Literal["conversation.item.create"]
    item: Item
    previous_item_id: str | None = None


class ItemTruncate(_Event):
    """Says how much of an answer was heard."""

    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int
    audio_end_ms: Annotated[int, Field(ge=0)]


class ItemDelete(_Event):
    """Removes an item."""

    type: Literal["conversation.item.delete"]
    item_id: str


class ResponseCreate(_Event):
    """Asks for an answer."""

    type: Literal["response.create"]
    response: ResponseFields | None = None


class ResponseCancel(_Event):
    """Stops an answer."""

    type: Literal["response.cancel"]
    response_id: str | None = None


ClientEvent: TypeAlias = (
    SessionUpdate | Append | Commit | Clear | ItemCreate | ItemTruncate | ItemDelete | ResponseCreate | ResponseCancel
)
_EVENTS: TypeAdapter[ClientEvent] = TypeAdapter(Annotated[ClientEvent, Field(discriminator="type")])
_BRANCHES = frozenset(
    {"message", "function_call", "function_call_output", "server_vad", "semantic_vad", "constrained-int"}
)
"""Steps of pydantic's path to an error that are no fields: which kind of union it took."""
_CODES = {
    "extra_forbidden": "unknown_parameter",
    "missing": "missing_required_parameter",
    "union_tag_not_found": "missing_required_parameter",
    "literal_error": "invalid_value",
    "union_tag_invalid": "invalid_value",
    "greater_than_equal": "integer_below_min_value",
    "less_than_equal": "integer_above_max_value",
    "too_long": "array_above_max_length",
    "too_short": "array_below_min_length",
    "string_too_long": "string_above_max_length",
}


def read(message: str | bytes) -> JsonObject:
    """Returns a message as an object.

    Raises:
        Refused: It is none.
    """
    try:
        value: JsonValue = orjson.loads(message) if isinstance(message, str) else None
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise Refused("The message could not be parsed: expected a JSON object in a text frame.", code="invalid_json")
    return value


def validated(message: JsonObject) -> ClientEvent:
    """Returns a message as an event.

    Raises:
        Refused: It is none, or has what that event does not have.
    """
    try:
        # Through JSON again: in strict mode a number may be a float only where it comes from JSON.
        return _EVENTS.validate_json(orjson.dumps(message))
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> Refused:
    first = error.errors()[0]
    path = [str(step) for step in first["loc"][1:] if step not in _BRANCHES]
    if first["type"].startswith("union_tag"):
        path.append("type")
    param = ".".join(path) or None
    code = _CODES.get(first["type"], "invalid_type")
    words = {
        "unknown_parameter": f"Unknown parameter: '{param}'.",
        "missing_required_parameter": f"Missing required parameter: '{param}'.",
        "invalid_type": f"Invalid type for '{param}': {first['msg']}.",
    }
    return Refused(words.get(code, f"Invalid value for '{param}': {first['msg']}."), code=code, param=param)
