"""Makes content blocks of Messages, and takes them apart into what a stream starts with and adds."""

import json
import random
from collections.abc import Callable, Iterator

from streaming.jsontext import JsonObject, JsonValue
from tests.fidelity.cases import pieces, words

_SERVER_TOOLS = ("web_search", "web_fetch", "code_execution", "bash_code_execution", "tool_search_tool_bm25")
_NESTING = 3


def any_block(rng: random.Random) -> JsonObject:
    """Return any content block."""
    return rng.choice(_BLOCKS)(rng)


def _text(rng: random.Random) -> JsonObject:
    block: JsonObject = {"type": "text", "text": "" if rng.random() < 0.05 else words(rng, 120)}
    if rng.random() < 0.3:
        block["citations"] = [
            {"type": "char_location", "cited_text": words(rng), "document_index": at, "document_title": None}
            for at in range(rng.randrange(4))
        ]
    return block


def _thinking(rng: random.Random) -> JsonObject:
    text = "" if rng.random() < 0.2 else words(rng, 80)
    return {"type": "thinking", "thinking": text, "signature": f"{rng.getrandbits(200):x}"}


def _redacted(rng: random.Random) -> JsonObject:
    return {"type": "redacted_thinking", "data": f"{rng.getrandbits(200):x}"}


def _tool_use(rng: random.Random) -> JsonObject:
    block: JsonObject = {"type": "tool_use", "id": f"toolu_{rng.getrandbits(9)}", "name": "f", "input": _input(rng)}
    if rng.random() < 0.2:
        block["caller"] = {"type": "direct"}
    return block


def _server_tool_use(rng: random.Random) -> JsonObject:
    return {"type": "server_tool_use", "id": "srvtoolu_1", "name": rng.choice(_SERVER_TOOLS), "input": any_object(rng)}


def _mcp_tool_use(rng: random.Random) -> JsonObject:
    return {
        "type": "mcp_tool_use",
        "id": "mcptoolu_1",
        "name": "g",
        "server_name": words(rng),
        "input": any_object(rng),
    }


def _result(rng: random.Random) -> JsonObject:
    kind = rng.choice(("web_search", "web_fetch", "bash_code_execution", "mcp", "advisor", "tool_search", "x"))
    return {"type": f"{kind}_tool_result", "tool_use_id": "srvtoolu_1", "content": _value(rng)}


def _compaction(rng: random.Random) -> JsonObject:
    content = None if rng.random() < 0.1 else words(rng)
    return {"type": "compaction", "content": content, "encrypted_content": words(rng)}


def _fallback(rng: random.Random) -> JsonObject:
    to: JsonObject = {"model": f"claude-{rng.randrange(9)}"}
    return {"type": "fallback", "from": {"model": "claude-sonnet-5"}, "to": to, "trigger": {"type": "refusal"}}


def _stranger(rng: random.Random) -> JsonObject:
    return {"type": rng.choice(("container_upload", "mcp_tool_listing", "hologram")), "beam": _value(rng)}


_BLOCKS: tuple[Callable[[random.Random], JsonObject], ...] = (
    *([_text] * 6),
    *([_tool_use] * 4),
    *([_thinking] * 2),
    *(_redacted, _server_tool_use, _mcp_tool_use, _result, _compaction, _fallback, _stranger),
)


def _value(rng: random.Random, nesting: int = _NESTING) -> JsonValue:
    kind = rng.randrange(8 if nesting else 6)
    if kind == 6:
        return [_value(rng, nesting - 1) for _ in range(rng.randrange(4))]
    if kind == 7:
        return any_object(rng, nesting - 1)
    leaves: tuple[JsonValue, ...] = (None, rng.random() < 0.5, rng.randint(-9, 2**70), rng.random() * 1e9, 0.1)
    return words(rng) if kind == 5 else leaves[kind]


def any_object(rng: random.Random, nesting: int = _NESTING) -> JsonObject:
    """Return an object with anything in it."""
    return {words(rng, 6): _value(rng, nesting - 1 if nesting else 0) for _ in range(rng.randrange(4))}


