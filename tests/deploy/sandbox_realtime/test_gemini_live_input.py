"""Whatever a client sends, the fake Gemini Live has a word for it."""

from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from deploy.sandbox.realtime.gemini_live_closing import Refused
from deploy.sandbox.realtime.gemini_live_input import parse
from deploy.sandbox.realtime.gemini_live_setup import check_setup
from streaming.jsontext import JsonObject, JsonValue, dumps
from tests.deploy.sandbox_realtime.gemini import heard, said, setup

MESSAGES: list[JsonObject] = [
    setup({"tools": [{"functionDeclarations": [{"name": "f"}]}], "sessionResumption": {"handle": "h"}}),
    setup({"realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": 1}}}),
    said(),
    heard(b"12"),
    {"realtimeInput": {"activityStart": {}}},
    {"toolResponse": {"functionResponses": [{"id": "1", "name": "f", "response": {}}]}},
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["models/m", "AUDIO"]),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text(max_size=2), values, max_size=2),
    max_leaves=4,
)


def places(value: JsonValue) -> list[JsonObject]:
    """Returns all objects in a message, the outermost first."""
    if isinstance(value, list):
        return [place for item in value for place in places(item)]
    return [value, *(place for item in value.values() for place in places(item))] if isinstance(value, dict) else []


@given(data=st.data())
def test_a_message_with_anything_in_it_is_taken_or_refused(data: st.DataObject) -> None:
    """One value of a good message is replaced, wherever it is; and a refusal fits into a close."""
    message = deepcopy(data.draw(st.sampled_from(MESSAGES)))
    place = data.draw(st.sampled_from([place for place in places(message) if place]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(VALUES)

    assert len(refusal(dumps(message)).encode()) <= 123


@given(st.binary() | st.text().map(str.encode))
def test_bytes_are_refused(data: bytes) -> None:
    """What is no message at all is no trouble either."""
    assert refusal(data)


def refusal(data: bytes) -> str:
    """Takes a message as the fake does; returns the words with which it was refused, or nothing."""
    try:
        message = parse(data)
        message.told()
        if message.setup:
            check_setup(message.setup)
        if message.realtime_input and message.realtime_input.audio:
            assert message.realtime_input.audio.rate
    except Refused as refused:
        return refused.reason
    return ""
