import json

import pytest

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import NotTheWire, StreamedError, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue, mended
from streaming.providers import openai_chat
from streaming.providers.openai_chat.stream import Accumulator
from streaming.providers.reader import StreamReader
from streaming.providers.wire import Quirks
from streaming.sse import Event
from tests.recordings import OPENAI_CHAT, Recording, said
from tests.streaming.providers.openai_chat.oracle import accumulated

DONE = Event(b"[DONE]")


def event(chunk: JsonValue, kind: str = "message") -> Event:
    """Return an event with this data."""
    return Event(json.dumps(chunk).encode(), kind)


def choice(delta: JsonValue, index: JsonValue = 0, finish_reason: str | None = None, **more: JsonValue) -> Event:
    """Return a chunk with one choice."""
    one: JsonObject = {"index": index, "delta": delta, "finish_reason": finish_reason}
    return event({"choices": [one | more]})


def fed(*events: Event) -> tuple[Accumulator, list[Delta]]:
    """Return an accumulator that has taken these events, and what they added."""
    accumulator = openai_chat.accumulator(Quirks())
    return accumulator, [delta for one in events for delta in accumulator.feed(one)]


# Azure sends `"delta": null`, at which the SDK's accumulator raises AttributeError.
@pytest.mark.parametrize("name", sorted(OPENAI_CHAT.keys() - {"azure"}))
def test_the_official_sdk_reads_the_same(name: str) -> None:
    """Our object is the SDK's, but for what says nothing and for the halves that it leaves unpaired."""
    recording: Recording = OPENAI_CHAT[name]
    reader = StreamReader(openai_chat, Quirks())
    reader.feed(recording.stream)

    # The SDK loses the first event to a byte order mark.
    sdk = mended(accumulated(recording.stream.removeprefix(b"\xef\xbb\xbf")))
    assert said(sdk) == said(reader.final())


def test_stream_only_keys_go_and_first_and_last_values_stay() -> None:
    """Padding goes; id, created and model are the first that say anything, all others the last not null."""
    accumulator, _ = fed(
        event({"id": "", "created": 0, "model": "", "object": "", "choices": [], "usage": {"prompt_tokens": 1}}),
        event(
            {"id": "a", "created": 5, "model": "m", "object": "chat.completion.chunk", "obfuscation": "xx", "p": "y"}
        ),
        event({"id": "b", "created": 6, "model": "n", "usage": {"prompt_tokens": 2}, "service_tier": "flex"}),
        event({"id": None, "usage": None, "service_tier": None, "error": None, "x_groq": {"id": "g"}}),
    )

    assert accumulator.final() == {
        "id": "a",
        "created": 5,
        "model": "m",
        "object": "chat.completion",
        "usage": {"prompt_tokens": 2},
        "service_tier": "flex",
        "x_groq": {"id": "g"},
        "choices": [],
    }


def test_choices_go_by_their_index_and_only_the_first_is_shown() -> None:
    """In whatever order they open, and interleaved as they come."""
    accumulator, deltas = fed(
        choice({"content": "b"}, 2),
        choice({"content": "x"}, 0),
        event({"choices": [{"index": 1, "delta": {"content": "m"}}, {"index": 0, "delta": {"content": "y"}}]}),
    )

    assert [PartStarted(0, "text"), PartAdded(0, "x"), PartAdded(0, "y")] == deltas
    assert [message.text for message in openai_chat.answer(accumulator.final()).choices] == ["xy", "m", "b"]


@pytest.mark.parametrize("index", [None, True, -1, "0", 1.5])
def test_an_index_that_is_none_is_the_place_in_the_list(index: JsonValue) -> None:
    """Servers with one choice leave it out."""
    _, deltas = fed(choice({"content": "x"}, index))

    assert [PartStarted(0, "text"), PartAdded(0, "x")] == deltas


def test_an_answer_without_its_first_choice_is_not_whole() -> None:
    """The first choice is the message: others do not stand in for it."""
    accumulator, deltas = fed(choice({"content": "x"}, 1, "stop"))

    assert deltas == []
    assert openai_chat.answer(accumulator.final()).message.text == ""
    with pytest.raises(TruncatedStream, match="no finish reason"):
        accumulator.feed(DONE)


def test_done_needs_every_choice_to_have_ended() -> None:
    """One that is still open makes the stream a cut one."""
    accumulator, _ = fed(choice({}, 0, "stop"), choice({}, 1))

    with pytest.raises(TruncatedStream):
        accumulator.feed(DONE)
    assert not accumulator.complete
    accumulator.feed(choice({}, 1, "length"))
    accumulator.feed(DONE)
    assert accumulator.complete


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"error": {"message": "m", "type": "server_error", "code": None}}, "message", "server_error: m"),
        ({"error": {"message": "m", "code": 502}}, "message", "502: m"),
        ({"error": {"message": "m", "code": 502, "metadata": {}}, "choices": []}, "message", "502: m"),
        ({"error": "overloaded"}, "message", "overloaded"),
        ({"error": True}, "message", "no message"),
        ({"message": "m", "type": "t"}, "error", "t: m"),
        ({"error": {"message": "m"}}, "error", "m"),
    ],
)
def test_an_error_object_ends_the_stream(given: JsonValue, kind: str, words: str) -> None:
    """In every form that servers send it, also as an event named error."""
    with pytest.raises(StreamedError, match=f"{words}$"):
        fed(choice({"content": "a"}), event(given, kind))


@pytest.mark.parametrize("word", ["error", "insufficient_system_resource"])
def test_a_finish_that_is_a_failure_ends_the_stream(word: str) -> None:
    """Some servers say in the finish reason that the answer broke off: that is no answer."""
    with pytest.raises(StreamedError, match=f"{word}: the answer broke off"):
        fed(choice({"content": "a"}), choice({}, 0, word))


@pytest.mark.parametrize(
    "given",
    [[], "text", 5, None, {"choices": [5]}, {"choices": "x"}, {"choices": [{"delta": {"content": 5}}]}],
)
def test_what_is_no_chunk_is_not_the_wire(given: JsonValue) -> None:
    """JSON of other shapes."""
    with pytest.raises(NotTheWire):
        fed(event(given))
