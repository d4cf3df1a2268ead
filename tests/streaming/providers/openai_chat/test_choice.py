import pytest

from streaming.deltas import PartAdded, PartStarted
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.openai_chat.choice import Choice
from tests.recordings import said
from tests.streaming.providers.openai_chat.choices import fed


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


@pytest.mark.parametrize(
    ("deltas", "content"),
    [
        ([{"content": ""}], ""),
        ([{}], None),
        ([{"content": None}], None),
        ([{"content": ""}, {"refusal": "no"}], None),
        ([{"content": ""}, {"tool_calls": [{"index": 0, "id": "c"}]}], None),
        ([{"content": ""}, {"function_call": {"name": "f"}}], None),
        ([{"content": ""}, {"audio": {"id": "a"}}], None),
        ([{"content": "a"}, {"refusal": "no"}], "a"),
    ],
)
def test_content_is_null_as_in_the_unary_body(deltas: list[JsonValue], content: str | None) -> None:
    """Where something else was said instead of text."""
    whole = message(*deltas)

    assert isinstance(whole, dict)
    assert content == whole["content"]


def test_log_probabilities_are_extended_and_null_where_none_came() -> None:
    """As the unary body has them."""
    choice = Choice(0)
    choice.feed({"delta": {}, "logprobs": None}, [])
    assert choice.final()["logprobs"] is None
    choice.feed({"delta": {}, "logprobs": {"content": [1], "refusal": None}}, [])
    choice.feed({"delta": {}, "logprobs": {"content": [2, 3]}}, [])

    assert choice.final()["logprobs"] == {"content": [1, 2, 3], "refusal": None}


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


def test_tokens_and_filter_results_beside_the_delta_are_joined() -> None:
    """Token ids (vLLM) come a few at a time; Azure's verdicts by category, and an empty object says nothing."""
    choice = Choice(0)
    besides: list[JsonObject] = [
        {"token_ids": [1], "content_filter_results": {}},
        {"token_ids": [2, 3], "content_filter_results": {"hate": {"filtered": False}}},
        {"token_ids": None, "content_filter_results": {"violence": {"filtered": False}}, "stop_reason": 5},
        {"content_filter_results": {}, "stop_reason": None},
    ]
    for beside in besides:
        choice.feed({"delta": {}, **beside}, [])

    assert said(choice.final()) == {
        "index": 0,
        "message": {"role": "assistant"},
        "token_ids": [1, 2, 3],
        "content_filter_results": {"hate": {"filtered": False}, "violence": {"filtered": False}},
        "stop_reason": 5,
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
    assert PartStarted(0, "tool_call", "call_0", "f") == shown[0]
    assert "".join(delta.text for delta in shown if isinstance(delta, PartAdded)) == '{"a":1}'


def test_a_half_that_is_left_over_is_replaced_at_the_finish() -> None:
    """In each part that ends in one, shown and kept alike."""
    whole, shown = fed(
        {"content": "a\ud83d", "refusal": "\ud83d", "tool_calls": [{"index": 0, "function": {"arguments": "x\ud83d"}}]},
    )

    left = whole["message"]
    assert isinstance(left, dict)
    assert (left["content"], left["refusal"]) == ("a\ufffd", "\ufffd")
    assert [delta.text for delta in shown if isinstance(delta, PartAdded)] == ["a", "x", "\ufffd", "\ufffd", "\ufffd"]
