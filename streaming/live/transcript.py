"""The parts of one step as text grows: the producer's memory, and what a process knows for its viewers.

An addition is `[part index, part type, what is added]`, as frames carry it: a string to append, or for a tool
call an object {id?, name?, arguments}. The whole of a part is also an addition, to nothing.

Text only grows, so a reader needs no queue: its place is one offset per part (`Place`). A slow one reads bigger
additions, fewer times. The producer's flush is such a reader, and so is every viewer.
"""

from dataclasses import dataclass, field

from streaming.deltas import Delta, PartStarted
from streaming.jsontext import JsonObject, JsonValue

Additions = list[JsonValue]

MAX_PARTS = 10_000
MAX_CHARACTERS = 16_000_000
"""What additions may come to, far above `contracts.MAX_PAYLOAD_BYTES`: a longer answer cannot become a result."""


class Part:
    """One part of the message; `length` counts characters."""

    __slots__ = ("id", "length", "name", "pieces", "type")

    def __init__(self, type_: str, call_id: str = "", name: str = "") -> None:
        self.type, self.id, self.name = type_, call_id, name
        self.pieces: list[str] = []
        self.length = 0

    def append(self, text: str) -> None:
        """Add to the part's text."""
        self.pieces.append(text)
        self.length += len(text)

    @property
    def text(self) -> str:
        """All of the part's text so far."""
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]  # the join is kept, so that many readers cost one
        return self.pieces[0] if self.pieces else ""

    def text_from(self, offset: int) -> str:
        """Return the text after the first `offset` characters; it costs what it returns, not what came before."""
        if offset == 0:
            return self.text
        missing = self.length - offset
        taken: list[str] = []
        for piece in reversed(self.pieces):
            if missing <= 0:
                break
            taken.append(piece[-missing:])
            missing -= len(piece)
        return "".join(reversed(taken))


@dataclass
class Place:
    """How much of each part a reader has taken; the parts it has not seen yet are those beyond the list."""

    offsets: list[int] = field(default_factory=list)


class Transcript:
    """The parts of one step."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._room = MAX_CHARACTERS

    def add(self, delta: Delta) -> None:
        """Take one delta of the stream. Deltas start each part before they add to it, in order."""
        if isinstance(delta, PartStarted):
            self.parts.append(Part(delta.type, delta.id, delta.name))
        else:
            self.parts[delta.part].append(delta.text)

    def read(self, place: Place) -> Additions:
        """Return what came since `place`, merged per part, and move it to the end."""
        additions: Additions = []
        for index, part in enumerate(self.parts):
            seen = index < len(place.offsets)
            offset = place.offsets[index] if seen else 0
            if seen and offset == part.length:
                continue
            additions.append([index, part.type, _addition(part, offset, with_head=not seen)])
            if seen:
                place.offsets[index] = part.length
            else:
                place.offsets.append(part.length)
        return additions

    def withdraw_after(self, place: Place) -> None:
        """Forget what came since `place`."""
        del self.parts[len(place.offsets) :]
        for part, offset in zip(self.parts, place.offsets, strict=True):
            kept = part.text[:offset]
            part.pieces, part.length = [kept], len(kept)

    def apply(self, additions: Additions) -> bool:
        """Take additions from a frame; return False if they are not well-formed, leaving the rest out."""
        return all(self._apply_one(addition) for addition in additions)

    def extends(self, other: "Transcript") -> bool:
        """Return whether this is `other` and what came after it."""
        return len(self.parts) >= len(other.parts) and all(
            mine.type == theirs.type and mine.text.startswith(theirs.text)
            for mine, theirs in zip(self.parts, other.parts, strict=False)
        )

    def _apply_one(self, addition: JsonValue) -> bool:
        match addition:
            case [bool(), *_]:
                return False  # to Python, a bool is an int
            case [int(index), "tool_call", {"arguments": str(arguments), **head}]:
                match head.get("id", ""), head.get("name", ""):
                    case str(call_id), str(name):
                        return self._grow(index, Part("tool_call", call_id, name), arguments)
            case [int(index), str(type_), str(text)] if type_ != "tool_call":
                return self._grow(index, Part(type_), text)
        return False

    def _grow(self, index: int, given: Part, text: str) -> bool:
        """Append to a part, or start the next one; return False if it is neither, or too much."""
        self._room -= len(given.type) + len(given.id) + len(given.name) + len(text)
        if self._room < 0 or not 0 <= index <= min(len(self.parts), MAX_PARTS - 1):
            return False
        if index == len(self.parts):
            self.parts.append(given)
        part = self.parts[index]
        if part.type != given.type:
            return False
        part.id, part.name = part.id or given.id, part.name or given.name
        part.append(text)
        return True

    @property
    def text(self) -> str:
        """The text parts joined in index order: what a step's sha256 is over."""
        return "".join(part.text for part in self.parts if part.type == "text")


def _addition(part: Part, offset: int, *, with_head: bool) -> JsonValue:
    text = part.text_from(offset)
    if part.type != "tool_call":
        return text
    head: JsonObject = {"id": part.id, "name": part.name} if with_head else {}
    return head | {"arguments": text}
