import json

import pytest
from hypothesis import given

from streaming.errors import StreamedError
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.gemini.errors import error_details, raise_streamed_error
from streaming.providers.wire import ErrorDetails
from tests.strategies import json_values, texts_with_halves

_QUOTA = "type.googleapis.com/google.rpc.QuotaFailure"
_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_RETRY = "type.googleapis.com/google.rpc.RetryInfo"


def error(*details: JsonValue, code: JsonValue = 429, status: str = "RESOURCE_EXHAUSTED") -> JsonObject:
    """Return an error body."""
    return {"error": {"code": code, "message": "m", "status": status, "details": list(details)}}


def violation(quota: JsonValue) -> JsonObject:
    """Return the detail that names a violated quota."""
    return {"@type": _QUOTA, "violations": [{"quotaMetric": "requests", "quotaId": quota}]}


@pytest.mark.parametrize(
    ("body", "details"),
    [
        (error(), ErrorDetails("m", "RESOURCE_EXHAUSTED", "429")),
        ([error()], ErrorDetails("m", "RESOURCE_EXHAUSTED", "429")),
        (
            error(
                violation("GenerateRequestsPerDayPerProjectPerModel-FreeTier"), {"@type": _RETRY, "retryDelay": "14s"}
            ),
            ErrorDetails("m", "RESOURCE_EXHAUSTED", "quota_per_day", 14.0),
        ),
        (
            error(violation("GenerateRequestsPerMinutePerProject"), {"@type": _RETRY, "retryDelay": "0.5s"}),
            ErrorDetails("m", "RESOURCE_EXHAUSTED", "429", 0.5),
        ),
        (
            error({"@type": _INFO, "reason": "API_KEY_INVALID"}, code=400, status="INVALID_ARGUMENT"),
            ErrorDetails("m", "INVALID_ARGUMENT", "API_KEY_INVALID"),
        ),
        (
            error({"@type": _INFO, "reason": "RATE_LIMIT_EXCEEDED"}, violation("RequestsPerDay")),
            ErrorDetails("m", "RESOURCE_EXHAUSTED", "quota_per_day"),
        ),
        (error({"@type": _RETRY, "retryDelay": "soon"}), ErrorDetails("m", "RESOURCE_EXHAUSTED", "429")),
        (error({"@type": _RETRY, "retryDelay": "1e999s"}), ErrorDetails("m", "RESOURCE_EXHAUSTED", "429")),
        (error({"@type": _RETRY, "retryDelay": 14}), ErrorDetails("m", "RESOURCE_EXHAUSTED", "429")),
        (
            error({"@type": "other", "reason": "x", "violations": [1]}, 5),
            ErrorDetails("m", "RESOURCE_EXHAUSTED", "429"),
        ),
        (error(violation(5), {"@type": _QUOTA, "violations": "x"}), ErrorDetails("m", "RESOURCE_EXHAUSTED", "429")),
        ({"error": {"message": "m", "details": 5, "code": True}}, ErrorDetails("m")),
        ({"error": "words"}, ErrorDetails("words")),
        ({"error": {}}, ErrorDetails()),
        ({"error": None}, ErrorDetails()),
        ({"candidates": []}, ErrorDetails()),
        ([], ErrorDetails()),
        ("error", ErrorDetails()),
        (None, ErrorDetails()),
    ],
    ids=range(19),
)
def test_an_error_body_says_what_it_is(body: JsonValue, details: ErrorDetails) -> None:
    """The status is the kind; the code is a quota of the day, a reason, or the number."""
    assert error_details(body) == details


def test_the_error_of_a_stream_says_how_long_to_wait() -> None:
    """As the headers of a response would."""
    with pytest.raises(StreamedError, match="RESOURCE_EXHAUSTED 429: m") as failure:
        raise_streamed_error([error({"@type": _RETRY, "retryDelay": "14s"})])

    assert (failure.value.kind, failure.value.code, failure.value.retry_after_s) == ("RESOURCE_EXHAUSTED", "429", 14.0)


@pytest.mark.parametrize("body", [{}, [], None, {"error": None}, {"error": {}}, [{"candidates": []}], "error"])
def test_what_is_no_error_raises_nothing(body: JsonValue) -> None:
    """An empty error is none."""
    raise_streamed_error(body)


def test_words_are_cut_short() -> None:
    """They go into the turn's history."""
    details = error_details(error({"@type": _INFO, "reason": "r" * 999}, status="s" * 999) | {})
    whole = error_details({"error": {"message": "m" * 9999}})

    assert (len(details.kind), len(details.code), len(whole.message)) == (100, 100, 1000)


@given(json_values(texts_with_halves()))
def test_any_error_has_details(given_error: JsonValue) -> None:
    """Whatever stands under `error`."""
    for body in ({"error": given_error}, {"error": {"details": [given_error], "message": given_error}}):
        details = error_details(json.loads(json.dumps(body)))
        f"{details.message}{details.kind}{details.code}".encode()
