"""The fields of a streamed message, each with its own way to join the pieces that come in the deltas.

A field that is shown numbers its part when the first of it comes, and says what each piece adds.
"""

import base64
from typing import Protocol

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import NotTheWire
from streaming.jsontext import GrowingText, JsonObject, JsonValue, keep_last
from streaming.providers.call_ids import CallIds
from streaming.providers.openai_chat.parts import image_url, text_of


class Field(Protocol):
    """One field of the message as far as it has come."""

    def take(self, value: JsonValue, deltas: list[Delta]) -> None:
        """Take a piece, which is not null; append what it adds to `deltas`.

        Raises:
            NotTheWire: it is not of the field's kind.
        """

    def close(self, deltas: list[Delta]) -> None:
        """The choice has ended: append what is still held back."""

    def final(self) -> JsonValue:
        """Return the field as the unary message has it."""


class Parts:
    """Numbers the parts of one message in order of appearance."""

    def __init__(self) -> None:
        self._count = 0
        self.call_ids = CallIds()
        self.thoughts: Field | None = None
        """The field that is shown as reasoning: some servers send the same thoughts under several names."""
        self.unshown = 0
        """How many pieces came that are content, and that no delta tells of."""

    def start(self, deltas: list[Delta], kind: str, call_id: str = "", name: str = "") -> int:
        """Begin a part; return its number."""
        part = self._count
        self._count += 1
        deltas.append(PartStarted(part, kind, call_id, name))
        return part

    def are_thoughts(self, field: Field) -> bool:
        """Return whether `field` is the one that is shown as reasoning: the first that has some."""
        if self.thoughts is None:
            self.thoughts = field
        return self.thoughts is field


def refuse(value: JsonValue, key: str) -> None:
    """Refuse a piece of the wrong kind, unless it is empty: that says nothing.

    Raises:
        NotTheWire: it says something.
    """
    if value:
        raise NotTheWire(f"{key} in the stream is of the wrong kind: {type(value).__name__}")


class Text:
    """A string that is joined and shown."""

    def __init__(self, kind: str, parts: Parts) -> None:
        self._kind = kind
        self._parts = parts
        self._part = -1
        self._text = GrowingText()

    def take(self, value: JsonValue, deltas: list[Delta]) -> None:
        """Take a piece; on some servers it is a list of content parts."""
        if isinstance(value, list):
            value = text_of(value)
        if not isinstance(value, str):
            raise NotTheWire(f"a {self._kind} of the stream is neither a string nor a list of parts")
        self._show(self._text.add(value), deltas)

    def close(self, deltas: list[Delta]) -> None:
        """Show what a half character came to."""
        self._show(self._text.close(), deltas)

    def final(self) -> JsonValue:
        """Return the whole string."""
        return self._text.text

    def _show(self, added: str, deltas: list[Delta]) -> None:
        if added:
            if self._part < 0:
                self._part = self._parts.start(deltas, self._kind)
            deltas.append(PartAdded(self._part, added))


class Refusal(Text):
    """What the model says instead of an answer."""

    def __init__(self, parts: Parts) -> None:
        super().__init__("refusal", parts)


class Audio:
    """`audio`: data in pieces, each base64 by itself, and a transcript that is joined."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._first: JsonObject = {}
        self._transcript = GrowingText()
        self._data: list[str] = []
        self._is_shown = False

    def take(self, value: JsonValue, deltas: list[Delta]) -> None:
        """Take a piece; a sound is named to viewers, and shown from the durable result."""
        if not value or not isinstance(value, dict):
            refuse(value, "audio")
            return
        if not self._is_shown:
            self._is_shown = True
            self._parts.start(deltas, "audio")
        self._parts.unshown += 1
        for key, item in value.items():
            if key == "data" and isinstance(item, str):
                self._data.append(item)
            elif key == "transcript" and isinstance(item, str):
                self._transcript.add(item)
            elif item is not None:
                self._first.setdefault(key, item)

    def close(self, deltas: list[Delta]) -> None:
        """End the transcript, of which viewers are told nothing."""
        self._transcript.close()

    def final(self) -> JsonValue:
        """Return the object with its data in one piece."""
        joined = {"data": joined_base64(self._data), "transcript": self._transcript.text}
        return self._first | {key: text for key, text in joined.items() if text}


def joined_base64(pieces: list[str]) -> str:
    """Return as one base64 text what came in pieces that were encoded each by itself, or encoded once and then cut."""
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece, validate=True) for piece in pieces)).decode()
    except ValueError:
        return "".join(pieces)


class Extended:
    """A list that grows with each piece."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._items: list[JsonValue] = []

    def take(self, value: JsonValue, deltas: list[Delta]) -> None:
        """Take more of the list."""
        if not isinstance(value, list):
            refuse(value, "a list")
            return
        self._items += value
        self._show(value, deltas)

    def close(self, deltas: list[Delta]) -> None:
        """Nothing is held back."""

    def final(self) -> JsonValue:
        """Return the whole list."""
        return list(self._items)

    def _show(self, items: list[JsonValue], deltas: list[Delta]) -> None:
        self._parts.unshown += 1


class Images(Extended):
    """OpenRouter's `images`."""

    def _show(self, items: list[JsonValue], deltas: list[Delta]) -> None:
        for item in items:
            if isinstance(item, dict):
                self._parts.start(deltas, "image" if image_url(item) else "provider_item")


class First:
    """A field that says the same again and again: the first counts."""

    def __init__(self, _parts: Parts) -> None:
        self._value: JsonValue = None

    def take(self, value: JsonValue, deltas: list[Delta]) -> None:
        """Take a value."""
        self._value = self._value or value

    def close(self, deltas: list[Delta]) -> None:
        """Nothing is held back."""

    def final(self) -> JsonValue:
        """Return the value."""
        return self._value


class Last:
    """A field that we do not know: its last value that says something counts."""

    def __init__(self, _parts: Parts) -> None:
        self._held: JsonObject = {}

    def take(self, value: JsonValue, deltas: list[Delta]) -> None:
        """Take a value."""
        keep_last(self._held, "value", value)

    def close(self, deltas: list[Delta]) -> None:
        """Nothing is held back."""

    def final(self) -> JsonValue:
        """Return the value."""
        return self._held.get("value")
