"""A recorded event stream, read as the worker reads it: the provider's object or our message, or why it is neither."""

from collections.abc import Iterable

from streaming.errors import NotTheWire, ProviderError
from streaming.jsontext import JsonObject, JsonValue, excerpt
from streaming.messages import text_sha256
from streaming.providers import WIRES
from streaming.providers.reader import StreamReader
from streaming.providers.wire import Answer, Quirks

NO_ANSWER = 3
_FIELDS = frozenset({b"data", b"event", b"id", b"retry", b""})  # "" begins a comment
_BOM = b"\xef\xbb\xbf"


def decoded(wire_name: str, chunks: Iterable[bytes], *, quirks: Quirks, neutral: bool) -> JsonObject:
    """Return what a stream amounts to.

    Args:
        wire_name: one of `WIRES`. A recording does not say which provider it is of, so the neutral message has what
            only its provider understands under the wire's name.
        chunks: the bytes of the body, in any pieces.
        quirks: where the server differs from the wire.
        neutral: return our message, with how it ended, and not the provider's object.

    Raises:
        ProviderError: it is not a whole answer.
    """
    wire = WIRES[wire_name]
    reader = StreamReader(wire, quirks)
    at_start = True
    for chunk in chunks:
        if at_start and chunk.strip():
            _require_events(chunk)
            at_start = False
        reader.feed(chunk)
        if reader.complete:
            break
    else:
        reader.eof()
    final = reader.final()
    answer = wire.answer(final, wire_name)  # a stream without what an answer must have is none, in either form
    return _neutral(answer) if neutral else final


def error_object(error: ProviderError) -> JsonObject:
    """Return a failure as the object that programs read."""
    return {"error": {"type": type(error).__name__, "message": str(error)}}


def _require_events(head: bytes) -> None:
    lines = head.removeprefix(_BOM).lstrip(b"\r\n").splitlines()
    if lines and lines[0].partition(b":")[0] not in _FIELDS:
        raise NotTheWire(f"not server-sent events: {excerpt(head)}")


def _neutral(answer: Answer) -> JsonObject:
    message: JsonValue = answer.message.model_dump(mode="json")
    neutral: JsonObject = {
        "message": message,
        "finish_reason": answer.finish_reason,
        "provider_finish_reason": answer.provider_finish_reason or None,
        "model": answer.model,
        "usage": answer.usage.model_dump(mode="json"),
        "sha256": text_sha256(answer.message.text),
    }
    if len(answer.choices) > 1:
        neutral["choices"] = [choice.model_dump(mode="json") for choice in answer.choices]
    return neutral
