"""The wire as a reader uses it: bytes in, and whole answers, typed failures and what viewers saw out."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.deltas import Delta, of_message
from streaming.errors import NotTheWire, ProviderError, StreamedError, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue
from streaming.live.transcript import Transcript
from streaming.providers import openai_responses
from streaming.providers.reader import StreamReader, UnaryReader
from streaming.providers.wire import Quirks
from tests.fidelity.check import example
from tests.recordings import Recording, recordings, said
from tests.strategies import cut, json_values, texts_with_halves

RECORDINGS = recordings("openai_responses")
ALL = pytest.mark.parametrize("recording", RECORDINGS.values(), ids=RECORDINGS)
# Viewers came late, or were told nothing before the end.
SHOWN_IN_PART = {"midway"}


class Heard:
    """What a stream came to: the parts that its deltas make, and the reader's own object."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.reader = StreamReader(openai_responses, Quirks())
        deltas: list[Delta] = []
        for piece in pieces:
            deltas += self.reader.feed(piece)
        deltas += self.reader.eof()
        self.final = self.reader.final()
        self.parts = shown(deltas)

    @property
    def text(self) -> str:
        """The text as a viewer has it."""
        return "".join(text for type_, *_, text in self.parts if type_ == "text")


def shown(deltas: list[Delta]) -> list[tuple[str, str, str, str]]:
    """Return type, id, name and text of each part, as a viewer has them."""
    transcript = Transcript()
    for delta in deltas:
        transcript.add(delta)
    return [(part.type, part.id, part.name, part.text) for part in transcript.parts]


def terminal(stream: bytes) -> int:
    """Return where the data of the terminal event ends."""
    start = max(stream.rfind(b'data: {"type":"response.' + word) for word in (b"completed", b"incomplete"))
    ends = [at for at in (stream.find(b"\r", start), stream.find(b"\n", start)) if at > 0]
    return min(ends)


@ALL
def test_a_stream_amounts_to_the_unary_body(recording: Recording) -> None:
    """The object is the unary one, and what viewers saw is what it says, part by part."""
    heard = Heard([recording.stream])

    assert said(recording.unary) == said(heard.final)
    answer = openai_responses.answer(heard.final, "p")
    assert openai_responses.answer(openai_responses.unary(recording.unary), "p") == answer
    if recording.name not in SHOWN_IN_PART:
        assert shown(of_message(answer.message)) == heard.parts


def test_generated_streams_show_what_their_answers_say() -> None:
    """Part by part, but for the order of items that came at once; a failed image is no image in the end."""
    for seed in range(1_000):
        heard = Heard([example("openai-responses", seed)[1]])
        whole = shown(of_message(openai_responses.answer(heard.final, "p").message))
        assert _without_order(heard.parts) == _without_order(whole), seed


def _without_order(parts: list[tuple[str, str, str, str]]) -> list[tuple[str, str]]:
    return sorted(("provider_item" if type_ == "image" else type_, text) for type_, _, _, text in parts)


@pytest.mark.parametrize("name", ["crlf_comments_bom", "parallel_tool_calls", "reasoning_summaries", "unicode"])
def test_a_cut_at_every_place_changes_nothing(name: str) -> None:
    """In two pieces, cut at every seventh byte, so that every event is cut often."""
    stream = RECORDINGS[name].stream
    whole = Heard([stream])

    for place in range(0, len(stream), 7):
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


@ALL
def test_a_stream_cut_short_is_never_an_answer(recording: Recording) -> None:
    """Before the last byte of its terminal event every end is a truncation; from there on it is the whole answer."""
    marker = terminal(recording.stream)

    for place in (*range(0, marker - 300, 41), *range(marker - 300, marker)):
        with pytest.raises(TruncatedStream):
            Heard([recording.stream[:place]])
    for place in range(marker, len(recording.stream) + 1):
        assert said(recording.unary) == said(Heard([recording.stream[:place]]).final)


@pytest.mark.parametrize("name", ["null_output", "text"])
def test_each_byte_that_is_missing_is_noticed(name: str) -> None:
    """Every prefix of a recording fails as truncated, and as nothing else."""
    stream = RECORDINGS[name].stream

    reader = StreamReader(openai_responses, Quirks())
    for place in range(terminal(stream)):
        with pytest.raises(TruncatedStream):
            Heard([stream[:place]])
        reader.feed(stream[place : place + 1])
        assert not reader.complete


