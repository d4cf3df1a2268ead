from streaming.deltas import PartAdded, PartStarted
from streaming.jsontext import JsonObject
from tests.streaming.providers.openai_chat.choices import fed


def test_thoughts_under_both_names_are_shown_once() -> None:
    """Both stay in the object, as the unary body has them."""
    whole, shown = fed({"reasoning": "a", "reasoning_content": "a"}, {"reasoning_content": "b", "reasoning": "b"})

    assert whole["message"] == {"role": "assistant", "content": None, "reasoning": "ab", "reasoning_content": "ab"}
    assert [PartStarted(0, "reasoning"), PartAdded(0, "a"), PartAdded(0, "b")] == shown


def test_reasoning_details_are_joined_by_index_and_type() -> None:
    """As OpenRouter's unary endpoint returns them; their text is shown once, from the field that has it first."""
    head: JsonObject = {"format": "anthropic-claude-v1", "index": 0}
    whole, shown = fed(
        {"reasoning": "h", "reasoning_details": [{"type": "reasoning.text", "text": "h", **head}]},
        {"reasoning": "m", "reasoning_details": [{"type": "reasoning.text", "text": "m", **head}]},
        {"reasoning_details": [{"type": "reasoning.text", "signature": "sig", **head}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "QU", "id": None, **head}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "JD", "id": "rs_1", **head}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "Rg==", "id": "rs_2", **head}]},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "s", "index": 1, "signature": None}]},
    )

    assert whole["message"] == {
        "role": "assistant",
        "content": None,
        "reasoning": "hm",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": "sig", **head},
            {"type": "reasoning.encrypted", "data": "QUJD", "id": "rs_1", **head},
            {"type": "reasoning.encrypted", "data": "Rg==", "id": "rs_2", **head},
            {"type": "reasoning.summary", "summary": "s", "index": 1, "signature": None},
        ],
    }
    assert [PartStarted(0, "reasoning"), PartAdded(0, "h"), PartAdded(0, "m")] == shown


def test_reasoning_that_comes_in_details_alone_is_shown_from_there() -> None:
    """Its texts and summaries; what is encrypted is not text."""
    _, shown = fed(
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "a\ud83d", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "QUJD", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "b"}]},
    )

    assert [PartStarted(0, "reasoning"), *(PartAdded(0, text) for text in ("a", "b", "\ufffd"))] == shown
