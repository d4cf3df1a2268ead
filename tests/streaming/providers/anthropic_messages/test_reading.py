"""Whole streams through decoder and accumulator: recordings, cuts, truncations, strangers."""

import json
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.deltas import Delta, of_message
from streaming.errors import ProviderError, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue
from streaming.live.transcript import Transcript
from streaming.providers import anthropic_messages
from streaming.providers.reader import StreamReader, UnaryReader
from streaming.providers.wire import Quirks
from tests.recordings import Recording, recordings, said
from tests.strategies import cut, json_values, texts_with_halves
from tests.streaming.providers.anthropic_messages.events import (
    MESSAGE_STOP,
    block_delta,
    block_start,
    block_stop,
    framed,
    message_delta,
    message_start,
)

RECORDINGS = recordings("anthropic_messages")
ALL = pytest.mark.parametrize("recording", RECORDINGS.values(), ids=RECORDINGS)
# Their blocks are open at once, so parts appear in another order than their numbers say.
INTERLEAVED = {"index_gaps"}


class Heard:
    """What a stream came to: the parts that its deltas make, and the reader's own object."""

    def __init__(self, pieces: list[bytes]) -> None:
        reader = StreamReader(anthropic_messages, Quirks())
        deltas: list[Delta] = []
        for piece in pieces:
            deltas += reader.feed(piece)
        deltas += reader.eof()
        self.final = reader.final()
        self.complete = reader.complete
        self.transcript = Transcript()
        for delta in deltas:
            self.transcript.add(delta)

    @property
    def parts(self) -> list[tuple[str, str, str, str]]:
        """Type, id, name and text of each part, as a viewer has them."""
        return [(part.type, part.id, part.name, part.text) for part in self.transcript.parts]


def shown(deltas: list[Delta]) -> list[tuple[str, str, str]]:
    """Return type, id and name of the parts that deltas make."""
    transcript = Transcript()
    for delta in deltas:
        transcript.add(delta)
    return [(part.type, part.id, part.name) for part in transcript.parts]


@ALL
def test_a_stream_amounts_to_the_unary_body(recording: Recording) -> None:
    """The object is the unary one, usage included, and viewers saw its parts, in its order."""
    heard = Heard([recording.stream])

    assert said(recording.unary) == said(heard.final)
    answer = anthropic_messages.answer(heard.final, "p")
    assert anthropic_messages.answer(anthropic_messages.unary(recording.unary), "p") == answer
    assert answer.message.text == heard.transcript.text
    assert shown(of_message(answer.message)) == [part[:3] for part in heard.parts]


@ALL
def test_arguments_were_shown_as_they_came(recording: Recording) -> None:
    """What viewers saw and what the message holds are the same JSON, or the same text where it is none."""
    heard = Heard([recording.stream])
    calls = [
        part.arguments for part in anthropic_messages.answer(heard.final, "").message.parts if part.type == "tool_call"
    ]

    seen = [text for kind, _, _, text in heard.parts if kind == "tool_call"]
    assert [_json_or_text(text) for text in calls] == [_json_or_text(text) for text in seen]


