"""Which tool call a streamed fragment belongs to, for OpenAI and for servers that number them otherwise.

OpenAI keys fragments by `index` and names id and function once. In the wild the index is missing, starts
at 1, has gaps, or is 0 for every parallel call; ids and names repeat on each fragment, or never come.
The order of the rules in `_find` survives every shape seen in the field's issue trackers
(openai-python #2806, hermes-agent #11863, vercel/ai #18440, litellm #11407).
"""

from dataclasses import dataclass, field

from streaming.jsontext import JsonObject, JsonValue


@dataclass
class ToolCall:
    """One tool call as far as it has come; `position` is its place in order of opening."""

    position: int
    index: int
    id: str = ""
    name: str = ""
    type: str = "function"
    arguments: list[str] = field(default_factory=list)


class ToolCalls:
    """The tool calls of one message."""

    def __init__(self) -> None:
        self._calls: list[ToolCall] = []

    def take(self, piece: JsonObject) -> tuple[ToolCall, str]:
        """Find or open the call that `piece` belongs to; return it and the arguments that the piece adds."""
        kind = "custom" if isinstance(piece.get("custom"), dict) else "function"
        said = piece.get(kind)
        function = said if isinstance(said, dict) else {}
        call_id, name = _word(piece.get("id")), _word(function.get("name"))
        index = piece.get("index")
        call = self._find(index if isinstance(index, int) else None, call_id, name)
        if call is None:
            at = index if isinstance(index, int) else len(self._calls)
            call = ToolCall(len(self._calls), at, type=_word(piece.get("type")) or kind)
            self._calls.append(call)
        call.id = call.id or call_id
        call.name = call.name or name
        added = function.get("input" if kind == "custom" else "arguments")
        return call, added if isinstance(added, str) else ""

    def _find(self, index: int | None, call_id: str, name: str) -> ToolCall | None:
        if index is not None:
            held = next((call for call in reversed(self._calls) if call.index == index), None)
            if held and call_id and held.id and call_id != held.id:
                return None
            if held and not call_id and not held.id and name and held.name and name != held.name:
                return None
            return held
        if call_id:
            return next((call for call in self._calls if call.id == call_id), None)
        if name or not self._calls:
            return None
        return self._calls[-1]

    def by_position(self, position: int) -> ToolCall:
        """Return the call that was opened as number `position`, from 0."""
        return self._calls[position]

    def final(self) -> list[JsonValue]:
        """Return the calls as the unary message holds them: ordered by index, without it."""
        return [_unary(call) for call in sorted(self._calls, key=lambda call: (call.index, call.position))]


def _unary(call: ToolCall) -> JsonValue:
    key = "input" if call.type == "custom" else "arguments"
    said: JsonObject = {"name": call.name, key: "".join(call.arguments)}
    return {"id": call.id, "type": call.type, call.type: said}


def _word(value: JsonValue) -> str:
    return value.strip() if isinstance(value, str) else ""
