import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.elements import ToolResponse
from streaming.duplex.gemini_live.tool_calls import ToolCalls
from streaming.jsontext import JsonValue
from tests.strategies import json_values


def call(id_: JsonValue, name: JsonValue = "weather") -> JsonValue:
    """Return a function call."""
    return {"id": id_, "name": name, "args": {}}


def answered(calls: ToolCalls, *responses: ToolResponse) -> list[JsonValue]:
    """Return the function responses that these results are."""
    return [item for text in calls.answer(responses) for item in json.loads(text)["toolResponse"]["functionResponses"]]


def test_a_call_and_its_result() -> None:
    """The result has the call's id and name, and goes once."""
    calls = ToolCalls("call")
    (part,) = calls.take([{"id": "f1", "name": "weather", "args": {"city": "Ulm"}}])

    assert (part.id, part.name, part.arguments) == ("f1", "weather", '{"city":"Ulm"}')
    was_pending = calls.pending
    result = ToolResponse("f1", "other", "12 °C")
    assert answered(calls, result, result) == [{"id": "f1", "name": "weather", "response": {"output": "12 °C"}}]
    assert (was_pending, calls.pending) == (True, False)
    assert answered(calls, result) == []


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (ToolResponse("f1", "w", '{"celsius": 12}'), {"celsius": 12}),
        (ToolResponse("f1", "w", "12"), {"output": "12"}),
        (ToolResponse("f1", "w", '{"a": "\\"$ref\\""}'), {"a": '"$ref"'}),
        (ToolResponse("f1", "w", '{"\\u0024ref": "#/b"}'), {"output": '{"\\u0024ref": "#/b"}'}),
        (ToolResponse("f1", "w", '{"celsius": 12}', is_error=True), {"error": '{"celsius": 12}'}),
    ],
)
def test_a_result_is_always_an_object(response: ToolResponse, told: JsonValue) -> None:
    """A JSON object as it is, all else under a key that says what it is."""
    calls = ToolCalls("call")
    calls.take([call("f1")])

    assert answered(calls, response) == [{"id": "f1", "name": "weather", "response": told}]


def test_results_that_nobody_waits_for() -> None:
    """Of cancelled calls and unknown ones: they are left out, and the rest goes."""
    calls = ToolCalls("call")
    calls.take([call("f1"), call("f2")])

    assert calls.cancel(["f1", "f1", "f9"]) == ("f1",)
    assert calls.cancel(["f1"]) == ()

    results = [ToolResponse(id_, "w", "x") for id_ in ("f1", "f2", "f9")]
    assert answered(calls, *results) == [{"id": "f2", "name": "weather", "response": {"output": "x"}}]
    assert calls.answer((ToolResponse("f1", "w", "x"),)) == []


def test_calls_without_ids_are_told_apart() -> None:
    """And the id that was made up is not sent: Gemini never gave it."""
    calls = ToolCalls("c1_call")
    parts = calls.take([{"name": "a"}, {"name": "b", "args": None}])

    assert [part.id for part in parts] == ["c1_call_0", "c1_call_1"]
    assert answered(calls, ToolResponse("c1_call_1", "b", "x")) == [{"name": "b", "response": {"output": "x"}}]


def test_an_id_that_comes_again() -> None:
    """While it is waited for it is the same call; afterwards another, with an id of its own."""
    calls = ToolCalls("call")

    assert [part.id for part in calls.take([call("f1"), call("f1")])] == ["f1"]
    assert calls.take([call("f1")]) == []
    answered(calls, ToolResponse("f1", "w", "x"))
    assert [part.id for part in calls.take([call("f1")])] == ["f1-2"]
    assert answered(calls, ToolResponse("f1-2", "w", "y")) == [
        {"id": "f1", "name": "weather", "response": {"output": "y"}}
    ]


@given(st.lists(st.one_of(json_values(), st.builds(call, json_values(), json_values()))), json_values())
def test_hostile_calls(found: list[JsonValue], ids: JsonValue) -> None:
    """Anything may be anything; each call that is taken can be answered once."""
    calls = ToolCalls("call")
    parts = calls.take(found)
    cancelled = calls.cancel(ids)

    results = [ToolResponse(part.id, part.name, "x") for part in parts]

    assert len({part.id for part in parts}) == len(parts)
    assert len(answered(calls, *results, *results)) == len(parts) - len(cancelled)
    assert not calls.pending
