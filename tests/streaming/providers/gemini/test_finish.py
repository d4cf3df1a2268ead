import pytest

from streaming.errors import StreamedError
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.gemini.finish import FINISH_REASONS, block_reason, raise_failed_finish, said_reason


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("STOP", "STOP"),
        ("FINISH_REASON_UNSPECIFIED", ""),
        ("BLOCKED_REASON_UNSPECIFIED", ""),
        ("", ""),
        (None, ""),
        (5, ""),
        (["STOP"], ""),
    ],
)
def test_a_reason_is_a_word_and_not_the_default(given: JsonValue, reason: str) -> None:
    """Some gateways write the enumeration's default out."""
    assert said_reason(given) == reason


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "SAFETY"),
        ({"promptFeedback": {"blockReason": "OTHER"}}, "OTHER"),
        ({"promptFeedback": {"safetyRatings": []}}, ""),
        ({"promptFeedback": 5}, ""),
        ({}, ""),
    ],
)
def test_a_prompt_is_blocked_where_the_feedback_says_why(response: JsonObject, reason: str) -> None:
    """Feedback alone blocks nothing."""
    assert block_reason(response) == reason


@pytest.mark.parametrize("word", [*FINISH_REASONS, "FINISH_REASON_UNSPECIFIED", "", None, 5])
def test_these_are_no_failures(word: JsonValue) -> None:
    """A limit and a filter leave an answer."""
    raise_failed_finish({"finishReason": word})


@pytest.mark.parametrize(
    "word",
    [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
        "OTHER",
        "LANGUAGE",
        "NO_IMAGE",
        "ESCALATION",
        "PUP_LIMITED_DISABLED",
        "A_WORD_OF_TOMORROW",
    ],
)
def test_these_are_failures_with_content_or_without(word: str) -> None:
    """A word that nobody knows included: what was added so far meant that something went wrong."""
    with pytest.raises(StreamedError, match=f"{word}: why") as failure:
        raise_failed_finish({"finishReason": word, "finishMessage": "why", "content": {"parts": [{"text": "a"}]}})

    assert failure.value.kind == word


def test_a_failure_is_quoted_shortly() -> None:
    """It goes into the turn's history."""
    with pytest.raises(StreamedError) as failure:
        raise_failed_finish({"finishReason": "W" * 9999, "finishMessage": "\ud800" + "m" * 9999})

    assert len(str(failure.value)) < 1200
    str(failure.value).encode()
