"""One choice of a streamed `chat.completion`: its message, its log-probabilities, how it ended.

Which field of the message is joined how is the table below; a field that it does not know keeps its last value.
"""

from collections.abc import Callable

from streaming.deltas import Delta
from streaming.jsontext import JsonObject, JsonValue, keep_last
from streaming.providers.openai_chat.answer import raise_broken_off
from streaming.providers.openai_chat.content import Content
from streaming.providers.openai_chat.fields import (
    Audio,
    Extended,
    Field,
    First,
    Images,
    Last,
    Parts,
    Refusal,
)
from streaming.providers.openai_chat.reasoning import Details, Thoughts
from streaming.providers.openai_chat.tool_calls import FunctionCall, ToolCalls

_FIELDS: dict[str, Callable[[Parts], Field]] = {
    "role": First,  # Ollama repeats it in every chunk
    "content": Content,
    "refusal": Refusal,
    "reasoning": Thoughts,
    "reasoning_content": Thoughts,
    "reasoning_details": Details,
    "audio": Audio,
    "images": Images,
    "annotations": Extended,
    "tool_calls": ToolCalls,
    "function_call": FunctionCall,
}
_INSTEAD_OF_TEXT = ("tool_calls", "function_call", "refusal", "audio")
_HOW_IT_ENDED = frozenset({"finish_reason", "error"})
_NOT_BESIDE_DELTA = frozenset({"delta", "index"})
# Beside the delta: lists of the new tokens (vLLM), and Azure's verdicts, which come category by category.
_EXTENDED = frozenset({"token_ids"})
_MERGED = frozenset({"content_filter_results"})


class Choice:
    """One choice as far as it has come."""

    def __init__(self, index: int) -> None:
        self.finish_reason = ""
        self.parts = Parts()
        self._index = index
        self._fields: dict[str, Field] = {}
        self._logprobs: JsonObject = {}
        self._beside_delta: JsonObject = {}

    def feed(self, choice: JsonObject, deltas: list[Delta]) -> None:
        """Take a chunk's choice; append what it adds to `deltas`.

        Raises:
            NotTheWire: it is not a choice of this wire.
            StreamedError: the choice ended in a failure of the server's.
        """
        delta = choice.get("delta")
        if isinstance(delta, dict):  # Azure's filter sends null
            for key, value in delta.items():
                if value is not None:
                    field = self._fields.get(key) or self._opened(key)
                    field.take(value, deltas)
        for key, value in choice.items():
            if value is not None and key not in _NOT_BESIDE_DELTA:
                if key in _HOW_IT_ENDED:
                    raise_broken_off(choice)
                self._take_beside_delta(key, value, deltas)

    def _opened(self, key: str) -> Field:
        field = self._fields[key] = _FIELDS.get(key, Last)(self.parts)
        return field

    def _take_beside_delta(self, key: str, value: JsonValue, deltas: list[Delta]) -> None:
        held = self._beside_delta.get(key)
        if key == "finish_reason":
            self._finish(value, deltas)
        elif key == "logprobs" and isinstance(value, dict):
            for name, tokens in value.items():
                _extend(self._logprobs, name, tokens)
        elif key in _EXTENDED:
            _extend(self._beside_delta, key, value)
        elif key in _MERGED and isinstance(value, dict) and isinstance(held, dict):
            held.update(value)
        else:
            keep_last(self._beside_delta, key, value)

    def _finish(self, reason: JsonValue, deltas: list[Delta]) -> None:
        if not isinstance(reason, str) or not reason:
            return
        if not self.finish_reason:
            for field in self._fields.values():
                field.close(deltas)
        self.finish_reason = reason

    def final(self) -> JsonObject:
        """Return the choice as the unary endpoint would have, as far as it has come."""
        message: JsonObject = {"role": "assistant", "content": None}
        message |= {key: field.final() for key, field in self._fields.items()}
        if message["content"] == "" and any(message.get(key) for key in _INSTEAD_OF_TEXT):
            message["content"] = None  # the unary form says null where there is no text
        return self._beside_delta | {
            "index": self._index,
            "message": message,
            "logprobs": self._logprobs or None,
            "finish_reason": self.finish_reason or None,
        }


def _extend(held: JsonObject, key: str, more: JsonValue) -> None:
    known = held.get(key)
    if isinstance(known, list) and isinstance(more, list):
        known.extend(more)
    else:
        keep_last(held, key, list(more) if isinstance(more, list) else more)
