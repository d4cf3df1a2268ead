"""What a response is whose status is not 200: a failure in the provider's own words, or a filtered prompt."""

import time

from activities.transport import Response
from streaming.errors import NotTheWire, StatusError
from streaming.jsontext import JsonValue, excerpt, loads
from streaming.providers.headers import limit_reset_s, request_id, retry_after_s, should_retry
from streaming.providers.wire import Answer, Wire
from streaming.reasons import Reason

_TOO_MANY_REQUESTS = 429


async def status_error(response: Response, wire: Wire) -> StatusError:
    """Return what a response's status, headers and body say went wrong."""
    raw, now = await response.error_body(), time.time()
    body, headers = _json_or_none(raw), response.headers
    details = wire.error_details(body)
    waits = [retry_after_s(headers, now), details.retry_after_s]
    if response.status == _TOO_MANY_REQUESTS:
        waits.append(limit_reset_s(headers, now))
    error = StatusError(
        response.status,
        details.message or excerpt(raw),
        kind=details.kind,
        code=details.code,
        retry_after_s=next((wait for wait in waits if wait is not None), None),
        should_retry=should_retry(headers),
    )
    error.request_id = request_id(headers, body)
    return error


def filtered_prompt(failure: StatusError) -> Answer:
    """Return the answer that a filtered prompt is: some providers say with a status what others finish with.

    Raises:
        StatusError: it is a failure.
    """
    if failure.reason is not Reason.CONTENT_FILTER:
        raise failure
    return Answer.empty("content_filter", failure.code)


def _json_or_none(body: bytes) -> JsonValue:
    try:
        return loads(body)
    except NotTheWire:
        return None
