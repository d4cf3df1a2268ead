"""One output item of a streamed response: rebuilt as far as it has come, and shown as it comes.

Which event's text belongs where in which item is the table `SLOTS`. A text's own end, its item's end and the
terminal response each repeat the whole of it: what of that had not come in pieces is shown then, and where they
disagree the last one holds. Deltas may then have shown more or other text than the answer has, which no official
server does.
"""

from collections.abc import Iterator
from typing import NamedTuple

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.jsontext import GrowingText, JsonObject, JsonValue, pair_surrogates
from streaming.providers.call_ids import CallIds
from streaming.providers.openai_responses.parts import CALL_FIELDS, SEPARATOR
from streaming.providers.values import objects, string


class Slot(NamedTuple):
    """Where a text of the stream belongs."""

    item: str
    """The type of the items that have it."""
    shown: str
    """The type of the neutral part in which it is shown; "" where it is not."""
    field: str
    """The key of the text, in the item or in the element, and in the event that says the whole of it."""
    array: str = ""
    """The item's list whose elements have it; "" where the item itself does."""
    place: str = ""
    """The event's key for the place in that list."""
    element: str = ""
    """The type of those elements."""


# By the beginning of the names of their events: https://platform.openai.com/docs/api-reference/responses-streaming
SLOTS = {
    "response.output_text": Slot("message", "text", "text", "content", "content_index", "output_text"),
    "response.refusal": Slot("message", "refusal", "refusal", "content", "content_index", "refusal"),
    "response.reasoning_summary_text": Slot(
        "reasoning", "reasoning", "text", "summary", "summary_index", "summary_text"
    ),
    "response.reasoning_text": Slot("reasoning", "reasoning", "text", "content", "content_index", "reasoning_text"),
    "response.function_call_arguments": Slot("function_call", "tool_call", "arguments"),
    "response.custom_tool_call_input": Slot("custom_tool_call", "tool_call", "input"),
    "response.mcp_call_arguments": Slot("mcp_call", "", "arguments"),
    "response.code_interpreter_call_code": Slot("code_interpreter_call", "", "code"),
}
BY_ELEMENT = {slot.element: slot for slot in SLOTS.values() if slot.element}
_BY_ITEM = {slot.item: slot for slot in SLOTS.values() if not slot.element}
# What an item is shown as from its beginning on; the others are only named.
_STARTED = dict.fromkeys(CALL_FIELDS, "tool_call") | {"reasoning": "reasoning", "image_generation_call": "image"}


class Parts:
    """Numbers the parts of one message in order of appearance."""

    def __init__(self) -> None:
        self._count = 0
        self._ids = CallIds()

    def start(self, type_: str, deltas: list[Delta], call: JsonObject | None = None) -> int:
        """Start a part; return its number."""
        part = self._count
        self._count += 1
        call_id, name = (
            ("", "") if call is None else (self._ids.take(string(call.get("call_id"))), string(call.get("name")))
        )
        deltas.append(PartStarted(part, type_, call_id, name))
        return part


