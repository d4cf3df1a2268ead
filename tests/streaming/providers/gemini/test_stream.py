import json
import random

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from streaming.deltas import PartAdded, PartStarted
from streaming.errors import NotTheWire, ProviderError, StreamedError, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue, mended
from streaming.live.transcript import Transcript
from streaming.providers import gemini
from streaming.providers.reader import StreamReader
from streaming.providers.wire import Quirks
from streaming.sse import Decoder, Event
from tests.fidelity.gemini import case
from tests.recordings import Recording, recordings, said
from tests.strategies import json_values, texts, texts_with_halves
from tests.streaming.providers.gemini.rebuilder import rebuilt
from tests.streaming.providers.heard import Heard, check_unary

GEMINI = recordings("gemini")
ALL = pytest.mark.parametrize("recording", GEMINI.values(), ids=GEMINI)
# These hold what the SDK's models do not know.
KNOWN = pytest.mark.parametrize("name", sorted(GEMINI.keys() - {"unknown_fields"}))


def event(chunk: JsonValue) -> bytes:
    """Return a chunk as an event."""
    return b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"


def chunk(*parts: JsonValue, finish: str | None = None, index: JsonValue = 0, **more: JsonValue) -> JsonObject:
    """Return a chunk with one candidate."""
    candidate: JsonObject = {"index": index, "content": {"role": "model", "parts": list(parts)}}
    return {"candidates": [candidate | {"finishReason": finish}], **more}


def heard(*chunks: JsonValue) -> Heard:
    """Return what these chunks came to."""
    return Heard(gemini, [event(one) for one in chunks])


def chunks_of(recording: Recording) -> list[JsonObject]:
    """Return the chunks of a recording."""
    return [json.loads(one.data) for one in Decoder().feed(recording.stream)]


# -- recordings and generated answers


@KNOWN
def test_the_recordings_are_what_the_sdk_reads(name: str) -> None:
    """Each chunk, and the unary body, are responses to Google's own client."""
    for one in [*chunks_of(GEMINI[name]), GEMINI[name].unary]:
        types.GenerateContentResponse.model_validate(one)


@ALL
def test_another_rebuilder_reads_the_same(recording: Recording) -> None:
    """One that shares no code and no structure with ours."""
    assert said(mended(rebuilt(chunks_of(recording)))) == said(Heard(gemini, [recording.stream]).final)


@pytest.mark.parametrize("seed", range(300))
def test_another_rebuilder_reads_the_same_of_generated_streams(seed: int) -> None:
    """And both give the answer that was made before its stream."""
    made = case(random.Random(seed))
    got = Heard(gemini, [b"data: " + one.data + b"\n\n" for one in made.events])

    assert said(made.unary) == said(got.final)
    assert said(made.unary) == said(mended(rebuilt([json.loads(one.data) for one in made.events])))
    assert gemini.answer(gemini.unary(made.unary), "").message.text == got.text


def _parts() -> st.SearchStrategy[JsonObject]:
    """Return parts that hold together one by one, and in no order that a server would choose."""
    signature: st.SearchStrategy[JsonObject] = st.sampled_from(
        [{}, {}, {}, {"thoughtSignature": "YQ=="}, {"thoughtSignature": "Yg=="}]
    )
    thought: st.SearchStrategy[JsonObject] = st.sampled_from([{}, {}, {"thought": True}])
    text = st.builds(
        lambda one, *more: {"text": one} | more[0] | more[1], st.text("ab", max_size=2), signature, thought
    )
    piece = st.fixed_dictionaries(
        {"jsonPath": st.sampled_from(["$.a", "$.b.c", "$['d e'].f", '$.l[0]["g"]'])},
        optional={"stringValue": st.text("xy", max_size=2)},
    ).filter(lambda one: len(one) == 2)
    call = st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["f", "g"]),
            "args": st.just({"n": 1}),
            "partialArgs": st.lists(piece, min_size=1, max_size=2),
            "willContinue": st.just(True),
        },
    )
    calls = st.builds(lambda one, more: {"functionCall": one} | more, call, signature)
    whole: st.SearchStrategy[JsonObject] = st.sampled_from(
        [{"executableCode": {"code": "1"}}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]
    )
    return st.one_of(text, text, calls, st.builds(lambda one, more: one | more, whole, signature))


