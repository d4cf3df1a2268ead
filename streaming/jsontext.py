"""JSON from strangers: fast where the text is plain, exact where it is not.

orjson is strict and quick, but refuses invalid UTF-8 and lone surrogates, and turns integers beyond 64 bits
into floats (its README, "Integers"). Those texts are rare and still an answer, so they take the slow road
through the standard library, and what was half of a surrogate pair is mended or becomes U+FFFD.
"""

import json
import math
import re
from itertools import chain

import orjson
from pydantic import JsonValue as JsonValue

from streaming.errors import NotTheWire

JsonObject = dict[str, JsonValue]

_LONG_INTEGER = b"0" * 19
_ALL_DIGITS_0 = bytes.maketrans(b"123456789", b"0" * 9)
_OPENING = b"[{"
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_EXCERPT = 200
# Pydantic, orjson and Python itself each give up on nesting, somewhere between 200 and 1,000 levels.
_MAX_DEPTH = 128


def loads(data: bytes) -> JsonValue:
    """Parse one JSON document.

    Strings may hold lone surrogates: the halves of one character may come in two events.

    Raises:
        NotTheWire: this is no JSON, or none that others could read back; the message quotes its beginning.
    """
    # One pass tells both of the rare things that orjson gets wrong: long integers, and nesting too deep for others.
    plain = data.translate(_ALL_DIGITS_0, _OPENING)
    if plain.find(_LONG_INTEGER) >= 0:
        value = _exact(data)
    else:
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            value = _exact(data)
    if len(data) - len(plain) > _MAX_DEPTH and (flaw := flaw_of(value)):
        raise NotTheWire(f"JSON with {flaw}: {excerpt(data)}")
    return value


def flaw_of(value: JsonValue) -> str | None:
    """Return what in `value` other JSON parsers would stumble over, or None."""
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        if not all(map(math.isfinite, [item for item in level if isinstance(item, float)])):
            return "NaN or infinity"
        lists = [item for item in level if isinstance(item, list)]
        objects = [item.values() for item in level if isinstance(item, dict)]
        level = [*chain.from_iterable(lists), *chain.from_iterable(objects)]
        if not level:
            return None
    return f"more than {_MAX_DEPTH} levels of nesting"


def _exact(data: bytes) -> JsonValue:
    try:
        exact: JsonValue = json.loads(
            data.decode("utf-8", "replace"), parse_constant=_refuse_constant, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise NotTheWire(f"not JSON: {excerpt(data)}") from error
    return exact


def dumps(value: JsonValue) -> bytes:
    """Return `value` as JSON: integers of any size, and lone surrogates mended."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(mended(value), ensure_ascii=False, separators=(",", ":")).encode()


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


class GrowingText:
    """A string that comes in pieces, whose cuts may fall between the halves of a surrogate pair."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._half = ""

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self._pieces)

    def since(self, place: int) -> list[str]:
        """Return the pieces after the first `place`: whoever looks again and again looks at each once."""
        return self._pieces[place:]

    def add(self, piece: str) -> str:
        """Take a piece; return what it adds. A trailing high half waits for its partner."""
        if self._half or (not piece.isascii() and _SURROGATE.search(piece)):
            piece, self._half = split_high_surrogate(self._half + piece)
            piece = pair_surrogates(piece)
        if piece:
            self._pieces.append(piece)
        return piece

    def close(self) -> str:
        """No piece will follow; return what a half without a partner adds."""
        half, self._half = self._half, ""
        return self.add("\N{REPLACEMENT CHARACTER}") if half else ""


class GrowingObject:
    """A JSON object that comes in pieces: the strings of some keys are joined, all else keeps its last value."""

    def __init__(self, joined: frozenset[str]) -> None:
        self._joined = joined
        self._texts: dict[str, GrowingText] = {}
        self._fields: JsonObject = {}

    def add(self, piece: JsonObject) -> dict[str, str]:
        """Take a piece; return what it adds to each string that is joined."""
        added: dict[str, str] = {}
        for key, value in piece.items():
            if key in self._joined and isinstance(value, str):
                added[key] = self._texts.setdefault(key, GrowingText()).add(value)
            else:
                keep_last(self._fields, key, value)
        return added

    def close(self) -> dict[str, str]:
        """No piece will follow; return what halves without a partner add."""
        return {key: text.close() for key, text in self._texts.items()}

    @property
    def value(self) -> JsonObject:
        """All of it so far."""
        return self._fields | {key: text.text for key, text in self._texts.items()}


def keep_last(held: JsonObject, key: str, value: JsonValue) -> None:
    """Put a later value in the place of an earlier one, unless it says nothing where that one did."""
    if value not in (None, "", [], {}) or not held.get(key):
        held[key] = value


def mended(value: JsonValue) -> JsonValue:
    """Return `value` with the surrogates of every string paired, however deep."""
    if isinstance(value, str):
        return pair_surrogates(value)
    if isinstance(value, list):
        return [mended(item) for item in value]
    return mended_object(value) if isinstance(value, dict) else value


def mended_object(value: JsonObject) -> JsonObject:
    """Return an object with its keys and values mended."""
    return {pair_surrogates(key): mended(item) for key, item in value.items()}


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number beyond the range of floats")
    return number
