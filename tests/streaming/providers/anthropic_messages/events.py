"""Events of Messages streams, for tests to put together."""

import json

from streaming.jsontext import JsonObject, JsonValue

MESSAGE_STOP: JsonObject = {"type": "message_stop"}


def message_start(**fields: JsonValue) -> JsonObject:
    """Return the event that starts a message with these fields."""
    message: JsonObject = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    return {"type": "message_start", "message": message | fields}


def block_start(index: JsonValue, block: JsonValue) -> JsonObject:
    """Return the event that starts a content block."""
    return {"type": "content_block_start", "index": index, "content_block": block}


def block_delta(index: JsonValue, **delta: JsonValue) -> JsonObject:
    """Return an event that adds to a content block."""
    return {"type": "content_block_delta", "index": index, "delta": delta}


def block_stop(index: JsonValue) -> JsonObject:
    """Return the event that ends a content block."""
    return {"type": "content_block_stop", "index": index}


def message_delta(stop_reason: JsonValue = "end_turn", usage: JsonValue = None, **beside: JsonValue) -> JsonObject:
    """Return the event that says how the message ended."""
    delta: JsonObject = {"stop_reason": stop_reason, "stop_sequence": None}
    return {"type": "message_delta", "delta": delta, "usage": usage or {"output_tokens": 1}, **beside}


def framed(*events: JsonValue) -> bytes:
    """Return the stream of these events, named as the wire names them."""
    return b"".join(_frame(event) for event in events)


def _frame(event: JsonValue) -> bytes:
    kind = event.get("type") if isinstance(event, dict) else None
    name = f"event: {kind}\n" if isinstance(kind, str) and kind.isidentifier() else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()
