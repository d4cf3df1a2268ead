import pytest

from streaming.errors import (
    AnswerTooLarge,
    ClockRanOut,
    EventTooLarge,
    InvalidTurn,
    StatusError,
    StreamedError,
    TurnError,
    UnknownRoute,
)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InvalidTurn([("a.b", "wrong"), ("c", "missing")]), "a.b: wrong; c: missing"),
        (UnknownRoute("x", ["a", "b"]), "route: no route 'x' in this worker's settings; it has a, b"),
        (
            AnswerTooLarge(2_000_000, 1_000_000),
            "the answer is 2,000,000 bytes as JSON and a durable result may hold 1,000,000: "
            "lower settings.max_output_tokens, or leave include_raw off",
        ),
        (ClockRanOut("connect_s", 0.5), "no connection for 0.5 s (connect_s)"),
        (ClockRanOut("first_token_s", 120), "no content for 120 s (first_token_s)"),
        (ClockRanOut("idle_s", 30), "no byte after the first content for 30 s (idle_s)"),
        (ClockRanOut("stall_s", 120), "only keepalives and no content for 120 s (stall_s)"),
        (ClockRanOut("try_s", 600), "this try was not done for 600 s (try_s)"),
        (StatusError(503, "busy"), "HTTP 503: busy"),
        (
            StatusError(429, "slow down", kind="requests", code="rate_limit", request_id="req_1"),
            "HTTP 429 requests rate_limit: slow down (request req_1)",
        ),
        (StatusError(400, "no", kind="same", code="same"), "HTTP 400 same: no"),
        (StreamedError("boom"), "error in the stream: boom"),
        (StreamedError("boom", kind="server_error", code="502"), "error in the stream: server_error 502: boom"),
        (EventTooLarge(1000), "one event of the stream is over 1,000 bytes"),
    ],
    ids=range(14),
)
def test_an_error_says_what_happened(error: TurnError, words: str) -> None:
    """In words that people read: the provider's own where it sent any, and each only once."""
    assert words == str(error)
