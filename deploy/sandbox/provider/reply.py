"""The HTTP reply that a scripted response comes to: its headers and the pieces of its body."""

import base64
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import orjson

from deploy.sandbox.provider.format import Asked, Format
from deploy.sandbox.provider.framing import EventStream, Framing, JsonArray
from deploy.sandbox.provider.playback import Piece
from deploy.sandbox.provider.script import JsonObject, Response

_JSON = "application/json"


def new_request_id() -> str:
    """Returns a request id of its own, in the form that OpenAI and Anthropic share."""
    return f"req_{secrets.token_hex(16)}"


class Reply:
    """One reply, from a script and the request that took it.

    Args:
        script: What it says.
        asked: The request.
        wire: The request's format.
        keep: Told the whole answer, where there is one.

    Attributes:
        headers: The response headers.
        ping: What says only that the connection lives.
    """

    def __init__(self, script: Response, asked: Asked, wire: Format, keep: Callable[[JsonObject], None]) -> None:
        self._script = script
        self._keep = keep
        self._asked = asked
        self._wire = wire
        self._request_id = new_request_id()
        self._newline = script.newline or wire.newline
        self._framing: Framing = EventStream(self._newline, wire.ping)
        if asked.delivery == "array" and script.raw_events is None:
            self._framing = JsonArray()
        content_type = self._content_type()
        streamed = content_type == self._framing.content_type
        self.ping = self._framing.ping if streamed else self._newline.encode() * 2
        self.headers = {
            "Content-Type": script.content_type or content_type,
            "Cache-Control": "no-cache",
            **wire.headers(self._request_id),
            **script.headers,
        }

    def _content_type(self) -> str:
        script = self._script
        if script.raw_events is not None:
            return EventStream.content_type
        if script.raw_base64 is not None:
            return "application/octet-stream"
        if script.body is not None or script.status >= 400 or script.json_although_stream:
            return _JSON
        return _JSON if self._asked.delivery == "whole" else self._framing.content_type

    def error(self, position: int) -> bytes:
        """Returns what an error in the stream looks like, after `position` pieces."""
        event = self._wire.broken(self._error(500), self._request_id, position)
        return self._framing.frame(event, position) + self._framing.closing

    def _error(self, status: int) -> JsonObject:
        return self._script.error or self._wire.error(status)

    def pieces(self) -> Iterator[Piece]:
        """Returns the body, made while it is sent.

        Raises:
            Unfit: The script's words are another format's.
        """
        script = self._script
        if script.raw_events is not None:
            return self._raw_events(script.raw_events)
        if script.body is not None:
            return self._cut(script.body.encode())
        if script.raw_base64 is not None:
            return self._cut(base64.b64decode(script.raw_base64))
        if script.status >= 400:
            return self._cut(orjson.dumps(self._failure()))
        now = int(datetime.now(UTC).timestamp())
        whole = self._asked.whole(script, secrets.token_hex(12), now)
        self._keep(whole)
        if self._content_type() == self._framing.content_type:
            return self._events(whole)
        return self._cut(orjson.dumps(whole))

    def _failure(self) -> object:
        failure = self._wire.failure(self._error(self._script.status), self._request_id)
        return [failure] if self._asked.delivery == "array" else failure

    def _raw_events(self, events: list[str]) -> Iterator[Piece]:
        for event in events:
            lines = event.replace("\n", self._newline)
            yield Piece((lines + self._newline * 2).encode(), content=True)

    def _events(self, whole: JsonObject) -> Iterator[Piece]:
        for position, event in enumerate(self._asked.events(whole)):
            if not (event.terminator and self._script.no_done):
                yield Piece(self._framing.frame(event, position), event.content)
        if self._framing.closing:
            yield Piece(self._framing.closing, content=False)

    def _cut(self, body: bytes) -> Iterator[Piece]:
        size = self._script.chunk_bytes or max(1, len(body))
        for start in range(0, len(body), size):
            yield Piece(body[start : start + size], content=True)