def _input(rng: random.Random) -> JsonValue:
    """Return a tool's input; what is no whole object is kept as the text that it is."""
    value = any_object(rng)
    text = dumped(rng, value)
    return text[: rng.randrange(1, len(text))] if value and rng.random() < 0.05 else value


# -- taken apart


def block_events(rng: random.Random, block: JsonObject) -> Iterator[JsonObject]:
    """Yield the events of one block; they lack their index."""
    started, deltas = _TAKEN_APART.get(str(block["type"]), _whole)(rng, block)
    yield {"type": "content_block_start", "content_block": started}
    for delta in deltas:
        yield {"type": "content_block_delta", "delta": delta}
    yield {"type": "content_block_stop"}


_Parts = tuple[JsonObject, list[JsonObject]]


def _whole(_rng: random.Random, block: JsonObject) -> _Parts:
    return block, []


def _text_parts(rng: random.Random, block: JsonObject) -> _Parts:
    citations = block.get("citations")
    held = citations if isinstance(citations, list) else []
    told = rng.randint(0, len(held))
    deltas = _grown(rng, "text_delta", "text", str(block["text"]))
    places = sorted(rng.randint(0, len(deltas)) for _ in held[told:])
    for place, citation in reversed([*zip(places, held[told:], strict=True)]):
        deltas.insert(place, {"type": "citations_delta", "citation": citation})
    started: JsonObject = {"type": "text", "text": ""}
    if held[:told] or rng.random() < 0.3:
        started["citations"] = held[:told] or rng.choice((None, []))
    return started, deltas


def _thinking_parts(rng: random.Random, block: JsonObject) -> _Parts:
    deltas = _grown(rng, "thinking_delta", "thinking", str(block["thinking"]))
    for delta in deltas:
        if rng.random() < 0.3:
            delta["estimated_tokens"] = rng.randrange(99)
    deltas.append({"type": "signature_delta", "signature": block["signature"]})
    return {"type": "thinking", "thinking": "", "signature": ""}, deltas


def _input_parts(rng: random.Random, block: JsonObject) -> _Parts:
    value = block["input"]
    if isinstance(value, dict) and (not value or rng.random() < 0.1):
        return block, [{"type": "input_json_delta", "partial_json": ""}] * rng.randrange(2)
    text = value if isinstance(value, str) else dumped(rng, value)
    return block | {"input": {}}, _grown(rng, "input_json_delta", "partial_json", text)


def _compaction_parts(_rng: random.Random, block: JsonObject) -> _Parts:
    return {"type": "compaction", "content": None}, [block | {"type": "compaction_delta"}]


_TAKEN_APART: dict[str, Callable[[random.Random, JsonObject], _Parts]] = {
    "text": _text_parts,
    "thinking": _thinking_parts,
    "tool_use": _input_parts,
    "server_tool_use": _input_parts,
    "mcp_tool_use": _input_parts,
    "compaction": _compaction_parts,
}


def _grown(rng: random.Random, kind: str, field: str, text: str) -> list[JsonObject]:
    cut = _halves(rng, text) if rng.random() < 0.1 else pieces(rng, text)
    return [{"type": kind, field: piece} for piece in cut]


def _halves(rng: random.Random, text: str) -> list[str]:
    """Return `text` cut anywhere between UTF-16 units, as servers in JavaScript do."""
    units = text.encode("utf-16-le")
    places = sorted(2 * rng.randint(0, len(units) // 2) for _ in range(rng.randrange(8)))
    cut = zip([0, *places], [*places, len(units)], strict=True)
    return [units[start:end].decode("utf-16-le", "surrogatepass") for start, end in cut]


def dumped(rng: random.Random, value: JsonValue) -> str:
    """Return a value as JSON, with or without escapes and spaces."""
    separators = rng.choice(((",", ":"), (", ", ": ")))
    return json.dumps(value, ensure_ascii=rng.random() < 0.5, separators=separators)
