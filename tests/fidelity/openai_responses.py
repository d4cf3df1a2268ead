"""Makes `response` objects of every shape, and legal streams of them (`POST /responses`)."""

import base64
import json
import random
from collections.abc import Callable

from streaming.jsontext import JsonObject, JsonValue
from tests.fidelity.cases import Case, StreamEvent, pieces, words
from tests.fidelity.openai_responses_items import item

_UNMADE: JsonObject = {"output": [], "usage": None, "completed_at": None, "incomplete_details": None}
# Item type -> the field whose text grows, and what its events are called.
_GROWING = {
    "function_call": ("arguments", "function_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
    "mcp_call": ("arguments", "mcp_call_arguments"),
    "code_interpreter_call": ("code", "code_interpreter_call_code"),
}
_STAGES = {
    "web_search_call": ("in_progress", "searching", "completed"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed"),
    "image_generation_call": ("in_progress", "generating", "partial_image", "completed"),
    "mcp_call": ("in_progress", "completed"),
    "mcp_list_tools": ("in_progress", "completed"),
}
# Part type -> the field whose text grows, and what its events are called.
_TEXTS = {
    "output_text": ("text", "output_text"),
    "refusal": ("refusal", "refusal"),
    "reasoning_text": ("text", "reasoning_text"),
    "summary_text": ("text", "reasoning_summary_text"),
}
_LATE = frozenset({"encrypted_content", "result", "results", "outputs", "output", "action", "error"})


def case(rng: random.Random) -> Case:
    """Return one answer and one stream of it."""
    whole = _response(rng)
    beginning = _beginning(rng, whole)
    sparse = bool(beginning) and rng.random() < 0.15
    events = [*beginning, *_items(rng, whole["output"], sparse=sparse)]
    events += _end(rng, whole, 0.0 if sparse else rng.random() if beginning else 1.0)
    events = [each for event in events for each in (*_unknown(rng), event)]
    named = rng.random() < 0.9
    stream = [
        StreamEvent(_json(rng, event | {"sequence_number": number}), str(event["type"]) if named else "")
        for number, event in enumerate(events)
    ]
    done = [StreamEvent(b"[DONE]")] if rng.random() < 0.1 else []
    return Case(whole, [*stream, *done])


# -- the answer


def _response(rng: random.Random) -> JsonObject:
    output: list[JsonValue] = [item(rng) for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 3, 4, 6]))]
    cut = rng.random() < 0.2
    last = output[-1] if output else None
    if cut and isinstance(last, dict) and "status" in last:
        last["status"] = "incomplete"
    reason = rng.choice(["max_output_tokens", "content_filter", "max_messages", "steered", "novel"])
    novel: JsonObject = {"novel": {"a": [1, None, words(rng)]}} if rng.random() < 0.2 else {}
    return {
        "id": f"resp_{rng.getrandbits(96):024x}",
        "object": "response",
        "created_at": 1767225600,
        "completed_at": None if cut else 1767225601,
        "status": "incomplete" if cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": reason} if cut else None,
        "instructions": rng.choice([None, words(rng)]),
        "max_output_tokens": rng.choice([None, 2**40]),
        "metadata": {},
        "model": "gpt-5.5",
        "output": output,
        "parallel_tool_calls": True,
        "reasoning": {"effort": "low", "summary": None},
        "store": False,
        "temperature": rng.choice([1.0, 0.1, None]),
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "usage": _usage(rng),
        **novel,
    }


def _usage(rng: random.Random) -> JsonValue:
    if rng.random() < 0.1:
        return None
    given, made = rng.randrange(100_000), rng.randrange(10_000)
    usage: JsonObject = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
    if rng.random() < 0.8:
        written: JsonObject = {"cache_write_tokens": 5} if rng.random() < 0.5 else {}
        usage["input_tokens_details"] = {"cached_tokens": rng.randrange(given + 1), **written}
        usage["output_tokens_details"] = {"reasoning_tokens": rng.randrange(made + 1)}
    return usage


# -- its stream


def _beginning(rng: random.Random, whole: JsonObject) -> list[JsonObject]:
    begun = whole | _UNMADE | {"status": "in_progress"}
    stages = rng.choice([["created"], ["created", "in_progress"], ["created", "queued", "in_progress"], []])
    return [{"type": f"response.{stage}", "response": begun} for stage in stages]


def _end(rng: random.Random, whole: JsonObject, chance: float) -> list[JsonObject]:
    """Return the terminal event; a low chance has no output in it."""
    told = dict(whole)
    match chance:
        case _ if chance < 0.1:
            told["output"] = None
        case _ if chance < 0.2:
            told["output"] = []
        case _ if chance < 0.3:
            del told["output"]
    return [{"type": f"response.{whole['status']}", "response": told}]


