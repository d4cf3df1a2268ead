"""The four wires as a client without an SDK sees them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from deploy.sandbox.provider.script import JsonObject


@dataclass(frozen=True)
class Wire:
    """How to ask on one wire, and what its streams look like.

    Attributes:
        name: What Millstream calls the wire.
        path: The path of an unary request.
        stream_path: The path of a streaming one.
        headers: The headers that carry the key, and a version where the wire has one.
        asked: The smallest request body.
        scripted: The fields in which a body names a script.
        streaming: The fields that ask for a stream.
        ping: What says only that the connection lives.
        end: What only a whole stream has.
        blank: What ends each event.
    """

    name: str
    path: str
    stream_path: str
    headers: dict[str, str]
    asked: JsonObject
    scripted: Callable[[str], JsonObject]
    streaming: JsonObject = field(default_factory=lambda: {"stream": True})
    ping: bytes = b": keep-alive\n\n"
    end: bytes = b""
    blank: bytes = b"\n\n"

    def body(self, script: str | None, *, stream: bool, **more: object) -> JsonObject:
        """Returns a request body."""
        named = self.scripted(script) if script else {}
        return self.asked | named | (self.streaming if stream else {}) | more  # type: ignore[return-value]


def _metadata(script: str) -> JsonObject:
    return {"metadata": {"script": script}}


_HELLO: JsonObject = {"role": "user", "content": "hi"}
_BEARER = {"Authorization": "Bearer sk-made-up"}

CHAT = Wire(
    "openai-chat",
    "/v1/chat/completions",
    "/v1/chat/completions",
    _BEARER,
    {"model": "m", "messages": [_HELLO]},
    _metadata,
    end=b"[DONE]",
)
RESPONSES = Wire(
    "openai-responses",
    "/v1/responses",
    "/v1/responses",
    _BEARER,
    {"model": "m", "input": "hi"},
    _metadata,
    end=b"response.completed",
)
MESSAGES = Wire(
    "anthropic-messages",
    "/v1/messages",
    "/v1/messages",
    {"x-api-key": "sk-made-up", "anthropic-version": "2023-06-01"},
    {"model": "m", "max_tokens": 100_000, "messages": [_HELLO]},
    lambda script: {"metadata": {"user_id": f"script:{script}"}},
    ping=b'event: ping\ndata: {"type":"ping"}\n\n',
    end=b"message_stop",
)
GEMINI = Wire(
    "gemini",
    "/v1beta/models/m:generateContent",
    "/v1beta/models/m:streamGenerateContent?alt=sse",
    {"x-goog-api-key": "made-up"},
    {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    lambda script: {"labels": {"script": script}},
    streaming={},
    ping=b": keep-alive\r\n\r\n",
    end=b"finishReason",
    blank=b"\r\n\r\n",
)
# Gemini's other stream, which no SDK asks for.
ARRAY = replace(GEMINI, stream_path=GEMINI.stream_path.removesuffix("?alt=sse"), ping=b"\r\n\r\n")
WIRES = (CHAT, RESPONSES, MESSAGES, GEMINI)
