import json

import pytest

from streaming.deltas import Delta, PartAdded
from streaming.errors import NotTheWire, ProviderError, StreamedError, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers import WIRES, openai_responses
from streaming.providers.background import BackgroundReader, BackgroundWire, Cursor, is_id
from streaming.providers.wire import Quirks

STANDING: JsonObject = {"id": "resp_1", "status": "in_progress", "background": True, "output": []}
CREATED: JsonObject = {"type": "response.created", "sequence_number": 0, "response": STANDING}


def piece(number: JsonValue, text: str) -> JsonObject:
    """Return a numbered piece of text."""
    place: JsonObject = {"output_index": 0, "content_index": 0}
    return {"type": "response.output_text.delta", "sequence_number": number, "delta": text, **place}


def whole(text: str, **more: JsonValue) -> JsonObject:
    """Return a finished response."""
    message: JsonObject = {"type": "message", "content": [{"type": "output_text", "text": text}]}
    return STANDING | {"status": "completed", "output": [message]} | more


def body(*events: JsonObject) -> bytes:
    """Return events as a stream."""
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def text(deltas: list[Delta]) -> str:
    """Return the text that deltas add."""
    return "".join(delta.text for delta in deltas if isinstance(delta, PartAdded))


def reader_after(*events: JsonObject) -> BackgroundReader:
    """Return a reader that has read these."""
    reader = BackgroundReader(openai_responses, Quirks())
    reader.feed(body(*events))
    return reader


@pytest.mark.parametrize("cursor", [Cursor("resp_1", 41), Cursor("resp_a-b.c=~", -1), Cursor("r", 2**64 - 1)])
def test_a_cursor_is_plain_text(cursor: Cursor) -> None:
    """It goes into heartbeats."""
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "word", ["", "resp_1", "resp_1:", ":4", "resp_1:x", "../a:4", "a b:4", "a/b:4", "a:-2", "a:4\n"]
)
def test_what_is_no_cursor_is_none(word: str) -> None:
    """Another version's words, say."""
    assert Cursor.parse(word) is None


@pytest.mark.parametrize("word", ["", ".", "..", "a/b", "a?b", "a b", "a%2e", "ä", "a" * 513, "a\n", "a:b"])
def test_an_id_that_a_path_cannot_hold_is_none(word: str) -> None:
    """It comes from a provider, and goes back to it with the key."""
    assert is_id("resp_68a1" + "f" * 40)
    assert not is_id(word)
    created = CREATED | {"response": STANDING | {"id": word}}
    assert reader_after(created).cursor is None


def test_one_wire_can_do_it() -> None:
    """The others have no such responses."""
    assert [name for name, wire in WIRES.items() if isinstance(wire, BackgroundWire)] == ["openai-responses"]


@pytest.mark.parametrize("rest", [b"", b"data: {", b'data: {"type":"x"', body(piece(2, "b")).rstrip()[:-3]])
def test_a_body_that_ends_early_is_gone_on_with(rest: bytes) -> None:
    """From its last whole event on; half an event comes again."""
    reader = reader_after(CREATED, piece(1, "a"))
    reader.feed(rest)

    assert (reader.eof(), reader.complete) == ([], False)
    assert reader.cursor == ("resp_1", 1)
    deltas = reader.next_stream().feed(
        body(piece(2, "b"), {"type": "response.completed", "sequence_number": 3, "response": whole("ab")})
    )
    assert text(deltas) == "b"
    assert reader.complete
    assert reader.final() == whole("ab")


def test_a_whole_last_event_counts_without_its_blank_line() -> None:
    """It does not come again."""
    reader = reader_after(CREATED)
    reader.feed(body(piece(1, "a")).rstrip())

    assert text(reader.eof()) == "a"
    assert reader.cursor == ("resp_1", 1)


def test_without_a_background_response_an_early_end_is_a_failure() -> None:
    """Its provider stopped when the connection was lost."""
    reader = reader_after(CREATED | {"response": STANDING | {"background": False}}, piece(1, "a"))

    assert reader.cursor is None
    with pytest.raises(TruncatedStream):
        reader.eof()


def test_the_response_itself_adds_what_was_not_streamed() -> None:
    """Whatever its pieces."""
    reader = reader_after(CREATED, piece(1, "Grü"))
    snapshot = reader.snapshot()
    sent = json.dumps(whole("Grüße"), ensure_ascii=False).encode()
    assert snapshot.feed(sent[:100]) + snapshot.feed(sent[100:]) == []

    assert text(snapshot.eof()) == "ße"
    assert snapshot.complete
    assert snapshot.final() == reader.final() == whole("Grüße")


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_an_unfinished_response_adds_nothing(status: str) -> None:
    """It is asked for again."""
    snapshot = reader_after(CREATED, piece(1, "a")).snapshot()
    snapshot.feed(json.dumps(STANDING | {"status": status}).encode())

    assert (snapshot.eof(), snapshot.complete) == ([], False)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (whole("a", id="resp_2"), NotTheWire),
        (whole("a", status="failed", error={"code": "server_error", "message": "no"}), StreamedError),
        (whole("a", status="cancelled"), StreamedError),
        ({"error": {"message": "no", "type": "server_error"}}, StreamedError),
        ([], NotTheWire),
        (None, NotTheWire),
        (7, NotTheWire),
        ({"id": "resp_1"}, NotTheWire),
        (whole("a", status=None), NotTheWire),
        (whole("a", output=None), NotTheWire),
        (whole("a", output=[]), TruncatedStream),
    ],
    ids=range(11),
)
def test_what_is_not_that_response_is_a_failure(response: JsonValue, error: type[ProviderError]) -> None:
    """A typed one."""
    snapshot = reader_after(CREATED, piece(1, "a")).snapshot()
    snapshot.feed(json.dumps(response).encode())

    with pytest.raises(error):
        snapshot.eof()


def test_half_a_response_is_none() -> None:
    """It can be asked for again."""
    snapshot = reader_after(CREATED).snapshot()
    snapshot.feed(b'{"id":')

    with pytest.raises(TruncatedStream, match="not whole JSON"):
        snapshot.eof()


def test_a_response_that_is_expected_is_read_from_its_beginning() -> None:
    """Another one is somebody else's."""
    reader = BackgroundReader(openai_responses, Quirks())
    reader.expect("resp_1")
    assert reader.cursor == ("resp_1", -1)
    assert text(reader.feed(body(CREATED, piece(1, "a")))) == "a"
    assert reader.cursor == ("resp_1", 1)

    reader = BackgroundReader(openai_responses, Quirks())
    reader.expect("resp_2")
    with pytest.raises(NotTheWire, match="another response"):
        reader.feed(body(CREATED))
