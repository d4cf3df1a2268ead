import json

import pytest

from activities.statuses import filtered_prompt
from activities.transport import Transport
from streaming.errors import StatusError
from streaming.jsontext import JsonValue
from streaming.providers.wire import Answer
from streaming.reasons import Reason
from tests.activities.test_calling import failed_at, reply


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry_after_ms": "1500", "retry_after": "7"}, 1.5),
        (429, {"retry_after": "7", "x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "6m0s"}, 7.0),
        (429, {"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "6m0s"}, 360.0),
        (429, {"x_ratelimit_remaining_tokens": "5", "x_ratelimit_reset_tokens": "6m0s"}, None),
        (429, {"retry_after": "-1", "x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "nan"}, None),
        (503, {"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "6m0s"}, None),
    ],
    ids=range(6),
)
async def test_an_error_status_says_when_to_come_back(
    transport: Transport, status: int, headers: dict[str, str], seconds: float | None
) -> None:
    """An exhausted limit's reset stands in where a 429 asks for no wait."""
    failure = await failed_at(transport, reply(b"", status=status, **headers))

    assert (failure.retry_after_s, failure.reason) == (
        seconds,
        Reason.RATE_LIMIT if status == 429 else Reason.OVERLOADED,
    )


def test_only_a_filtered_prompt_is_an_answer() -> None:
    """Others say the same with a finish reason; any other status is a failure."""
    assert filtered_prompt(StatusError(400, "m", code="content_filter")) == Answer.empty(
        "content_filter", "content_filter"
    )
    with pytest.raises(StatusError, match="HTTP 500"):
        filtered_prompt(StatusError(500, "m"))


HOSTILE_BODIES: list[JsonValue] = [
    None,
    True,
    7,
    "no",
    [],
    [[]],
    [None],
    {},
    {"error": None},
    {"error": True},
    {"error": 7},
    {"error": []},
    {"error": [{"message": "no"}]},
    {"error": {"message": 7, "type": [], "code": {}}},
    {"error": {"message": {"a": ["no"]}, "type": {"b": 1}, "code": 1e300}},
    {"error": {"message": "n" * 100_000, "type": "t" * 100_000, "code": "c" * 100_000}},
    {"error": {"message": "\ud800", "type": "\udc00", "code": "\ud800\ud800"}},
    {"request_id": {"a": 1}, "error": {"details": "no"}},
    {"error": {"code": -1}, "request_id": "r" * 100_000},
]


@pytest.mark.parametrize("body", HOSTILE_BODIES, ids=range(len(HOSTILE_BODIES)))
async def test_an_errors_body_may_be_any_json(transport: Transport, body: JsonValue) -> None:
    """It is still what its status says, in few words."""
    failure = await failed_at(transport, reply(json.dumps(body).encode(), status=500, retry_after="nan"))

    assert isinstance(failure, StatusError)
    assert (failure.status, failure.reason, failure.retry_after_s) == (500, Reason.SERVER, None)
    assert len(str(failure).encode()) < 2000
