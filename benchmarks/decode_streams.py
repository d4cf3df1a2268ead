"""Streams as the two providers send them, and how a network may deliver them."""

import json
from dataclasses import dataclass

from streaming.jsontext import JsonObject

_WORDS = (
    "The",
    " barn",
    " is",
    " red",
    ",",
    " like",
    " most",
    " barns",
    ":",
    " iron",
    " oxide",
    "é",
    " 🌾",
    ".\n\n",
    ' "so"',
)


@dataclass(frozen=True)
class Stream:
    """One answer of `chunks` pieces of text, as event bytes in order."""

    wire: str
    chunks: int
    events: list[bytes]
    text: str

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.events)

    def delivered(self, chunking: str) -> list[bytes]:
        """Return the body in the pieces of one of `CHUNKINGS`."""
        if chunking == "event by event":
            return self.events
        body = self.body
        size = {"whole": len(body), "1 KiB": 1024, "1 byte": 1}[chunking]
        return [body[at : at + size] for at in range(0, len(body), size)]


CHUNKINGS = ("event by event", "whole", "1 KiB", "1 byte")


def _words(count: int) -> list[str]:
    return [_WORDS[at % len(_WORDS)] for at in range(count)]


def _event(data: JsonObject, name: str = "") -> bytes:
    line = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return (f"event: {name}\n" if name else "").encode() + f"data: {line}\n\n".encode()


def openai_chat(chunks: int) -> Stream:
    """Return a stream of Chat Completions: two thousand of them are a long answer."""
    head: JsonObject = {
        "id": "chatcmpl-CfKq4vJ8ZT0bR2mXn5LwY7sHd1PgE",
        "object": "chat.completion.chunk",
        "created": 1767225600,
        "model": "gpt-5.5-2026-03-01",
        "service_tier": "default",
        "system_fingerprint": "fp_fc9f1d7035",
    }

    def chunk(delta: JsonObject, finish_reason: str | None = None) -> bytes:
        choice: JsonObject = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _event(head | {"choices": [choice], "usage": None})

    words = _words(chunks)
    usage: JsonObject = {"prompt_tokens": 11, "completion_tokens": chunks, "total_tokens": chunks + 11}
    events = [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        *(chunk({"content": word}) for word in words),
        chunk({}, "stop"),
        _event(head | {"choices": [], "usage": usage}),
        b"data: [DONE]\n\n",
    ]
    return Stream("openai-chat", chunks, events, "".join(words))


def anthropic_messages(chunks: int) -> Stream:
    """Return a stream of Messages."""
    message: JsonObject = {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-20260301",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 1},
    }
    words = _words(chunks)
    deltas: list[JsonObject] = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words
    ]
    data: list[JsonObject] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": chunks},
        },
        {"type": "message_stop"},
    ]
    return Stream("anthropic-messages", chunks, [_event(one, str(one["type"])) for one in data], "".join(words))