@given(st.lists(st.lists(_parts(), max_size=3), max_size=6))
def test_another_rebuilder_joins_any_parts_alike(groups: list[list[JsonObject]]) -> None:
    """Text, signatures and pieces of calls in any order, also in those that no server sends."""
    stream = [chunk(*group) for group in groups] + [chunk(finish="STOP")]

    assert said(rebuilt(stream)) == said(heard(*stream).final)


# -- cuts


def test_a_stop_before_the_text_is_no_end_of_the_text() -> None:
    """Gateways put STOP on empty chunks; only one that comes after the last words makes the answer whole."""
    stop = chunk(finish="STOP")

    with pytest.raises(TruncatedStream, match="no finish reason"):
        heard(stop, stop, chunk({"text": "But "}))
    assert heard(stop, chunk({"text": "But "}), stop, chunk({"text": ""}), {}).text == "But "


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([], "before the model said anything"),
        ([{}], "before the model said anything"),
        ([{"usageMetadata": {"promptTokenCount": 1}}], "before the model said anything"),
        ([{"promptFeedback": {"safetyRatings": [{}]}}], "before the model said anything"),
        ([{"promptFeedback": {"blockReason": "BLOCKED_REASON_UNSPECIFIED"}}], "before the model said anything"),
        ([chunk({"text": "a"})], "no finish reason"),
        ([chunk({"text": "a"}, finish="FINISH_REASON_UNSPECIFIED")], "no finish reason"),
        ([chunk({"text": "a"}, finish="")], "no finish reason"),
        ([chunk(finish="STOP"), chunk(index=1)], "no finish reason"),
        ([chunk({"text": "a"}, finish="STOP", index=1)], "no finish reason"),
    ],
    ids=range(10),
)
def test_what_has_not_ended_is_truncated(chunks: list[JsonValue], words: str) -> None:
    """Every candidate must have its finish reason, the first one above all."""
    with pytest.raises(TruncatedStream, match=words):
        heard(*chunks)


def test_errors_that_are_no_events_leave_a_truncated_stream() -> None:
    """The server may write an error as bare JSON between the events: the decoder cannot see it."""
    error = json.dumps({"error": {"code": 503, "status": "UNAVAILABLE"}}, indent=2).encode()

    with pytest.raises(TruncatedStream):
        Heard(gemini, [event(chunk({"text": "a"})), error.replace(b"\n", b"\r\n")])


# -- one response


def test_the_last_word_stays_but_what_says_nothing_replaces_nothing() -> None:
    """Usage is replaced and never summed; of the prompt's feedback the first word counts."""
    got = heard(
        {"promptFeedback": {"safetyRatings": [1]}, "modelVersion": "m-1", "responseId": "r", "future": 1},
        chunk({"text": "a"}, usageMetadata={"promptTokenCount": 5, "candidatesTokenCount": 1}),
        {"promptFeedback": {"safetyRatings": [2], "blockReasonMessage": "x"}, "modelVersion": "", "future": None},
        chunk(finish="STOP", usageMetadata={"promptTokenCount": 5, "candidatesTokenCount": 3}, modelVersion="m-2"),
        {"usageMetadata": None, "error": None},
    )

    assert got.final == {
        "promptFeedback": {"safetyRatings": [1], "blockReasonMessage": "x"},
        "modelVersion": "m-2",
        "responseId": "r",
        "future": 1,
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 3},
        "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "a"}]}, "finishReason": "STOP"}],
    }


@pytest.mark.parametrize("index", [None, True, -1, "0", 1.5])
def test_an_index_that_is_none_is_the_place_in_the_list(index: JsonValue) -> None:
    """Servers with one candidate leave it out."""
    got = heard(chunk({"text": "x"}, finish="STOP", index=index))

    assert got.text == "x"


def test_candidates_go_by_their_index_and_only_the_first_is_shown() -> None:
    """In whatever order they open."""
    got = heard(
        chunk({"text": "b"}, finish="STOP", index=2), chunk({"text": "a"}, finish="STOP"), chunk(finish="STOP", index=1)
    )

    assert got.text == "a"
    assert [message.text for message in gemini.answer(got.final, "").choices] == ["a", "", "b"]


