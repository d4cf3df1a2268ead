"""The HTTP reply that a scripted response comes to: its headers and the pieces of its body."""

import base64
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson

from deploy.sandbox.provider import openai_chat
from deploy.sandbox.provider.openai_chat import ChatRequest
from deploy.sandbox.provider.openai_chat_stream import chunks
from deploy.sandbox.provider.playback import Piece
from deploy.sandbox.provider.script import JsonObject, Response

_JSON = "application/json"
_EVENTS = "text/event-stream; charset=utf-8"


class Reply:
    """One reply, from a script and the request that took it.

    Attributes:
        headers: The response headers.
        error: What an error in the stream looks like.
        ping: What says only that the connection lives.
    """

    def __init__(self, script: Response, asked: ChatRequest) -> None:
        self._script = script
        self._asked = asked
        self._newline = script.newline.encode()
        content_type = self._content_type()
        self.headers = {
            "Content-Type": script.content_type or content_type,
            "Cache-Control": "no-cache",
            "openai-version": "2020-10-01",
            "openai-processing-ms": "12",
            "x-request-id": f"req_{secrets.token_hex(16)}",
        } | script.headers
        self.error = self._event({"error": script.error} if script.error else openai_chat.error_of(500))
        self.ping = (b": keep-alive" if content_type == _EVENTS else b"") + self._newline * 2

    def _content_type(self) -> str:
        script = self._script
        if script.raw_events is not None:
            return _EVENTS
        if script.raw_base64 is not None:
            return "application/octet-stream"
        if script.body is not None or script.status >= 400 or script.json_although_stream:
            return _JSON
        return _EVENTS if self._asked.stream else _JSON

    def pieces(self) -> Iterator[Piece]:
        """Returns the body, made while it is sent."""
        script = self._script
        if script.raw_events is not None:
            return self._raw_events(script.raw_events)
        if script.body is not None:
            return self._cut(script.body.encode())
        if script.raw_base64 is not None:
            return self._cut(base64.b64decode(script.raw_base64))
        if script.status >= 400:
            failure = {"error": script.error} if script.error else openai_chat.error_of(script.status)
            return self._cut(orjson.dumps(failure))
        now = int(datetime.now(UTC).timestamp())
        whole = openai_chat.completion(self._asked, script, secrets.token_hex(12), now)
        if self._content_type() == _EVENTS:
            return self._events(whole)
        return self._cut(orjson.dumps(whole))

    def _raw_events(self, events: list[str]) -> Iterator[Piece]:
        for event in events:
            lines = event.replace("\n", self._script.newline).encode()
            yield Piece(lines + self._newline * 2, content=True)

    def _events(self, whole: JsonObject) -> Iterator[Piece]:
        for chunk in chunks(whole, self._asked):
            yield Piece(self._event(chunk.body), chunk.content)
        if not self._script.no_done:
            yield Piece(b"data: [DONE]" + self._newline * 2, content=False)

    def _event(self, body: JsonObject) -> bytes:
        return b"data: " + orjson.dumps(body) + self._newline * 2

    def _cut(self, body: bytes) -> Iterator[Piece]:
        size = self._script.chunk_bytes or max(1, len(body))
        for start in range(0, len(body), size):
            yield Piece(body[start : start + size], content=True)
