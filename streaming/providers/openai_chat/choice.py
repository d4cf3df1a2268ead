"""One choice of a streamed `chat.completion`: its message, its log-probabilities, how it ended.

Which field is joined how is the tables below; a field they do not know keeps its last value.
"""

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import NotTheWire
from streaming.jsontext import GrowingText, JsonObject, JsonValue
from streaming.providers.openai_chat.answer import REASONING_FIELDS, raise_broken_off, text_of
from streaming.providers.openai_chat.tool_calls import ToolCalls

_JOINED = {"content": "text", "refusal": "refusal"} | dict.fromkeys(REASONING_FIELDS, "reasoning")
_EXTENDED = {"annotations", "images", "reasoning_details"}


class Choice:
    """One choice as far as it has come."""

    def __init__(self, index: int) -> None:
        self.finish_reason = ""
        self._index = index
        self._texts: dict[str, GrowingText] = {}
        self._lists: dict[str, list[JsonValue]] = {}
        self._fields: JsonObject = {}
        self._calls = ToolCalls()
        self._legacy_calls = ToolCalls()
        self._logprobs: dict[str, list[JsonValue]] = {}
        self._fields_beside_delta: JsonObject = {}
        self._parts: dict[str, int] = {}
        self._reasoning_field = ""

    def feed(self, choice: JsonObject, deltas: list[Delta]) -> None:
        """Take a chunk's choice; append what it adds to `deltas`.

        Raises:
            NotTheWire: it is not a choice of this wire.
            StreamedError: the choice ended in a failure of the server's.
        """
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
            self._join(key, value, deltas)
        elif key == "tool_calls" and isinstance(value, list):
            for piece in value:
                self._take_call(key, self._calls, piece, deltas)
        elif key == "function_call" and isinstance(value, dict):
            # The retired form of the one tool call: no index, no id.
            self._take_call(key, self._legacy_calls, {"index": 0, "id": key, "function": value}, deltas)
        elif key in _EXTENDED and isinstance(value, list):
            self._lists.setdefault(key, []).extend(value)
        elif key == "role":
            self._fields.setdefault(key, value)  # Ollama repeats it in every chunk
        else:
            self._fields[key] = value

    def _take_beside_delta(self, key: str, value: JsonValue, deltas: list[Delta]) -> None:
        if key == "finish_reason":
            if isinstance(value, str) and value:
                raise_broken_off(value)
                self.finish_reason = value
                self._close_texts(deltas)
        elif key == "logprobs" and isinstance(value, dict):
            for name, tokens in value.items():
                if isinstance(tokens, list):
                    self._logprobs.setdefault(name, []).extend(tokens)
        else:
            self._fields_beside_delta[key] = value

    def _join(self, key: str, value: JsonValue, deltas: list[Delta]) -> None:
        if not isinstance(value, str | list):  # some compatible servers stream lists of content parts
            raise NotTheWire("a text of the stream is neither a string nor a list of parts")
        text = self._texts.setdefault(key, GrowingText())
        self._show_text(key, text.add(value if isinstance(value, str) else text_of(value)), deltas)

    def _show_text(self, key: str, added: str, deltas: list[Delta]) -> None:
        if not added:
            return
        if _JOINED[key] == "reasoning":
            self._reasoning_field = self._reasoning_field or key
            if key != self._reasoning_field:
                return  # some servers send the same thoughts under both names
        if key not in self._parts:
            self._parts[key] = len(self._parts)
            deltas.append(PartStarted(self._parts[key], _JOINED[key]))
        deltas.append(PartAdded(self._parts[key], added))

    def _take_call(self, key: str, calls: ToolCalls, piece: JsonValue, deltas: list[Delta]) -> None:
        if not isinstance(piece, dict):
            raise NotTheWire("a tool call of the stream is not a JSON object")
        call, added = calls.take(piece)
        part = f"{key} {call.position}"
        if part not in self._parts:
            self._parts[part] = len(self._parts)
            deltas.append(PartStarted(self._parts[part], "tool_call", call.id, call.name))
        if added:
            deltas.append(PartAdded(self._parts[part], added))

    def _close_texts(self, deltas: list[Delta]) -> None:
        for key, text in self._texts.items():
            self._show_text(key, text.close(), deltas)
        for key, calls in (("tool_calls", self._calls), ("function_call", self._legacy_calls)):
            closed = [(self._parts[f"{key} {call.position}"], call.arguments.close()) for call in calls]
            deltas += [PartAdded(part, added) for part, added in closed if added]

    def final(self) -> JsonObject:
        """Return the choice as the unary endpoint would have, as far as it has come."""
        message: JsonObject = {"role": "assistant", "content": None} | self._fields
        message |= {key: text.text for key, text in self._texts.items()}
        message |= {key: list(items) for key, items in self._lists.items()}
        if calls := self._calls.final():
            message["tool_calls"] = calls
        legacy = [{"name": call.name, "arguments": call.arguments.text} for call in self._legacy_calls]
        if legacy:
            message["function_call"] = dict(legacy[0])
        if message["content"] == "" and (calls or legacy or message.get("refusal")):
            message["content"] = None  # the unary form says null where there is no text
        logprobs: JsonValue = {key: list(items) for key, items in self._logprobs.items()} or None
        return self._fields_beside_delta | {
            "index": self._index,
            "message": message,
            "logprobs": logprobs,
            "finish_reason": self.finish_reason or None,
        }
