"""Server-sent events: bytes in, events out (WHATWG HTML, section 9.2.6).

Rules of this file:

- Chunking never matters: any split of the same bytes gives the same events.
- Work is linear in the bytes fed, and what one unfinished event may hold is capped, however it was cut.
- Lines end at CR, LF or CRLF and nowhere else: U+2028 and its kin are legal inside JSON strings.
- Field values stay bytes. Whoever wants text decodes a whole event at once, never a part of it.
"""

from typing import NamedTuple

from streaming.errors import EventTooLarge

DEFAULT_MAX_EVENT_BYTES = 64 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One dispatched event: `data` is UTF-8 as it was received, `type` is "message" unless named."""

    data: bytes
    type: str = "message"


class Decoder:
    """Turns the bytes of one `text/event-stream` body into events.

    Feed it with `feed`, in any pieces; call `close` once at the end of the body. `id` and `retry` serve
    EventSource's reconnection, which no provider offers on these streams: they are parsed over.
    """

    def __init__(self, max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._type = ""
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes.

        Raises:
            EventTooLarge: an unfinished event grew over the cap.
        """
        if not chunk:
            return []
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the rest of a CRLF that the cut fell into
            self._after_cr = False
            if not chunk:
                return []
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

        lines = chunk.split(b"\n")
        unfinished = lines.pop()
        events: list[Event] = []
        if lines and self._line:
            lines[0] = bytes(self._line) + lines[0]
            self._line.clear()
        for line in lines:
            self._take_line(line, events)
        self._line += unfinished
        self._check_size(len(self._line))
        return events

    def close(self) -> Event | None:
        """Return the event that the end of the body cut off before its blank line, if it holds data.

        WHATWG says to discard it. A provider's last event often lacks only that blank line, so the wire
        decides: a whole JSON document there is an event, anything else is a truncated stream.
        """
        events: list[Event] = []
        if self._line:
            self._take_line(bytes(self._line), events)
            self._line.clear()
        self._take_line(b"", events)
        return events[0] if events else None

    def _take_line(self, line: bytes, events: list[Event]) -> None:
        self._check_size(len(line))
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(events)
        elif line.startswith(b"data:"):
            # Providers send little else, so the one field that matters is found without a split.
            self._add_data(line[6:] if line[5:6] == b" " else line[5:])
        else:
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"event":
                self._type = value.decode("utf-8", "replace")
            elif name == b"data":
                self._add_data(value)

    def _add_data(self, value: bytes) -> None:
        self._data.append(value)
        self._data_bytes += len(value) + 1

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append(Event(b"\n".join(self._data), self._type or "message"))
        self._data = []
        self._data_bytes = 0
        self._type = ""

    def _check_size(self, line_bytes: int) -> None:
        if line_bytes + self._data_bytes > self._max_event_bytes:
            raise EventTooLarge(self._max_event_bytes)
