"""Cuts a unary `message` into the events of the stream that amounts to it."""

from collections.abc import Iterator

import orjson
from pydantic import JsonValue

from deploy.sandbox.provider.answers import tokens
from deploy.sandbox.provider.format import Event
from deploy.sandbox.provider.script import JsonObject
from deploy.sandbox.provider.writing import objects

# What is known, or final, only in the end.
_UNMADE: JsonObject = {"content": [], "stop_reason": None, "stop_sequence": None}
_LATE = ("stop_details", "container")
_FINAL_USAGE = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "server_tool_use",
    "output_tokens_details",
)
_USES = ("tool_use", "server_tool_use", "mcp_tool_use")


def message_events(message: JsonObject) -> Iterator[Event]:
    """Yields the stream's events."""
    usage = message.get("usage")
    opening = {key: _UNMADE.get(key, value) for key, value in message.items() if key not in _LATE}
    if isinstance(usage, dict):
        # The first event counts the first token only.
        opening["usage"] = {**usage, "output_tokens": 1}
    yield _event("message_start", {"message": opening})
    for index, block in enumerate(objects(message.get("content"))):
        yield from _block(block, index)
    if message.get("stop_reason") is not None:
        delta = {key: message[key] for key in ("stop_reason", "stop_sequence", *_LATE) if key in message}
        final = usage if isinstance(usage, dict) else {}
        told: JsonObject = {key: final[key] for key in _FINAL_USAGE if final.get(key) is not None}
        yield _event("message_delta", {"delta": delta, "usage": told} if told else {"delta": delta})
    yield _event("message_stop", {}, terminator=True)


def _event(name: str, data: JsonObject, *, content: bool = False, terminator: bool = False) -> Event:
    return Event({"type": name, **data}, content, name, terminator)


def _block(block: JsonObject, index: int) -> Iterator[Event]:
    deltas = list(_deltas(block))
    opening = {**block, **_emptied(block)} if deltas else block
    opening = {key: value for key, value in opening.items() if not deltas or key != "citations"}
    # A block without deltas comes whole, as the results of the server's tools do.
    yield _event("content_block_start", {"index": index, "content_block": opening}, content=not deltas)
    if index == 0:
        yield _event("ping", {})
    for delta in deltas:
        said = delta.get("partial_json") != ""
        yield _event("content_block_delta", {"index": index, "delta": delta}, content=said)
    yield _event("content_block_stop", {"index": index})


def _emptied(block: JsonObject) -> JsonObject:
    match block.get("type"):
        case "text":
            return {"text": ""}
        case "thinking":
            return {"thinking": "", "signature": ""}
        case _:
            return {"input": {}}


def _deltas(block: JsonObject) -> Iterator[JsonObject]:
    match block.get("type"):
        case "text":
            yield from _grown("text_delta", "text", block.get("text"))
            for citation in objects(block.get("citations")):
                yield {"type": "citations_delta", "citation": citation}
        case "thinking":
            yield from _grown("thinking_delta", "thinking", block.get("thinking"))
            yield {"type": "signature_delta", "signature": block.get("signature", "")}
        case kind if kind in _USES:
            # An empty piece comes first, and is the only one of an empty input.
            yield {"type": "input_json_delta", "partial_json": ""}
            text = orjson.dumps(block["input"]).decode() if block.get("input") else ""
            yield from _grown("input_json_delta", "partial_json", text)


def _grown(kind: str, field: str, text: JsonValue) -> Iterator[JsonObject]:
    for piece in tokens(str(text or "")):
        yield {"type": kind, field: piece}
