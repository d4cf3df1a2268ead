"""Cuts one choice of a `chat.completion` into what its chunks say of it, in order."""

import base64
import random

from streaming.jsontext import JsonObject, JsonValue
from tests.fidelity.openai_chat_dialect import Dialect, shuffled

Fragment = tuple[JsonObject, JsonObject]
"""What a chunk says of one choice: in the delta, and beside it."""


def fragments_of(rng: random.Random, choice: JsonObject, dialect: Dialect) -> list[Fragment]:
    """Return the fragments of one legal stream of `choice`."""
    message = choice["message"]
    assert isinstance(message, dict)
    lanes = _lanes(rng, message, dialect)
    for name in ("logprobs", "token_ids", "content_filter_results", "stop_reason"):
        lanes.append([({}, beside) for beside in _beside(rng, name, choice.get(name))])
    first: JsonObject = {"role": "assistant"} if dialect.is_openais or rng.random() < 0.9 else {}
    if not dialect.is_openais and any(message.get(key) for key in ("content", "tool_calls", "refusal", "audio")):
        first |= rng.choice([{}, {"content": ""}, {"content": None}])
    fragments: list[Fragment] = [(first, {})]
    for delta, beside in shuffled(rng, lanes):
        last_delta, last_beside = fragments[-1]
        apart = last_delta.keys() & delta.keys() or last_beside.keys() & beside.keys()
        if not apart and rng.random() < 0.2 and not (dialect.is_openais and len(fragments) == 1):
            fragments[-1] = last_delta | delta, last_beside | beside
        else:
            fragments.append((delta, beside))
    if rng.random() < 0.3 and not dialect.is_openais:  # Ollama
        role: JsonObject = {"role": "assistant"}
        fragments = [(role | delta, beside) for delta, beside in fragments]
    quiets: list[JsonObject] = [
        {},
        {"logprobs": None},
        {"finish_reason": None},
        {"logprobs": None, "finish_reason": ""},
    ]
    quiet = rng.choice(quiets)
    fragments = [(delta, quiet | beside) for delta, beside in fragments]
    finish: JsonObject = {"finish_reason": choice["finish_reason"]}
    if rng.random() < 0.7:
        fragments.append(({}, finish))
    else:
        fragments[-1] = fragments[-1][0], fragments[-1][1] | finish
    if dialect.server == "azure":
        return [_as_azure_sends(rng, delta, beside) for delta, beside in fragments]
    return fragments


def _as_azure_sends(rng: random.Random, delta: JsonObject, beside: JsonObject) -> Fragment:
    if not delta and rng.random() < 0.5:
        return {}, beside | {"delta": None}
    return delta, beside


def _lanes(rng: random.Random, message: JsonObject, dialect: Dialect) -> list[list[Fragment]]:
    """Return the pieces of each field of a message; only those of one field have an order."""
    lanes: list[list[Fragment]] = []
    for key, value in message.items():
        if value is None or key == "role":
            continue
        if key == "tool_calls" and isinstance(value, list):
            lanes.append(_calls(rng, value, dialect))
        else:
            lanes.append([({key: piece}, {}) for piece in _pieces_of(rng, key, value)])
    return lanes


def _pieces_of(rng: random.Random, key: str, value: JsonValue) -> list[JsonValue]:
    if key == "content" and isinstance(value, list):
        return _content(rng, value)
    if key == "reasoning_details" and isinstance(value, list):
        return _details(rng, value)
    if key in ("annotations", "images") and isinstance(value, list):
        return [[item] for item in value] if rng.random() < 0.5 else [value]
    if key == "audio" and isinstance(value, dict):
        return _audio(rng, value)
    if key == "function_call" and isinstance(value, dict):
        arguments: list[JsonValue] = [{"arguments": piece} for piece in _cut(rng, value["arguments"])]
        return [{"name": value["name"]}, *arguments]
    if key in ("content", "refusal", "reasoning", "reasoning_content"):
        return list(_cut(rng, value))
    return [value]


