"""What a call is answered with, read as it comes: what a body is decides, not what it is called."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from activities.clocks import Clocks
from activities.transport import Response
from streaming.deltas import Delta
from streaming.errors import ConnectionLost, NotTheWire, ProviderError, TruncatedStream
from streaming.jsontext import JsonObject, excerpt
from streaming.providers.background import BackgroundReader, BackgroundWire, Cursor, SnapshotReader
from streaming.providers.reader import StreamReader, UnaryReader
from streaming.providers.wire import Quirks, Wire

# A server usually ends the body right after its terminal marker; waiting for that lets the connection be reused.
_DRAIN_S = 0.05
_EVENT_STREAM = "text/event-stream"
_EVENT_FIELDS = (b"data", b"event", b"id", b"retry", b":")
_BLANK = b"\xef\xbb\xbf \t\r\n"  # and the byte order mark that a stream may begin with


class Reading:
    """One answer: of one body, or of as many as a response takes that is made in the background."""

    def __init__(self, wire: Wire, quirks: Quirks) -> None:
        self._wire = wire
        self._background = BackgroundReader(wire, quirks) if isinstance(wire, BackgroundWire) else None
        self._reader: StreamReader | UnaryReader | SnapshotReader = self._background or StreamReader(wire, quirks)

    @property
    def complete(self) -> bool:
        """Whether the answer is whole."""
        return self._reader.complete

    @property
    def cursor(self) -> Cursor | None:
        """Where to read on; None where the response is none that goes on by itself."""
        return self._background.cursor if self._background else None

    def final(self) -> JsonObject:
        """Return the provider's own response object, as far as it has come."""
        return self._reader.final()

    def expect(self, response: str) -> None:
        """Wait for a response that was asked for before, from its first event on."""
        if self._background:
            self._background.expect(response)

    def expect_nothing(self) -> None:
        """There is no object of the wire's to come."""
        self._reader = UnaryReader(self._wire)

    async def read(self, response: Response, clocks: Clocks, show: Callable[[list[Delta]], None]) -> None:
        """Read one body to its end; only a background response may then not be complete.

        Raises:
            ProviderError: the answer cannot become whole, or not from this body.
        """
        if self._background:
            self._reader = self._background.next_stream()
        now = asyncio.get_running_loop().time
        begun = False
        async with contextlib.aclosing(response.chunks()) as chunks:
            try:
                async for chunk in chunks:
                    arrived = now()
                    clocks.byte(arrived)
                    begun = begun or self._begin(response.content_type, chunk)
                    unshown = self._reader.unshown
                    deltas = self._reader.feed(chunk)
                    if deltas or self._reader.unshown != unshown:
                        clocks.content(arrived)
                    if deltas:
                        show(deltas)
                    if self._reader.complete:
                        await _drain(chunks)
                        return
            except ConnectionLost as lost:
                # What the protocol says comes first: a whole answer may be followed by a dirty close.
                try:
                    show(self._reader.eof())
                except TruncatedStream:
                    raise lost from None
                if not self._reader.complete:
                    raise
            else:
                show(self._reader.eof())

    def _begin(self, content_type: str, chunk: bytes) -> bool:
        """Choose the reader by how the body begins; return whether it has.

        Gateways send JSON although a stream was asked for, streams although none was, and either under any
        content type: what the body is decides.

        Raises:
            NotTheWire: it is neither.
        """
        begins = chunk.lstrip(_BLANK)
        if begins.startswith((b"{", b"[")):
            known = self._background if self.cursor else None
            self._reader = known.snapshot() if known else UnaryReader(self._wire)
        elif begins.startswith(b"<") or not (content_type == _EVENT_STREAM or _is_event(begins)):
            raise NotTheWire(f"HTTP 200 with {content_type or 'no content type'}: {excerpt(chunk)}")
        return bool(begins)


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    with contextlib.suppress(TimeoutError, ProviderError):
        async with asyncio.timeout(_DRAIN_S):
            async for _ in chunks:
                pass


def _is_event(begins: bytes) -> bool:
    return any(begins.startswith(field) or field.startswith(begins) for field in _EVENT_FIELDS)