@ALL
def test_a_partial_answer_is_there_at_any_time(recording: Recording) -> None:
    """An interrupt takes what viewers have seen, or learns that there is nothing yet."""
    reader = StreamReader(openai_responses, Quirks())
    deltas: list[Delta] = []
    for place in range(0, len(recording.stream), 50):
        deltas += reader.feed(recording.stream[place : place + 50])
        try:
            message = openai_responses.answer(reader.final(), "p").message
        except NotTheWire:
            assert deltas == []
            continue
        if recording.name in SHOWN_IN_PART:
            continue
        assert "".join(text for type_, *_, text in shown(deltas) if type_ == "text") == message.text


def test_nothing_after_the_terminal_event_matters() -> None:
    """Not even an error, or bytes that are no events of this wire."""
    recording = RECORDINGS["text"]
    late = b'data: [DONE]\n\ndata: {"type":"error","error":{"message":"late"}}\n\ndata: nonsense\n\ndata: x'
    heard = Heard([recording.stream + late])

    assert heard.reader.complete
    assert said(recording.unary) == said(heard.final)


def test_done_without_a_terminal_event_is_no_end() -> None:
    """A proxy that appends [DONE] to a stream that broke off does not make it whole."""
    stream = RECORDINGS["text"].stream
    half = stream[: len(stream) // 2].rpartition(b"event:")[0]

    with pytest.raises(TruncatedStream, match=r"said \[DONE\] without a terminal event"):
        Heard([half + b"data: [DONE]\n\n"])


def test_an_error_that_ends_the_body_without_a_blank_line_is_an_error() -> None:
    """It says more than that the stream was cut."""
    with pytest.raises(StreamedError, match="server_error: boom"):
        Heard([b'event: error\ndata: {"type":"error","error":{"message":"boom","code":"server_error"}}'])


# -- strangers


_TYPES = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_text.annotation.added",
    "response.refusal.delta",
    "response.reasoning_text.delta",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.delta",
    "response.mcp_call_arguments.delta",
    "response.completed",
    "response.incomplete",
]
_ITEM_TYPES = ["message", "reasoning", "function_call", "custom_tool_call", "image_generation_call", "novel_call"]
_PART_TYPES = ["output_text", "refusal", "reasoning_text", "summary_text", "novel"]


