"""How the events of a stream stand in its body."""

from typing import ClassVar, Protocol

import orjson

from deploy.sandbox.provider.format import Event


class Framing(Protocol):
    """Turns events into the bytes of a body."""

    @property
    def content_type(self) -> str:
        """The body's content type."""

    @property
    def ping(self) -> bytes:
        """What says only that the connection lives."""

    @property
    def closing(self) -> bytes:
        """What must follow the last event."""

    def frame(self, event: Event, position: int) -> bytes:
        """Returns an event, the body's number `position` from 0."""


class EventStream:
    """Server-sent events."""

    content_type: ClassVar = "text/event-stream; charset=utf-8"
    closing: ClassVar = b""

    def __init__(self, newline: str, ping: Event | None) -> None:
        self._newline = newline.encode()
        self.ping = b": keep-alive" + self._newline * 2 if ping is None else self.frame(ping, 0)

    def frame(self, event: Event, position: int) -> bytes:
        """Returns an event with its name, if it has one."""
        name = b"event: " + event.name.encode() + self._newline if event.name else b""
        data = event.data.encode() if isinstance(event.data, str) else orjson.dumps(event.data)
        return name + b"data: " + data + self._newline * 2


class JsonArray:
    """One JSON array that grows; blank lines between its elements mean nothing."""

    content_type: ClassVar = "application/json; charset=UTF-8"
    closing: ClassVar = b"]"
    ping: ClassVar = b"\r\n\r\n"

    def frame(self, event: Event, position: int) -> bytes:
        """Returns an element with what divides it from the one before."""
        return (b",\r\n" if position else b"[") + orjson.dumps(event.data)
