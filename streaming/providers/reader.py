"""One response body, streamed or unary, read to a whole answer or to a typed failure. Bytes in, deltas out."""

from streaming.deltas import Delta, of_message
from streaming.errors import NotTheWire, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue, excerpt, loads
from streaming.providers.wire import Quirks, Wire
from streaming.sse import Decoder

MAX_UNARY_BYTES = 64 * 1024 * 1024


class StreamReader:
    """Reads a `text/event-stream` body."""

    def __init__(self, wire: Wire, quirks: Quirks) -> None:
        self._decoder = Decoder()
        self._accumulator = wire.accumulator(quirks)

    @property
    def complete(self) -> bool:
        """Whether the terminal marker was seen: what follows does not matter."""
        return self._accumulator.complete

    @property
    def unshown(self) -> int:
        """How many pieces of content came that no delta tells of."""
        return self._accumulator.unshown

    def feed(self, chunk: bytes) -> list[Delta]:
        """Take bytes; return what they add to the message.

        Raises:
            ProviderError: the stream cannot become an answer any more.
        """
        deltas: list[Delta] = []
        take = self._accumulator.feed
        for event in self._decoder.feed(chunk):
            if event.data.strip():  # some servers keep the connection alive with empty events
                deltas += take(event)
        return deltas

    def eof(self) -> list[Delta]:
        """The body ended; return what its unterminated last event adds.

        Raises:
            TruncatedStream: the body is not a whole answer.
        """
        deltas: list[Delta] = []
        event = self._decoder.close()
        if event is not None and event.data.strip():
            try:
                deltas = self._accumulator.feed(event)
            except NotTheWire as error:
                raise TruncatedStream("the stream ended inside an event: the answer is cut") from error
        self._accumulator.end()
        return deltas

    def final(self) -> JsonObject:
        """Return the provider's response object as far as it has come."""
        return self._accumulator.final()


class JsonBody:
    """A JSON body as it arrives: of no use before it is whole."""

    def __init__(self) -> None:
        self._body = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take bytes.

        Raises:
            NotTheWire: the body is over its cap.
        """
        self._body += chunk
        if len(self._body) > MAX_UNARY_BYTES:
            raise NotTheWire(f"the response is over {MAX_UNARY_BYTES:,} bytes")

    def parsed(self) -> JsonValue:
        """The body ended; return what it says.

        Raises:
            TruncatedStream: the JSON is cut.
        """
        try:
            return loads(bytes(self._body))
        except NotTheWire as error:
            raise TruncatedStream(f"the response is not whole JSON: {excerpt(bytes(self._body))}") from error


class UnaryReader:
    """Reads a JSON body: a unary answer, or an error object."""

    unshown = 0

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._body = JsonBody()
        self._final: JsonObject = {}
        self.complete = False

    def feed(self, chunk: bytes) -> list[Delta]:
        """Take bytes; a unary answer shows nothing before it is whole.

        Raises:
            NotTheWire: the body is over its cap.
        """
        self._body.add(chunk)
        return []

    def eof(self) -> list[Delta]:
        """The body ended; return the whole answer as deltas.

        Raises:
            TruncatedStream: the JSON is cut.
            StreamedError: it is an error object.
            NotTheWire: it is nothing of the wire's.
        """
        self._final = self._wire.unary(self._body.parsed())
        deltas = of_message(self._wire.answer(self._final, "").message)
        self.complete = True
        return deltas

    def final(self) -> JsonObject:
        """Return the provider's response object; empty before `eof`."""
        return self._final
