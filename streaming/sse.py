"""Server-sent events: bytes in, events out (WHATWG HTML, section 9.2.6).

Rules of this file:

- Chunking never matters: any split of the same bytes gives the same events.
- Work is linear in the bytes fed, and what one unfinished event may hold is capped, however it was cut.
- Lines end at CR, LF or CRLF and nowhere else: U+2028 and its kin are legal inside JSON strings.
- Field values stay bytes. Whoever wants text decodes a whole event at once, never a part of it.
"""

from dataclasses import dataclass

from streaming.errors import EventTooLarge

DEFAULT_MAX_EVENT_BYTES = 64 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_CR, _LF = b"\r\n"
_UNNAMED = "message"
# What is remembered of types: a wire has a dozen or so, of some thirty bytes.
_MOST_TYPES = 64
_LONGEST_TYPE = 256


@dataclass(slots=True)
class Event:
    """One dispatched event: `data` is UTF-8 as it was received, `type` is "message" unless named."""

    data: bytes
    type: str = _UNNAMED


class Decoder:
    """Turns the bytes of one `text/event-stream` body into events.

    Feed it with `feed`, in any pieces; call `close` once at the end of the body. `id` and `retry` serve
    EventSource's reconnection, which no provider offers on these streams: they are parsed over.
    """

    def __init__(self, max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()
        self._data: list[bytes] = []
        self._room = max_event_bytes
        self._type = _UNNAMED
        self._types: dict[bytes, str] = {}
        self._head = b""
        self._head_type = _UNNAMED
        self._is_between = False
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes.

        Raises:
            EventTooLarge: an unfinished event grew over the cap.
        """
        if self._is_between and len(chunk) <= self._room:
            start, end = len(self._head), len(chunk) - 2
            is_one_event = chunk[:start] == self._head and chunk.find(b"\n", start) == end and chunk[end:] == b"\n\n"
            if is_one_event and _CR not in chunk:
                return [Event(chunk[start:end], self._head_type)]
        return self._take(chunk)

    def _take(self, chunk: bytes) -> list[Event]:
        self._is_between = False
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]  # the rest of a CRLF that the cut fell into
        if _CR in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if _LF not in chunk:
            self._hold(chunk)
            return []

        lines = chunk.split(b"\n")
        if self._line:
            self._line += lines[0]
            lines[0] = bytes(self._line)
            self._line = bytearray()
        unfinished = lines.pop()
        events = self._take_lines(lines)
        if unfinished:
            self._hold(unfinished)
        elif not (lines[-1] or self._after_cr):
            self._is_between = True
            self._expect(lines[0])
        return events

    def _expect(self, first_line: bytes) -> None:
        """Expect that the next chunk begins as this one did, and is one event: most are, where tokens come singly."""
        if first_line in self._types:
            self._head, self._head_type = first_line + b"\ndata: ", self._types[first_line]
        else:
            self._head, self._head_type = b"data: ", _UNNAMED

    def close(self) -> Event | None:
        """Return the event that the end of the body cut off before its blank line, if it holds data.

        WHATWG says to discard it. A provider's last event often lacks only that blank line, so the wire
        decides: a whole JSON document there is an event, anything else is a truncated stream.
        """
        self._is_between = False
        events = self._take_lines([bytes(self._line), b""])
        self._line = bytearray()
        return events[0] if events else None

    def _hold(self, unfinished: bytes) -> None:
        self._line += unfinished
        self._check_size(len(self._line))

    def _take_lines(self, lines: list[bytes]) -> list[Event]:
        if self._at_start:
            self._at_start = False
            self._check_size(len(lines[0]))
            lines[0] = lines[0].removeprefix(_BOM)
        events: list[Event] = []
        data, types, room = self._data, self._types, self._room
        for line in lines:
            if not line:
                if data:
                    events.append(Event(b"\n".join(data), self._type))
                    data.clear()
                    room = self._max_event_bytes
                self._type = _UNNAMED
            elif len(line) > room:
                raise EventTooLarge(self._max_event_bytes)
            # Providers send little but these two: they are found without a look at what else a line may be.
            elif line[:6] == b"data: ":
                data.append(line[6:])
                room -= len(line) - 5
            elif (known := types.get(line)) is not None:
                self._type = known
            else:
                room -= self._take_field(line)
        self._room = room
        return events

    def _take_field(self, line: bytes) -> int:
        """Return how much the line takes up of the event's room."""
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            return len(value) + 1
        if name == b"event":
            self._type = value.decode("utf-8", "replace") or _UNNAMED
            if len(line) <= _LONGEST_TYPE and len(self._types) < _MOST_TYPES:
                self._types[line] = self._type
        return 0

    def _check_size(self, line_bytes: int) -> None:
        if line_bytes > self._room:
            raise EventTooLarge(self._max_event_bytes)
