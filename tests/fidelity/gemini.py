"""Makes Gemini answers, and streams that amount to them.

What is legal in a stream, beyond cutting text: a signature on any piece of its part or alone after it; function calls
whole, or in pieces as Vertex AI sends them; candidates interleaved; usage as a running total; empty chunks, and empty
chunks with an early STOP, as gateways send them.
"""

import itertools
import json
import random
import re
from typing import NamedTuple

from streaming.jsontext import JsonObject, JsonValue
from tests.fidelity.cases import Case, StreamEvent, pieces
from tests.fidelity.gemini_answers import LISTS, as_list, as_object, response

_PLAIN_NAME = re.compile(r"[a-zA-Z_]\w*", re.ASCII)
# What may stand in an earlier chunk, to be replaced in the last.
_EARLIER: JsonObject = {"tokenCount": 7, "groundingMetadata": {}, "safetyRatings": [{"probability": "NEGLIGIBLE"}]}


class _Manner(NamedTuple):
    """How one stream is written."""

    halves: bool
    """Cuts fall between the halves of surrogate pairs too."""
    stops: bool
    """Chunks before the last end with STOP too."""
    numbered: bool
    """Candidates name their index; a single one may leave it out."""
    role_once: bool


def case(rng: random.Random) -> Case:
    """Return an answer and a stream of it."""
    unary = response(rng)
    count = len(as_list(unary.get("candidates")))
    halves = rng.random() < 0.3
    manner = _Manner(halves, not halves and rng.random() < 0.3, count > 1 or rng.random() < 0.8, rng.random() < 0.3)
    if not manner.numbered:
        for candidate in as_list(unary.get("candidates")):
            as_object(candidate).pop("index")
    return Case(unary, [StreamEvent(json.dumps(chunk).encode()) for chunk in _chunks(rng, unary, manner)])


def _chunks(rng: random.Random, unary: JsonObject, manner: _Manner) -> list[JsonObject]:
    """Return the chunks: those of the candidates interleaved, the last of the response's own fields in the last."""
    waiting = [_streamed(rng, as_object(candidate), manner) for candidate in as_list(unary.get("candidates"))]
    chunks: list[JsonObject] = []
    while any(waiting):
        ready = [queue for queue in waiting if queue]
        taken = ready if not manner.numbered else rng.sample(ready, rng.randint(1, len(ready)))
        chunks.append({"candidates": [queue.pop(0) for queue in taken]})
        if rng.random() < 0.1:
            chunks.append({})
    top = {key: value for key, value in unary.items() if key != "candidates"}
    chunks = chunks or [{}]
    for chunk in chunks[:-1]:
        chunk |= {key: top[key] for key in ("modelVersion", "responseId") if key in top}
        if "usageMetadata" in top and rng.random() < 0.7:
            chunk["usageMetadata"] = {
                "promptTokenCount": rng.randint(1, 99),
                "candidatesTokenCount": rng.randint(1, 99),
            }
        if "futureField" in top and rng.random() < 0.3:
            chunk["futureField"] = rng.choice([None, "earlier"]) if top["futureField"] else None
    feedback = top.pop("promptFeedback", None)
    chunks[-1] |= top
    if feedback is not None:
        chunks[0]["promptFeedback"] = feedback
    return chunks


def _streamed(rng: random.Random, candidate: JsonObject, manner: _Manner) -> list[JsonValue]:
    """Return what each chunk says of one candidate."""
    content = candidate.get("content")
    raw = as_list(as_object(content).get("parts")) if content is not None else []
    groups: list[list[JsonValue]] = [[]]
    before: JsonObject = {}
    for part in raw:
        for piece in _cut_part(rng, as_object(part), before, manner):
            if rng.random() < 0.7:
                groups.append([])
            groups[-1].append(piece)
        before = as_object(part)
    groups = [[], *groups] if rng.random() < 0.3 else groups
    groups = [*groups, []] if rng.random() < 0.3 else groups
    said: list[JsonObject] = [{} for _ in groups]
    for at, group in enumerate(groups):
        if content is not None and (group or at == 0 or rng.random() < 0.5):
            held: JsonObject = {} if manner.role_once and at else {"role": "model"}
            said[at]["content"] = held | {"parts": group} if group else held
        if manner.stops and not group and rng.random() < 0.7:
            said[at]["finishReason"] = "STOP"
        if manner.numbered:
            said[at]["index"] = candidate["index"]
    _spread(rng, candidate, said)
    return [dict(one) for one in said]


def _spread(rng: random.Random, candidate: JsonObject, said: list[JsonObject]) -> None:
    """Put the fields beside the content into the last of `said`, and what may come before it before it."""
    for key, value in candidate.items():
        if key in LISTS:
            for name, item in as_object(value).items():
                shares = _shares(rng, item, len(said)) if name in LISTS[key] else [None] * (len(said) - 1) + [item]
                for one, share in zip(said, shares, strict=True):
                    if share:
                        as_object(one.setdefault(key, {}))[name] = share
        elif key not in ("content", "index"):
            if key in _EARLIER and len(said) > 1 and rng.random() < 0.5:
                rng.choice(said[:-1])[key] = _EARLIER[key]
            said[-1][key] = value


