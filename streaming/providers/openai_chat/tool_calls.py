"""Which tool call a streamed fragment belongs to, for OpenAI and for servers that number them otherwise.

OpenAI keys fragments by `index` and names id and function once. In the wild the index is missing, starts
at 1, has gaps, or is 0 for every parallel call; ids and names repeat on each fragment, or never come.
The rules of `_find`, in their order, survive every shape seen in the field's issue trackers
(openai-python #2806, hermes-agent #11863, vercel/ai #18440, litellm #11407):

1. An index names its call, unless the fragment's id, or lacking ids its name, is another call's.
2. Without an index, an id names its call.
3. Without either, the last call goes on, unless the fragment's name is another call's.

A name is another call's when it differs, or when the call that it names is whole JSON already.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from streaming.errors import NotTheWire
from streaming.jsontext import GrowingText, JsonObject, JsonValue, loads, pair_surrogates


@dataclass
class ToolCall:
    """One tool call as far as it has come; `position` is its place in order of opening."""

    position: int
    index: int
    id: str = ""
    name: str = ""
    type: str = "function"
    kind: str = "function"
    """Under which key the call itself stands: `function` or `custom`."""
    arguments: GrowingText = field(default_factory=GrowingText)


class ToolCalls:
    """The tool calls of one message, in order of opening."""

    def __init__(self) -> None:
        self._calls: list[ToolCall] = []

    def __iter__(self) -> Iterator[ToolCall]:
        return iter(self._calls)

    def take(self, piece: JsonObject) -> tuple[ToolCall, str]:
        """Find or open the call that `piece` belongs to; return it and what the piece adds to its arguments."""
        kind = "custom" if isinstance(piece.get("custom"), dict) else "function"
        given = piece.get(kind)
        said = given if isinstance(given, dict) else {}
        call_id, name = _word(piece.get("id")), _word(said.get("name"))
        added = said.get("input" if kind == "custom" else "arguments")
        text = added if isinstance(added, str) else ""
        index = piece.get("index")
        call = self._find(index if type(index) is int else None, call_id, name, text)
        if call is None:
            at = index if type(index) is int else len(self._calls)
            call = ToolCall(len(self._calls), at, type=_word(piece.get("type")) or kind, kind=kind)
            self._calls.append(call)
        call.id = call.id or call_id
        call.name = call.name or name
        return call, call.arguments.add(text)

    def _find(self, index: int | None, call_id: str, name: str, text: str) -> ToolCall | None:
        if index is None and call_id:
            return next((call for call in self._calls if call.id == call_id), None)
        held = next((call for call in reversed(self._calls) if index is None or call.index == index), None)
        if held is None:
            return None
        if call_id and held.id and call_id != held.id:
            return next((call for call in self._calls if (call.index, call.id) == (index, call_id)), None)
        return None if not call_id and _is_anothers(name, text, held) else held

    def final(self) -> list[JsonValue]:
        """Return the calls as the unary message holds them: ordered by index, without it."""
        return [_unary(call) for call in sorted(self._calls, key=lambda call: (call.index, call.position))]


def _is_anothers(name: str, text: str, held: ToolCall) -> bool:
    if not name or not held.name:
        return False
    return name != held.name or (bool(text.strip()) and _is_whole(held.arguments))


def _is_whole(arguments: GrowingText) -> bool:
    if not arguments.ends_with("}"):
        return False
    try:
        loads(arguments.text.encode("utf-8", "replace"))
    except NotTheWire:
        return False
    return True


def _unary(call: ToolCall) -> JsonValue:
    said: JsonObject = {"name": call.name, "input" if call.kind == "custom" else "arguments": call.arguments.text}
    return {call.kind: said, "id": call.id, "type": call.type}


def _word(value: JsonValue) -> str:
    return pair_surrogates(value.strip()) if isinstance(value, str) else ""
