"""What must hold for any bytes at all that somebody sends as a provider's body, or as a session's messages."""

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from streaming.duplex.elements import Audio, StreamElement, ToolResponse
from streaming.duplex.errors import CannotSendError
from streaming.duplex.gemini_live import GeminiLive
from streaming.duplex.openai_realtime import OpenAIRealtime
from streaming.duplex.provider import RealtimeProvider, RealtimeWire
from streaming.duplex.setup import SessionSetup
from streaming.errors import ProviderError
from streaming.jsontext import JsonObject, dumps, loads
from streaming.live.transcript import Transcript
from streaming.providers import WIRES
from streaming.providers.reader import StreamReader, UnaryReader
from streaming.providers.wire import Quirks, Wire

_CHUNK_SIZES = (1, 2, 3, 5, 17, 64, 257, 4096)
_RESULT = "what the tool gave"


def streamed(wire: Wire, data: bytes) -> None:
    """Read a stream whole and in pieces: both end alike, in an answer or a typed failure.

    The first byte says how the rest is cut.
    """
    if not data:
        return
    size = _CHUNK_SIZES[data[0] % len(_CHUNK_SIZES)]
    body = data[1:]
    whole = _read(wire, [body])
    cut = _read(wire, [body[at : at + size] for at in range(0, len(body), size)])
    assert whole == cut, f"cutting mattered: {whole!r} became {cut!r}"


def unary(wire: Wire, data: bytes) -> None:
    """Read a JSON body: it becomes an answer or a typed failure."""
    reader = UnaryReader(wire)
    try:
        reader.feed(data)
        reader.eof()
        _check_answer(wire, reader.final())
    except ProviderError:
        pass


def error_body(wire: Wire, data: bytes) -> None:
    """Read an error's body: there is always something to say, and it is short."""
    try:
        body = loads(data)
    except ProviderError:
        return
    details = wire.error_details(body)
    assert all(len(word) <= 1000 for word in details[:3])


def session(provider: RealtimeProvider, data: bytes) -> None:
    """Take lines as a connection's messages, and those that begin with `>` as what the user does.

    Nothing is raised, an answer ends once, no call has two results, and the connection ends with an error.
    """
    wire = provider.wire()
    wire.opened()
    told: list[StreamElement] = []
    sent: list[str] = []
    for number, line in enumerate(data.split(b"\n")):
        wire.heard(float(len(line)))
        if line.startswith(b">"):
            _send(wire, line[1:2], told, provider.input_rate)
        else:
            told += wire.receive(line if number % 2 else line.decode("utf-8", "replace"))
        sent += wire.outgoing()
    told += wire.closed(1006, "")
    assert any(element.error for element in told), "a broken connection went without a word"
    ends = Counter(element.response_id for element in told if element.end_of_stream and element.response_id)
    assert max(ends.values(), default=1) == 1, f"answers that ended more than once: {ends}"
    results = sum(str(loads(message.encode())).count(_RESULT) for message in sent)
    assert results <= sum(len(element.calls) for element in told), "a call with two results"
    for element in told:
        if element.message is not None:
            element.message.model_dump_json().encode()


def _send(wire: RealtimeWire, what: bytes, told: Sequence[StreamElement], rate: int) -> None:
    results = tuple(ToolResponse(call.id, call.name, _RESULT) for element in told for call in element.calls)
    element = {
        b"t": StreamElement(text="hi"),
        b"s": StreamElement(audio=Audio(b"\0\0", rate)),
        b"e": StreamElement(end_of_stream=True),
        b"i": StreamElement(interrupted=True),
        b"r": StreamElement(tool_responses=results),
        b"1": StreamElement(tool_responses=results[:1]),
    }.get(what, StreamElement())
    with contextlib.suppress(CannotSendError):  # before there is a session, and after it
        wire.send(element)


def _read(wire: Wire, chunks: Sequence[bytes]) -> tuple[str, bytes]:
    """Return how a stream ended, and the object it amounts to as JSON."""
    reader, transcript = StreamReader(wire, Quirks()), Transcript()
    ended = "whole"
    try:
        for chunk in chunks:
            for delta in reader.feed(chunk):
                transcript.add(delta)
            if reader.complete:
                break
        else:
            for delta in reader.eof():
                transcript.add(delta)
    except ProviderError as error:
        ended = type(error).__name__
    final = reader.final()  # at any time: a turn may be stopped
    try:
        _check_answer(wire, final)
    except ProviderError as error:
        ended += f", {type(error).__name__}"
    return ended, dumps(final)


def _check_answer(wire: Wire, final: JsonObject) -> None:
    answer = wire.answer(final, "provider")
    answer.message.model_dump_json().encode()  # it can be made durable
    ids = [part.id for part in answer.message.parts if part.type == "tool_call"]
    assert len(ids) == len(set(ids)), "two calls of one message have one id"


TARGETS: dict[str, Callable[[bytes], None]] = {
    f"{name}-{kind}": partial(check, wire)
    for name, wire in WIRES.items()
    for kind, check in (("stream", streamed), ("unary", unary), ("error", error_body))
}
_REALTIME = {"openai-realtime": OpenAIRealtime, "gemini-live": GeminiLive}
TARGETS |= {
    f"{name}-session": partial(session, provider(name, "http://localhost", SessionSetup(model="m")))
    for name, provider in _REALTIME.items()
}
