import pytest

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.openai_chat.choice import Choice


def fed(*deltas: JsonValue, finish_reason: str | None = "stop") -> tuple[JsonObject, list[Delta]]:
    """Return a choice's final form after these deltas, and what they showed."""
    choice = Choice(0)
    shown: list[Delta] = []
    for delta in deltas:
        choice.feed({"index": 0, "delta": delta, "finish_reason": None}, shown)
    choice.feed({"index": 0, "delta": {}, "finish_reason": finish_reason}, shown)
    return choice.final(), shown


def message(*deltas: JsonValue) -> JsonValue:
    """Return the message that these deltas make."""
    return fed(*deltas)[0]["message"]


def test_each_kind_of_text_is_joined_and_shown_as_its_own_part() -> None:
    """In order of appearance, whatever comes between."""
    whole, shown = fed(
        {"role": "assistant", "content": ""},
        {"reasoning": "hm"},
        {"content": "a"},
        {"reasoning": ", ok"},
        {"content": "b"},
        {"refusal": "no"},
    )

    assert whole["message"] == {"role": "assistant", "content": "ab", "reasoning": "hm, ok", "refusal": "no"}
    assert [
        PartStarted(0, "reasoning"),
        PartAdded(0, "hm"),
        PartStarted(1, "text"),
        PartAdded(1, "a"),
        PartAdded(0, ", ok"),
        PartAdded(1, "b"),
        PartStarted(2, "refusal"),
        PartAdded(2, "no"),
    ] == shown


def test_thoughts_under_both_names_are_shown_once() -> None:
    """Both stay in the object, as the unary body has them."""
    whole, shown = fed({"reasoning": "a", "reasoning_content": "a"}, {"reasoning_content": "b", "reasoning": "b"})

    assert whole["message"] == {"role": "assistant", "content": None, "reasoning": "ab", "reasoning_content": "ab"}
    assert [PartStarted(0, "reasoning"), PartAdded(0, "a"), PartAdded(0, "b")] == shown


def test_content_in_parts_is_its_text() -> None:
    """Some servers stream lists of content parts."""
    parts: JsonValue = [{"type": "text", "text": "a"}, {"type": "thinking"}, {"type": "text", "text": "b"}, "c"]

    assert message({"content": parts}, {"content": "z"}) == {"role": "assistant", "content": "abz"}


@pytest.mark.parametrize(
    ("said", "content"),
    [
        ([{"content": ""}], ""),
        ([{}], None),
        ([{"content": None}], None),
        ([{"content": ""}, {"refusal": "no"}], None),
        ([{"content": ""}, {"tool_calls": [{"index": 0, "id": "c"}]}], None),
        ([{"content": ""}, {"function_call": {"name": "f"}}], None),
        ([{"content": "a"}, {"refusal": "no"}], "a"),
    ],
)
def test_content_is_null_as_in_the_unary_body(said: list[JsonValue], content: str | None) -> None:
    """Where something else was said instead of text."""
    whole = message(*said)

    assert isinstance(whole, dict)
    assert content == whole["content"]


def test_lists_are_extended_and_other_fields_keep_the_last_value() -> None:
    """The role keeps the first: some servers repeat it in every chunk."""
    assert message(
        {"role": "assistant", "annotations": [1], "custom": "a"},
        {"role": "user", "annotations": [2, 3], "images": [{"url": "u"}], "custom": "b"},
    ) == {
        "role": "assistant",
        "content": None,
        "annotations": [1, 2, 3],
        "images": [{"url": "u"}],
        "custom": "b",
    }


def test_log_probabilities_are_extended_and_null_where_none_came() -> None:
    """As the unary body has them."""
    choice = Choice(0)
    choice.feed({"delta": {}, "logprobs": None}, [])
    assert choice.final()["logprobs"] is None
    choice.feed({"delta": {}, "logprobs": {"content": [1], "refusal": None}}, [])
    choice.feed({"delta": {}, "logprobs": {"content": [2, 3]}}, [])

    assert choice.final()["logprobs"] == {"content": [1, 2, 3]}


def test_what_stands_beside_the_delta_is_kept_and_changes_no_field_of_ours() -> None:
    """Azure's filter results stay; a stray `message` does not replace what was streamed."""
    choice = Choice(3)
    choice.feed(
        {"delta": None, "content_filter_results": {"hate": 0}, "message": {"content": "forged"}, "index": 9}, []
    )
    choice.feed({"delta": {"content": "a"}, "finish_reason": "stop"}, [])

    assert choice.final() == {
        "content_filter_results": {"hate": 0},
        "index": 3,
        "message": {"role": "assistant", "content": "a"},
        "logprobs": None,
        "finish_reason": "stop",
    }


def test_the_retired_function_call_is_a_tool_call_to_viewers() -> None:
    """Its name may be repeated on every piece, and is still said once."""
    whole, shown = fed(
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"name": "f", "arguments": '{"a":'}},
        {"function_call": {"arguments": "1}"}},
        finish_reason="function_call",
    )

    assert whole["message"] == {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "f", "arguments": '{"a":1}'},
    }
    assert PartStarted(0, "tool_call", "function_call", "f") == shown[0]
    assert "".join(delta.text for delta in shown if isinstance(delta, PartAdded)) == '{"a":1}'


def test_a_half_that_is_left_over_is_replaced_at_the_finish() -> None:
    """In each part that ends in one, shown and kept alike."""
    whole, shown = fed(
        {"content": "a\ud83d", "refusal": "\ud83d", "tool_calls": [{"index": 0, "function": {"arguments": "x\ud83d"}}]},
    )

    said = whole["message"]
    assert isinstance(said, dict)
    assert (said["content"], said["refusal"]) == ("a\ufffd", "\ufffd")
    assert [delta.text for delta in shown if isinstance(delta, PartAdded)] == ["a", "x", "\ufffd", "\ufffd", "\ufffd"]


@pytest.mark.parametrize("delta", [{"content": 5}, {"refusal": {}}, {"reasoning": True}, {"tool_calls": [5]}])
def test_a_text_or_a_call_of_another_kind_is_not_the_wire(delta: JsonValue) -> None:
    """Guessing would change what was said."""
    with pytest.raises(NotTheWire):
        fed(delta)
