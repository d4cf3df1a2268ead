"""The `content` of a streamed message: a string, or on some servers (Mistral) a list of content parts.

What comes as lists stays a list: neighbouring pieces of text are one part, and so are neighbouring pieces of
thinking, whose own list is joined by the same rule. Any other part comes whole.
"""

from streaming.deltas import Delta, PartAdded
from streaming.errors import NotTheWire
from streaming.jsontext import GrowingText, JsonObject, JsonValue, keep_last
from streaming.providers.openai_chat.fields import Parts
from streaming.providers.openai_chat.parts import kind_of

# The kind of a content part -> the type of the part that viewers are told of; "" where they are not.
_SHOWN_AS = {"text": "text", "thinking": "reasoning", "image_url": "image", "other": "provider_item"}
_JOINED = frozenset({"text", "thinking"})


class _Run:
    """Pieces of text or of thinking, until something else comes; what is joined stands under the kind's name."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.part = -1
        self.text = GrowingText()
        self._list: _List | None = None
        self._fields: JsonObject = {}

    def take(self, piece: JsonObject) -> str:
        """Take a piece; return what it adds to the text."""
        for key, value in piece.items():
            if key != self.kind:
                keep_last(self._fields, key, value)
        said = piece.get(self.kind)
        if isinstance(said, list):
            self._list = self._list or _List()
            return "".join(added for _, added in self._list.take(said))
        return self.text.add(said) if isinstance(said, str) else ""

    def close(self) -> str:
        """Return what half characters came to."""
        inner = "".join(added for _, added in self._list.close()) if self._list else ""
        return inner + self.text.close()

    def final(self) -> list[JsonValue]:
        """Return the part; none where all that came was an empty string."""
        joined: JsonValue = self._list.final() if self._list else self.text.text
        return [{"type": self.kind} | self._fields | {self.kind: joined}] if joined or self._fields else []


class _Whole:
    """A part that came at once."""

    def __init__(self, kind: str, value: JsonValue) -> None:
        self.kind = kind
        self.part = -1
        self._value = value

    def close(self) -> str:
        """Nothing is held back."""
        return ""

    def final(self) -> list[JsonValue]:
        """Return the part."""
        return [self._value]


class _List:
    """A list of content parts that comes in pieces."""

    def __init__(self) -> None:
        self._entries: list[_Run | _Whole] = []
        self._last: _Run | None = None

    def run(self, kind: str) -> _Run:
        """Return the part that a piece of this kind belongs to."""
        if self._last is None or self._last.kind != kind:
            self._last = _Run(kind)
            self._entries.append(self._last)
        return self._last

    def take(self, pieces: list[JsonValue]) -> list[tuple[_Run | _Whole, str]]:
        """Take pieces; return which part each belongs to, and the text that it adds."""
        return [self._take(piece, kind_of(piece)) for piece in pieces]

    def _take(self, piece: JsonValue, kind: str) -> tuple[_Run | _Whole, str]:
        if kind in _JOINED and isinstance(piece, dict):
            run = self.run(kind)
            return run, run.take(piece)
        self._last = None
        self._entries.append(whole := _Whole(kind, piece))
        return whole, ""

    def close(self) -> list[tuple[_Run | _Whole, str]]:
        """Return what half characters came to."""
        return [(entry, entry.close()) for entry in self._entries]

    def final(self) -> list[JsonValue]:
        """Return the list."""
        return [part for entry in self._entries for part in entry.final()]


class Content:
    """The field `content`. See `fields.Field`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._list = _List()
        self._is_list = False

    def take(self, value: JsonValue, deltas: list[Delta]) -> None:
        """Take a piece."""
        if isinstance(value, str):
            run = self._list.run("text")
            added = run.text.add(value)
            if added and run.part >= 0:
                deltas.append(PartAdded(run.part, added))
            else:
                self._show(run, added, deltas)
        elif isinstance(value, list):
            self._is_list = True
            for part, added in self._list.take(value):
                self._show(part, added, deltas)
        else:
            raise NotTheWire("the content of the stream is neither a string nor a list of parts")

    def close(self, deltas: list[Delta]) -> None:
        """Show what half characters came to."""
        for part, added in self._list.close():
            self._show(part, added, deltas)

    def final(self) -> JsonValue:
        """Return the string, or the list."""
        return self._list.final() if self._is_list else self._list.run("text").text.text

    def _show(self, shown: _Run | _Whole, added: str, deltas: list[Delta]) -> None:
        if shown.part < 0:
            if not added and isinstance(shown, _Run):
                return
            kind = _SHOWN_AS.get(shown.kind)
            if kind is None:
                self._parts.unshown += 1
                return
            shown.part = self._parts.start(deltas, kind)
        if added:
            deltas.append(PartAdded(shown.part, added))
