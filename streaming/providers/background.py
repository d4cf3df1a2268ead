"""Responses that their provider makes in the background: whether or not anybody reads them.

A connection that breaks, or a body that ends, says nothing about such a response. It may come in several bodies: the
events after the last one taken, asked for by this process or by another, or the whole of it once it is finished.
"""

import re
from typing import NamedTuple, Protocol, Self, runtime_checkable

from streaming.deltas import Delta
from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.reader import JsonBody, StreamReader
from streaming.providers.wire import Accumulator, Quirks, Wire
from streaming.sse import Decoder

# It becomes a part of a URL's path, and comes from a provider.
_ID = re.compile(r"\w[\w.=~-]{0,511}", re.ASCII)
_TOKEN = re.compile(rf"({_ID.pattern}):(-1|\d{{1,20}})", re.ASCII)
NOTHING_YET = -1


class Cursor(NamedTuple):
    """A place in a background response. As text it is `resp_123:41`."""

    response: str
    """The provider's id of the response."""
    event: int
    """The number of the last event taken."""

    def __str__(self) -> str:
        return f"{self.response}:{self.event}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the cursor that `text` is, None where it is none."""
        match = _TOKEN.fullmatch(text)
        return cls(match[1], int(match[2])) if match else None


def is_id(text: str) -> bool:
    """Return whether a response can be asked for by this id."""
    return _ID.fullmatch(text) is not None


class BackgroundAccumulator(Accumulator, Protocol):
    """An accumulator that knows how far it is."""

    @property
    def cursor(self) -> Cursor | None:
        """Where to read on; None where the response is none that goes on by itself."""

    def expect(self, response: str) -> None:
        """Wait for the events of this response, from its first on; another's are not the wire's."""

    def take_whole(self, response: JsonValue) -> list[Delta]:
        """Take the response as its provider has it now; one that is not finished adds nothing.

        Raises:
            StreamedError: it failed, or was cancelled.
            NotTheWire: it is another, or none.
        """


@runtime_checkable
class BackgroundWire(Wire, Protocol):
    """A wire on which a response can be made in the background."""

    def accumulator(self, quirks: Quirks) -> BackgroundAccumulator:
        """Return a fresh accumulator for one response."""

    def rest_path(self, cursor: Cursor, *, stream: bool) -> str:
        """Return where the rest of a response is streamed, or the response itself is given, below the base URL."""

    def cancel_path(self, cursor: Cursor) -> str:
        """Return where a response is cancelled with an empty POST."""


class BackgroundReader(StreamReader):
    """Reads one response from as many streams as it takes."""

    def __init__(self, wire: BackgroundWire, quirks: Quirks) -> None:
        super().__init__(wire, quirks)
        self._accumulator: BackgroundAccumulator

    @property
    def cursor(self) -> Cursor | None:
        """Where to read on; None where the response is none that goes on by itself."""
        return self._accumulator.cursor

    def expect(self, response: str) -> None:
        """Wait for a response that was asked for before, from its first event on."""
        self._accumulator.expect(response)

    def next_stream(self) -> Self:
        """Return the reader of the next body."""
        self._decoder = Decoder()
        return self

    def eof(self) -> list[Delta]:
        """The body ended; return what its unterminated last event adds.

        Raises:
            TruncatedStream: the response is not whole, and nobody goes on with it.
        """
        if self.cursor is None:
            return super().eof()
        event = self._decoder.close()
        try:
            return self._accumulator.feed(event) if event is not None and event.data.strip() else []
        except NotTheWire:
            return []  # half an event: it comes again, whole

    def snapshot(self) -> "SnapshotReader":
        """Return the reader of the response itself, which may be finished or not."""
        return SnapshotReader(self._accumulator)


class SnapshotReader:
    """Reads the JSON of a response that was asked for by its id; part of it may have been streamed before."""

    unshown = 0

    def __init__(self, accumulator: BackgroundAccumulator) -> None:
        self._accumulator = accumulator
        self._body = JsonBody()

    @property
    def complete(self) -> bool:
        """Whether the response is whole."""
        return self._accumulator.complete

    def feed(self, chunk: bytes) -> list[Delta]:
        """Take bytes; nothing is shown before the last one.

        Raises:
            NotTheWire: the body is over its cap.
        """
        self._body.add(chunk)
        return []

    def eof(self) -> list[Delta]:
        """The body ended; return what a finished response adds to what was shown.

        Raises:
            TruncatedStream: the JSON is cut.
            StreamedError: the response failed, or was cancelled.
            NotTheWire: it is another response, or none.
        """
        return self._accumulator.take_whole(self._body.parsed())

    def final(self) -> JsonObject:
        """Return the provider's response object as far as it has come."""
        return self._accumulator.final()
