"""Makes Messages answers and legal streams of them.

The Message comes first, as the unary endpoint would give it; then it is taken apart into events, with everything that
the wire leaves open left to chance: cuts, pings, early and late fields, key order, escapes, unknown words.
"""

import json
import random
from collections.abc import Iterator

from streaming.jsontext import JsonObject
from tests.fidelity.anthropic_messages_blocks import any_block, any_object, block_events, dumped
from tests.fidelity.cases import Case, StreamEvent, words

_STOP_REASONS = (
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
    "compaction",
    "a_new_reason",
)
_STRANGERS: tuple[JsonObject, ...] = ({"type": "ping"}, {"type": "x_news", "x": [1]})


def case(rng: random.Random) -> Case:
    """Return a Message and the events of one stream of it."""
    unary = _message(rng)
    named = rng.random() > 0.05
    events = [
        StreamEvent(_encoded(rng, event), str(event["type"]) if named else "")
        for event in _with_strangers(rng, [*_events(rng, unary)])
    ]
    return Case(unary, events)


def _message(rng: random.Random) -> JsonObject:
    content = [any_block(rng) for _ in range(rng.choice((0, 1, 1, 2, 3, 6)))]
    hops = [one["to"] for one in content if one["type"] == "fallback"]
    last = hops[-1] if hops else None
    stop_reason = rng.choice(_STOP_REASONS)
    message: JsonObject = {
        "id": f"msg_{rng.getrandbits(40):x}",
        "type": "message",
        "role": "assistant",
        "model": last["model"] if isinstance(last, dict) else "claude-sonnet-5",
        "content": [*content],
        "stop_reason": stop_reason,
        "stop_sequence": words(rng) if stop_reason == "stop_sequence" else None,
        "usage": _usage(rng),
    }
    if stop_reason == "refusal" and rng.random() < 0.7:
        message["stop_details"] = {"type": "refusal", "category": rng.choice(("bio", None)), "explanation": words(rng)}
    if rng.random() < 0.2:
        message["container"] = {"id": "container_1", "expires_at": "2026-11-21T10:00:00Z"}
    for key in ("context_management", "input_transformations", "diagnostics", "x_unknown"):
        if rng.random() < 0.1:
            message[key] = any_object(rng)
    return message


def _usage(rng: random.Random) -> JsonObject:
    usage: JsonObject = {"input_tokens": rng.randrange(5000), "output_tokens": rng.randrange(1, 5000)}
    optional: JsonObject = {
        "cache_read_input_tokens": rng.randrange(9000),
        "cache_creation_input_tokens": rng.randrange(9000),
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 0},
        "server_tool_use": {"web_search_requests": rng.randrange(5)},
        "output_tokens_details": {"thinking_tokens": rng.randrange(50)},
        "service_tier": rng.choice(("standard", "priority")),
        "inference_geo": "eu",
        "iterations": [{"type": "message", "input_tokens": 1, "output_tokens": 2}],
        "x_tokens": rng.randrange(5),
    }
    return usage | {key: value for key, value in optional.items() if rng.random() < 0.4}


def _events(rng: random.Random, unary: JsonObject) -> Iterator[JsonObject]:
    content, usage = unary["content"], unary["usage"]
    assert isinstance(content, list)
    assert isinstance(usage, dict)
    early, late, beside = _placed(rng, unary)
    usage_early, usage_late = _placed_usage(rng, usage)
    message: JsonObject = {**early, "type": "message", "content": [], "usage": usage_early}
    yield {"type": "message_start", "message": message}
    for index, block in enumerate(content):
        assert isinstance(block, dict)
        for event in block_events(rng, block):
            yield event | {"index": index}
    if rng.random() < 0.2:
        yield {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 1}}
    yield {"type": "message_delta", "delta": late, "usage": usage_late, **beside}
    yield {"type": "message_stop"}


def _placed(rng: random.Random, unary: JsonObject) -> tuple[JsonObject, JsonObject, JsonObject]:
    """Return the message's fields by where they come: at the start, in the last delta, beside it."""
    early: JsonObject = {"stop_reason": None, "stop_sequence": None}
    late: JsonObject = {"stop_reason": unary["stop_reason"], "stop_sequence": unary["stop_sequence"]}
    beside: JsonObject = {}
    for key in ("id", "role", "model", "diagnostics"):
        if key in unary:
            early[key] = unary[key]
    content = unary["content"]
    assert isinstance(content, list)
    if any(isinstance(block, dict) and block["type"] == "fallback" for block in content):
        early["model"] = "claude-sonnet-5"
    for key in ("stop_details", "container"):
        if key in unary:
            late[key] = unary[key]
    for key in ("context_management", "input_transformations", "x_unknown"):
        if key in unary:
            rng.choice((early, beside))[key] = unary[key]
    return early, late, beside


def _placed_usage(rng: random.Random, usage: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Return the counts so far and the totals; a count that is not told again was whole at the start."""
    early, late = dict(usage), {"output_tokens": usage["output_tokens"]}
    early["output_tokens"] = rng.randrange(1, 4)
    for key in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
        total = usage.get(key)
        if isinstance(total, int) and rng.random() < 0.5:
            late[key] = total
            early[key] = rng.randint(0, total)
    for key in ("server_tool_use", "output_tokens_details", "iterations"):
        if key in usage and rng.random() < 0.7:
            late[key] = usage[key]
            early[key] = None
    return early, late


def _with_strangers(rng: random.Random, events: list[JsonObject]) -> Iterator[JsonObject]:
    """Yield the events with what a client must bear among them."""
    for event in events:
        if rng.random() < 0.1:
            yield rng.choice(_STRANGERS)
        if event["type"] == "content_block_stop" and rng.random() < 0.05:
            yield {"type": "content_block_delta", "index": event["index"], "delta": {"type": "x_delta", "x": "*"}}
        beside = event["type"] != "message_delta" and rng.random() < 0.1
        yield event | {"x_beside": rng.randrange(9)} if beside else event


def _encoded(rng: random.Random, event: JsonObject) -> bytes:
    keys = list(event)
    rng.shuffle(keys)
    text = dumped(rng, {key: event[key] for key in keys})
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a pair can be said as an escape only
        return json.dumps(event).encode()