def _events(strings: st.SearchStrategy[str], anything: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    """Return JSON that looks like events here and there, and like anything elsewhere."""
    fields: Callable[..., st.SearchStrategy[JsonObject]] = st.fixed_dictionaries
    part = fields(
        {"type": st.sampled_from(_PART_TYPES)},
        optional={"text": strings | anything, "refusal": strings, "annotations": anything, "logprobs": anything},
    )
    parts = st.lists(part | anything, max_size=2) | anything
    item = fields(
        {"type": st.sampled_from(_ITEM_TYPES)},
        optional={
            "id": strings,
            "call_id": strings | anything,
            "name": strings,
            "arguments": strings | anything,
            "input": strings,
            "content": parts,
            "summary": parts,
            "result": strings | anything,
            "status": anything,
        },
    )
    response = fields(
        {},
        optional={
            "id": st.sampled_from(["a", "b"]),
            "status": st.sampled_from(["completed", "in_progress", "incomplete"]) | anything,
            "error": st.none() | anything,
            "output": st.lists(item | anything, max_size=2) | anything,
            "usage": anything,
            "incomplete_details": anything,
        },
    )
    place = st.integers(-1, 2) | anything
    return anything | fields(
        {"type": st.sampled_from(_TYPES)},
        optional={
            "output_index": place,
            "content_index": place,
            "summary_index": place,
            "delta": strings | anything,
            "text": strings | anything,
            "arguments": strings | anything,
            "part": part | anything,
            "item": item | anything,
            "annotation": anything,
            "logprobs": anything,
            "response": response | anything,
        },
    )


_STRINGS = st.one_of(texts_with_halves(), st.text("ab{}", max_size=3))
_STRANGERS = _events(_STRINGS, json_values(_STRINGS))


def _body(events: list[JsonValue]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


@given(st.lists(_STRANGERS, max_size=8))
def test_any_events_come_to_an_answer_or_to_a_failure_of_ours(events: list[JsonValue]) -> None:
    """Whatever a server sends, nothing but a ProviderError comes out, at the end and at an interrupt before it."""
    reader = StreamReader(openai_responses, Quirks())
    deltas: list[Delta] = []
    end: JsonObject = {"type": "response.completed", "response": {"output": None}}
    for event in [*events, end]:
        try:
            deltas += reader.feed(_body([event]))
            openai_responses.answer(reader.final(), "p").message.model_dump_json()
        except ProviderError as error:
            str(error).encode()
    json.dumps(reader.final(), ensure_ascii=False, allow_nan=False).encode()
    for _, call_id, name, text in shown(deltas):
        f"{call_id}{name}{text}".encode()


@given(st.binary(max_size=200), st.sampled_from([b"", b"data:", b'data: {"type":"response.completed","response":{']))
def test_any_bytes_end_in_a_failure_of_ours(body: bytes, start: bytes) -> None:
    """No random bytes are an answer."""
    with pytest.raises(ProviderError):
        Heard([start + body])


@given(json_values() | _STRANGERS)
def test_any_json_body_is_an_answer_or_a_failure_of_ours(body: JsonValue) -> None:
    """The same for what is read as unary."""
    reader = UnaryReader(openai_responses)
    reader.feed(json.dumps(body).encode())
    try:
        deltas = reader.eof()
    except ProviderError as error:
        str(error).encode()
        return

    assert shown(of_message(openai_responses.answer(reader.final(), "").message)) == shown(deltas)


@given(st.lists(texts_with_halves(), max_size=8), st.booleans())
def test_halves_of_characters_are_joined_across_deltas(pieces: list[str], is_said_again: object) -> None:
    """Viewers see whole characters, and exactly the text of the unary body; a half left over is U+FFFD."""
    place: JsonObject = {"output_index": 0, "content_index": 0}
    events: list[JsonValue] = [{"type": "response.created", "response": {"id": "a"}}]
    events += [{"type": "response.output_text.delta", **place, "delta": piece} for piece in pieces]
    text: JsonValue = {"type": "output_text", "text": "".join(pieces)}
    message: JsonValue = {"type": "message", "content": [text]}
    output = [message] if is_said_again else None
    heard = Heard([_body([*events, {"type": "response.completed", "response": {"output": output}}])])

    unary = UnaryReader(openai_responses)
    unary.feed(json.dumps({"output": [message], "status": "completed"}).encode())
    unary.eof()
    whole = openai_responses.answer(unary.final(), "").message.text
    assert whole == heard.text == openai_responses.answer(heard.final, "").message.text


def test_what_repeats_a_long_text_costs_no_more_than_its_own_length() -> None:
    """Each of many ends of a text, an item and its parts is looked at once, and the text is not joined again."""
    place: JsonObject = {"output_index": 0, "content_index": 0}
    events: list[JsonValue] = [{"type": "response.output_text.delta", **place, "delta": "word " * 10}] * 40_000
    part: JsonObject = {"type": "output_text", "text": ""}
    events += [{"type": "response.output_text.done", **place, "text": ""}] * 20_000
    events += [{"type": "response.content_part.done", **place, "part": part}] * 20_000
    events += [{"type": "response.output_item.done", **place, "item": {"type": "message", "content": [part]}}] * 20_000
    response: JsonObject = {"output": [{"type": "message", "content": [part | {"text": "x"}]}]}

    heard = Heard([_body([*events, {"type": "response.completed", "response": response}])])

    assert heard.text == "word " * 400_000


# -- unary bodies


@ALL
def test_a_unary_body_is_shown_whole(recording: Recording) -> None:
    """Nothing is shown before the end; then each part, whole."""
    reader = UnaryReader(openai_responses)
    body = json.dumps(recording.unary).encode()

    assert reader.feed(body[:10]) + reader.feed(body[10:]) == []
    assert not reader.complete
    assert of_message(openai_responses.answer(recording.unary, "").message) == reader.eof()
    assert recording.unary == reader.final()
