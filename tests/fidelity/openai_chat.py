"""Answers of Chat Completions and its compatible servers, each with one legal stream of it.

The unary object is made first; `openai_chat_stream.py` cuts it. What no reader could tell apart is not made:

- Neighbouring parts of one kind in a content list, empty ones, or two `reasoning_details` of one index, type and id:
  pieces of one part look the same.
- Calls of one name without an id or an index, unless each is one whole JSON object; and arguments that go on after a
  whole JSON object where each fragment names the function again.
- An empty string as content beside tool calls, a refusal or a sound: the unary form says null there.
- Base64 that is not what encoding its bytes gives; a transcript or a signature that is an empty string.
- What says nothing (null, [], {}) in a field that said something in another chunk.
"""

import base64
import json
import random
from collections.abc import Callable

from streaming.jsontext import JsonObject, JsonValue
from tests.fidelity.cases import Case, words
from tests.fidelity.openai_chat_dialect import OPENAIS_OWN, Dialect
from tests.fidelity.openai_chat_stream import events_of

_FINISH_REASONS = ("stop", "stop", "length", "content_filter", "tool_calls", "function_call", "eos_token")
_NAMES = ("f", "get_weather", "g", "lookup")


def case(rng: random.Random) -> Case:
    """Return an answer of one of the servers, and a stream of it."""
    return _case(rng, Dialect.drawn(rng))


def openais_own(rng: random.Random) -> Case:
    """Return an answer as OpenAI's own endpoint streams it, for readers that know no other."""
    return _case(rng, OPENAIS_OWN)


