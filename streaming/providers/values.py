"""What a provider's object holds, taken where it is of the right kind: anything else says nothing."""

from streaming.errors import StreamedError
from streaming.jsontext import JsonObject, JsonValue, pair_surrogates
from streaming.providers.wire import ErrorDetails

_MAX_ERROR_MESSAGE = 1000
_MAX_ERROR_WORD = 100


def string(value: JsonValue) -> str:
    """Return a string, with no half of a character in it; "" for anything else."""
    return pair_surrogates(value) if isinstance(value, str) else ""


def word(value: JsonValue) -> str:
    """Return a string, or a number as one: servers send ids and codes either way; "" for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return string(value)


def count(holder: JsonValue, key: str) -> int | None:
    """Return the count under a key of what should be an object; None where there is none, or less than nothing."""
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def objects(value: JsonValue) -> list[JsonObject]:
    """Return the objects in what should be a list of them."""
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def details_of(
    message: JsonValue, kind: JsonValue = None, code: JsonValue = None, retry_after_s: float | None = None
) -> ErrorDetails:
    """Return what an error says, each word cut short: it goes into the turn's history."""
    return ErrorDetails(
        word(message)[:_MAX_ERROR_MESSAGE], word(kind)[:_MAX_ERROR_WORD], word(code)[:_MAX_ERROR_WORD], retry_after_s
    )


def streamed_error(details: ErrorDetails, unsaid: str = "no message") -> StreamedError:
    """Return the error of an error object under a 200; its message is `unsaid` where the object has none."""
    return StreamedError(
        details.message or unsaid, kind=details.kind, code=details.code, retry_after_s=details.retry_after_s
    )
