"""Gemini's error objects: Google's `google.rpc.Status`, as a whole body or as an event of a stream.

Source: https://google.aip.dev/193 and the protos of `google.rpc.ErrorInfo`, `QuotaFailure` and `RetryInfo`.

In the middle of a stream the server may also write an error as bare lines of JSON, with no `data:` before them.
Those are no event, so no wire sees them: the body then ends without a finish reason, and that is a truncated stream.
"""

import re
from collections.abc import Iterator

from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.values import details_of, objects, streamed_error, word
from streaming.providers.wire import ErrorDetails

QUOTA_PER_DAY = "quota_per_day"
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")


def raise_streamed_error(body: JsonValue) -> None:
    """Raise the error object that `body` is, if it is one.

    Raises:
        StreamedError: it is; with the seconds to wait, where the object says so.
    """
    if _error(body):
        raise streamed_error(error_details(body))


def error_details(body: JsonValue) -> ErrorDetails:
    """Return what an error body says.

    The code is the most exact word there is: `quota_per_day` for a quota that no short wait refills, else the
    reason of an `ErrorInfo` (such as API_KEY_INVALID), else the number.
    """
    error = _error(body)
    if not isinstance(error, dict):
        return details_of(error)
    given = objects(error.get("details"))
    code = _exhausted_for_the_day(given) or _reason(given) or error.get("code")
    return details_of(error.get("message"), error.get("status"), code, _retry_after_s(given))


def _error(body: JsonValue) -> JsonValue:
    if isinstance(body, list) and body:
        body = body[0]  # a stream without `alt=sse` is a list, its error included
    return body.get("error") if isinstance(body, dict) else None


def _of_type(details: list[JsonObject], name: str) -> Iterator[JsonObject]:
    return (item for item in details if word(item.get("@type")).endswith(f"google.rpc.{name}"))


def _exhausted_for_the_day(details: list[JsonObject]) -> str:
    for failure in _of_type(details, "QuotaFailure"):
        if any("PerDay" in word(violation.get("quotaId")) for violation in objects(failure.get("violations"))):
            return QUOTA_PER_DAY
    return ""


def _reason(details: list[JsonObject]) -> str:
    return next((reason for info in _of_type(details, "ErrorInfo") if (reason := word(info.get("reason")))), "")


def _retry_after_s(details: list[JsonObject]) -> float | None:
    for info in _of_type(details, "RetryInfo"):
        if match := _DURATION.fullmatch(word(info.get("retryDelay"))):
            return float(match[1])
    return None
