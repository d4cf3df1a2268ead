"""Rebuilds the `chat.completion` object from its stream of `chat.completion.chunk`s.

Rules of this file:

- The result is what the unary endpoint would have returned: stream-only keys go, the last value of others stays.
- Choices are keyed by their index, never by list position; `choice.py` joins the pieces of each.
- A finish reason on every choice and `[DONE]` make the answer whole; anything less is a truncated stream.
"""

from streaming.deltas import Delta
from streaming.errors import NotTheWire, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue, loads, mended_object
from streaming.providers.openai_chat.answer import raise_streamed_error
from streaming.providers.openai_chat.choice import Choice
from streaming.providers.wire import Quirks
from streaming.sse import Event

_STREAM_ONLY = {"object", "choices", "obfuscation", "p", "error"}
# Azure's first chunk has empty ones; later chunks may repeat them.
_FIRST_NON_EMPTY = {"id", "created", "model"}


def accumulator(quirks: Quirks) -> "Accumulator":
    """Return a fresh accumulator for one stream."""
    return Accumulator(quirks)


class Accumulator:
    """One streamed response. See `wire.Accumulator`."""

    def __init__(self, quirks: Quirks) -> None:
        self._no_done = quirks.no_done
        self._top: JsonObject = {}
        self._choices: dict[int, Choice] = {}
        self._done = False

    @property
    def complete(self) -> bool:
        """Whether `[DONE]` has been seen."""
        return self._done

    def feed(self, event: Event) -> list[Delta]:
        """Take one event; return what it adds to choice 0, the message.

        Raises:
            StreamedError: the event is an error object.
            NotTheWire: the event is not a chunk.
            TruncatedStream: `[DONE]` came before every choice had its finish reason.
        """
        if self._done:
            return []
        if event.data.startswith(b"[DONE]"):
            self._require_finished()
            self._done = True
            return []
        chunk = loads(event.data)
        if not isinstance(chunk, dict):
            raise NotTheWire("an event of the stream is not a JSON object")
        raise_streamed_error(chunk)
        if event.type == "error":
            raise_streamed_error({"error": chunk})

        for key, value in chunk.items():
            if value is not None and key not in _STREAM_ONLY:
                self._take_top(key, value)
        deltas: list[Delta] = []
        choices = chunk.get("choices")
        if choices:
            for position, choice in enumerate(choices if isinstance(choices, list) else [choices]):
                self._take_choice(choice, position, deltas)
        return deltas

    def end(self) -> None:
        """The body ended.

        Raises:
            TruncatedStream: it is not a whole answer.
        """
        if not self._done:
            if not self._no_done:
                raise TruncatedStream("the stream ended without [DONE]: the answer may be cut")
            self._require_finished()

    def final(self) -> JsonObject:
        """Return the `chat.completion` object as far as it has come."""
        choices: list[JsonValue] = [self._choices[index].final() for index in sorted(self._choices)]
        return mended_object(self._top | {"object": "chat.completion", "choices": choices})

    def _take_top(self, key: str, value: JsonValue) -> None:
        if key in _FIRST_NON_EMPTY:
            self._top[key] = self._top.get(key) or value
        else:
            self._top[key] = value

    def _take_choice(self, choice: JsonValue, position: int, deltas: list[Delta]) -> None:
        if not isinstance(choice, dict):
            raise NotTheWire("a choice of the stream is not a JSON object")
        given = choice.get("index")
        index = given if type(given) is int and given >= 0 else position
        # Choice 0 is the message: an answer without it is not whole, whatever came of the others.
        for opened in (0, index):
            if opened not in self._choices:
                self._choices[opened] = Choice(opened)
        self._choices[index].feed(choice, deltas if index == 0 else [])

    def _require_finished(self) -> None:
        if not self._choices or not all(choice.finish_reason for choice in self._choices.values()):
            raise TruncatedStream("the stream ended before the model finished: a choice has no finish reason")
