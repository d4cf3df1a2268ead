"""What OpenAI's official types say of an event."""

from typing import Any

from openai.types.realtime import RealtimeServerEvent
from openai.types.realtime.realtime_session_create_response import RealtimeSessionCreateResponse
from pydantic import BaseModel, TypeAdapter

from deploy.sandbox.realtime.journal import JsonObject

_EVENTS: TypeAdapter[RealtimeServerEvent] = TypeAdapter(RealtimeServerEvent)


def strictly(event: JsonObject) -> RealtimeServerEvent:
    """Parse an event with the official types, which would by themselves let nearly anything through.

    Raises:
        ValidationError: a field is missing, or of a wrong type.
        AssertionError: a field is unknown to the event's type.
    """
    session = event.get("session")
    if isinstance(session, dict):
        # The events' type of a session is that of a request; what servers send is the type of an answer.
        RealtimeSessionCreateResponse.model_validate(session)
        given = {"id", "object", "expires_at"}
        event = event | {"session": {name: value for name, value in session.items() if name not in given}}
    parsed = _EVENTS.validate_python(event)
    unknown = _unknown(parsed, str(event["type"]))
    assert not unknown, unknown
    return parsed


def _unknown(value: Any, path: str) -> list[str]:  # noqa: ANN401 - whatever a model holds
    match value:
        case BaseModel():
            extra = [f"{path}.{name}" for name in value.model_extra or {}]
            fields = [(name, getattr(value, name)) for name in type(value).model_fields]
        case list():
            extra, fields = [], [(str(place), item) for place, item in enumerate(value)]
        case _:
            return []
    return extra + [found for name, item in fields for found in _unknown(item, f"{path}.{name}")]