def call(*pieces: str, **more: JsonValue) -> JsonObject:
    """Return a part with pieces of a function call's argument."""
    return {"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": piece} for piece in pieces], **more}}


@pytest.mark.parametrize(
    ("chunks", "unshown"),
    [
        ([chunk({"text": "a"}), chunk({"text": "b"})], 0),
        ([chunk({"text": ""}), {}, chunk({"text": ""}, index=1)], 0),
        ([chunk({"text": "a"}, index=1), chunk({"text": "b"}, index=1)], 3),
        ([chunk(call("x", name="f", willContinue=True)), *[chunk(call("y", willContinue=True))] * 3], 3),
        ([chunk(call("x", name="f", willContinue=True), index=1), chunk(call("y", willContinue=True), index=1)], 2),
    ],
    ids=range(5),
)
def test_content_that_no_delta_tells_of_is_counted(chunks: list[JsonValue], unshown: int) -> None:
    """It is progress all the same: long arguments and other candidates are no stall, and empty chunks are."""
    accumulator = gemini.accumulator(Quirks())
    for one in chunks:
        accumulator.take(one)

    assert unshown == accumulator.unshown


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}, "UNAVAILABLE 503: busy"),
        ([{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}], "UNAVAILABLE 503: busy"),
        ({"error": {"code": 500}, "candidates": []}, "500: no message"),
        ({"error": "boom"}, "boom"),
        (chunk(finish="MALFORMED_FUNCTION_CALL"), "MALFORMED_FUNCTION_CALL: the model's answer failed"),
        (chunk({"text": "x"}, finish="OTHER"), "OTHER: the model's answer failed"),
        (chunk(finish="NO_IMAGE", index=1), "NO_IMAGE"),
        (chunk(finish="A_NEW_WORD"), "A_NEW_WORD"),
    ],
    ids=range(8),
)
def test_an_error_ends_the_stream(given: JsonValue, words: str) -> None:
    """An error object, bare or in a list, and a finish reason that means a failure."""
    with pytest.raises(StreamedError, match=words):
        heard(chunk({"text": "a"}), given)


@pytest.mark.parametrize(
    "given",
    [
        [],
        [1],
        "text",
        5,
        None,
        {"candidates": {"index": 0}},
        {"candidates": [5]},
        {"candidates": [{"content": 5}]},
        {"candidates": [{"content": {"parts": {"text": "a"}}}]},
        chunk(5),
        chunk({"text": 5}),
        chunk({"functionCall": "f"}),
        chunk({"functionCall": {"partialArgs": [5]}}),
        chunk({"functionCall": {"partialArgs": [{"stringValue": "x"}]}}),
    ],
    ids=range(14),
)
def test_what_is_no_chunk_is_not_the_wire(given: JsonValue) -> None:
    """JSON of other shapes."""
    with pytest.raises(NotTheWire):
        heard(chunk({"text": "a"}), given)


# -- strangers


