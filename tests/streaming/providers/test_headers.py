import httpx
import pytest

from streaming.jsontext import JsonValue
from streaming.providers.headers import limit_reset_s, request_id, retry_after_s, should_retry

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z


@pytest.mark.parametrize(
    ("headers", "body", "name"),
    [
        ({"x-request-id": "req_1"}, None, "req_1"),  # OpenAI
        ({"request-id": "req_1"}, None, "req_1"),  # Anthropic
        ({"X-Generation-Id": "gen-1"}, None, "gen-1"),  # OpenRouter
        ({"x-amzn-requestid": "aws-1"}, None, "aws-1"),  # Bedrock
        ({"apim-request-id": "azure-1"}, None, "azure-1"),  # Azure
        ({"request-id": "b", "x-request-id": "a"}, None, "a"),
        ({"x-request-id": "", "request-id": "b"}, None, "b"),
        ({}, {"request_id": "req_1"}, "req_1"),  # Anthropic's errors
        ({"request-id": "head"}, {"request_id": "body"}, "head"),
        ({"x-request-id": "x" * 8000}, None, "x" * 200),
        ({"x-request-id": " a\tb "}, None, "ab"),
        ({}, {"request_id": "a\nb\ud800"}, "ab"),
        ({}, {"request_id": 7}, ""),
        ({}, {"request_id": {"a": 1}}, ""),
        ({}, [{"request_id": "a"}], ""),
        ({}, "a", ""),
        ({}, None, ""),
    ],
    ids=range(17),
)
def test_the_providers_name_for_the_request_is_found(headers: dict[str, str], body: JsonValue, name: str) -> None:
    """In the first header that has one, or in the error; short and printable."""
    assert name == request_id(httpx.Headers(headers), body)


@pytest.mark.parametrize(
    ("value", "answer"),
    [("true", True), ("false", False), ("True", True), (" false ", False), ("", None), ("1", None), ("maybe", None)],
)
def test_whether_to_come_back_may_be_said(value: str, answer: bool | None) -> None:
    """Or not."""
    assert answer is should_retry({"x-should-retry": value})
    assert should_retry({}) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1e300"}, 1e300),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after-ms": "-1", "retry-after": "7"}, 7.0),
        ({"retry-after-ms": "nan", "retry-after": "7"}, 7.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:14:50 GMT"}, 90.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:15 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "7, 8"}, None),
        ({"retry-after": "9" * 100_000}, None),
        ({"retry-after": "Thu, 01 Jan 99999 00:00:00 GMT"}, None),
        ({"retry-after": "Mon, 99 Foo 2026 99:99:99 GMT"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 +99999999999999999999"}, None),
        ({"retry-after": "01 " * 100_000}, None),
    ],
    ids=range(24),
)
def test_the_wait_that_is_asked_for_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    """The first header that says something; what says nothing asks for nothing."""
    assert retry_after_s(httpx.Headers(headers), NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("50.529s", 50.529),
        ("1h2m3.5s", 3723.5),
        ("2d1h", 176_400.0),
        ("0s", 0.0),
        ("17µs", 17e-6),
        ("2023-11-14T22:14:20Z", 60.0),
        ("2023-11-14T23:14:20+01:00", 60.0),
        ("2023-11-14T22:13:00Z", 0.0),
        ("30", 30.0),
        ("1700000060", 60.0),
        ("1700000060000", 60.0),
        ("1600000000", 0.0),
        ("2023-11-14T22:14:20", None),
        ("0001-01-01T00:00:00+23:59", 0.0),
        ("2023-99-99T22:14:20Z", None),
        ("6m0", None),
        ("s", None),
        ("m6s", None),
        ("-6s", None),
        ("6s6", None),
        ("٦s", None),
        ("nan", None),
        ("-1", None),
        ("inf", None),
        ("1e999", None),
        ("", None),
        ("soon", None),
        ("1s" * 100_000, None),
        ("9" * 13 + "s", None),
    ],
)
def test_a_reset_is_read_in_every_form(reset: str, seconds: float | None) -> None:
    """A Go duration, RFC 3339, seconds, or a time since 1970; what is none of them says nothing."""
    headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": reset}

    assert limit_reset_s(headers, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-ratelimit-remaining-requests": "0"}, None),
        ({"x-ratelimit-reset-requests": "6s"}, None),
        ({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "6s"}, None),
        ({"x-ratelimit-remaining-requests": "none", "x-ratelimit-reset-requests": "6s"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6s"}, 6.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000005000"}, 5.0),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "6s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "9s",
            },
            9.0,
        ),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "6s",
                "x-ratelimit-remaining-tokens": "1",
                "x-ratelimit-reset-tokens": "9s",
            },
            6.0,
        ),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "6s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "soon",
            },
            6.0,
        ),
        (
            {
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2023-11-14T22:13:28Z",
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": "2023-11-14T22:14:20Z",
            },
            8.0,
        ),
        (
            {"anthropic-ratelimit-unified-status": "rejected", "anthropic-ratelimit-unified-reset": "1700003600"},
            3600.0,
        ),
        (
            {"anthropic-ratelimit-unified-status": "allowed", "anthropic-ratelimit-unified-reset": "1700003600"},
            None,
        ),
        ({f"x-ratelimit-remaining-{at}": "0" for at in range(20_000)}, None),
    ],
    ids=range(14),
)
def test_the_wait_lasts_until_every_exhausted_limit_is_reset(headers: dict[str, str], seconds: float | None) -> None:
    """A limit of which something remains is not what was hit."""
    assert seconds == limit_reset_s(httpx.Headers(headers), NOW)
