"""Rebuilds the `chat.completion` object from its stream of `chat.completion.chunk`s.

Rules of this file:

- The result is what the unary endpoint would have returned: stream-only keys go, the last value of others stays.
- Choices are keyed by their index, never by list position; `choice.py` joins the pieces of each.
- A finish reason on every choice and `[DONE]` make the answer whole; anything less is a truncated stream. Where a
  server sends no `[DONE]`, the body's end stands for it, also when that comes before the usage that was asked for.
- Most chunks repeat the fields beside their choices: those are looked at only when they differ from the last chunk's.
"""

from streaming.deltas import Delta
from streaming.errors import NotTheWire, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue, keep_last, loads, mended_object
from streaming.providers.openai_chat.answer import raise_streamed_error
from streaming.providers.openai_chat.choice import Choice
from streaming.providers.wire import Quirks
from streaming.sse import Event

# OpenAI's and Mistral's padding against guessing a text by the lengths of its chunks.
_PADDING = ("obfuscation", "p")
_STREAM_ONLY = frozenset({"object", "error"})
# Azure's first chunk has empty ones; later chunks may repeat them.
_FIRST_NON_EMPTY = frozenset({"id", "created", "model"})


def accumulator(quirks: Quirks) -> "Accumulator":
    """Return a fresh accumulator for one stream."""
    return Accumulator(quirks)


class Accumulator:
    """One streamed response. See `wire.Accumulator`."""

    def __init__(self, quirks: Quirks) -> None:
        self._no_done = quirks.no_done
        self._top: JsonObject = {}
        self._last_top: JsonObject = {}
        self._choices: dict[int, Choice] = {}
        self._done = False
        self._hidden = 0

    @property
    def complete(self) -> bool:
        """Whether `[DONE]` has been seen."""
        return self._done

    @property
    def unshown(self) -> int:
        """How many pieces of content came that no delta told of: other choices', sound, encrypted thoughts."""
        return self._hidden + (self._choices[0].parts.unshown if self._choices else 0)

    def feed(self, event: Event) -> list[Delta]:
        """Take one event; return what it adds to choice 0, the message.

        Raises:
            StreamedError: the event is an error object.
            NotTheWire: the event is not a chunk.
            TruncatedStream: `[DONE]` came before every choice had its finish reason.
        """
        if self._done:
            return []
        if event.data[:6] == b"[DONE]":
            self._require_finished()
            self._done = True
            return []
        chunk = loads(event.data)
        if not isinstance(chunk, dict):
            raise NotTheWire("an event of the stream is not a JSON object")
        choices = chunk.pop("choices", None)
        for key in _PADDING:
            chunk.pop(key, None)
        if chunk != self._last_top or event.type == "error":
            self._take_top(chunk, event.type)
        deltas: list[Delta] = []
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
        return mended_object(_with_own_usage(self._top) | {"object": "chat.completion", "choices": choices})

    def _take_top(self, top: JsonObject, event_type: str) -> None:
        raise_streamed_error(top)
        if event_type == "error":
            raise_streamed_error({"error": top})
        self._last_top = top
        for key, value in top.items():
            if key in _FIRST_NON_EMPTY:
                self._top[key] = self._top.get(key) or value
            elif key == "x_groq":
                self._take_groq(value)
            elif value is not None and key not in _STREAM_ONLY:
                keep_last(self._top, key, value)

    def _take_groq(self, value: JsonValue) -> None:
        held = self._top.get("x_groq")
        if isinstance(value, dict):
            raise_streamed_error(value)
            self._top["x_groq"] = held | value if isinstance(held, dict) else value

    def _take_choice(self, choice: JsonValue, position: int, deltas: list[Delta]) -> None:
        if not isinstance(choice, dict):
            raise NotTheWire("a choice of the stream is not a JSON object")
        given = choice.get("index")
        index = given if type(given) is int and given >= 0 else position
        found = self._choices.get(index) or self._opened(index)
        if index == 0:
            found.feed(choice, deltas)
        else:
            hidden: list[Delta] = []
            found.feed(choice, hidden)
            self._hidden += len(hidden)

    def _opened(self, index: int) -> Choice:
        # Choice 0 is the message: an answer without it is not whole, whatever came of the others.
        for opened in (0, index):
            if opened not in self._choices:
                self._choices[opened] = Choice(opened)
        return self._choices[index]

    def _require_finished(self) -> None:
        if not self._choices or not all(choice.finish_reason for choice in self._choices.values()):
            raise TruncatedStream("the stream ended before the model finished: a choice has no finish reason")


def _with_own_usage(top: JsonObject) -> JsonObject:
    """Return the top of the object with Groq's usage where its unary endpoint has it."""
    groq = top.get("x_groq")
    if not isinstance(groq, dict) or "usage" not in groq:
        return top
    rest: JsonObject = {key: value for key, value in groq.items() if key != "usage"}
    return top | {"usage": top.get("usage") or groq["usage"], "x_groq": rest}
