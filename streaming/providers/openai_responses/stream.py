"""Rebuilds the `response` object from its stream of events.

Rules of this file:

- The `response` of the terminal event is the answer, as the unary endpoint would have given it, whatever came before.
- Where its output is missing or empty, each item is what its own end said, or else what its pieces amount to; the
  stream must then have been read from its beginning.
- Items are keyed by `output_index` and nothing else: some proxies give an item another id in each event.
- What has no place is passed over, because the terminal event repeats all of it: unknown events, events of an item
  that never began (a stream may be entered midway), an item that is null. A change of the response's id is not: it
  would be someone else's answer.
- Nothing but a terminal event makes the answer whole, or the finished response itself, asked for by its id.
- A response that says it is made in the background may come in several streams: an event whose `sequence_number` is
  not higher than the last one's was taken before.
"""

from collections.abc import Callable
from functools import partial

from streaming.deltas import Delta
from streaming.errors import NotTheWire, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue, loads, mended_object
from streaming.providers.background import NOTHING_YET, Cursor, is_id
from streaming.providers.openai_responses.answer import FINISHED, is_under_way, raise_failure, require_finished, unary
from streaming.providers.openai_responses.item import BY_ELEMENT, SLOTS, Item, Parts, Slot, Text
from streaming.providers.values import string
from streaming.providers.wire import Quirks
from streaming.sse import Event


def accumulator(_quirks: Quirks) -> "Accumulator":
    """Return a fresh accumulator for one stream."""
    return Accumulator()


class Accumulator:
    """One streamed response. See `wire.Accumulator`."""

    def __init__(self) -> None:
        self.unshown = 0
        """How many pieces of content came that no delta told of: of server-side tools' code and calls, of images."""
        self._response: JsonObject = {}
        self._items: dict[int, Item] = {}
        self._parts = Parts()
        self._place: tuple[Slot, JsonValue, JsonValue] | None = None
        self._latest: Text | None = None  # at that place: most deltas go where the last one went
        self._complete = False
        self._id = ""
        self._number: int | None = None  # of the last event taken, where the response is made in the background

    @property
    def complete(self) -> bool:
        """Whether a terminal event has been seen."""
        return self._complete

    @property
    def cursor(self) -> Cursor | None:
        """Where to read on; None where the response is not made in the background."""
        return None if self._number is None else Cursor(self._id, self._number)

    def expect(self, response: str) -> None:
        """Wait for the events of this response, from its first on."""
        self._id, self._number = response, NOTHING_YET

    def feed(self, event: Event) -> list[Delta]:
        """Take one event; return what it adds to the message.

        Raises:
            StreamedError: the event is an error, or says that the response failed.
            NotTheWire: the event is not this wire's.
            TruncatedStream: the stream says that it is over, and the response is not whole.
        """
        deltas: list[Delta] = []
        if self._complete:
            return deltas
        data = _object(event.data)
        if self._number is not None and not self._moves_on(data):
            return deltas
        kind = data.get("type")
        if type(kind) is not str:
            kind = event.type  # a server that leaves it out names it in the event
        slot = _DELTAS.get(kind)
        if slot is not None:
            self._grow(slot, data, deltas)
        elif take := _EVENTS.get(kind):
            take(self, data, deltas)
        elif kind == "error" or data.get("type") is None:
            raise_failure(data | {"type": "error"} if kind == "error" else data)
        elif kind.endswith(_PIECES):
            self.unshown += 1
        return deltas

    def take_whole(self, response: JsonValue) -> list[Delta]:
        """Take the response as its provider has it now; one that is not finished adds nothing.

        Raises:
            StreamedError: it failed, or was cancelled.
            NotTheWire: it is another, or none.
            TruncatedStream: it lacks what was streamed of it.
        """
        deltas: list[Delta] = []
        if isinstance(response, dict) and is_under_way(response):
            return deltas
        whole = unary(response)
        output = whole["output"]
        if string(whole.get("status")) not in FINISHED or not isinstance(output, list):
            raise NotTheWire("the response does not say whether it is finished")
        if self._items and not output:
            raise TruncatedStream("the response lacks what was streamed of it")
        self._take_response({"response": whole}, deltas)
        self._show_rest(output, deltas)
        self._complete = True
        return deltas

    def end(self) -> None:
        """The body ended.

        Raises:
            TruncatedStream: it is not a whole answer.
        """
        if not self._complete:
            raise TruncatedStream("the stream ended without a terminal event: the answer is cut")

    def final(self) -> JsonObject:
        """Return the `response` object as far as it has come."""
        if self._complete:
            return mended_object(self._response)
        return mended_object({"object": "response"} | self._response | {"output": self._output()})

    def _moves_on(self, data: JsonObject) -> bool:
        number = data.get("sequence_number")
        if type(number) is int:
            if self._number is not None and number <= self._number:
                return False
            self._number = number
        return True

    def _grow(self, slot: Slot, data: JsonObject, deltas: list[Delta]) -> None:
        piece = data.get("delta")
        if type(piece) is not str:
            raise NotTheWire("a delta of the stream is not a string")
        place = (slot, data.get("output_index"), data.get(slot.place))
        if place != self._place:
            self._place, self._latest = place, self._text(slot, data)
        if self._latest is not None:
            self._latest.add(piece, deltas)
            if piece and not deltas:
                self.unshown += 1
            if logprobs := data.get("logprobs"):
                self._latest.extend("logprobs", logprobs)

    def _finish_text(self, data: JsonObject, deltas: list[Delta], slot: Slot) -> None:
        text = self._text(slot, data)
        if text is not None:
            text.finish(string(data.get(slot.field)), deltas)

    def _take_element(self, data: JsonObject, deltas: list[Delta], *, whole: bool) -> None:
        element = data.get("part")
        slot = BY_ELEMENT.get(string(element.get("type"))) if isinstance(element, dict) else None
        text = self._text(slot, data) if slot else None
        if isinstance(element, dict) and text is not None:
            text.element = element
            if whole:
                text.finish(string(element.get(text.slot.field)), deltas)

    def _annotate(self, data: JsonObject, _deltas: list[Delta]) -> None:
        text = self._text(SLOTS["response.output_text"], data)
        if text is not None:
            text.extend("annotations", [data.get("annotation")])

    def _take_item(self, data: JsonObject, deltas: list[Delta], *, whole: bool) -> None:
        index, given = data.get("output_index"), data.get("item")
        if type(index) is int and isinstance(given, dict):
            item = self._item(index)
            (item.take if whole else item.add)(given, deltas)

    def _take_response(self, data: JsonObject, _deltas: list[Delta]) -> None:
        response = data.get("response")
        if not isinstance(response, dict):
            raise NotTheWire("an event of the stream has no response")
        named = string(response.get("id")) or self._id
        if self._id and named != self._id:
            raise NotTheWire("the stream goes on with another response")
        self._id = named
        raise_failure(response)
        self._response = response
        if self._number is None and response.get("background") is True and is_id(named):
            number = data.get("sequence_number")
            self._number = number if type(number) is int and number >= 0 else None

    def _fail(self, data: JsonObject, deltas: list[Delta], *, status: str) -> None:
        self._take_response(data, deltas)
        raise_failure(self._response | {"status": status})

    def _finish(self, data: JsonObject, deltas: list[Delta], *, status: str) -> None:
        begun = bool(self._response)
        self._take_response(data, deltas)
        response = self._response if string(self._response.get("status")) else self._response | {"status": status}
        require_finished(response)
        output = response.get("output")
        if isinstance(output, list) and (output or not self._items):
            self._show_rest(output, deltas)
        else:
            response = response | {"output": self._rebuilt(deltas, begun=begun)}
        self._response = response
        self._complete = True

    def _show_rest(self, output: list[JsonValue], deltas: list[Delta]) -> None:
        # The indexes of a stream may have gaps, which the output has not.
        streamed = sorted(self._items) if len(self._items) == len(output) else range(len(output))
        for index, item in zip(streamed, output, strict=True):
            if isinstance(item, dict):
                self._item(index).take(item, deltas)

    def _rebuilt(self, deltas: list[Delta], *, begun: bool) -> list[JsonValue]:
        if not begun or not all(item.named for item in self._items.values()):
            raise TruncatedStream("the stream was entered midway, and its end does not repeat what it said")
        for item in self._items.values():
            item.close(deltas)
        return self._output()

    def _output(self) -> list[JsonValue]:
        return [item.final() for _, item in sorted(self._items.items()) if item.named]

    def _item(self, index: int) -> Item:
        item = self._items.get(index)
        if item is None:
            item = self._items[index] = Item(self._parts)
        return item

    def _text(self, slot: Slot, data: JsonObject) -> Text | None:
        index = data.get("output_index")
        if type(index) is not int:
            return None
        at = data.get(slot.place) if slot.place else 0
        return self._item(index).text(slot, at if type(at) is int else 0)


