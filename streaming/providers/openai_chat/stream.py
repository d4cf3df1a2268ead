"""Rebuilds the `chat.completion` object from its stream of `chat.completion.chunk`s.

Rules of this file:

- The result is what the unary endpoint would have returned: stream-only keys go, pieces are joined.
- Which field is joined how is the tables below; a field they do not know keeps its last value.
- Choices and tool calls are keyed by their index, never by list position.
- A finish reason on every choice and `[DONE]` make the answer whole; anything less is a truncated stream.
"""

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import NotTheWire, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue, loads, pair_surrogates, split_high_surrogate
from streaming.providers.openai_chat.answer import REASONING_FIELDS, raise_streamed_error
from streaming.providers.openai_chat.tool_calls import ToolCalls
from streaming.providers.wire import Quirks
from streaming.sse import Event

_STREAM_ONLY = {"object", "choices", "obfuscation", "p", "error"}
# Azure's first chunk has empty ones; later chunks may repeat them.
_FIRST_NON_EMPTY = {"id", "created", "model"}
_JOINED = {"content": "text", "refusal": "refusal"} | dict.fromkeys(REASONING_FIELDS, "reasoning")
_EXTENDED = {"annotations", "images", "reasoning_details"}


def accumulator(quirks: Quirks) -> "Accumulator":
    """Return a fresh accumulator for one stream."""
    return Accumulator(quirks)


class Accumulator:
    """One streamed response. See `wire.Accumulator`."""

    def __init__(self, quirks: Quirks) -> None:
        self._no_done = quirks.no_done
        self._top: JsonObject = {}
        self._choices: dict[int, _Choice] = {}
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
        result: JsonObject = dict(self._top)
        result["object"] = "chat.completion"
        result["choices"] = [self._choices[index].final() for index in sorted(self._choices)]
        return result

    def _take_top(self, key: str, value: JsonValue) -> None:
        if key in _FIRST_NON_EMPTY:
            self._top[key] = self._top.get(key) or value
        else:
            self._top[key] = value

    def _take_choice(self, choice: JsonValue, position: int, deltas: list[Delta]) -> None:
        if not isinstance(choice, dict):
            raise NotTheWire("a choice of the stream is not a JSON object")
        given = choice.get("index")
        index = given if isinstance(given, int) else position
        taken = self._choices.get(index)
        if taken is None:
            taken = self._choices[index] = _Choice(index)
        if index == 0:
            taken.feed(choice, deltas)
        else:
            taken.feed(choice, [])

    def _require_finished(self) -> None:
        if not self._choices or not all(choice.finish_reason for choice in self._choices.values()):
            raise TruncatedStream("the stream ended before the model finished: a choice has no finish reason")


class _Choice:
    """One choice: its message, its log-probabilities, how it ended."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, list[JsonValue]] = {}
        self._fields: JsonObject = {}
        self._calls = ToolCalls()
        self._legacy_call: dict[str, str] = {}
        self._logprobs: dict[str, list[JsonValue]] | None = None
        self._choice_fields: JsonObject = {}
        self._parts: dict[str, int] = {}
        self._halves: dict[str, str] = {}
        self.finish_reason = ""

    def feed(self, choice: JsonObject, deltas: list[Delta]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            for key, value in delta.items():
                if value is not None:
                    self._take(key, value, deltas)
        for key, value in choice.items():
            if value is not None and key not in ("delta", "index"):
                self._take_beside_delta(key, value, deltas)

    def _take(self, key: str, value: JsonValue, deltas: list[Delta]) -> None:
        if key in _JOINED:
            self._join(key, _text_of(value), deltas)
        elif key == "tool_calls" and isinstance(value, list):
            for piece in value:
                self._take_call(piece, deltas)
        elif key == "function_call" and isinstance(value, dict):
            for name in ("name", "arguments"):
                said = value.get(name)
                self._legacy_call[name] = self._legacy_call.get(name, "") + (said if isinstance(said, str) else "")
        elif key in _EXTENDED and isinstance(value, list):
            self._lists.setdefault(key, []).extend(value)
        elif key == "role":
            self._fields.setdefault(key, value)  # Ollama repeats it in every chunk
        else:
            self._fields[key] = value

    def _take_beside_delta(self, key: str, value: JsonValue, deltas: list[Delta]) -> None:
        if key == "finish_reason":
            if isinstance(value, str) and value:
                self.finish_reason = value
                self._mend_halves(deltas)
        elif key == "logprobs" and isinstance(value, dict):
            self._logprobs = self._logprobs or {}
            for name, tokens in value.items():
                if isinstance(tokens, list):
                    self._logprobs.setdefault(name, []).extend(tokens)
        else:
            self._choice_fields[key] = value

    def _join(self, key: str, text: str, deltas: list[Delta]) -> None:
        pieces = self._texts.get(key)
        if pieces is None:
            pieces = self._texts[key] = []
        text = self._paired(key, text)
        if not text:
            return
        pieces.append(text)
        index = self._parts.get(key)
        if index is None:
            index = self._parts[key] = len(self._parts)
            deltas.append(PartStarted(index, _JOINED[key]))
        deltas.append(PartAdded(index, text))

    def _take_call(self, piece: JsonValue, deltas: list[Delta]) -> None:
        if not isinstance(piece, dict):
            raise NotTheWire("a tool call of the stream is not a JSON object")
        call, arguments = self._calls.take(piece)
        part = f"call {call.position}"
        arguments = self._paired(part, arguments)
        call.arguments.append(arguments)
        index = self._parts.get(part)
        if index is None:
            index = self._parts[part] = len(self._parts)
            deltas.append(PartStarted(index, "tool_call", call.id, call.name))
        if arguments:
            deltas.append(PartAdded(index, arguments))

    def _paired(self, part: str, text: str) -> str:
        """Pair the surrogates in `text`, holding a trailing half back for the part's next piece."""
        if part in self._halves:
            text = self._halves.pop(part) + text
        if text.isascii():
            return text
        text, half = split_high_surrogate(text)
        if half:
            self._halves[part] = half
        return pair_surrogates(text)

    def _mend_halves(self, deltas: list[Delta]) -> None:
        for part in list(self._halves):
            del self._halves[part]
            if part in _JOINED:
                self._join(part, "\N{REPLACEMENT CHARACTER}", deltas)
            else:
                self._calls.by_position(int(part.split()[1])).arguments.append("\N{REPLACEMENT CHARACTER}")
                deltas.append(PartAdded(self._parts[part], "\N{REPLACEMENT CHARACTER}"))

    def final(self) -> JsonObject:
        message: JsonObject = {"role": "assistant", "content": None} | self._fields
        message |= {key: "".join(pieces) for key, pieces in self._texts.items()}
        message |= {key: list(items) for key, items in self._lists.items()}
        if calls := self._calls.final():
            message["tool_calls"] = calls
        if self._legacy_call:
            message["function_call"] = dict(self._legacy_call)
        if message["content"] == "" and (calls or message.get("refusal") or self._legacy_call):
            message["content"] = None  # the unary form says null where there is no text
        logprobs: JsonValue = {key: list(items) for key, items in self._logprobs.items()} if self._logprobs else None
        finish: JsonValue = self.finish_reason or None
        result: JsonObject = {
            "index": self._index,
            "message": message,
            "logprobs": logprobs,
            "finish_reason": finish,
        }
        return result | self._choice_fields


def _text_of(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):  # some compatible servers stream lists of content parts
        return "".join(str(part.get("text") or "") for part in value if isinstance(part, dict))
    raise NotTheWire("a text of the stream is neither a string nor a list of parts")
