"""What holds of every recorded stream, whatever its wire: whole, cut anywhere, cut short, stopped, and unary."""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from _pytest.mark import ParameterSet
from hypothesis import given
from hypothesis import strategies as st

from streaming.deltas import Delta, of_message
from streaming.errors import ProviderError, StreamedError, TruncatedStream
from streaming.jsontext import JsonValue
from streaming.providers import WIRES
from streaming.providers.reader import StreamReader, UnaryReader
from streaming.providers.wire import Quirks, Wire
from tests.recordings import Recording, recordings, said
from tests.strategies import cut
from tests.streaming.providers.heard import Heard, Shown, shown, text_of


class Recorded(NamedTuple):
    """A recording, and the wire that it is of."""

    wire_name: str
    recording: Recording

    @property
    def wire(self) -> Wire:
        """The wire."""
        return WIRES[self.wire_name]

    @property
    def stream(self) -> bytes:
        """The bytes of the stream."""
        return self.recording.stream

    @property
    def unary(self) -> JsonValue:
        """The answer in one piece."""
        return said(self.recording.unary)

    @property
    def name(self) -> str:
        """What the tables below call it."""
        return f"{self.wire_name}/{self.recording.name}"


EVERY = [Recorded(wire, recording) for wire in WIRES for recording in recordings(wire.replace("-", "_")).values()]
# A viewer came late, and was told the rest only.
SEEN_IN_PART = {"openai-responses/midway"}
# Two blocks are open at once: parts appear, and are numbered, in another order than they stand in.
OUT_OF_ORDER = {"anthropic-messages/index_gaps"}
# Gateways put STOP on empty chunks before the text, or on every chunk: such a stream may end anywhere.
ENDS_EARLY = {"gemini/early_stops", "gemini/stop_on_every_chunk"}


def each(*but: set[str]) -> pytest.MarkDecorator:
    """Parametrise over the recordings, but for these."""
    left_out = set[str]().union(*but)
    params: list[ParameterSet] = [pytest.param(one, id=one.name) for one in EVERY if one.name not in left_out]
    return pytest.mark.parametrize("recorded", params)


def marker(recorded: Recorded) -> int:
    """Return where a stream has said all that makes it a whole answer."""
    return _MARKERS[recorded.wire_name](recorded.stream)


def _terminal_response(stream: bytes) -> int:
    start = max(stream.rfind(b'data: {"type":"response.' + word) for word in (b"completed", b"incomplete"))
    return min(at for at in (stream.find(b"\r", start), stream.find(b"\n", start)) if at > 0)


_MARKERS: dict[str, Callable[[bytes], int]] = {
    "openai-chat": lambda stream: stream.index(b"[DONE]") + len(b"[DONE]"),
    "openai-responses": _terminal_response,
    "anthropic-messages": lambda stream: stream.rindex(b"}") + 1,
    "gemini": lambda stream: len(stream.rstrip()),
}


@each()
def test_a_stream_amounts_to_the_unary_body(recorded: Recorded) -> None:
    """The object is the unary one, usage included, and so is the neutral answer."""
    heard = Heard(recorded.wire, [recorded.stream])

    assert recorded.unary == said(heard.final)
    answer = recorded.wire.answer(heard.final, "p")
    assert recorded.wire.answer(recorded.wire.unary(recorded.recording.unary), "p") == answer


@each(SEEN_IN_PART)
def test_viewers_saw_what_the_answer_says(recorded: Recorded) -> None:
    """The parts of the durable message, whole, and in its order where the wire has one."""
    heard = Heard(recorded.wire, [recorded.stream])
    message = recorded.wire.answer(heard.final, "p").message

    assert heard.text == message.text
    wanted, seen = shown(of_message(message)), heard.parts
    if recorded.wire_name == "anthropic-messages":  # whose message has the object, and not the text that it came as
        assert [*map(_meant, wanted)] == [*map(_meant, seen)]
        return
    if recorded.wire_name == "openai-chat":  # a message of that wire has a field for each kind of thing, and no order
        wanted, seen = sorted(wanted), sorted(seen)
    assert wanted == seen