def _cut(rng: random.Random, text: JsonValue, most: int = 8) -> list[str]:
    """Return a string in pieces, cut between any two UTF-16 units, as JSON's escapes allow."""
    assert isinstance(text, str)
    units = text.encode("utf-16-le")
    places = sorted(2 * rng.randint(0, len(units) // 2) for _ in range(rng.randrange(most)))
    cuts = zip([0, *places], [*places, len(units)], strict=True)
    return [units[start:end].decode("utf-16-le", "surrogatepass") for start, end in cuts]


def _content(rng: random.Random, parts: list[JsonValue]) -> list[JsonValue]:
    pieces: list[JsonValue] = []
    for part in parts:
        assert isinstance(part, dict)
        if part["type"] == "text":
            plain = rng.random() < 0.5 and len(parts) > 1
            pieces += [piece if plain else [{"type": "text", "text": piece}] for piece in _cut(rng, part["text"])]
        elif part["type"] == "thinking" and isinstance(part["thinking"], list):
            text = part["thinking"][0]
            assert isinstance(text, dict)
            rest = {key: value for key, value in part.items() if key != "thinking"}
            pieces += [[rest | {"thinking": [{"type": "text", "text": piece}]}] for piece in _cut(rng, text["text"])]
        else:
            pieces.append([part])
    if all(isinstance(piece, str) for piece in pieces):
        pieces.append([])
    return pieces


def _details(rng: random.Random, items: list[JsonValue]) -> list[JsonValue]:
    pieces: list[JsonValue] = []
    for item in items:
        assert isinstance(item, dict)
        key = next(key for key in ("text", "summary", "data") if key in item)
        head = {name: value for name, value in item.items() if name not in (key, "signature")}
        pieces += [[head | {key: piece}] for piece in _cut(rng, item[key])]
        if "signature" in item:
            pieces.append([head | {"signature": item["signature"]}])
    return pieces


def _audio(rng: random.Random, audio: JsonObject) -> list[JsonValue]:
    data = audio["data"]
    assert isinstance(data, str)
    raw = base64.b64decode(data)
    size = rng.randint(1, len(raw))
    encoded = [base64.b64encode(raw[at : at + size]).decode() for at in range(0, len(raw), size)]
    lanes: list[list[JsonValue]] = [
        [{"data": piece} for piece in (encoded if rng.random() < 0.7 else _cut_evenly(data))],
        [{"transcript": piece} for piece in _cut(rng, audio["transcript"])],
    ]
    return [{"id": audio["id"]}, *shuffled(rng, lanes), {"expires_at": audio["expires_at"]}]


def _cut_evenly(data: str) -> list[str]:
    return [data[at : at + 4] for at in range(0, len(data), 4)]


def _calls(rng: random.Random, calls: list[JsonValue], dialect: Dialect) -> list[Fragment]:
    lanes = [_call(rng, call, dialect, at) for at, call in enumerate(calls) if isinstance(call, dict)]
    mixed = dialect.has_index or (dialect.has_ids and dialect.repeats)
    if mixed and rng.random() < 0.4:
        pieces = _in_order_of_opening(rng, lanes, by_index=dialect.has_index and not dialect.is_openais)
    else:
        pieces = [piece for lane in lanes for piece in lane]
    fragments: list[Fragment] = []
    for piece in pieces:
        last = fragments[-1][0]["tool_calls"] if fragments else None
        if isinstance(last, list) and rng.random() < 0.1:
            last.append(piece)
        else:
            fragments.append(({"tool_calls": [piece]}, {}))
    return fragments


def _in_order_of_opening(rng: random.Random, lanes: list[list[JsonObject]], *, by_index: bool) -> list[JsonObject]:
    """Return the calls' fragments mixed; where no index tells their order, they open in it."""
    if by_index:
        return shuffled(rng, lanes)
    return [lane[0] for lane in lanes] + shuffled(rng, [lane[1:] for lane in lanes])


def _call(rng: random.Random, call: JsonObject, dialect: Dialect, at: int) -> list[JsonObject]:
    kind, joined = ("custom", "input") if "custom" in call else ("function", "arguments")
    said = call[kind]
    assert isinstance(said, dict)
    head = {key: value for key, value in call.items() if key != kind}
    texts = [said[joined]] if dialect.whole_calls else ["", *_cut(rng, said[joined])]
    first = dialect.index(at) | head | {kind: {"name": said["name"], joined: texts[0]}}
    again: JsonObject = {kind: {"name": said["name"]}} if dialect.repeats else {}
    again |= {"id": call["id"]} if dialect.repeats and "id" in call else {}
    rest: list[JsonObject] = []
    for text in texts[1:]:
        named = again.get(kind)
        rest.append(dialect.index(at) | again | {kind: (named if isinstance(named, dict) else {}) | {joined: text}})
    return [first, *rest]


def _beside(rng: random.Random, name: str, value: JsonValue) -> list[JsonObject]:
    if name == "logprobs" and isinstance(value, dict):
        return [{name: {"content": tokens, "refusal": None}} for tokens in _grouped(rng, value["content"])]
    if name == "token_ids":
        return [{name: tokens} for tokens in _grouped(rng, value)]
    if name == "content_filter_results" and isinstance(value, dict):
        verdicts: list[JsonObject] = [{name: {key: item}} for key, item in value.items()]
        return [*verdicts, {name: {}}]
    return [] if value is None else [{name: value}]


def _grouped(rng: random.Random, items: JsonValue) -> list[JsonValue]:
    if not isinstance(items, list):
        return []
    size = rng.randint(1, len(items))
    return [items[at : at + size] for at in range(0, len(items), size)]
