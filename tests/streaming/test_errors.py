import pytest

from streaming.errors import (
    AnswerTooLarge,
    AttachmentNotLoaded,
    CannotExpress,
    ClockRanOut,
    ConnectFailed,
    ConnectionLost,
    EmptyAnswer,
    EventTooLarge,
    InvalidTurn,
    NotTheWire,
    ProviderError,
    StatusError,
    StreamedError,
    TruncatedStream,
    TurnError,
    UnknownRoute,
)
from streaming.reasons import Reason


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
            StatusError(429, "slow down", kind="requests", code="rate_limit"),
            "HTTP 429 requests rate_limit: slow down",
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


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AttachmentNotLoaded("a"), Reason.ATTACHMENT),
        (CannotExpress("c"), Reason.INVALID),
        (ConnectFailed("c"), Reason.CONNECTION),
        (ConnectionLost("c"), Reason.CONNECTION),
        (ClockRanOut("idle_s", 1), Reason.TIMEOUT),
        (StatusError(500, "s"), Reason.SERVER),
        (StatusError(400, "s", kind="k", code="context_length_exceeded"), Reason.CONTEXT),
        (StatusError(400, "prompt is too long"), Reason.CONTEXT),
        (StreamedError("s"), Reason.UNKNOWN),
        (StreamedError("s", kind="overloaded_error"), Reason.OVERLOADED),
        (StreamedError("s", code="429"), Reason.RATE_LIMIT),
        (StreamedError("prompt is too long", kind="invalid_request_error"), Reason.CONTEXT),
        (NotTheWire("n"), Reason.BAD_ANSWER),
        (EventTooLarge(1), Reason.BAD_ANSWER),
        (TruncatedStream("t"), Reason.BAD_ANSWER),
        (EmptyAnswer("e"), Reason.BAD_ANSWER),
    ],
    ids=range(16),
)
def test_a_failed_call_has_a_reason(error: ProviderError, reason: Reason) -> None:
    """One of a closed set, whatever went wrong."""
    assert reason is error.reason


@pytest.mark.parametrize("error", [StatusError(500, "no"), StreamedError("no"), TruncatedStream("no")])
def test_a_failed_call_names_the_request(error: ProviderError) -> None:
    """So that the provider's support can be asked about it."""
    before = str(error)
    error.request_id = "req_1"

    assert str(error) == f"{before} (request req_1)"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(None, None), (0.0, 0.0), (7, 7), (1e300, 1e300), (-1.0, None), (float("inf"), None), (float("nan"), None)],
)
def test_a_wait_is_a_time_or_nothing(given: float | None, seconds: float | None) -> None:
    """A provider may send any number."""
    assert seconds == StatusError(429, "m", retry_after_s=given).retry_after_s
    assert seconds == StreamedError("m", retry_after_s=given).retry_after_s
