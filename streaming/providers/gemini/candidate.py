"""One candidate of a streamed Gemini response: its parts joined, the fields beside them, how it ended.

How parts are joined, so that they are those of the unary body:

- Text goes on in the previous part where that is text too, of the same `thought`, and not both carry a signature.
- A signature that comes with no text belongs to the previous part, unless that has one: so a stream often closes.
- Nothing else is ever merged; a function call in pieces is one part (`function_calls.py`). Parts that say nothing go.
"""

from collections.abc import Callable
from dataclasses import replace

from streaming.deltas import Delta, PartAdded, PartStarted, of_message
from streaming.errors import NotTheWire
from streaming.jsontext import GrowingText, JsonObject, JsonValue, mended_object
from streaming.messages import Message
from streaming.providers.gemini.finish import raise_failed_finish, said_reason
from streaming.providers.gemini.function_calls import StreamedCall, is_streamed
from streaming.providers.gemini.parts import call_ids, part_of

_TEXT_KEYS = frozenset({"text", "thought", "thoughtSignature"})
# Fields whose lists grow from chunk to chunk; Vertex AI and the Gemini API name citations differently.
_EXTENDED: dict[str, frozenset[str]] = {
    "citationMetadata": frozenset({"citations", "citationSources"}),
    "logprobsResult": frozenset({"chosenCandidates", "topCandidates"}),
}


class TextRun:
    """A text part as far as it has come; `shown` once viewers know of it."""

    __slots__ = ("shown", "signature", "text", "thought")

    def __init__(self, signature: JsonValue, *, thought: bool) -> None:
        self.text = GrowingText()
        self.thought, self.signature = thought, signature
        self.shown = False

    def sign(self, signature: JsonValue) -> bool:
        """Take a signature that came on its own; return False if there is one."""
        if self.signature:
            return False
        self.signature = signature
        return True

    def final(self) -> JsonObject:
        """Return the part as the unary endpoint would have."""
        part: JsonObject = {"text": self.text.text}
        if self.thought:
            part["thought"] = True
        return part | {"thoughtSignature": self.signature} if self.signature else part


class WholePart:
    """Any other part: it comes at once."""

    __slots__ = ("_part",)

    def __init__(self, part: JsonObject) -> None:
        self._part = part

    def sign(self, signature: JsonValue) -> bool:
        """Take a signature that came on its own; return False if there is one."""
        if "thoughtSignature" in self._part:
            return False
        self._part["thoughtSignature"] = signature
        return True

    def final(self) -> JsonObject:
        """Return the part."""
        return self._part


