"""Streamed thoughts: servers send them under several names, often the same ones twice; they are shown once."""

from streaming.deltas import Delta, PartAdded
from streaming.errors import NotTheWire
from streaming.jsontext import GrowingObject, JsonObject, JsonValue
from streaming.providers.openai_chat.fields import Parts, Text, refuse


class Thoughts(Text):
    """A string that is joined, and shown unless the same thoughts are shown from another field."""

    def __init__(self, parts: Parts) -> None:
        super().__init__("reasoning", parts)

    def _show(self, added: str, deltas: list[Delta]) -> None:
        if added and self._parts.are_thoughts(self):
            super()._show(added, deltas)


class Details:
    """OpenRouter's `reasoning_details`: items keyed by index and type, whose texts are joined.

    Their text is shown where no other field has it.
    """

    _JOINED = frozenset({"text", "summary", "data"})
    _SHOWN = ("text", "summary")

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._part = -1
        self._items: list[GrowingObject] = []
        self._open: dict[tuple[JsonValue, JsonValue], tuple[JsonValue, GrowingObject]] = {}

    def take(self, value: JsonValue, deltas: list[Delta]) -> None:
        """Take a chunk's items."""
        if not isinstance(value, list):
            refuse(value, "reasoning_details")
            return
        for item in value:
            if not isinstance(item, dict):
                raise NotTheWire("a reasoning detail of the stream is not a JSON object")
            self._show(self._item(item).add(item), deltas)

    def _item(self, piece: JsonObject) -> GrowingObject:
        index, kind, given = piece.get("index"), piece.get("type"), piece.get("id")
        key = (index if isinstance(index, int) else None, kind if isinstance(kind, str) else None)
        item_id, item = self._open.get(key, (None, None))
        if item is None or (given and item_id and given != item_id):
            item = GrowingObject(self._JOINED)
            self._items.append(item)
        self._open[key] = given or item_id, item
        return item

    def close(self, deltas: list[Delta]) -> None:
        """Show what half characters came to."""
        for item in self._items:
            self._show(item.close(), deltas)

    def final(self) -> JsonValue:
        """Return the items in order of appearance."""
        return [item.value for item in self._items]

    def _show(self, added: dict[str, str], deltas: list[Delta]) -> None:
        text = "".join(added.get(key, "") for key in self._SHOWN)
        if text and self._parts.are_thoughts(self):
            if self._part < 0:
                self._part = self._parts.start(deltas, "reasoning")
            deltas.append(PartAdded(self._part, text))
        else:
            self._parts.unshown += 1