def _object(data: bytes) -> JsonObject:
    try:
        value = loads(data)
    except NotTheWire:
        if data.startswith(b"[DONE]"):
            raise TruncatedStream("the stream said [DONE] without a terminal event: the answer is cut") from None
        raise
    if not isinstance(value, dict):
        raise NotTheWire("an event of the stream is not a JSON object")
    return value


# How the names of events end that are a piece of something, also of what only the terminal event tells us.
_PIECES = (".delta", ".partial_image")
_DELTAS = {f"{name}.delta": slot for name, slot in SLOTS.items()}
_EVENTS: dict[str, Callable[[Accumulator, JsonObject, list[Delta]], None]] = {
    **{f"{name}.done": partial(Accumulator._finish_text, slot=slot) for name, slot in SLOTS.items()},
    "response.content_part.added": partial(Accumulator._take_element, whole=False),
    "response.content_part.done": partial(Accumulator._take_element, whole=True),
    "response.reasoning_summary_part.added": partial(Accumulator._take_element, whole=False),
    "response.reasoning_summary_part.done": partial(Accumulator._take_element, whole=True),
    "response.output_text.annotation.added": Accumulator._annotate,
    "response.output_item.added": partial(Accumulator._take_item, whole=False),
    "response.output_item.done": partial(Accumulator._take_item, whole=True),
    "response.created": Accumulator._take_response,
    "response.queued": Accumulator._take_response,
    "response.in_progress": Accumulator._take_response,
    "response.failed": partial(Accumulator._fail, status="failed"),
    "response.cancelled": partial(Accumulator._fail, status="cancelled"),
    "response.completed": partial(Accumulator._finish, status="completed"),
    "response.incomplete": partial(Accumulator._finish, status="incomplete"),
}