def _shares(rng: random.Random, items: JsonValue, count: int) -> list[list[JsonValue]]:
    places = sorted(rng.randint(0, len(as_list(items))) for _ in range(count - 1))
    bounds = [0, *places, len(as_list(items))]
    return [as_list(items)[start:end] for start, end in itertools.pairwise(bounds)]


def _cut_part(rng: random.Random, part: JsonObject, before: JsonObject, manner: _Manner) -> list[JsonObject]:
    if "functionCall" in part:
        cut = _cut_call(rng, part, manner)
    elif part.keys() <= {"text", "thought", "thoughtSignature"} and part["text"]:
        return _cut_text(rng, part, before, manner)
    else:
        cut = [dict(part)]
    # Nothing but the signature's own piece may take it away from a part whose text is empty.
    if "thoughtSignature" in part and part.get("text") != "" and rng.random() < 0.3:
        signature = cut[0].pop("thoughtSignature")
        alone: JsonObject = {"thoughtSignature": signature}
        cut.append(alone if rng.random() < 0.5 else alone | {"text": ""})
    return cut


def _cut_text(rng: random.Random, part: JsonObject, before: JsonObject, manner: _Manner) -> list[JsonObject]:
    thought: JsonObject = {"thought": True} if part.get("thought") else {}
    cut: list[JsonObject] = [thought | {"text": text} for text in _cut_string(rng, part["text"], manner)]
    signature = part.get("thoughtSignature")
    if signature is None:
        return cut
    if before.get("thought") == part.get("thought") and "text" in before:
        cut = [piece for piece in cut if piece["text"]]
        cut[0]["thoughtSignature"] = signature  # without it this text would be more of the part before
    elif rng.random() < 0.5:
        spoken = [piece for piece in cut if piece["text"]]
        rng.choice(spoken)["thoughtSignature"] = signature
    else:
        alone: JsonObject = {"text": "", "thoughtSignature": signature}
        cut.append(alone if rng.random() < 0.5 else alone | thought)
    return cut


def _cut_string(rng: random.Random, text: JsonValue, manner: _Manner) -> list[str]:
    if not isinstance(text, str) or not manner.halves:
        return pieces(rng, str(text))
    units = text.encode("utf-16-le")
    places = sorted(2 * rng.randint(0, len(units) // 2) for _ in range(rng.randrange(8)))
    bounds = [0, *places, len(units)]
    return [units[start:end].decode("utf-16-le", "surrogatepass") for start, end in itertools.pairwise(bounds)]


def _cut_call(rng: random.Random, part: JsonObject, manner: _Manner) -> list[JsonObject]:
    call = as_object(part["functionCall"])
    args = call.get("args")
    values = _values("$", args) if args and rng.random() < 0.4 else []
    if not values or None in values:
        return [dict(part)]
    head: JsonObject = {key: value for key, value in call.items() if key != "args"} | {"willContinue": True}
    cut: list[JsonObject] = [part | {"functionCall": head}]
    for path, value in filter(None, values):
        partial = _partial_args(rng, path, value, manner)
        cut += [{"functionCall": {"partialArgs": [piece], "willContinue": True}} for piece in partial]
    if rng.random() < 0.5:
        cut.append({"functionCall": {}})
    else:
        as_object(cut[-1]["functionCall"]).pop("willContinue")
    return cut


def _partial_args(rng: random.Random, path: str, value: JsonValue, manner: _Manner) -> list[JsonObject]:
    if isinstance(value, str):
        return [{"jsonPath": path, "stringValue": text} for text in _cut_string(rng, value, manner)]
    if value is None:
        return [{"jsonPath": path, "nullValue": "NULL_VALUE"}]
    return [{"jsonPath": path, "boolValue" if isinstance(value, bool) else "numberValue": value}]


def _values(path: str, value: JsonValue) -> list[tuple[str, JsonValue] | None]:
    """Return each value with its path; None among them where something has no path."""
    if isinstance(value, dict) and value:
        return [one for key, item in value.items() for one in _values(path + _step(key), item)]
    if isinstance(value, list) and value:
        return [one for at, item in enumerate(value) for one in _values(f"{path}[{at}]", item)]
    unnamed = "\\" in path or "''" in path or isinstance(value, dict | list)
    return [None if unnamed else (path, value)]


def _step(key: str) -> str:
    if _PLAIN_NAME.fullmatch(key):
        return f".{key}"
    if "'" not in key:
        return f"['{key}']"
    return f'["{key}"]' if '"' not in key else "\\"
