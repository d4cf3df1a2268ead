"""Events that differ in one string only: the string is read, and the rest is known without parsing it again.

Nearly all of a stream is such events. What stands around the string was parsed once with another string in its place.
So an event that begins and ends with the same bytes, and holds a JSON string between them, is the same object but for
that string: nothing is guessed.
"""

import orjson

from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, loads

PROBE = "?"
_PROBE_LITERAL = b'"?"'


class Template:
    """What stands before and behind the one string."""

    __slots__ = ("_after", "_before", "_end", "_start")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before, self._after = before, after
        self._start, self._end = len(before), -len(after)

    def string_in(self, data: bytes) -> str | None:
        """Return the string of an event of this form; None where it is not, or is better parsed with care."""
        if data.startswith(self._before) and data.endswith(self._after):
            try:
                found = orjson.loads(data[self._start : self._end])
            except orjson.JSONDecodeError:
                return None
            return found if isinstance(found, str) else None
        return None


def template_of(data: bytes, string: str, probed: JsonObject) -> Template | None:
    """Return the form of an event that holds `string`, or None where its place cannot be told.

    Args:
        data: the event.
        string: as it was parsed.
        probed: the parsed event with `PROBE` in the string's place.
    """
    if string == PROBE:
        return None  # put in the place of any equal string, it would seem to be in the right one
    try:
        before, found, after = data.partition(orjson.dumps(string))
        same = bool(found) and loads(before + _PROBE_LITERAL + after) == probed
    except (orjson.JSONEncodeError, NotTheWire):
        return None
    return Template(before, after) if same and after else None