class Item:
    """One output item as far as it has come."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._kind = ""
        self._added: JsonObject = {}
        self._done: JsonObject | None = None
        self._texts: dict[tuple[str, int], Text] = {}
        self._part: int | None = None
        self._reasoning_parts: dict[str, int] = {}

    @property
    def named(self) -> bool:
        """Whether it can be told what it is: a call whose beginning was missed has no name yet."""
        return self._kind not in CALL_FIELDS or self._part is not None

    def add(self, item: JsonObject, deltas: list[Delta]) -> None:
        """Take the item as it begins; its texts are still to come."""
        self._added = item
        self._begin(item, deltas)

    def take(self, item: JsonObject, deltas: list[Delta]) -> None:
        """Take the whole item."""
        self._done = item
        self._begin(item, deltas)
        for slot, at, element in _texts_of(item):
            self.text(slot, at).finish(string(element.get(slot.field)), deltas)

    def text(self, slot: Slot, at: int) -> "Text":
        """Return the text at a place, empty if it is new."""
        text = self._texts.get((slot.array, at))
        if text is None:
            self._kind = self._kind or slot.item
            text = self._texts[slot.array, at] = Text(slot, self)
        return text

    def part_of(self, slot: Slot, deltas: list[Delta]) -> int | None:
        """Return the part that shows a text, which has something to show for the first time; None if none does."""
        if slot.item != self._kind or not slot.shown:
            return None
        if self._kind == "message":
            return self._parts.start(slot.shown, deltas)
        if self._kind in CALL_FIELDS:
            return self._part
        self._begin({"type": slot.item}, deltas)
        part = self._reasoning_parts.get(slot.array)
        if part is not None:
            deltas.append(PartAdded(part, SEPARATOR))
        elif self._reasoning_parts or self._part is None:
            part = self._parts.start(slot.shown, deltas)
        else:
            part = self._part
        self._reasoning_parts[slot.array] = part
        return part

    def _begin(self, item: JsonObject, deltas: list[Delta]) -> None:
        if self._part is not None:
            return
        self._kind = string(item.get("type")) or self._kind
        if self._kind and self._kind != "message":
            call = item if self._kind in CALL_FIELDS else None
            self._part = self._parts.start(_STARTED.get(self._kind, "provider_item"), deltas, call)

    def close(self, deltas: list[Delta]) -> None:
        """Nothing will follow: show what waited for more."""
        for text in self._texts.values():
            text.close(deltas)

    def final(self) -> JsonObject:
        """Return the item: as it was said to be at its end, or else as far as it has come."""
        if self._done is not None:
            return self._done
        # What an item begins with of its encrypted content is not to be sent back (the SDK's ResponseReasoningItem).
        item = {"type": self._kind} | {key: self._added[key] for key in self._added if key != "encrypted_content"}
        arrays: dict[str, list[JsonValue]] = {}
        for (array, _), text in sorted(self._texts.items()):
            if array:
                arrays.setdefault(array, []).append(
                    text.element | {"type": text.slot.element, text.slot.field: text.said}
                )
            else:
                item[text.slot.field] = text.said
        return item | arrays


class Text:
    """One text of an item, as far as it has come."""

    __slots__ = ("_growing", "_item", "_part", "_shown", "_whole", "element", "slot")

    def __init__(self, slot: Slot, item: Item) -> None:
        self.slot = slot
        self.element: JsonObject = {}
        """What stands beside the text: annotations, log-probabilities."""
        self._item = item
        self._growing = GrowingText()
        self._whole = ""
        self._shown: str | None = None
        self._part: int | None = None

    @property
    def said(self) -> str:
        """All of it so far."""
        return self._whole or self._growing.text

    def add(self, piece: str, deltas: list[Delta]) -> None:
        """Take a piece, unless the whole was said already."""
        if self._shown is not None:
            return
        added = self._growing.add(piece)
        if not added:
            return
        if self._part is None:
            self._part = self._item.part_of(self.slot, deltas)
            if self._part is None:
                return
            added = self._growing.text
        deltas.append(PartAdded(self._part, added))

    def extend(self, key: str, more: JsonValue) -> None:
        """Take more of a list that stands beside the text."""
        held = self.element.setdefault(key, [])
        if isinstance(held, list) and isinstance(more, list):
            held.extend(more)

    def finish(self, whole: str, deltas: list[Delta]) -> None:
        """Take the whole of it; show what is new. Servers that say nothing here mean what came before."""
        if self._shown is None:
            self._shown = self._growing.text if self._part is not None else ""
            self._growing.close()
        whole = pair_surrogates(whole) or self.said
        self._whole = whole
        if len(whole) > len(self._shown) and whole.startswith(self._shown):
            if self._part is None:
                self._part = self._item.part_of(self.slot, deltas)
            if self._part is not None:
                deltas.append(PartAdded(self._part, whole[len(self._shown) :]))
                self._shown = whole

    def close(self, deltas: list[Delta]) -> None:
        """Nothing will follow: a half of a character that waited becomes U+FFFD."""
        if self._shown is None:
            self.finish("", deltas)


def _texts_of(item: JsonObject) -> Iterator[tuple[Slot, int, JsonObject]]:
    kind = string(item.get("type"))
    if kind in _BY_ITEM:
        yield _BY_ITEM[kind], 0, item
    for array in ("summary", "content"):
        for at, element in enumerate(objects(item.get(array))):
            slot = BY_ELEMENT.get(string(element.get("type")))
            if slot is not None and (slot.item, slot.array) == (kind, array):
                yield slot, at, element
