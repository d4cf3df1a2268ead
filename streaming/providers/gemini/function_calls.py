"""A function call whose arguments come in pieces (`partialArgs`), as Vertex AI sends them where asked to.

The first piece names the call, each further one adds values at JSON paths (RFC 9535), a piece without
`willContinue` is the last. A path that is no plain chain of names and indexes stays as it came.
"""

import copy
import itertools
import re

from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue, dumps, mended
from streaming.providers.call_ids import CallIds
from streaming.providers.values import string

_STEP = re.compile(r"""\.([^.\[\]'"]+)|\['([^'\\]*)'\]|\["([^"\\]*)"\]|\[([0-9]{1,6})\]""")
# Deeper ones could not be passed on inside a message.
_MAX_STEPS = 64
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")


def is_streamed(call: JsonObject) -> bool:
    """Return whether more of this call's arguments may come, or these are pieces of them."""
    return bool(call.get("willContinue") or call.get("partialArgs"))


class StreamedCall:
    """One function call as far as it has come, with the part that holds it."""

    def __init__(self, part: JsonObject, call: JsonObject, place: int, ids: CallIds) -> None:
        self.closed = False
        self._part: JsonObject = {}
        self._call: JsonObject = {}
        self._pieces: dict[str, list[JsonObject]] = {}
        self.add(part, call)
        self.id = ids.take(string(self._call.get("id")), place)
        self.name = string(self._call.get("name"))

    def goes_on(self, call: JsonObject) -> bool:
        """Return whether `call` is the next piece of this one, and not a call of its own."""
        if self.closed or call.get("args") is not None:
            return False
        return all(call.get(key) in (None, "", self._call.get(key)) for key in ("name", "id"))

    def add(self, part: JsonObject, call: JsonObject) -> None:
        """Take a piece: a part, and the function call in it.

        Raises:
            NotTheWire: it adds a value and does not say where.
        """
        for key, value in part.items():
            if key != "functionCall":
                self._part.setdefault(key, value)
        for key, value in call.items():
            if key not in ("partialArgs", "willContinue") and value is not None:
                self._call.setdefault(key, value)
        pieces = call.get("partialArgs")
        for piece in pieces if isinstance(pieces, list) else []:
            path = piece.get("jsonPath") if isinstance(piece, dict) else None
            if not isinstance(piece, dict) or not isinstance(path, str):
                raise NotTheWire("a piece of a function call's arguments has no path")
            self._pieces.setdefault(path, []).append(piece)

    def sign(self, signature: JsonValue) -> bool:
        """Take a signature that came on its own; return False if there is one."""
        if "thoughtSignature" in self._part:
            return False
        self._part["thoughtSignature"] = signature
        return True

    def arguments(self) -> str:
        """Return the arguments as JSON text, as far as they have come."""
        return dumps(mended(self._args()[0])).decode()

    def final(self) -> JsonObject:
        """Return the part as the unary endpoint would have."""
        args, strange = self._args()
        call = self._call | {"args": args}
        return self._part | {"functionCall": call | {"partialArgs": strange} if strange else call}

    def _args(self) -> tuple[JsonValue, list[JsonValue]]:
        """Return the arguments, and the pieces whose place in them was not to be found."""
        args = copy.deepcopy(self._call.get("args", {}))
        strange: list[JsonValue] = []
        for path, pieces in self._pieces.items():
            values = [None if key == "nullValue" else piece[key] for piece in pieces for key in _VALUES if key in piece]
            if values and not _place(args, _steps(path), _joined(values)):
                strange += pieces
        return args, strange


def _joined(values: list[JsonValue]) -> JsonValue:
    """Return the value at one path: its pieces joined where it is a string."""
    strings = [value for value in values if isinstance(value, str)]
    return "".join(strings) if len(strings) == len(values) else values[-1]


def _steps(path: str) -> list[str | int]:
    """Return the names and indexes of `$.a['b'][0]`; none where the path is of another form."""
    steps: list[str | int] = []
    at = 1 if path.startswith("$") else len(path)
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or len(steps) == _MAX_STEPS:
            return []
        steps.append(int(match[4]) if match[4] else next(name for name in match.groups() if name is not None))
        at = match.end()
    return steps


def _place(args: JsonValue, steps: list[str | int], value: JsonValue) -> bool:
    """Put `value` where the steps lead; return False where they lead nowhere."""
    node = args
    for step, following in itertools.zip_longest(steps, steps[1:]):
        fresh: JsonValue = value if following is None else {} if isinstance(following, str) else []
        if isinstance(node, dict) and isinstance(step, str):
            if following is None or step not in node:
                node[step] = fresh
            node = node[step]
        elif isinstance(node, list) and isinstance(step, int) and step <= len(node):
            if following is None or step == len(node):
                node[step : step + 1] = [fresh]
            node = node[step]
        else:
            return False
    return bool(steps)
