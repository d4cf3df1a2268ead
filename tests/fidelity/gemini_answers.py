"""Makes Gemini answers of every kind: what `generateContent` returns."""

import base64
import random

from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.gemini.finish import FINISH_REASONS
from tests.fidelity.cases import words

LISTS = {"citationMetadata": ("citations", "citationSources"), "logprobsResult": ("chosenCandidates", "topCandidates")}
"""Fields of a candidate, and the lists in them that a stream brings bit by bit."""


def response(rng: random.Random) -> JsonObject:
    """Return a `GenerateContentResponse`."""
    made: JsonObject = {"modelVersion": rng.choice(["gemini-3-flash", "gemini-2.5-pro"]), "responseId": _id(rng)}
    if rng.random() < 0.3:
        made["createTime"] = "2026-11-21T06:00:00.123Z"
    if rng.random() < 0.2:
        made["futureField"] = _json(rng)
    if rng.random() < 0.9:
        made["usageMetadata"] = _usage(rng)
    if rng.random() < 0.05:
        return made | {"promptFeedback": {"blockReason": rng.choice(["SAFETY", "OTHER"]), "safetyRatings": [{}]}}
    if rng.random() < 0.1:
        made["promptFeedback"] = {"safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT"}]}
    count = rng.choice([1, 1, 1, 2, 3])
    return made | {"candidates": [_candidate(rng, index) for index in range(count)]}


def _usage(rng: random.Random) -> JsonObject:
    usage: JsonObject = {"promptTokenCount": rng.randint(1, 10**6), "totalTokenCount": rng.randint(1, 10**6)}
    for key in (
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "cachedContentTokenCount",
        "toolUsePromptTokenCount",
    ):
        if rng.random() < 0.5:
            usage[key] = rng.randint(1, 10**6)
    return usage | {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1}]}


def _candidate(rng: random.Random, index: int) -> JsonObject:
    candidate: JsonObject = {"index": index, "finishReason": rng.choice(["STOP", "STOP", *FINISH_REASONS])}
    if candidate["finishReason"] == "CONTINUATION":
        candidate["continuationToken"] = _signature(rng)
    parts: list[JsonValue] = []
    for _ in range(rng.choice([0, 1, 1, 2, 3, 4, 6])):
        part = _part(rng)
        if not parts or _stand_apart(as_object(parts[-1]), part):
            parts.append(part)
    if parts or rng.random() < 0.5:
        candidate["content"] = {"role": "model", "parts": parts} if parts else {"role": "model"}
    beside: JsonObject = {
        "finishMessage": words(rng),
        "tokenCount": rng.randint(1, 999),
        "avgLogprobs": -rng.random(),
        "safetyRatings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "LOW"}],
        "groundingMetadata": {"webSearchQueries": [words(rng)], "groundingChunks": [{"web": {"uri": words(rng)}}]},
        "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": words(rng)}]},
        "citationMetadata": {rng.choice(LISTS["citationMetadata"]): _items(rng)},
        "logprobsResult": {name: _items(rng) for name in LISTS["logprobsResult"]} | {"logProbabilitySum": -1.5},
        "newThing": _json(rng),
    }
    return candidate | {key: value for key, value in beside.items() if rng.random() < 0.25}


def _items(rng: random.Random) -> list[JsonValue]:
    return [{"n": number, "token": words(rng)} for number in range(rng.randint(1, 5))]


def _part(rng: random.Random) -> JsonObject:
    make = rng.choice([_text, _text, _text, _thought, _call, _call, _blob, _code, _ran, _server_tool, _beside, _silent])
    part = make(rng)
    if rng.random() < 0.4:
        part.setdefault("thoughtSignature", _signature(rng))
    return part


def _text(rng: random.Random) -> JsonObject:
    return {"text": words(rng, 120)}


def _thought(rng: random.Random) -> JsonObject:
    return {"text": words(rng, 120), "thought": True}


def _beside(rng: random.Random) -> JsonObject:
    return {"text": words(rng), "partMetadata": {"k": words(rng)}}


def _silent(rng: random.Random) -> JsonObject:
    return {"text": "", "thoughtSignature": _signature(rng)}


def _call(rng: random.Random) -> JsonObject:
    call: JsonObject = {"name": rng.choice(["get_weather", "now", "book"])}
    if rng.random() < 0.9:
        call["args"] = {words(rng, 6): _json(rng) for _ in range(rng.randrange(4))}
    if rng.random() < 0.5:
        call["id"] = rng.choice([_id(rng), "same"])
    return {"functionCall": call}


def _blob(rng: random.Random) -> JsonObject:
    kind = rng.choice(["image/png", "audio/wav", "application/pdf"])
    part: JsonObject = {"inlineData": {"mimeType": kind, "data": _signature(rng)}}
    return part | ({"thought": True} if rng.random() < 0.2 else {})


def _code(rng: random.Random) -> JsonObject:
    return {"executableCode": {"language": "PYTHON", "code": words(rng)}}


def _ran(rng: random.Random) -> JsonObject:
    return {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": words(rng)}}


def _server_tool(rng: random.Random) -> JsonObject:
    kind = rng.choice(["toolCall", "toolResponse", "fileData", "hologram"])
    return {kind: {"id": _id(rng), "args": {"q": words(rng)}}}


def _stand_apart(before: JsonObject, part: JsonObject) -> bool:
    """Return whether a unary body can hold these two as they are: a run of text is one part there."""
    if part.get("text") == "" and "partMetadata" not in part:
        return "thoughtSignature" in before
    plain = all(one.keys() <= {"text", "thought", "thoughtSignature"} for one in (before, part))
    signed = "thoughtSignature" in before and "thoughtSignature" in part
    return not plain or before.get("thought") != part.get("thought") or signed


def _json(rng: random.Random, depth: int = 2) -> JsonValue:
    simple: JsonValue = rng.choice([words(rng), rng.randint(-(10**6), 10**6), rng.random(), True, False, None])
    if depth == 0 or rng.random() < 0.5:
        return simple
    if rng.random() < 0.5:
        return [_json(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return {words(rng, 6): _json(rng, depth - 1) for _ in range(rng.randint(0, 3))}


def _signature(rng: random.Random) -> str:
    return base64.b64encode(rng.randbytes(rng.randint(1, 20))).decode()


def _id(rng: random.Random) -> str:
    return rng.randbytes(6).hex()


def as_object(value: JsonValue) -> JsonObject:
    """Return a value that is known to be an object."""
    assert isinstance(value, dict)
    return value


def as_list(value: JsonValue) -> list[JsonValue]:
    """Return a list, empty where there is none."""
    return value if isinstance(value, list) else []
