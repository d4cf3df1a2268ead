"""What the head of a provider's response says besides its status: whose request it was, and when to come back.

Hostile like the rest of it: what does not parse says nothing. Header names are taken in lower case.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from streaming.jsontext import JsonValue

# OpenAI and most others; Anthropic; OpenRouter; Bedrock; Azure's gateway.
_REQUEST_IDS = ("x-request-id", "request-id", "x-generation-id", "x-amzn-requestid", "apim-request-id")
_MAX_REQUEST_ID = 200

_MAX_VALUE = 64  # every time and duration is shorter
_DURATION_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(ms|us|µs|ns|d|h|m|s)")
_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
# A number too large to be a wait is a time since 1970, in seconds or in milliseconds.
_EPOCH_S = 1e9
_EPOCH_MS = 1e11


def request_id(headers: Mapping[str, str], body: JsonValue = None) -> str:
    """Return the provider's name for the request, "" where it gave none.

    Args:
        headers: the response's.
        body: an error's; Anthropic's repeats the id, for those who lose the headers.
    """
    given = next((value for name in _REQUEST_IDS if (value := headers.get(name))), "")
    if not given and isinstance(body, dict):
        told = body.get("request_id")
        given = told if isinstance(told, str) else ""
    return "".join(letter for letter in given[:_MAX_REQUEST_ID] if letter.isprintable()).strip()


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Return what `x-should-retry` says; OpenAI and Anthropic overrule their statuses with it."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long the provider asks to wait, or None: the first of its headers that parses (RFC 9110 10.2.3)."""
    milliseconds = _number(_short(headers.get("retry-after-ms")))
    if milliseconds is not None:
        return milliseconds / 1000
    value = _short(headers.get("retry-after"))
    seconds = _number(value)
    return seconds if seconds is not None else _until(_http_date(value), now)


def limit_reset_s(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long until every exhausted rate limit is reset, or None where no header tells.

    Each limit says what remains of it and when it is reset: `x-ratelimit-remaining-tokens` and
    `x-ratelimit-reset-tokens` (OpenAI, Groq: a Go duration), `anthropic-ratelimit-tokens-remaining` and `-reset`
    (RFC 3339), `x-ratelimit-remaining` and `-reset` (OpenRouter: milliseconds since 1970). Anthropic's plans say
    `anthropic-ratelimit-unified-status: rejected` (its reset: seconds since 1970).
    """
    fields = {name.lower(): _short(value) for name, value in headers.items() if "ratelimit" in name.lower()}
    resets = (_reset_of(name, value) for name, value in fields.items())
    waits = (_reset_s(fields[reset], now) for reset in resets if reset in fields)
    return max((wait for wait in waits if wait is not None), default=None)


def _reset_of(name: str, value: str) -> str | None:
    """Return the name of the header that says when this limit is reset, if it is exhausted."""
    if "remaining" in name and _number(value) == 0:
        return name.replace("remaining", "reset")
    if name.endswith("-status") and value == "rejected":
        return name.removesuffix("status") + "reset"
    return None


def _reset_s(value: str, now: float) -> float | None:
    number = _number(value)
    if number is None:
        duration = _duration(value)
        return duration if duration is not None else _until(_rfc_3339(value), now)
    if number < _EPOCH_S:
        return number
    return _until(number / 1000 if number >= _EPOCH_MS else number, now)


def _short(value: str | None) -> str:
    return value if value and len(value) <= _MAX_VALUE else ""


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _duration(value: str) -> float | None:
    parts = _DURATION_PART.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _http_date(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _rfc_3339(value: str) -> float | None:
    try:
        moment = datetime.fromisoformat(value)
        return moment.timestamp() if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _until(moment: float | None, now: float) -> float | None:
    return None if moment is None else max(0.0, moment - now)