def _json_or_text(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


@pytest.mark.parametrize("name", ["crlf_comments_bom", "parallel_tool_use", "surrogate_halves", "unicode"])
def test_a_cut_at_every_place_changes_nothing(name: str) -> None:
    """In two pieces, cut at every single byte."""
    stream = RECORDINGS[name].stream
    whole = Heard([stream])

    for place in range(len(stream)):
        heard = Heard([stream[:place], stream[place:]])
        assert (whole.parts, whole.final) == (heard.parts, heard.final)


@ALL
def test_byte_by_byte_changes_nothing(recording: Recording) -> None:
    """Every single cut at once."""
    whole = Heard([recording.stream])
    heard = Heard([bytes([byte]) for byte in recording.stream])

    assert (whole.parts, whole.final) == (heard.parts, heard.final)


@given(st.data())
def test_cuts_anywhere_change_nothing(data: st.DataObject) -> None:
    """Any recording in any pieces."""
    recording = data.draw(st.sampled_from(list(RECORDINGS.values())))
    whole = Heard([recording.stream])
    heard = Heard(data.draw(cut(recording.stream)))

    assert (whole.parts, whole.final) == (heard.parts, heard.final)


@pytest.mark.parametrize("name", ["text", "tool_use", "crlf_comments_bom", "web_search", "refusal"])
def test_a_stream_cut_short_is_never_an_answer(name: str) -> None:
    """After every byte before the last event's end it fails as truncated, and as nothing else; then it is whole."""
    stream = RECORDINGS[name].stream
    whole = stream.rindex(b"}") + 1

    for place in range(whole):
        with pytest.raises(TruncatedStream):
            Heard([stream[:place]])
    for place in range(whole, len(stream) + 1):
        assert said(RECORDINGS[name].unary) == said(Heard([stream[:place]]).final)


@ALL
def test_what_came_of_a_cut_stream_can_be_kept(recording: Recording) -> None:
    """An interrupt may come after any byte: there is a message by then, or a typed failure."""
    reader = StreamReader(anthropic_messages, Quirks())
    transcript = Transcript()
    for byte in recording.stream:
        for delta in reader.feed(bytes([byte])):
            transcript.add(delta)
        try:
            answer = anthropic_messages.answer(reader.final(), "p")
        except ProviderError:
            assert reader.final() == {}
            continue
        if recording.name not in INTERLEAVED:
            assert transcript.text == answer.message.text


def test_nothing_after_the_end_matters() -> None:
    """Not even an error, or bytes that are no events of this wire."""
    recording = RECORDINGS["text"]
    late = b'event: error\ndata: {"type":"error","error":{"message":"late"}}\n\ndata: [DONE]\n\ndata: x'
    heard = Heard([recording.stream + late])

    assert heard.complete
    assert said(recording.unary) == said(heard.final)


def test_empty_events_are_keepalives() -> None:
    """Events with no data, or with blank data, mean nothing."""
    recording = RECORDINGS["text"]
    stream = recording.stream.replace(b"\n\nevent: ", b"\n\ndata:\n\nevent: ping\ndata: \n\nevent: ")

    assert said(recording.unary) == said(Heard([b"data: \n\n" + stream]).final)


# -- strangers


def _events(strings: st.SearchStrategy[str]) -> st.SearchStrategy[JsonValue]:
    """Return JSON that looks like events here and there, and like anything elsewhere."""
    anything = json_values(strings)
    maybe = st.one_of(st.none(), strings, anything)
    index = st.one_of(st.integers(-1, 2), st.booleans(), anything)
    kinds = st.sampled_from(
        ["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "fallback", "compaction", "x"]
    )
    block = st.fixed_dictionaries(
        {"type": st.one_of(kinds, kinds, anything)},
        optional={
            **dict.fromkeys(("text", "thinking", "signature", "id", "name", "citations", "data"), maybe),
            "input": st.one_of(st.just({}), maybe),
            "to": st.one_of(st.fixed_dictionaries({"model": maybe}), anything),
        },
    )
    delta_kinds = st.sampled_from(
        ["text_delta", "thinking_delta", "input_json_delta", "signature_delta", "citations_delta", "compaction_delta"]
    )
    delta = st.fixed_dictionaries(
        {"type": st.one_of(delta_kinds, delta_kinds, anything)},
        optional=dict.fromkeys(("text", "thinking", "partial_json", "signature", "citation", "content"), maybe),
    )
    usage = st.one_of(st.dictionaries(st.sampled_from(["input_tokens", "output_tokens"]), anything), anything)
    message = st.fixed_dictionaries(
        {}, optional={"content": st.one_of(st.lists(block, max_size=2), anything), "usage": usage, "model": maybe}
    )
    end = st.fixed_dictionaries({}, optional={"stop_reason": st.one_of(st.just("end_turn"), maybe), "content": maybe})

    def event(kind: str, **fields: st.SearchStrategy[object]) -> st.SearchStrategy[JsonValue]:
        loose = {key: st.one_of(value, value, value, anything) for key, value in fields.items()}
        return st.fixed_dictionaries({}, optional=loose).map(lambda given: cast(JsonValue, {"type": kind, **given}))

    return st.one_of(
        event("content_block_start", index=index, content_block=block),
        event("content_block_delta", index=index, delta=delta),
        event("content_block_delta", index=st.just(0), delta=delta),
        event("content_block_stop", index=index),
        event("message_delta", delta=end, usage=usage),
        event("message_start", message=message),
        event("ping"),
        event("message_stop"),
        st.fixed_dictionaries({"type": maybe}, optional={"error": maybe}),
        anything,
    )


_STRANGERS = st.lists(_events(st.one_of(texts_with_halves(), st.text('ab{}"', max_size=3))), max_size=6)
_OPENED: list[JsonObject] = [block_start(0, {"type": "text", "text": ""}), block_delta(0, type="text_delta", text="a")]


@given(_STRANGERS, st.sampled_from([[], _OPENED, _OPENED[:1]]))
def test_any_events_come_to_an_answer_or_to_a_failure_of_ours(
    strange: list[JsonValue], opened: list[JsonObject]
) -> None:
    """Whatever a server sends, nothing but a ProviderError comes out, and both can be passed on."""
    stream = framed(message_start(), *opened, *strange, block_stop(0), message_delta(), MESSAGE_STOP)
    try:
        heard = Heard([stream])
        answer = anthropic_messages.answer(heard.final, "p")
    except ProviderError as error:
        str(error).encode()
        return

    assert sorted(answer.message.text) == sorted(heard.transcript.text)
    answer.message.model_dump_json()
    json.dumps(heard.final, ensure_ascii=False, allow_nan=False).encode()
    for part in heard.transcript.parts:
        f"{part.id}{part.name}{part.text}".encode()


@given(_STRANGERS)
def test_a_stream_without_its_end_is_never_an_answer(strange: list[JsonValue]) -> None:
    """Any events, if the terminal marker is not among them, come to a failure of ours."""
    events = [event for event in strange if not (isinstance(event, dict) and event.get("type") == "message_stop")]

    with pytest.raises(ProviderError):
        Heard([framed(message_start(), *events)])


@given(st.binary(max_size=200), st.sampled_from([b"", b"data:", b'data: {"type":"content_block_delta","index":']))
def test_any_bytes_end_in_a_failure_of_ours(body: bytes, start: bytes) -> None:
    """No random bytes are an answer."""
    with pytest.raises(ProviderError):
        Heard([start + body])


@given(st.one_of(json_values(), st.fixed_dictionaries({"content": st.lists(_events(texts_with_halves()), max_size=3)})))
def test_any_json_body_is_an_answer_or_a_failure_of_ours(body: JsonValue) -> None:
    """The same for what is read as unary."""
    reader = UnaryReader(anthropic_messages)
    reader.feed(json.dumps(body).encode())
    try:
        deltas = reader.eof()
    except ProviderError as error:
        str(error).encode()
        return

    transcript = Transcript()
    for delta in deltas:
        transcript.add(delta)
    assert anthropic_messages.answer(reader.final(), "").message.text == transcript.text


@given(st.lists(texts_with_halves(), max_size=8))
def test_halves_of_characters_are_joined_across_events(pieces: list[str]) -> None:
    """Viewers see whole characters, and exactly the text of the unary body; a half left over is U+FFFD."""
    deltas = [block_delta(0, type="text_delta", text=piece) for piece in pieces]
    start, end = block_start(0, {"type": "text", "text": ""}), [block_stop(0), message_delta(), MESSAGE_STOP]
    heard = Heard([framed(message_start(), start, *deltas, *end)])

    body: JsonObject = {"content": [{"type": "text", "text": "".join(pieces)}]}
    unary = UnaryReader(anthropic_messages)
    unary.feed(json.dumps(body).encode())
    unary.eof()
    text = anthropic_messages.answer(unary.final(), "").message.text
    assert text == heard.transcript.text == anthropic_messages.answer(heard.final, "").message.text


@pytest.mark.parametrize("depth", [100, 126, 127, 128, 200])
@pytest.mark.parametrize("kind", ["tool_use", "server_tool_use"])
def test_input_of_any_depth_comes_to_a_message(kind: str, depth: int) -> None:
    """Too deep for others to read is kept as the text it is."""
    text = '{"a":' * depth + "1" + "}" * depth
    block: JsonObject = {"type": kind, "id": "t", "name": "f", "input": {}}
    delta = block_delta(0, type="input_json_delta", partial_json=text)
    heard = Heard([framed(message_start(), block_start(0, block), delta, block_stop(0), message_delta(), MESSAGE_STOP)])

    message = anthropic_messages.answer(heard.final, "p").message
    assert [part.type for part in message.parts] == ["tool_call" if kind == "tool_use" else "provider_item"]
    assert text in message.model_dump_json().replace("\\", "")


def test_many_small_events_take_linear_time() -> None:
    """A long answer is not joined again for each piece, nor are ids that repeat counted again for each call."""
    pieces = [block_delta(0, type="text_delta", text="ab")] * 50_000
    tool: JsonObject = {"type": "tool_use", "id": "same", "name": "f", "input": {}}
    tools = [event for index in range(1, 5_000) for event in (block_start(index, tool), block_stop(index))]
    text = [block_start(0, {"type": "text", "text": ""}), *pieces, block_stop(0)]
    heard = Heard([framed(message_start(), *text, *tools, message_delta("tool_use"), MESSAGE_STOP)])

    assert heard.transcript.text == "ab" * 50_000
    assert heard.parts[-1] == ("tool_call", "same-4999", "f", "{}")
