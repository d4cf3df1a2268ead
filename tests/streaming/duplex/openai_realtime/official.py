"""The official client's types of what goes over the wire, as the judge of what our tests say and of what we send."""

from functools import cache
from typing import get_args

from openai import BaseModel
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent

from streaming.jsontext import JsonObject, loads


@cache
def _models(union: object) -> dict[str, type[BaseModel]]:
    """Return the models of a union of events, by the `type` of each."""
    members = get_args(get_args(union)[0]) or get_args(union)
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in members}


def server_event_names() -> list[str]:
    """Return the names of all events that the server may send."""
    return sorted(_models(RealtimeServerEvent))


def checked_server_event(event: JsonObject) -> JsonObject:
    """Return an event, which is what the official client would take for one."""
    _models(RealtimeServerEvent)[str(event["type"])].model_validate(event, strict=True)
    return event


def checked_client_event(text: str) -> JsonObject:
    """Return an event that we send, in which the official client knows every field."""
    event = loads(text.encode())
    assert isinstance(event, dict)
    model = _models(RealtimeClientEvent)[str(event["type"])].model_validate(event, strict=True)
    assert _extras(model) == []
    return event


def _extras(value: object) -> list[str]:
    """Return the fields that the types do not have, however deep."""
    if isinstance(value, list):
        return [extra for item in value for extra in _extras(item)]
    if not isinstance(value, BaseModel):
        return []
    inner = [extra for name in type(value).model_fields for extra in _extras(getattr(value, name))]
    return [*(value.model_extra or {}), *inner]