def _items(rng: random.Random, output: JsonValue, *, sparse: bool) -> list[JsonObject]:
    """Return the items' events: one item after the other, or those beside a message in parallel.

    A sparse stream says nothing twice: where pieces can tell all of an item, no end repeats it.
    """
    queues: list[list[JsonObject]] = []
    events: list[JsonObject] = []
    index = 0
    for whole in output if isinstance(output, list) else []:
        assert isinstance(whole, dict)
        if rng.random() < 0.03:  # some providers begin an item that never comes
            events.append({"type": "response.output_item.added", "output_index": index, "item": None})
            index += 1
        if rng.random() < 0.5 or whole["type"] == "message":
            events += _merged(rng, queues)
            queues = []
        queues.append(_item(rng, whole, index, sparse=sparse and not _LATE & whole.keys()))
        index += 1
    return events + _merged(rng, queues)


def _merged(rng: random.Random, queues: list[list[JsonObject]]) -> list[JsonObject]:
    """Return the events of all queues in any order that begins the items in theirs."""
    left = [list(reversed(queue)) for queue in queues]
    begun = 0
    merged: list[JsonObject] = []
    while any(left):
        at = rng.choice([at for at, queue in enumerate(left[: begun + 1]) if queue])
        merged.append(left[at].pop())
        begun = max(begun, at + 1)
    return merged


def _item(rng: random.Random, whole: JsonObject, index: int, *, sparse: bool) -> list[JsonObject]:
    kind = str(whole["type"])
    place: JsonObject = {"item_id": whole.get("id"), "output_index": index}
    field, named = _GROWING.get(kind, ("", ""))
    unmade: JsonObject = {"summary": [], "content": [], field: "", "status": "in_progress"}
    if sparse:
        del unmade["status"]
    begun = {key: unmade.get(key, value) for key, value in whole.items() if key not in _LATE}
    events: list[JsonObject] = [{"type": "response.output_item.added", "output_index": index, "item": begun}]
    events += [{"type": f"response.{kind}.{stage}", **place} for stage in _STAGES.get(kind, ())]
    if field:
        events += _growth(rng, named, field, str(whole[field]), place, sparse=sparse)
    for array, key in (("summary", "summary_index"), ("content", "content_index")):
        elements = whole.get(array)
        for at, element in enumerate(elements if isinstance(elements, list) else []):
            assert isinstance(element, dict)
            events += _element(rng, element, {**place, key: at}, sparse=sparse)
    end: JsonObject = {"type": "response.output_item.done", "output_index": index, "item": whole}
    return events if sparse else [*events, end]


def _element(rng: random.Random, element: JsonObject, place: JsonObject, *, sparse: bool) -> list[JsonObject]:
    field, named = _TEXTS[str(element["type"])]
    part = "reasoning_summary_part" if element["type"] == "summary_text" else "content_part"
    unmade: JsonObject = {field: "", "annotations": [], "logprobs": []}
    begun = {key: unmade.get(key, value) for key, value in element.items()}
    events: list[JsonObject] = [{"type": f"response.{part}.added", **place, "part": begun}]
    events += _growth(rng, named, field, str(element[field]), place, sparse=sparse)
    events[1] |= {"logprobs": element["logprobs"]} if sparse and "logprobs" in element else {}
    annotations = element.get("annotations")
    for at, annotation in enumerate(annotations if isinstance(annotations, list) else []):
        told: JsonObject = {"annotation_index": at, "annotation": annotation}
        events.append({"type": "response.output_text.annotation.added", **place, **told})
    end: JsonObject = {"type": f"response.{part}.done", **place, "part": element}
    return events if sparse else [*events, end]


def _growth(
    rng: random.Random, named: str, field: str, text: str, place: JsonObject, *, sparse: bool
) -> list[JsonObject]:
    """Return the deltas of a text and its end; some providers say only the one, some only the other."""
    chance = rng.random()
    deltas = [] if chance < 0.1 and not sparse else _cut(rng, text)
    events = [{"type": f"response.{named}.delta", **place, "delta": delta, **_padding(rng)} for delta in deltas]
    return events if chance > 0.9 else [*events, {"type": f"response.{named}.done", **place, field: text}]


def _cut(rng: random.Random, text: str) -> list[str]:
    """Return the text in pieces, at times with a cut inside of a character."""
    if rng.random() < 0.8:
        return pieces(rng, text)
    units = memoryview(text.encode("utf-16-le")).cast("H")
    return pieces(rng, "".join(map(chr, units)))


def _padding(rng: random.Random) -> JsonObject:
    padding: JsonObject = {"obfuscation": base64.b64encode(rng.randbytes(6)).decode()}
    return padding if rng.random() < 0.5 else {}


def _unknown(rng: random.Random) -> list[JsonObject]:
    novel: JsonObject = {"type": "response.novel.delta", "output_index": 0, "delta": {"stdout": "x"}}
    return [novel] if rng.random() < 0.03 else []


def _json(rng: random.Random, event: JsonObject) -> bytes:
    dump: Callable[..., str] = json.dumps
    try:
        return dump(event, ensure_ascii=rng.random() < 0.5, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return dump(event).encode()  # half a character is only to be had as an escape
