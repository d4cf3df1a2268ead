"""One content block of a streamed message: what its deltas add, and the block that the unary message holds.

Which delta does what to which field is the tables below (https://platform.claude.com/docs/en/build-with-claude/streaming).
A delta they do not know changes nothing: the vendor asks clients to bear new ones.
"""

from collections.abc import Callable, Iterator

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import NotTheWire
from streaming.jsontext import GrowingText, JsonObject, JsonValue, flaw_of, loads
from streaming.providers.anthropic_messages.answer import arguments_text
from streaming.providers.call_ids import CallIds
from streaming.providers.values import word

_INPUT = "partial_json"
GROWN_BY = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": _INPUT}
# A signature comes whole; the official SDK too keeps the last one.
_REPLACED_BY = {"signature_delta": ("signature",), "compaction_delta": ("content", "encrypted_content")}
_SHOWN_OF = {"text": "text", "thinking": "thinking", "tool_use": _INPUT}
_PART_OF = {"thinking": "reasoning", "redacted_thinking": "reasoning"}


class Block:
    """One content block as far as it has come; `index` is its place in the message."""

    __slots__ = ("_fields", "_numbers", "_part", "_shown", "_texts", "_type", "index")

    def __init__(self, index: int, fields: JsonObject, numbers: Iterator[int]) -> None:
        kind = fields.get("type")
        if not isinstance(kind, str):
            raise NotTheWire("a content block has no type")
        self.index = index
        self._fields = fields
        self._type = kind
        self._shown = _SHOWN_OF.get(kind)
        self._texts: dict[str, GrowingText] = {}
        self._numbers = numbers
        self._part = -1

    def start(self, ids: CallIds, deltas: list[Delta]) -> None:
        """Show the block as it starts; some servers put text into it already."""
        if self._type == "tool_use":
            call_id, name = ids.take(word(self._fields.get("id"))), word(self._fields.get("name"))
            self._start_part("tool_call", deltas, call_id, name)
        elif self._type != "text":  # which is no part of the message before it says something
            self._start_part(_PART_OF.get(self._type, "provider_item"), deltas)
        for name in ("text", "thinking"):
            begun = self._fields.get(name)
            if isinstance(begun, str):
                self.grow(name, begun, deltas)

    def take(self, delta: JsonObject, kind: str) -> None:
        """Take a delta that adds no text."""
        if kind == "citations_delta":
            self._cite(delta.get("citation"))
        else:
            self._fields |= {name: delta[name] for name in _REPLACED_BY.get(kind, ()) if name in delta}

    def grow(self, name: str, piece: str, deltas: list[Delta]) -> None:
        """Add to one of the block's texts; append what that shows to `deltas`."""
        text = self._texts.get(name)
        if text is None:
            text = self._texts[name] = GrowingText()
        self._show(name, text.add(piece), deltas)

    def growing(self, name: str) -> tuple[Callable[[str], str], int]:
        """Return how to add to one of the block's texts, and the part that shows it; -1 where none does, or not yet."""
        return self._texts[name].add, self._part if name == self._shown else -1

    def close(self, deltas: list[Delta]) -> None:
        """No delta will follow; append what that shows."""
        if self._type == "tool_use" and not self._input_text().strip():
            # No delta told of it: the start said all.
            self.grow(_INPUT, arguments_text(self._fields.get("input")), deltas)
        for name, text in self._texts.items():
            self._show(name, text.close(), deltas)

    def final(self) -> JsonObject:
        """Return the block as the unary message holds it."""
        grown: JsonObject = {name: text.text for name, text in self._texts.items() if name != _INPUT}
        if (text := self._input_text()).strip():
            grown["input"] = _input(text)
        elif self._type == "tool_use":
            grown["input"] = self._fields.get("input") or ""  # still open: {} would be arguments, and nothing is known
        return self._fields | grown

    def _show(self, name: str, added: str, deltas: list[Delta]) -> None:
        if added and name == self._shown:
            if self._part < 0:
                self._start_part("text", deltas)
            deltas.append(PartAdded(self._part, added))

    def _start_part(self, kind: str, deltas: list[Delta], call_id: str = "", name: str = "") -> None:
        self._part = next(self._numbers)
        deltas.append(PartStarted(self._part, kind, call_id, name))

    def _cite(self, citation: JsonValue) -> None:
        held = self._fields.get("citations")
        if not isinstance(held, list):
            held = self._fields["citations"] = []
        held.append(citation)

    def _input_text(self) -> str:
        return self._texts[_INPUT].text if _INPUT in self._texts else ""


def _input(text: str) -> JsonValue:
    """Return the object that the text is, or, where it was cut or garbled, the text: the caller shall see what came."""
    try:
        value = loads(text.encode("utf-8", "replace"))
    except NotTheWire:
        return text
    # As deep as the block may go that a provider item keeps whole.
    return value if isinstance(value, dict) and not flaw_of({"": {"": value}}) else text
