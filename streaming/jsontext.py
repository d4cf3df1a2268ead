"""JSON from strangers: fast where the text is plain, exact where it is not.

orjson is strict and quick, but refuses invalid UTF-8 and lone surrogates, and turns integers beyond 64 bits
into floats (its README, "Integers"). Those texts are rare and still an answer, so they take the slow road
through the standard library, and what was half of a surrogate pair is mended or becomes U+FFFD.
"""

import json
import re

import orjson
from pydantic import JsonValue as JsonValue

from streaming.errors import NotTheWire

JsonObject = dict[str, JsonValue]

_LONG_INTEGER = re.compile(rb"[0-9]{19}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_EXCERPT = 200


def loads(data: bytes) -> JsonValue:
    """Parse one JSON document.

    Strings may hold lone surrogates: the halves of one character may come in two events.

    Raises:
        NotTheWire: this is no JSON; the message quotes its beginning.
    """
    if not _LONG_INTEGER.search(data):
        try:
            parsed: JsonValue = orjson.loads(data)
        except orjson.JSONDecodeError:
            pass
        else:
            return parsed
    try:
        exact: JsonValue = json.loads(data.decode("utf-8", "replace"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotTheWire(f"not JSON: {excerpt(data)}") from error
    return exact


def dumps(value: JsonValue) -> bytes:
    """Return `value` as JSON, integers of any size included."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def excerpt(data: bytes) -> str:
    """Return the beginning of a foreign body, short and printable, to quote in an error."""
    text = data[: _MAX_EXCERPT * 4].decode("utf-8", "replace")[:_MAX_EXCERPT]
    return repr(text) + ("..." if len(data) > _MAX_EXCERPT else "")


def pair_surrogates(text: str) -> str:
    """Join surrogate halves into the characters they mean; a half with no partner becomes U+FFFD."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def split_high_surrogate(text: str) -> tuple[str, str]:
    """Split off a trailing high surrogate, which waits for its partner in the next piece of the same part."""
    if text and "\ud800" <= text[-1] <= "\udbff":
        return text[:-1], text[-1]
    return text, ""


def mended(value: JsonValue) -> JsonValue:
    """Return `value` with the surrogates of every string paired, however deep."""
    if isinstance(value, str):
        return pair_surrogates(value)
    if isinstance(value, list):
        return [mended(item) for item in value]
    if isinstance(value, dict):
        return {pair_surrogates(key): mended(item) for key, item in value.items()}
    return value


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not JSON")
