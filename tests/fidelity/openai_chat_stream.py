"""Cuts a `chat.completion` into a legal stream of chunks, in the dialect of one of the servers."""

import json
import random

from streaming.jsontext import JsonObject, JsonValue
from tests.fidelity.cases import StreamEvent
from tests.fidelity.openai_chat_dialect import Dialect, shuffled
from tests.fidelity.openai_chat_message import fragments_of


def events_of(rng: random.Random, unary: JsonObject, dialect: Dialect) -> list[StreamEvent]:
    """Return the events of one legal stream of `unary`."""
    choices = unary["choices"]
    assert isinstance(choices, list)
    streams = [fragments_of(rng, choice, dialect) for choice in choices if isinstance(choice, dict)]
    chunks: list[JsonObject] = []
    numbered = [[(at, one) for one in stream] for at, stream in enumerate(streams)]
    opening = [stream.pop(0) for stream in numbered] if dialect.is_openais else []
    for index, (delta, beside) in [*opening, *shuffled(rng, numbered)]:
        one: JsonObject = {"delta": delta, **beside}
        if len(streams) > 1 or dialect.is_openais or rng.random() < 0.9:
            one["index"] = index
        if chunks and rng.random() < 0.05 and "index" in one and not dialect.is_openais:
            together = chunks[-1]["choices"]
            assert isinstance(together, list)
            together.append(one)
        else:
            chunks.append({"choices": [one]})
    top = {key: value for key, value in unary.items() if key not in ("choices", "object")}
    return [*_framed(rng, chunks, top, dialect), StreamEvent(b"[DONE]")]


def _framed(rng: random.Random, chunks: list[JsonObject], top: JsonObject, dialect: Dialect) -> list[StreamEvent]:
    usage = top.pop("usage", None)
    always = {key: top.pop(key) for key in ("id", "created", "model")}
    if dialect.is_openais:
        always |= top
        top = {}
    once = {key: (rng.randrange(len(chunks)), value) for key, value in top.items()}
    if dialect.server == "azure":
        chunks.insert(0, {"choices": [], **dict.fromkeys(("id", "model", "object"), ""), "created": 0})
    if "x_groq" in once:
        once["x_groq"] = 0, once["x_groq"][1]
    framed: list[JsonObject] = []
    for at, chunk in enumerate(chunks):
        said = {key: value for key, (place, value) in once.items() if at == place}
        nulls = {key: None for key in once if rng.random() < 0.1}
        framed.append({"object": "chat.completion.chunk"} | always | nulls | said | chunk)
    _say_usage(rng, framed, always, usage, dialect)
    for _ in range(0 if dialect.is_openais else rng.choice([0, 0, 1, 2])):
        framed.insert(rng.randint(1, len(framed)), always | {"choices": []})
    if rng.random() < 0.3 and not dialect.is_openais:
        padding = "p" if dialect.server == "mistral" else "obfuscation"
        framed = [chunk | {padding: "x" * rng.randrange(9)} for chunk in framed]
    return [StreamEvent(_json(rng, chunk)) for chunk in framed]


def _say_usage(
    rng: random.Random, chunks: list[JsonObject], always: JsonObject, usage: JsonValue, dialect: Dialect
) -> None:
    """Put the usage where servers do: behind everything, early, on every chunk, or in Groq's own place."""
    if not isinstance(usage, dict):
        return
    if dialect.server == "groq" and rng.random() < 0.5:
        groq = chunks[-1].get("x_groq")
        chunks[-1]["x_groq"] = (groq if isinstance(groq, dict) else {"id": "req_1"}) | {"usage": usage}
        return
    ways = ["behind", "behind and null before", "last chunk", "early", "every chunk", "null after"]
    where = rng.choice(ways[: 2 if dialect.is_openais else None])
    if where.startswith("behind"):
        if where != "behind":
            for chunk in chunks:
                chunk["usage"] = None
        chunks.append(always | {"choices": [], "usage": usage})
    elif where == "every chunk":
        for at, chunk in enumerate(chunks):
            chunk["usage"] = usage | {"completion_tokens": at} if at < len(chunks) - 1 else usage
    else:
        place = len(chunks) - 1 if where == "last chunk" else rng.randrange(len(chunks))
        chunks[place]["usage"] = usage
        for chunk in chunks[place + 1 :]:
            chunk["usage"] = None


def _json(rng: random.Random, chunk: JsonObject) -> bytes:
    separators = rng.choice([(",", ":"), (", ", ": ")])
    try:
        return json.dumps(chunk, ensure_ascii=rng.random() < 0.5, separators=separators).encode()
    except UnicodeEncodeError:  # half of a character can only be written as an escape
        return json.dumps(chunk, separators=separators).encode()