def _case(rng: random.Random, dialect: Dialect) -> Case:
    choices: list[JsonValue] = [_choice(rng, dialect, index) for index in range(rng.choice([1, 1, 1, 2, 3]))]
    unary: JsonObject = {
        "id": f"chatcmpl-{rng.randrange(10**9)}",
        "object": "chat.completion",
        "created": rng.choice([1767225600, 2**70]) if rng.random() < 0.05 else 1767225600,
        "model": rng.choice(["gpt-5.5", "deepseek-v4", "vendor/model"]),
        "choices": choices,
    }
    optional: JsonObject = {
        "usage": _usage(rng),
        "service_tier": rng.choice(["default", "flex"]),
        "system_fingerprint": "fp_1",
        "x_unknown": _anything(rng),
        "moderation": {"results": [{"flagged": False}]},
    }
    unary |= {key: value for key, value in optional.items() if rng.random() < 0.5}
    if dialect.server == "azure":
        unary["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}]
    if dialect.server == "groq":
        unary["x_groq"] = {"id": "req_1"}
    return Case(unary, events_of(rng, unary, dialect))


def _choice(rng: random.Random, dialect: Dialect, index: int) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": None}
    for say in rng.sample(_SAYINGS[dialect.server], rng.choice([1, 1, 2, 3])):
        message |= say(rng, dialect)
    if message["content"] is None and "refusal" not in message and rng.random() < 0.2:
        message["refusal"] = None
    choice: JsonObject = {"index": index, "message": message, "finish_reason": rng.choice(_FINISH_REASONS)}
    if rng.random() < 0.2:
        choice["logprobs"] = {"content": [_token(rng) for _ in range(rng.randint(1, 5))], "refusal": None}
    if dialect.server == "azure":
        choice["content_filter_results"] = {name: {"filtered": False} for name in ("hate", "violence", "sexual")}
    if dialect.server == "vllm":
        choice["token_ids"] = [rng.randrange(99) for _ in range(rng.randint(1, 6))]
        choice["stop_reason"] = rng.choice([None, 2, "</s>"])
    return choice


# -- what a message may say


def _text(rng: random.Random, _dialect: Dialect) -> JsonObject:
    return {"content": words(rng)}


def _empty(_rng: random.Random, _dialect: Dialect) -> JsonObject:
    return {"content": None}


def _refusal(rng: random.Random, _dialect: Dialect) -> JsonObject:
    return {"refusal": words(rng)}


def _reasoning(rng: random.Random, dialect: Dialect) -> JsonObject:
    return {dialect.reasoning_field: words(rng)}


def _details(rng: random.Random, _dialect: Dialect) -> JsonObject:
    said = words(rng)
    items: list[JsonValue] = [{"type": "reasoning.text", "text": said, "format": "v1", "index": 0}]
    if rng.random() < 0.5:
        items = [{"type": "reasoning.text", "text": said, "signature": "c2ln", "format": "v1", "index": 0}]
    if rng.random() < 0.5:
        items.append({"type": "reasoning.summary", "summary": words(rng), "id": "rs_1", "format": "v1", "index": 1})
    if rng.random() < 0.5:
        items += [{"type": "reasoning.encrypted", "data": "QUJD" * 9, "id": f"rs_{at}", "index": 1} for at in (2, 3)]
    return {"reasoning_details": items} | ({"reasoning": said} if rng.random() < 0.8 else {})


def _content_list(rng: random.Random, _dialect: Dialect) -> JsonObject:
    thinking: JsonObject = {"type": "thinking", "thinking": [{"type": "text", "text": words(rng)}]}
    if rng.random() < 0.3:
        thinking["closed"] = True
    text: list[JsonObject] = [{"type": "text", "text": words(rng)} for _ in range(3)]
    reference: JsonObject = {"type": "reference", "reference_ids": [rng.randrange(9)]}
    image: JsonObject = {"type": "image_url", "image_url": {"url": "https://example.com/i.png"}}
    novel: JsonObject = {"type": "novel", "value": _anything(rng)}
    between = [rng.choice([reference, image, novel]) for _ in range(2)]
    whole: list[JsonValue] = [thinking, text[0], between[0], text[1], between[1], text[2]]
    first = rng.randrange(3)
    return {"content": whole[first : rng.randint(first + 1, len(whole))]}


def _annotations(rng: random.Random, _dialect: Dialect) -> JsonObject:
    return {
        "annotations": [
            {"type": "url_citation", "url_citation": {"url": f"https://example.com/{at}", "title": words(rng)}}
            for at in range(rng.randint(1, 3))
        ]
    }


def _images(rng: random.Random, _dialect: Dialect) -> JsonObject:
    url = "data:image/png;base64," + base64.b64encode(rng.randbytes(9)).decode()
    return {"images": [{"type": "image_url", "image_url": {"url": url}, "index": at} for at in range(2)]}


def _audio(rng: random.Random, _dialect: Dialect) -> JsonObject:
    data = base64.b64encode(rng.choice([b"RIFF", b"", b"ID3"]) + rng.randbytes(rng.randint(1, 40))).decode()
    return {
        "audio": {"id": "audio_1", "data": data, "transcript": words(rng), "expires_at": 1767229200},
        "content": None,
    }


def _unknown(rng: random.Random, _dialect: Dialect) -> JsonObject:
    return {"x_note": _anything(rng)}


def _tool_calls(rng: random.Random, dialect: Dialect) -> JsonObject:
    calls: list[JsonValue] = []
    for at in range(rng.randint(1, 4)):
        name = rng.choice(_NAMES) if dialect.tells_calls_apart else _NAMES[at]
        call: JsonObject = {"type": "function", "function": {"name": name, "arguments": _arguments(rng, dialect)}}
        if dialect.has_ids:
            call["id"] = "call_same" if dialect.has_index and rng.random() < 0.1 else f"call_{at}_{rng.randrange(99)}"
        if dialect.has_ids and rng.random() < 0.1:
            call = {"id": call["id"], "type": "custom", "custom": {"name": name, "input": words(rng)}}
        if rng.random() < 0.1:
            call["extra_content"] = {"google": {"thought_signature": "c2ln"}}
        calls.append(call)
    return {"tool_calls": calls, "content": None}


def _function_call(rng: random.Random, dialect: Dialect) -> JsonObject:
    return {"function_call": {"name": rng.choice(_NAMES), "arguments": _arguments(rng, dialect)}, "content": None}


def _arguments(rng: random.Random, dialect: Dialect) -> str:
    """Return the text of an object; elsewhere than where only its end tells a call's, sometimes cut or broken."""
    whole = json.dumps(
        {words(rng, 5): _anything(rng) for _ in range(rng.randint(1, 3))}, ensure_ascii=rng.random() < 0.5
    )
    if dialect.has_index and not dialect.repeats:
        return rng.choice([whole, whole, whole[: rng.randrange(len(whole))], "", "{}{}", words(rng)])
    return whole


def _anything(rng: random.Random) -> JsonValue:
    leaf: list[JsonValue] = [words(rng), rng.randrange(10**6), 0.5, True, 2**64 + 1, "}", '"{']
    nested: list[JsonValue] = [[rng.choice(leaf)], {"a": rng.choice(leaf), "b": [{"c": rng.choice(leaf)}]}]
    return rng.choice(leaf + nested)


def _token(rng: random.Random) -> JsonValue:
    token = words(rng, 3)
    return {"token": token, "logprob": -0.125, "bytes": list(token.encode()), "top_logprobs": []}


def _usage(rng: random.Random) -> JsonObject:
    usage: JsonObject = {"prompt_tokens": rng.randrange(99), "completion_tokens": rng.randrange(99), "total_tokens": 99}
    if rng.random() < 0.5:
        usage["prompt_tokens_details"] = {"cached_tokens": rng.randrange(9), "audio_tokens": 0}
    if rng.random() < 0.5:
        usage["completion_tokens_details"] = {"reasoning_tokens": rng.randrange(9)}
    if rng.random() < 0.2:
        usage |= {"prompt_cache_hit_tokens": 3, "queue_time": 0.01}
    return usage


_Saying = Callable[[random.Random, Dialect], JsonObject]
_EVERYWHERE: list[_Saying] = [_text, _text, _text, _empty, _tool_calls, _tool_calls, _reasoning, _unknown]
_SAYINGS: dict[str, list[_Saying]] = {
    "": [_text, _text, _refusal, _reasoning, _tool_calls, _function_call],
    "openai": [*_EVERYWHERE, _refusal, _audio, _annotations, _function_call],
    "azure": [*_EVERYWHERE, _refusal, _annotations],
    "openrouter": [*_EVERYWHERE, _details, _details, _images, _annotations],
    "vllm": _EVERYWHERE,
    "groq": _EVERYWHERE,
    "mistral": [*_EVERYWHERE, _content_list, _content_list, _content_list],
}
