import re

import pytest

from streaming.contracts import GenerationSettings
from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject
from streaming.messages import ImagePart, Message, TextPart, ToolCallPart, ToolResultPart
from streaming.providers.requests import (
    arguments_object,
    data_uri,
    fits_strict_mode,
    refuse_settings,
    with_extra,
    with_fitting_ids,
)

CLOSED: JsonObject = {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}


def test_extra_is_laid_over_the_body_and_its_tools_come_after_ours() -> None:
    """A server-side tool of the provider's stands beside the turn's own; how it streams is not the turn's to say."""
    merged = with_extra({"a": 1, "b": 2, "tools": [1]}, {"b": 3, "tools": [2], "stream": False, "stream_options": {}})

    assert merged == {"a": 1, "b": 3, "tools": [1, 2]}
    assert with_extra({}, {"tools": [2]}) == {"tools": [2]}


def test_settings_that_cannot_be_said_are_refused_by_name() -> None:
    """Only those that are given."""
    refuse_settings(GenerationSettings(n=2), {"seed"}, "this")

    with pytest.raises(CannotExpress, match=r"^this has no settings\.n, settings\.seed$"):
        refuse_settings(GenerationSettings(n=2, seed=1), {"seed", "n", "top_k"}, "this")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        (" ", {}),
        ('{"a": 1, "b', {"INVALID_JSON": '{"a": 1, "b'}),
        ("[1]", {"INVALID_JSON": "[1]"}),
        ("null", {"INVALID_JSON": "null"}),
        ('"\ud800', {"INVALID_JSON": '"\ud800'}),
    ],
)
def test_arguments_that_are_no_object_are_shown_as_they_came(arguments: str, expected: JsonObject) -> None:
    """Never as an empty object, which would be another call."""
    assert arguments_object(ToolCallPart(id="1", name="f", arguments=arguments)) == expected


def test_inline_media_becomes_a_data_uri() -> None:
    """As every wire that takes them wants it."""
    assert data_uri(ImagePart(data="AA==", media_type="image/png")) == "data:image/png;base64,AA=="


def test_ids_that_do_not_fit_are_replaced_on_both_sides() -> None:
    """A call and its result still belong together, and ids that fit stay."""
    call, kept = (ToolCallPart(id=given, name="f", arguments="{}") for given in ("call|1", "abc"))
    messages = [
        Message(role="assistant", parts=[TextPart(text="a"), call, kept]),
        Message(role="tool", parts=[ToolResultPart(tool_call_id="call|1", content=[])]),
    ]

    asked, told = with_fitting_ids(messages, re.compile("[a-z0-9]+"), 9)

    new = asked.parts[1]
    assert isinstance(new, ToolCallPart)
    assert re.fullmatch("[a-z0-9]{9}", new.id)
    assert told.parts == [ToolResultPart(tool_call_id=new.id, content=[])]
    assert asked.parts[0::2] == [TextPart(text="a"), kept]


@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        (CLOSED, True),
        ({"type": "object"}, False),
        (CLOSED | {"required": []}, False),
        (CLOSED | {"additionalProperties": True}, False),
        ({"type": "array", "items": CLOSED}, True),
        ({"type": "array", "items": {"type": "object"}}, False),
        ({"anyOf": [CLOSED, {"type": "object"}]}, False),
        ({"type": "string"}, True),
        ({"type": ["object", "null"]}, False),
        (CLOSED | {"type": ["object", "null"]}, True),
        (CLOSED | {"required": ["a", ["a"], {}]}, True),
        (CLOSED | {"required": [["a"]]}, False),
        (CLOSED | {"required": "a", "properties": []}, True),
        ({"type": [["object"], {}]}, True),
    ],
)
def test_strict_mode_wants_closed_objects_with_every_property_required(schema: JsonObject, fits: bool) -> None:
    """At every depth."""
    assert fits_strict_mode(schema) is fits
