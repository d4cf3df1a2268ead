"""The official SDK's reading of a stream, to compare ours with."""

import json
from typing import cast

from openai import omit
from openai._models import construct_type
from openai._streaming import SSEDecoder
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseIncompleteEvent, ResponseStreamEvent

from streaming.jsontext import JsonObject, JsonValue

# What the SDK adds to the unary form.
_ADDED = {"parsed", "parsed_arguments"}


def accumulated(stream: bytes) -> JsonObject:
    """Return the `response` that the SDK's accumulator makes of a stream.

    Its helper returns completed responses only: of an incomplete one, this is the event's.
    """
    state: ResponseStreamState[None] = ResponseStreamState(input_tools=omit, text_format=omit)
    ends: list[ResponseIncompleteEvent] = []
    for event in SSEDecoder().iter_bytes(iter([stream])):
        if event.data.startswith("[DONE]"):
            break
        given = construct_type(type_=ResponseStreamEvent, value=json.loads(event.data))
        told = state.handle_event(cast(ResponseStreamEvent, given))
        ends += [one for one in told if isinstance(one, ResponseIncompleteEvent)]
    response = ends[0].response if ends else state._completed_response
    assert response is not None
    return {key: _as_unary(value) for key, value in response.to_dict(mode="json", warnings=False).items()}


def _as_unary(value: object) -> JsonValue:
    if isinstance(value, dict):
        return {name: _as_unary(item) for name, item in value.items() if name not in _ADDED}
    if isinstance(value, list):
        return [_as_unary(item) for item in value]
    assert value is None or isinstance(value, str | int | float)
    return value