def _strange_chunks(strings: st.SearchStrategy[str]) -> st.SearchStrategy[JsonValue]:
    """Return JSON that looks like chunks here and there, and like anything elsewhere."""
    anything = json_values(strings)
    piece = st.fixed_dictionaries(
        {},
        optional={
            "jsonPath": st.one_of(st.sampled_from(["$.a", "$.a[0]", "$[0]", "$", "$.a.b", "$.a[1]", "x"]), anything),
            "stringValue": st.one_of(strings, anything),
            "nullValue": anything,
        },
    )
    call = st.fixed_dictionaries(
        {},
        optional={
            "name": st.one_of(strings, anything),
            "id": st.one_of(st.sampled_from(["", "x", " "]), anything),
            "args": anything,
            "partialArgs": st.one_of(st.lists(st.one_of(piece, piece, anything), max_size=2), anything),
            "willContinue": st.one_of(st.booleans(), anything),
        },
    )
    part = st.fixed_dictionaries(
        {},
        optional={
            "text": st.one_of(strings, anything),
            "thought": st.one_of(st.booleans(), anything),
            "thoughtSignature": st.one_of(strings, anything),
            "functionCall": st.one_of(call, anything),
            "inlineData": st.one_of(st.fixed_dictionaries({"mimeType": strings, "data": strings}), anything),
            "executableCode": anything,
        },
    )
    text = st.fixed_dictionaries({"text": strings}, optional={"thought": st.just(True)})
    candidate = st.fixed_dictionaries(
        {},
        optional={
            "index": st.one_of(st.integers(-1, 2), anything),
            "content": st.one_of(
                st.fixed_dictionaries({"parts": st.lists(st.one_of(text, part, anything), max_size=3)}), anything
            ),
            "finishReason": st.one_of(st.sampled_from(["STOP", "MAX_TOKENS", ""]), anything),
            "citationMetadata": st.one_of(st.fixed_dictionaries({"citations": anything}), anything),
            "groundingMetadata": anything,
            "continuationToken": anything,
        },
    )
    return st.one_of(
        anything,
        st.fixed_dictionaries(
            {"candidates": st.one_of(st.lists(candidate, min_size=1, max_size=2), anything)},
            optional={
                "responseId": anything,
                "modelVersion": anything,
                "usageMetadata": anything,
                "promptFeedback": st.one_of(st.fixed_dictionaries({"blockReason": anything}), anything),
            },
        ),
    )


_STRANGERS = st.lists(_strange_chunks(st.one_of(texts_with_halves(), st.text("ab{}", max_size=3))), max_size=5)


@given(_STRANGERS)
def test_any_events_come_to_an_answer_or_to_a_failure_of_ours(chunks: list[JsonValue]) -> None:
    """Whatever a server sends, nothing but a ProviderError comes out, and deltas say what the answer says."""
    accumulator, transcript = gemini.accumulator(Quirks()), Transcript()
    try:
        for one in [*chunks, chunk(finish="STOP")]:
            for delta in accumulator.feed(Event(json.dumps(one).encode())):
                transcript.add(delta)
        accumulator.end()
        answer = gemini.answer(accumulator.final(), "p")
    except ProviderError as error:
        str(error).encode()
        accumulator.final()  # an interrupt may ask at any time
        return

    assert answer.message.text == transcript.text
    answer.message.model_dump_json()
    json.dumps(accumulator.final(), ensure_ascii=False, allow_nan=False).encode()
    for part in transcript.parts:
        f"{part.id}{part.name}{part.text}".encode()


@given(st.one_of(json_values(), _strange_chunks(texts_with_halves()), st.lists(_strange_chunks(texts()), max_size=3)))
def test_any_json_body_is_an_answer_or_a_failure_of_ours(body: JsonValue) -> None:
    """The same for what is read as unary, a list of chunks included."""
    check_unary(gemini, body)


@given(st.lists(texts_with_halves(), max_size=8), st.booleans())
def test_halves_of_characters_are_joined_across_chunks(pieces: list[str], thought: bool) -> None:
    """Viewers see whole characters, and exactly the text of the unary body; a half left over is U+FFFD."""

    def part(text: str) -> JsonObject:
        return {"text": text, "thought": True} if thought else {"text": text}

    got = heard(*(chunk(part(piece)) for piece in pieces), chunk(finish="STOP"))
    unary = gemini.unary(chunk(part("".join(pieces)), finish="STOP"))
    (text, *_) = [text for *_, text in got.parts] or [""]
    parts = gemini.answer(unary, "").message.model_dump()["parts"]
    assert text == "".join(part["text"] for part in parts)
    assert gemini.answer(got.final, "") == gemini.answer(unary, "")


def test_a_high_half_waits_for_its_partner() -> None:
    """Nothing of a character is shown before all of it has come, nor forgotten when it never does."""
    reader = StreamReader(gemini, Quirks())

    assert [PartStarted(0, "text"), PartAdded(0, "a")] == reader.feed(event(chunk({"text": "a\ud83d"})))
    assert reader.feed(event(chunk({"text": ""}))) == []
    assert [PartAdded(0, "😀")] == reader.feed(event(chunk({"text": "\ude00\ud83d"})))
    assert [PartAdded(0, "\ufffd")] == reader.feed(event(chunk({"text": ""}, finish="STOP")))
