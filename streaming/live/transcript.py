"""The parts of one step as text grows: the producer's memory, and a viewer's screen.

An addition is `[part index, part type, what is added]`, as frames carry it: a string to append, or for a tool
call an object {id?, name?, arguments}. The whole of a part is also an addition, to nothing.
"""

from streaming.deltas import Delta, PartStarted
from streaming.jsontext import JsonObject, JsonValue

Additions = list[JsonValue]

MAX_PARTS = 10_000


class Part:
    """One part; `pieces[:flushed]` has been taken for a flush already."""

    __slots__ = ("announced", "flushed", "id", "name", "pieces", "type")

    def __init__(self, type_: str, call_id: str = "", name: str = "") -> None:
        self.type, self.id, self.name = type_, call_id, name
        self.pieces: list[str] = []
        self.flushed = 0
        self.announced = False

    @property
    def text(self) -> str:
        """All of the part's text so far."""
        return "".join(self.pieces)

    def addition(self, text: str, *, with_head: bool) -> JsonValue:
        """Return `text` as a frame adds it to this part; a tool call's head goes with its first."""
        if self.type != "tool_call":
            return text
        head: JsonObject = {"id": self.id, "name": self.name} if with_head else {}
        return head | {"arguments": text}


class Transcript:
    """The parts of one step."""

    def __init__(self) -> None:
        self.parts: list[Part] = []

    def add(self, delta: Delta) -> None:
        """Take one delta of the stream. Deltas start each part before they add to it, in order."""
        if isinstance(delta, PartStarted):
            self.parts.append(Part(delta.type, delta.id, delta.name))
        else:
            self.parts[delta.part].pieces.append(delta.text)

    def take_unflushed(self) -> Additions:
        """Return what came since the last take, merged per part."""
        additions: Additions = []
        for index, part in enumerate(self.parts):
            if part.flushed < len(part.pieces) or not part.announced:
                text = "".join(part.pieces[part.flushed :])
                additions.append([index, part.type, part.addition(text, with_head=not part.announced)])
                self._mark_flushed(part)
        return additions

    def take_all(self) -> Additions:
        """Return the whole of each part; nothing is left unflushed."""
        additions: Additions = []
        for index, part in enumerate(self.parts):
            part.pieces = [part.text]  # the join is kept, so that many snapshots cost one
            additions.append([index, part.type, part.addition(part.pieces[0], with_head=True)])
            self._mark_flushed(part)
        return additions

    @staticmethod
    def _mark_flushed(part: Part) -> None:
        part.flushed = len(part.pieces)
        part.announced = True

    def withdraw_unflushed(self) -> None:
        """Forget what came since the last take."""
        self.parts = [part for part in self.parts if part.announced]
        for part in self.parts:
            del part.pieces[part.flushed :]

    def apply(self, additions: Additions) -> bool:
        """Take additions from a frame; return False if they are not well-formed, leaving the rest out."""
        return all(self._apply_one(addition) for addition in additions)

    def _apply_one(self, addition: JsonValue) -> bool:
        match addition:
            case [bool(), *_]:
                return False  # to Python, a bool is an int
            case [int(index), str(type_), str(text)] if 0 <= index < MAX_PARTS and type_ != "tool_call":
                self._part(index, type_).pieces.append(text)
            case [int(index), "tool_call", {"arguments": str(arguments), **head}] if 0 <= index < MAX_PARTS:
                part = self._part(index, "tool_call")
                part.id = part.id or str(head.get("id", ""))
                part.name = part.name or str(head.get("name", ""))
                part.pieces.append(arguments)
            case _:
                return False
        return True

    def _part(self, index: int, type_: str) -> Part:
        while len(self.parts) <= index:
            self.parts.append(Part(type_))
        return self.parts[index]

    @property
    def text(self) -> str:
        """The text parts joined in index order: what a step's sha256 is over."""
        return "".join(part.text for part in self.parts if part.type == "text")
