"""The official SDK's reading of a stream, to compare ours with."""

import json
import warnings

from openai._models import construct_type
from openai._streaming import SSEDecoder
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from streaming.jsontext import JsonObject, JsonValue, mended
from tests.recordings import said

# What the SDK adds to the unary form.
_ADDED = {"parsed", "parsed_arguments"}


def accumulated(stream: bytes) -> JsonObject:
    """Return the `chat.completion` that the SDK's accumulator makes of a stream."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for event in SSEDecoder().iter_bytes(iter([stream])):
        if event.data.startswith("[DONE]"):
            break
        chunk = construct_type(type_=ChatCompletionChunk, value=json.loads(event.data))
        assert isinstance(chunk, ChatCompletionChunk)
        state.handle_chunk(chunk)
    snapshot = state.current_completion_snapshot.to_dict(mode="json")
    return {key: _as_unary(key, value) for key, value in snapshot.items()}


def reading(stream: bytes) -> JsonValue:
    """Return what the SDK makes of a stream, without what says nothing; the name of its error where it breaks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of values that its types do not allow
        try:
            # The SDK loses the first event to a byte order mark, and leaves halves of characters unpaired.
            return said(mended(accumulated(stream.removeprefix(b"\xef\xbb\xbf"))))
        except (AssertionError, AttributeError, IndexError, RuntimeError, TypeError) as error:
            return type(error).__name__


def _as_unary(key: str, value: object) -> JsonValue:
    if isinstance(value, dict):
        return {name: _as_unary(name, item) for name, item in value.items() if name not in _ADDED}
    if isinstance(value, list):
        return [_as_unary("", _without_index(item) if key == "tool_calls" else item) for item in value]
    assert value is None or isinstance(value, str | int | float)
    return value


def _without_index(call: object) -> object:
    return {key: value for key, value in call.items() if key != "index"} if isinstance(call, dict) else call
