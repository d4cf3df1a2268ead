"""Which tool call a streamed fragment belongs to, for OpenAI and for servers that number them otherwise.

OpenAI keys fragments by `index` and names id and function once. In the wild the index is missing, starts
at 1, has gaps, or is 0 for every parallel call; ids and names repeat on each fragment, are the same for
several calls, or never come. The rules of `_find`, in their order, survive every shape seen in the field's issue
trackers (openai-python #2806, hermes-agent #11863, vercel/ai #18440, litellm #11407, oh-my-pi #2055):

1. An index names its call, unless the fragment's id is another's.
2. Without an index, an id names its call.
3. Without either, the last call goes on.

Whichever it is, a fragment whose name is another call's opens a new one: when the name differs, or when the call
that goes by it is whole JSON already.
"""

import re

from streaming.deltas import Delta, PartAdded
from streaming.errors import NotTheWire
from streaming.jsontext import GrowingText, JsonObject, JsonValue, keep_last, pair_surrogates
from streaming.providers.openai_chat.fields import Parts, refuse
from streaming.providers.openai_chat.parts import call_id, json_text

# Under which key a call itself stands -> its key of what the tool is called with.
_KINDS = {"function": "arguments", "custom": "input"}
_NOT_KEPT = frozenset({"index", "id", "type", "name", *_KINDS, *_KINDS.values()})
_MARKS = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)


class ToolCall:
    """One tool call as far as it has come; `position` is its place in order of opening."""

    def __init__(self, position: int, index: int) -> None:
        self.position, self.index = position, index
        self.id = self.name = self.type = self.kind = ""
        self.arguments = GrowingText()
        self._extent = _Extent()
        self._fields: JsonObject = {}
        self._said: JsonObject = {}
        self._part = -1

    def take(self, piece: JsonObject, kind: str, said: JsonObject) -> None:
        """Take what a fragment says besides the arguments: of each thing, the first that comes."""
        self.kind = self.kind or kind
        self.id = self.id or _word(piece.get("id"))
        self.name = self.name or _word(said.get("name"))
        self.type = self.type or _word(piece.get("type"))
        for held, given in ((self._fields, piece), (self._said, said)):
            for key in given.keys() - _NOT_KEPT:
                keep_last(held, key, given[key])

    def show(self, added: str, parts: Parts, deltas: list[Delta]) -> None:
        """Tell viewers of the call, and of what comes to its arguments."""
        if self._part < 0:
            self._part = parts.start(deltas, "tool_call", parts.call_ids.take(call_id(self.id)), self.name)
        if added:
            deltas.append(PartAdded(self._part, added))

    def is_whole(self) -> bool:
        """Return whether the arguments are a whole JSON text; each piece of them is looked at once."""
        return self.kind == "function" and self._extent.of(self.arguments)

    def final(self) -> JsonObject:
        """Return the call as the unary message has it: without an index."""
        call = self._fields | ({"id": self.id} if self.id else {}) | {"type": self.type or self.kind or "function"}
        return call | {self.kind: self.final_said()} if self.kind else call

    def final_said(self) -> JsonObject:
        """Return what stands under the call's kind."""
        return self._said | {"name": self.name, _KINDS[self.kind or "function"]: self.arguments.text}


class _Extent:
    """How far a text goes on as JSON: until its brackets, those in strings apart, are all closed again."""

    def __init__(self) -> None:
        self._looked_at = 0
        self._depth = 0
        self._opened = self._in_string = self._in_escape = False

    def of(self, text: GrowingText) -> bool:
        """Return whether the text has come to its end."""
        pieces = text.since(self._looked_at)
        self._looked_at += len(pieces)
        for piece in pieces:
            start = 1 if self._in_escape else 0
            self._in_escape = False
            for mark in _MARKS.finditer(piece, start):
                self._pass(mark.group())
        return self._opened and self._depth == 0

    def _pass(self, mark: str) -> None:
        if mark == '"':
            self._in_string = not self._in_string
        elif self._in_string:
            self._in_escape = mark == "\\"  # the piece ends inside an escape
        elif mark in "{[":
            self._opened = True
            self._depth += 1
        elif mark in "}]":
            self._depth -= 1


class ToolCalls:
    """The field `tool_calls`. See `fields.Field`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._calls: list[ToolCall] = []
        self._by_index: dict[int, ToolCall] = {}
        self._by_id: dict[str, ToolCall] = {}
        self._by_both: dict[tuple[int, str], ToolCall] = {}

    def take(self, value: JsonValue, deltas: list[Delta]) -> None:
        """Take a chunk's fragments."""
        if not isinstance(value, list):
            refuse(value, "tool_calls")
            return
        for piece in value:
            if not isinstance(piece, dict):
                raise NotTheWire("a tool call of the stream is not a JSON object")
            self._take(piece, deltas)

    def _take(self, piece: JsonObject, deltas: list[Delta]) -> None:
        kind = "custom" if isinstance(piece.get("custom"), dict) else "function"
        given = piece.get(kind)
        said = given if isinstance(given, dict) else {}
        arguments = said.get(_KINDS[kind])
        text = arguments if isinstance(arguments, str) else json_text(arguments)
        index = piece.get("index")
        index = index if type(index) is int else None
        call = self._find(index, _word(piece.get("id")), _word(said.get("name")), text) or self._opened(index)
        call.take(piece, kind if said else "", said)
        self._by_id[call.id] = self._by_both[call.index, call.id] = call
        call.show(call.arguments.add(text), self._parts, deltas)

    def _find(self, index: int | None, call_id: str, name: str, text: str) -> ToolCall | None:
        if index is None and call_id:
            held = self._by_id.get(call_id)
        elif index is None:
            held = self._calls[-1] if self._calls else None
        else:
            held = self._by_index.get(index)
            if held and held.id and call_id not in ("", held.id):
                held = self._by_both.get((index, call_id))
        return None if held is None or _is_anothers(name, text, held) else held

    def _opened(self, index: int | None) -> ToolCall:
        position = len(self._calls)
        call = ToolCall(position, position if index is None else index)
        self._calls.append(call)
        self._by_index[call.index] = call
        return call

    def close(self, deltas: list[Delta]) -> None:
        """Show what half characters came to."""
        for call in self._calls:
            call.show(call.arguments.close(), self._parts, deltas)

    def final(self) -> JsonValue:
        """Return the calls ordered by index."""
        return [call.final() for call in sorted(self._calls, key=lambda call: (call.index, call.position))]


class FunctionCall:
    """The field `function_call`, the retired form of the one tool call. See `fields.Field`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._call = ToolCall(0, 0)

    def take(self, value: JsonValue, deltas: list[Delta]) -> None:
        """Take a piece."""
        if not value or not isinstance(value, dict):
            refuse(value, "function_call")
            return
        self._call.take({}, "function", value)
        arguments = value.get("arguments")
        added = self._call.arguments.add(arguments if isinstance(arguments, str) else json_text(arguments))
        self._call.show(added, self._parts, deltas)

    def close(self, deltas: list[Delta]) -> None:
        """Show what a half character came to."""
        if added := self._call.arguments.close():
            self._call.show(added, self._parts, deltas)

    def final(self) -> JsonValue:
        """Return the call."""
        return self._call.final_said() if self._call.kind else None


def _is_anothers(name: str, text: str, held: ToolCall) -> bool:
    if not name or not held.name:
        return False
    return name != held.name or (bool(text.strip()) and held.is_whole())


def _word(value: JsonValue) -> str:
    return pair_surrogates(value) if isinstance(value, str) and value.strip() else ""
