"""Rebuilds the Message object from its stream.

Rules of this file:

- The result is what the unary endpoint would have returned; `blocks.py` joins the pieces of each content block.
- An event is what its JSON `type` says: servers leave the SSE event name out, and unknown types mean nothing.
- What a delta event says beside its text is parsed once per block: see `template.py`.
- A stop reason in a `message_delta`, then `message_stop`, make the answer whole; anything less is a truncated stream.
"""

from collections.abc import Callable
from itertools import count

from streaming.deltas import Delta, PartAdded
from streaming.errors import NotTheWire, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue, loads, mended_object
from streaming.providers.anthropic_messages.answer import raise_error
from streaming.providers.anthropic_messages.blocks import GROWN_BY, Block
from streaming.providers.anthropic_messages.template import PROBE, Template, template_of
from streaming.providers.call_ids import CallIds
from streaming.providers.wire import Quirks
from streaming.sse import Event

# What a `message_delta` does not put beside the rest of the message.
_NOT_THE_MESSAGES = frozenset({"type", "delta", "usage", "content"})


def accumulator(_quirks: Quirks) -> "Accumulator":
    """Return a fresh accumulator for one stream."""
    return Accumulator()


class Accumulator:
    """One streamed response. See `wire.Accumulator`."""

    def __init__(self) -> None:
        self.unshown = 0
        """How many pieces of content came that no delta told of: of server-side tools' input, signatures, citations."""
        self._complete = False
        self._message: JsonObject = {}
        self._started = False
        self._has_stop_reason = False
        self._usage: JsonObject = {}
        self._blocks: list[Block] = []
        self._open: dict[int, Block] = {}
        self._growing: tuple[Template, Callable[[str], str], int] | None = None
        self._numbers = count()
        self._ids = CallIds()

    @property
    def complete(self) -> bool:
        """Whether `message_stop` has been seen."""
        return self._complete

    def feed(self, event: Event) -> list[Delta]:
        """Take one event; return what it adds to the message.

        Raises:
            StreamedError: the event is an error.
            NotTheWire: the event is not this wire's, or comes where it cannot.
            TruncatedStream: `message_stop` came before any stop reason.
        """
        if self._growing is not None:
            template, add, part = self._growing
            piece = template.string_in(event.data)
            if piece:  # one that is empty may hold more than the template shows
                return [PartAdded(part, added)] if (added := add(piece)) else []
        return [] if self._complete else self._take(event)

    def _take(self, event: Event) -> list[Delta]:
        given = loads(event.data)
        if not isinstance(given, dict):
            raise NotTheWire("an event of the stream is not a JSON object")
        kind = given.get("type")
        if not isinstance(kind, str):
            kind = event.type
        deltas: list[Delta] = []
        if kind == "content_block_delta":
            self._take_block_delta(given, event.data, deltas)
            return deltas
        self._growing = None
        take = _TAKES.get(kind)
        if take is not None:
            take(self, given, deltas)
        elif "error" in (kind, event.type) or given.get("error"):
            raise_error(given)
        elif kind == "message":  # which is the name of an event that has none
            raise NotTheWire("an event of the stream has no type")
        return deltas

    def end(self) -> None:
        """The body ended.

        Raises:
            TruncatedStream: it is not a whole answer.
        """
        if not self._complete:
            raise TruncatedStream("the stream ended without message_stop: the answer may be cut")

    def final(self) -> JsonObject:
        """Return the Message object as far as it has come; empty before `message_start`."""
        if not self._started:
            return {}
        content: list[JsonValue] = [block.final() for block in sorted(self._blocks, key=lambda block: block.index)]
        usage: JsonObject = {"usage": self._usage} if self._usage else {}
        return mended_object(self._message | usage | {"content": content})

    def take_start(self, event: JsonObject, deltas: list[Delta]) -> None:
        """Take the message without its content, which some servers put there all the same."""
        message = event.get("message")
        if not isinstance(message, dict):
            raise NotTheWire("message_start has no message")
        if self._blocks:
            # A gateway began again: what was shown cannot be taken back, and two halves are no answer.
            raise NotTheWire("a second message_start came after content")
        self._started = True
        self._message = message
        self._usage = {}
        self._take_usage(message.get("usage"))
        content = message.get("content")
        for index, block in enumerate(content if isinstance(content, list) else []):
            self._open_block(index, block, deltas).close(deltas)

    def take_block_start(self, event: JsonObject, deltas: list[Delta]) -> None:
        """Open a block. A closed one's index may come again: some servers number every block 0."""
        self._require_start()
        index = event.get("index")
        if type(index) is not int or index in self._open:
            raise NotTheWire("a content block has no index of its own")
        self._open[index] = self._open_block(index, event.get("content_block"), deltas)

    def take_block_stop(self, event: JsonObject, deltas: list[Delta]) -> None:
        """Close a block."""
        index = event.get("index")
        block = self._open.pop(index, None) if type(index) is int else None
        if block is not None:
            block.close(deltas)

    def take_message_delta(self, event: JsonObject, _deltas: list[Delta]) -> None:
        """Take how the message ended and what it used; a null leaves what was known."""
        self._require_start()
        delta = event.get("delta")
        if not isinstance(delta, dict):
            raise NotTheWire("message_delta has no delta")
        for key, value in (event | delta).items():
            if value is not None and key not in _NOT_THE_MESSAGES:
                self._message[key] = value
        stop_reason = delta.get("stop_reason")
        self._has_stop_reason |= isinstance(stop_reason, str) and bool(stop_reason)
        self._take_usage(event.get("usage"))

    def take_stop(self, _event: JsonObject, deltas: list[Delta]) -> None:
        """The message is whole."""
        if not self._has_stop_reason:
            raise TruncatedStream("the stream ended before the model finished: the message has no stop reason")
        for block in self._open.values():
            block.close(deltas)
        self._complete = True

    def _take_block_delta(self, event: JsonObject, data: bytes, deltas: list[Delta]) -> None:
        index, delta = event.get("index"), event.get("delta")
        block = self._open.get(index) if type(index) is int else None
        kind = delta.get("type") if isinstance(delta, dict) else None
        if block is None or not isinstance(delta, dict) or not isinstance(kind, str):
            raise NotTheWire("a content_block_delta has no open block, or no delta of any type")
        name = GROWN_BY.get(kind)
        if name is None:
            block.take(delta, kind)
            self.unshown += 1
            return
        piece = delta.get(name)
        if not isinstance(piece, str):
            raise NotTheWire(f"a {kind} of the stream has no {name}")
        block.grow(name, piece, deltas)
        # Thoughts that are kept back may still say how much they are.
        if not deltas and (piece or len(delta) > len(("type", name))):
            self.unshown += 1
        if self._growing is None and event.get("type") == "content_block_delta":
            add, part = block.growing(name)
            template = template_of(data, piece, event | {"delta": delta | {name: PROBE}}) if part >= 0 else None
            self._growing = (template, add, part) if template else None

    def _open_block(self, index: int, fields: JsonValue, deltas: list[Delta]) -> Block:
        if not isinstance(fields, dict):
            raise NotTheWire("a content block of the stream is not a JSON object")
        block = Block(index, fields, self._numbers)
        self._blocks.append(block)
        block.start(self._ids, deltas)
        to = fields.get("to")
        if fields.get("type") == "fallback" and isinstance(to, dict) and isinstance(to.get("model"), str):
            self._message["model"] = to["model"]  # the unary message names the model that served it in the end
        return block

    def _take_usage(self, usage: JsonValue) -> None:
        """Counts are totals so far; what is told at the start only stays."""
        for key, value in usage.items() if isinstance(usage, dict) else ():
            held = self._usage.get(key)
            # Some gateways end with an input of 0 (rig-core guards against it too): a total cannot shrink.
            shrinks = key == "input_tokens" and isinstance(held, int) and isinstance(value, int) and value < held
            if value is not None and not shrinks:
                self._usage[key] = value
            else:
                self._usage.setdefault(key, value)

    def _require_start(self) -> None:
        if not self._started:
            raise NotTheWire("the stream does not begin with message_start")


_TAKES: dict[str, Callable[[Accumulator, JsonObject, list[Delta]], None]] = {
    "content_block_start": Accumulator.take_block_start,
    "content_block_stop": Accumulator.take_block_stop,
    "message_start": Accumulator.take_start,
    "message_delta": Accumulator.take_message_delta,
    "message_stop": Accumulator.take_stop,
}