class Candidate:
    """One candidate as far as it has come.

    `finished` is whether it ended and nothing was said since: gateways put a finish reason on empty chunks that
    come before the text, and such a word is no end of what follows it.
    """

    def __init__(self, response_id: JsonValue) -> None:
        self.finished = False
        self.unshown = 0
        """How many pieces of a function call came that wait for the rest of it."""
        self._fields: JsonObject = {}
        self._grown: dict[str, JsonObject] = {}
        self._content: JsonObject = {}
        self._parts: list[TextRun | StreamedCall | WholePart] = []
        self._ids = call_ids(response_id)
        # The text part that is going on, for the pieces that hold nothing but more of it: nearly all of a stream.
        self._add: Callable[[str], str] | None = None
        self._place = -1
        self._keys_of_more = 1
        self._thought: bool | None = None

    def feed(self, candidate: JsonObject, deltas: list[Delta]) -> None:
        """Take a chunk's candidate; append what it adds to `deltas`.

        Raises:
            NotTheWire: it is not a candidate of this wire.
            StreamedError: the candidate ended in a failure.
        """
        fields = self._fields
        ended = False
        for key, value in candidate.items():
            if key == "content":
                if value:
                    self._take_content(value, deltas)
            elif key == "finishReason":
                ended = True
            elif key in _EXTENDED:
                self._extend(key, value)
            elif value or (value is not None and key not in fields):
                fields[key] = value
        if ended:
            self._finish(candidate, deltas)

    def _finish(self, candidate: JsonObject, deltas: list[Delta]) -> None:
        raise_failed_finish(candidate)
        if reason := said_reason(candidate.get("finishReason")):
            self._fields["finishReason"] = reason
            self.finished = True
            self._close_last(deltas)

    def _extend(self, key: str, value: JsonValue) -> None:
        if not isinstance(value, dict):
            return
        held = self._grown.setdefault(key, {})
        for name, item in value.items():
            before = held.get(name)
            if name in _EXTENDED[key] and isinstance(item, list) and isinstance(before, list):
                before.extend(item)
            elif item or (item is not None and name not in held):
                held[name] = item

    def _take_content(self, content: JsonValue, deltas: list[Delta]) -> None:
        if not isinstance(content, dict):
            raise NotTheWire("the content of a candidate is not a JSON object")
        for key, value in content.items():
            if key == "parts":
                if value is not None:
                    self._take_parts(value, deltas)
            elif value:
                self._content[key] = value

    def _take_parts(self, parts: JsonValue, deltas: list[Delta]) -> None:
        if not isinstance(parts, list):
            raise NotTheWire("the parts of a content are not a list")
        for part in parts:
            if (
                self._add is not None
                and type(part) is dict
                and len(part) == self._keys_of_more
                and type(text := part.get("text")) is str
                and part.get("thought") is self._thought
            ):
                if text:
                    self.finished = False
                    if added := self._add(text):
                        deltas.append(PartAdded(self._place, added))
            else:
                self._take_part(part, deltas)

    def _take_part(self, part: JsonValue, deltas: list[Delta]) -> None:
        if not isinstance(part, dict):
            raise NotTheWire("a part is not a JSON object")
        part = {key: value for key, value in part.items() if value is not None}
        if part.keys() <= _TEXT_KEYS:
            self._take_text(part, deltas)
        elif "functionCall" in part:
            self._take_call(part, deltas)
        else:
            self._take_whole(part, deltas)

    def _take_text(self, part: JsonObject, deltas: list[Delta]) -> None:
        text, thought, signature = part.get("text", ""), part.get("thought") is True, part.get("thoughtSignature")
        if not isinstance(text, str):
            raise NotTheWire("the text of a part is not a string")
        last = self._parts[-1] if self._parts else None
        of_last = isinstance(last, TextRun) and last.thought == thought
        if not text and (not signature or (last is not None and (of_last or not thought) and last.sign(signature))):
            return
        if isinstance(last, TextRun) and of_last and not (last.signature and signature):
            last.signature = last.signature or signature
        else:
            last = TextRun(signature, thought=thought)
            self._open(last, deltas)
        self.finished = False
        self._show(last, last.text.add(text), deltas)

    def _show(self, run: TextRun, added: str, deltas: list[Delta]) -> None:
        if not added:
            return
        if not run.shown:
            run.shown = True
            deltas.append(PartStarted(self._place, "reasoning" if run.thought else "text"))
        deltas.append(PartAdded(self._place, added))
        self._add = run.text.add
        self._keys_of_more, self._thought = (2, True) if run.thought else (1, None)

    def _take_call(self, part: JsonObject, deltas: list[Delta]) -> None:
        call = part["functionCall"]
        if not isinstance(call, dict):
            raise NotTheWire("a function call is not a JSON object")
        last = self._parts[-1] if self._parts else None
        if isinstance(last, StreamedCall) and last.goes_on(call):
            last.add(part, call)
            self.unshown += 1
        elif is_streamed(call):
            last = StreamedCall(part, call, len(self._parts), self._ids)
            self._open(last, deltas)
            deltas.append(PartStarted(self._place, "tool_call", last.id, last.name))
        elif any(call.values()):
            self._take_whole(part, deltas)
            return
        else:  # the end of a call that has ended
            self._take_text({key: value for key, value in part.items() if key in _TEXT_KEYS}, deltas)
            return
        self.finished = False
        if not call.get("willContinue"):
            self._close_last(deltas)

    def _take_whole(self, part: JsonObject, deltas: list[Delta]) -> None:
        part = mended_object(part)
        neutral = part_of(part, len(self._parts), "", self._ids)
        if neutral is not None:
            self._open(WholePart(part), deltas)
            self.finished = False
            shown = of_message(Message(role="assistant", parts=[neutral]))
            deltas += [replace(delta, part=self._place) for delta in shown]

    def _open(self, part: TextRun | StreamedCall | WholePart, deltas: list[Delta]) -> None:
        self._close_last(deltas)
        last = self._parts[-1] if self._parts else None
        if isinstance(last, TextRun) and not last.shown:
            # A signature with nothing said; only now can no text follow that would have been its own.
            deltas.append(PartStarted(self._place, "reasoning"))
        self._parts.append(part)
        self._place += 1
        self._add = None

    def _close_last(self, deltas: list[Delta]) -> None:
        last = self._parts[-1] if self._parts else None
        if isinstance(last, TextRun):
            self._show(last, last.text.close(), deltas)
        elif isinstance(last, StreamedCall) and not last.closed:
            last.closed = True
            deltas.append(PartAdded(self._place, last.arguments()))

    def final(self) -> JsonObject:
        """Return the candidate as the unary endpoint would have, as far as it has come."""
        parts: list[JsonValue] = [part.final() for part in self._parts]
        content: JsonObject = self._content | {"parts": parts} if parts else self._content
        fields = self._fields | self._grown
        return fields | {"content": content} if content else fields