def _meant(part: Shown) -> tuple[str, str, str, JsonValue]:
    """Return a part with what its arguments mean, where they are JSON."""
    kind, call_id, name, text = part
    if kind == "tool_call":
        try:
            return kind, call_id, name, json.loads(text)
        except ValueError:
            pass
    return part


# -- cuts


@each()
def test_byte_by_byte_changes_nothing(recorded: Recorded) -> None:
    """Every single cut at once."""
    whole = Heard(recorded.wire, [recorded.stream])
    heard = Heard(recorded.wire, [bytes([byte]) for byte in recorded.stream])

    assert (whole.parts, whole.final) == (heard.parts, heard.final)


@given(st.data())
def test_cuts_anywhere_change_nothing(data: st.DataObject) -> None:
    """Any recording in any pieces."""
    recorded = data.draw(st.sampled_from(EVERY))
    whole = Heard(recorded.wire, [recorded.stream])
    heard = Heard(recorded.wire, data.draw(cut(recorded.stream)))

    assert (whole.parts, whole.final) == (heard.parts, heard.final)


CUT_EVERYWHERE = {
    "openai-chat/crlf_comments_bom",
    "openai-chat/parallel_tool_calls",
    "openai-chat/surrogate_halves",
    "openai-chat/unicode",
    "openai-responses/crlf_comments_bom",
    "openai-responses/parallel_tool_calls",
    "openai-responses/reasoning_summaries",
    "openai-responses/unicode",
    "anthropic-messages/crlf_comments_bom",
    "anthropic-messages/parallel_tool_use",
    "anthropic-messages/surrogate_halves",
    "anthropic-messages/unicode",
    "gemini/function_call_in_pieces",
    "gemini/no_index_lf_comments_bom",
    "gemini/surrogate_halves",
    "gemini/thinking",
}


@each({one.name for one in EVERY} - CUT_EVERYWHERE)
def test_a_cut_at_every_place_changes_nothing(recorded: Recorded) -> None:
    """In two pieces, cut at every single byte; at every seventh where events are long, so that each is cut often."""
    whole = Heard(recorded.wire, [recorded.stream])

    for place in range(0, len(recorded.stream), 7 if recorded.wire_name == "openai-responses" else 1):
        heard = Heard(recorded.wire, [recorded.stream[:place], recorded.stream[place:]])
        assert (whole.parts, whole.final) == (heard.parts, heard.final)


# -- ends


CUT_SHORT_EVERYWHERE = {
    "openai-chat/crlf_comments_bom",
    "openai-chat/parallel_tool_calls",
    "openai-chat/text",
    "openai-chat/unicode",
    "openai-responses/null_output",
    "openai-responses/text",
    "anthropic-messages/crlf_comments_bom",
    "anthropic-messages/refusal",
    "anthropic-messages/text",
    "anthropic-messages/tool_use",
    "anthropic-messages/web_search",
}


@each(ENDS_EARLY)
def test_a_stream_cut_short_is_never_an_answer(recorded: Recorded) -> None:
    """Before its last word every end is a truncation, and nothing else; from there on it is the whole answer."""
    end = marker(recorded)

    for place in range(end) if recorded.name in CUT_SHORT_EVERYWHERE else _places(end):
        with pytest.raises(TruncatedStream):
            Heard(recorded.wire, [recorded.stream[:place]])
    for place in range(end, len(recorded.stream) + 1):
        assert recorded.unary == said(Heard(recorded.wire, [recorded.stream[:place]]).final)


def _places(end: int) -> Iterator[int]:
    """Yield the places to cut at: all of a short stream, and of a long one many, and the last 500."""
    last = max(0, end - 500) if end > 2500 else 0
    yield from range(0, last, 17)
    yield from range(last, end)


