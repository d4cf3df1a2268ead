import pytest

from streaming.duplex.elements import FinishReason
from streaming.duplex.openai_realtime.ending import ending_of, failure_of, usage_of
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import Usage


@pytest.mark.parametrize(
    ("status", "reason", "ending"),
    [
        ("completed", None, "stop"),
        ("cancelled", "turn_detected", "interrupted"),
        ("cancelled", "client_cancelled", "interrupted"),
        ("cancelled", None, "cancelled"),
        ("cancelled", "other", "cancelled"),
        ("incomplete", "max_output_tokens", "length"),
        ("incomplete", "content_filter", "content_filter"),
        ("incomplete", "other", "failed"),
        ("failed", None, "failed"),
        ("in_progress", None, "failed"),
        ("", None, "failed"),
        (None, None, "failed"),
        ([], {}, "failed"),
    ],
)
def test_only_what_says_that_it_is_complete_is(status: JsonValue, reason: JsonValue, ending: FinishReason) -> None:
    """The four statuses are told apart, with their reasons."""
    assert ending_of({"status": status, "status_details": {"type": status, "reason": reason}}) == ending


def test_a_failure_has_the_errors_words() -> None:
    """Its code, or where it has none its type."""
    error: JsonObject = {"type": "server_error", "code": "overloaded", "message": "Try again."}
    failure = failure_of({"status": "failed", "status_details": {"error": error}})

    assert (str(failure), failure.code) == ("Try again.", "overloaded")
    assert failure_of({"status_details": {"error": {"type": "server_error"}}}).code == "server_error"


@pytest.mark.parametrize(
    ("response", "words"),
    [
        ({"status": "in_progress"}, "in_progress"),
        ({"status": "incomplete", "status_details": {"reason": "tired"}}, "tired"),
        ({}, "nothing known"),
        ({"status": "failed", "status_details": {"error": 5}}, "failed"),
    ],
)
def test_a_failure_without_an_error_says_what_is_known(response: JsonObject, words: str) -> None:
    """Never nothing."""
    assert words in str(failure_of(response))


def test_usage_counts_what_the_server_counts() -> None:
    """Cached tokens are among those of the input."""
    usage: JsonObject = {
        "total_tokens": 30,
        "input_tokens": 20,
        "output_tokens": 10,
        "input_token_details": {"cached_tokens": 5, "text_tokens": 8, "audio_tokens": 12},
    }

    assert usage_of({"usage": usage}) == Usage(input_tokens=20, output_tokens=10, cache_read_tokens=5)


@pytest.mark.parametrize(
    ("usage", "known"),
    [(None, None), ([], None), ({}, Usage()), ({"input_tokens": -1, "output_tokens": "3"}, Usage())],
)
def test_usage_that_is_not_told_is_not_made_up(usage: JsonValue, known: Usage | None) -> None:
    """Nor read from what is no count."""
    assert usage_of({"usage": usage}) == known
