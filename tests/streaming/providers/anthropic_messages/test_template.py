import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.jsontext import JsonObject
from streaming.providers.anthropic_messages.template import PROBE, Template, template_of
from tests.strategies import json_values, texts_with_halves


def learned(data: bytes) -> Template | None:
    """Return the form of an event whose string is at `a.b`."""
    event = json.loads(data)
    return template_of(data, event["a"]["b"], event | {"a": event["a"] | {"b": PROBE}})


def test_an_event_of_the_same_form_is_read_by_its_string_alone() -> None:
    """Whatever stands around the string."""
    template = learned(b'{"x": [1, "y"], "a": {"b" : "one", "c": 2}, "z": 3}')

    assert template is not None
    assert template.string_in(rb'{"x": [1, "y"], "a": {"b" : "\u00e9\"}}", "c": 2}, "z": 3}') == 'é"}}'
    assert template.string_in(b'{"x": [1, "y"], "a": {"b" : "", "c": 2}, "z": 3}') == ""


def test_nothing_is_learned_from_a_string_that_is_the_probe() -> None:
    """It would be found again in the place of any string that is equal."""
    assert learned(b'{"x":"?","a":{"b":"?"}}') is None


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":{"b":5}}',
        b'{"a":{"b":"x","c":1}}',
        b'{"a":{"b":"x"}} ',
        b'{"a":{"b":"x","b":"y"}}',
        b'{"a":{"b":"\\ud83d"}}',
        b'{"a":{"b":"\xff"}}',
        b'{"a":{"b":"x\n"}}',
        b'{"a":{"b":"',
        b'{"a":{"b":}}',
        b'{"a":{"b":"}}',
        b"}}",
        b"",
    ],
)
def test_an_event_of_another_form_is_not_read(data: bytes) -> None:
    """Nor one whose string needs care: halves of pairs, bytes that are no UTF-8, what is no JSON at all."""
    template = learned(b'{"a":{"b":"one"}}')

    assert template is not None
    assert template.string_in(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b'{"c":{"b":"one"},"a":{"b":"one"}}',
        b'{"one":1,"a":{"b":"o\\u006ee"}}',
        b'{"a":{"b":"one\\u000a"}}',
        b'{"a":{"b":"one"},"c":"\\u006fne"} ',
        b'{"a":{"b":"one","b":"one"}}',
    ],
)
def test_a_form_is_learned_only_where_the_place_is_sure(data: bytes) -> None:
    """The string's first occurrence may be somewhere else."""
    template = learned(data)

    changed = data.replace(b"one", b"two", 1)
    assert template is None or template.string_in(changed) in (None, json.loads(changed)["a"]["b"])


@given(st.dictionaries(st.sampled_from("axyb"), json_values(), max_size=3), texts_with_halves(), st.booleans())
def test_what_is_read_is_what_a_parser_reads(beside: JsonObject, string: str, escaped: bool) -> None:
    """For any event around it, and any string in it."""
    event = beside | {"a": beside | {"b": "one"}}
    template = learned(json.dumps(event).encode())
    other = json.dumps(beside | {"a": beside | {"b": string}}, ensure_ascii=escaped).encode("utf-8", "surrogatepass")

    if template is not None and (found := template.string_in(other)) is not None:
        assert found == json.loads(other)["a"]["b"]