@each()
def test_nothing_is_complete_before_its_last_word(recorded: Recorded) -> None:
    """And on a wire without a last word, not before the body ends."""
    reader = StreamReader(recorded.wire, Quirks())
    for byte in recorded.stream[: marker(recorded)]:
        assert not reader.complete
        reader.feed(bytes([byte]))
    reader.feed(recorded.stream[marker(recorded) :])

    assert reader.complete == (recorded.wire_name != "gemini")
    reader.eof()
    assert reader.complete


@each()
def test_what_came_of_a_cut_stream_can_be_kept(recorded: Recorded) -> None:
    """An interrupt may come after any byte: there is a message by then, or a typed failure where nothing was said."""
    reader = StreamReader(recorded.wire, Quirks())
    deltas: list[Delta] = []
    for byte in recorded.stream:
        deltas += reader.feed(bytes([byte]))
        try:
            message = recorded.wire.answer(reader.final(), "p").message
        except ProviderError:
            assert deltas == []
            if recorded.wire_name == "anthropic-messages":
                assert reader.final() == {}
            continue
        if recorded.name not in SEEN_IN_PART | OUT_OF_ORDER:
            assert text_of(shown(deltas)) == message.text


@each({one.name for one in EVERY if one.recording.name != "text"}, {"gemini/text"})
def test_nothing_after_the_end_matters(recorded: Recorded) -> None:
    """Not even an error, or bytes that are no events of this wire."""
    error = b'data: {"type":"error","error":{"message":"late"}}\n\n'
    late = error + b"event: error\n" + error + b"data: [DONE]\n\ndata: nonsense\n\ndata: x"
    heard = Heard(recorded.wire, [recorded.stream + late])

    assert heard.complete_before_the_end
    assert recorded.unary == said(heard.final)


@each({one.name for one in EVERY if one.recording.name != "text"})
def test_empty_events_are_keepalives(recorded: Recorded) -> None:
    """Events with no data, or with blank data, mean nothing, at the beginning, between the others and at the end."""
    stream = recorded.stream.replace(b"\r\n", b"\n")
    empty = b"data:\n\ndata\ndata\n\nevent: ping\ndata: \n\n"

    heard = Heard(recorded.wire, [b"data: \n\n" + stream.replace(b"\n\n", b"\n\n" + empty) + b"data:"])

    assert recorded.unary == said(heard.final)


@pytest.mark.parametrize("wire", WIRES)
def test_an_error_that_ends_the_body_without_a_blank_line_is_an_error(wire: str) -> None:
    """It says more than that the stream was cut."""
    with pytest.raises(StreamedError, match=r"server_error: boom$"):
        Heard(
            WIRES[wire],
            [
                b'data: {"type":"error","error":{"message":"boom","type":"server_error","code":"server_error",'
                b'"status":"server_error"}}'
            ],
        )


# -- strangers


@pytest.mark.parametrize("wire", WIRES)
@given(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"",
            b"data:",
            b'data: {"choices":[',
            b'data: {"candidates":[',
            b'data: {"type":"content_block_delta","index":',
            b'data: {"type":"response.completed","response":{',
        ]
    ),
)
def test_any_bytes_end_in_a_failure_of_ours(wire: str, body: bytes, start: bytes) -> None:
    """No random bytes are an answer."""
    with pytest.raises(ProviderError):
        Heard(WIRES[wire], [start + body])


# -- unary bodies


@each()
def test_a_unary_body_is_shown_whole(recorded: Recorded) -> None:
    """Nothing is shown before the end; then each part, whole."""
    reader = UnaryReader(recorded.wire)
    unary = recorded.recording.unary
    body = json.dumps(unary).encode()

    assert reader.feed(body[:10]) + reader.feed(body[10:]) == []
    assert not reader.complete
    assert reader.final() == {}
    assert of_message(recorded.wire.answer(unary, "").message) == reader.eof()
    assert unary == reader.final()
    assert reader.complete
