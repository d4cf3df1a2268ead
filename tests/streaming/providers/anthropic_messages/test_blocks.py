from itertools import count

import pytest

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.anthropic_messages.blocks import Block
from streaming.providers.call_ids import CallIds


def opened(**fields: JsonValue) -> tuple[Block, list[Delta]]:
    """Return a block that has started, and what it showed."""
    deltas: list[Delta] = []
    block = Block(0, fields, count(3))
    block.start(CallIds(), deltas)
    return block, deltas


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"type": "text", "text": ""}, []),
        ({"type": "text", "text": "a"}, [PartStarted(3, "text"), PartAdded(3, "a")]),
        ({"type": "thinking", "thinking": ""}, [PartStarted(3, "reasoning")]),
        ({"type": "thinking", "thinking": "a"}, [PartStarted(3, "reasoning"), PartAdded(3, "a")]),
        ({"type": "redacted_thinking", "data": "a"}, [PartStarted(3, "reasoning")]),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, [PartStarted(3, "tool_call", "t", "f")]),
        ({"type": "tool_use"}, [PartStarted(3, "tool_call", "call_0", "")]),
        ({"type": "server_tool_use", "id": "s", "name": "f"}, [PartStarted(3, "provider_item")]),
        ({"type": "hologram", "text": "a"}, [PartStarted(3, "provider_item")]),
    ],
)
def test_a_block_shows_its_part_as_it_starts(fields: JsonObject, shown: list[Delta]) -> None:
    """Text only once there is some: an empty block is no part of the message."""
    assert opened(**fields)[1] == shown


@pytest.mark.parametrize("kind", [None, 5, [], {}])
def test_a_block_has_a_type(kind: JsonValue) -> None:
    """Without one it is not the wire's."""
    with pytest.raises(NotTheWire, match="no type"):
        opened(type=kind)


@pytest.mark.parametrize(
    ("given", "pieces", "final", "shown"),
    [
        ({}, [], {}, "{}"),
        ({}, [""], {}, "{}"),
        ({}, ['{"a"', ": 1}"], {"a": 1}, '{"a": 1}'),
        ({}, ["{}"], {}, "{}"),
        ({"a": 1}, [], {"a": 1}, '{"a":1}'),
        ({"a": 1}, ['{"b":2}'], {"b": 2}, '{"b":2}'),
        ({}, ['{"a": 1, "b'], '{"a": 1, "b', '{"a": 1, "b'),
        ({}, ["[1]"], "[1]", "[1]"),
        ({}, ["null"], "null", "null"),
        ({}, ['{"a": NaN}'], '{"a": NaN}', '{"a": NaN}'),
        ({}, ['{"a":', str(2**70), "}"], {"a": 2**70}, '{"a":' + str(2**70) + "}"),
        (None, [], "", ""),
        ("{", [], "{", "{"),
    ],
)
def test_input_is_the_object_that_the_text_is(
    given: JsonValue, pieces: list[str], final: JsonValue, shown: str
) -> None:
    """Text that is none is kept as it came; where no text came, the start said all."""
    block, deltas = opened(type="tool_use", id="t", name="f", input=given)
    for piece in pieces:
        block.grow("partial_json", piece, deltas)
    block.close(deltas)

    assert block.final()["input"] == final
    assert "".join(delta.text for delta in deltas if isinstance(delta, PartAdded)) == shown


def test_a_call_that_is_still_open_has_no_arguments_yet() -> None:
    """An empty object would be a call that the model did not make."""
    block, _ = opened(type="tool_use", id="t", name="f", input={})

    assert block.final()["input"] == ""


@pytest.mark.parametrize(
    ("fields", "kind", "delta", "changed"),
    [
        ({"signature": ""}, "signature_delta", {"signature": "s"}, {"signature": "s"}),
        ({"signature": "r"}, "signature_delta", {"signature": "s"}, {"signature": "s"}),
        ({"content": None}, "compaction_delta", {"content": "c", "x": 1}, {"content": "c"}),
        ({"encrypted_content": "d"}, "compaction_delta", {"encrypted_content": None}, {"encrypted_content": None}),
        ({"citations": None}, "citations_delta", {"citation": 1}, {"citations": [1]}),
        ({"citations": [1]}, "citations_delta", {"citation": {"a": 2}}, {"citations": [1, {"a": 2}]}),
        ({"citations": "x"}, "citations_delta", {"citation": 1}, {"citations": [1]}),
        ({}, "x_delta", {"text": "a", "type": "b", "input": 1}, {}),
    ],
)
def test_a_delta_changes_its_own_field(fields: JsonObject, kind: str, delta: JsonObject, changed: JsonObject) -> None:
    """And shows nothing; an unknown one changes nothing."""
    block, _ = opened(type="x", **fields)
    block.take(delta, kind)

    assert block.final() == {"type": "x"} | fields | changed


def test_what_half_a_character_leaves_is_shown_at_the_end() -> None:
    """It waits for its partner no longer."""
    block, deltas = opened(type="text", text="")
    block.grow("text", "a\ud83d", deltas)
    block.close(deltas)

    assert deltas == [PartStarted(3, "text"), PartAdded(3, "a"), PartAdded(3, "\ufffd")]
    assert block.final()["text"] == "a\ufffd"
