import json
import random
from collections.abc import Iterator

import pytest

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import NotTheWire, StreamedError, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers import openai_chat
from streaming.providers.openai_chat.stream import Accumulator
from streaming.providers.reader import StreamReader
from streaming.providers.wire import Quirks
from streaming.sse import Event
from tests.fidelity.openai_chat import openais_own
from tests.recordings import OPENAI_CHAT, Recording, said
from tests.streaming.providers.openai_chat.oracle import reading

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


def rebuilt(stream: bytes) -> JsonObject:
    """Return the object that we make of a stream."""
    reader = StreamReader(openai_chat, Quirks())
    reader.feed(stream)
    return reader.final()


def body(*chunks: JsonObject) -> bytes:
    """Return a stream of these chunks."""
    head: JsonObject = {"id": "c", "object": "chat.completion.chunk", "created": 5, "model": "m"}
    return b"".join(b"data: " + json.dumps(head | chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


def called(**fragment: JsonValue) -> JsonObject:
    """Return a chunk with a fragment of a tool call."""
    return {"choices": [{"index": 0, "delta": {"tool_calls": [fragment]}}]}


def finished(index: int = 0) -> JsonObject:
    """Return a chunk that ends a choice."""
    return {"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]}


def spoken(text: str, index: int = 0) -> JsonObject:
    """Return a chunk with some text."""
    return {"choices": [{"index": index, "delta": {"role": "assistant", "content": text}}]}


# What the SDK's accumulator does with our recordings of compatible servers (openai 3.51). It joins every string and
# adds every number of a delta but for a few, and needs an index in every list.
SDK_DEFECTS = {
    "audio": "joins base64 without decoding it",
    "azure": "AttributeError",  # at `"delta": null`
    "azure_async_filter": "AttributeError",
    "duplicate_ids": "joins ids and names that are repeated",
    "gemini_compat_no_index": "TypeError",
    "groq": "takes what stands beside the choices from the first chunk",
    "index_from_1_usage_early": "IndexError",
    "mistral_thinking": "overwrites lists of content parts",
    "mistral_tool_calls": "keeps the padding of the first chunk",
    "ollama_tool_calls": "joins the roles, and the calls of one index",
    "openrouter_images": "RuntimeError",
    "openrouter_reasoning": "joins the roles and the details' formats",
    "tool_calls_no_ids": "joins the roles, and the calls of one index",
    "vllm": "joins the roles, and keeps the last chunk's token ids only",
}


@pytest.mark.parametrize("name", sorted(OPENAI_CHAT))
def test_the_official_sdk_reads_the_same_but_for_its_defects(name: str) -> None:
    """Where it does not, ours is what the unary endpoint said."""
    recording: Recording = OPENAI_CHAT[name]
    ours = said(rebuilt(recording.stream))
    theirs = reading(recording.stream)

    assert said(recording.unary) == ours
    assert (theirs != ours) == (name in SDK_DEFECTS)
    assert not isinstance(theirs, str) or SDK_DEFECTS[name] == theirs


@pytest.mark.parametrize(
    ("chunks", "theirs"),
    [
        ([spoken("a"), spoken("b"), finished()], {"role": "assistantassistant"}),
        (
            [
                called(index=0, id="c", function={"name": "f", "arguments": ""}),
                called(index=0, id="c", function={"name": "f", "arguments": "{}"}),
                finished(),
            ],
            {"id": "cc", "name": "ff"},
        ),
        ([called(index=1, id="c", function={"name": "f"}), finished()], "IndexError"),
        ([called(id="c", function={"name": "f"}), called(id="c", function={"name": "f"}), finished()], "TypeError"),
        ([spoken("a"), {"usage": {"total_tokens": 5}}, {"usage": None, **finished()}], {"usage": None}),
        ([spoken("a"), {"system_fingerprint": "fp"}, finished()], {"system_fingerprint": None}),
        ([{"id": "", "model": "", "choices": []}, spoken("a"), finished()], {"id": "", "model": ""}),
        ([{"choices": []}, {"service_tier": "flex", **spoken("a")}, finished()], {"service_tier": None}),
        ([spoken("b", 1), spoken("a", 0), finished(0), finished(1)], "IndexError"),
        ([spoken("a"), spoken("c", 2), spoken("b", 1), *map(finished, range(3))], "IndexError"),
        ([spoken("a"), {"choices": [{"index": 0, "delta": None}]}, finished()], "AttributeError"),
        (
            [{"choices": [{"index": 0, "delta": {"annotations": [{"url": url}]}}]} for url in "uv"] + [finished()],
            "RuntimeError",
        ),
        (
            [{"choices": [{"index": 0, "delta": {"audio": {"expires_at": 5}}}]}] * 2 + [finished()],
            {"expires_at": 10},
        ),
        (
            [{"choices": [{"index": 0, "delta": {"reasoning_details": [{"index": 0, "format": "v"}]}}]}] * 2
            + [finished()],
            {"format": "vv"},
        ),
        ([], "AssertionError"),
    ],
    ids=range(15),
)
def test_the_known_defects_of_the_official_sdk_are_its_own(chunks: list[JsonObject], theirs: JsonValue) -> None:
    """Each is shown to be there, and not in ours: we read the stream, and find nothing of what it found."""
    stream = body(*chunks)
    got = reading(stream)

    if isinstance(theirs, dict):
        found = list(_fields(got))
        assert all((key, value) in found or (value is None and key not in dict(found)) for key, value in theirs.items())
        ours = list(_fields(rebuilt(stream)))
        assert not any((key, value) in ours or key not in dict(ours) for key, value in theirs.items())
    else:
        assert theirs == got
        if chunks:
            assert openai_chat.answer(rebuilt(stream), "p").choices
        else:
            with pytest.raises(TruncatedStream):
                rebuilt(stream)


def _fields(value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """Yield every key with its value, however deep, that is not a container."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict | list):
                yield key, "container"
            else:
                yield key, item
            yield from _fields(item)
    for item in value if isinstance(value, list) else []:
        yield from _fields(item)


@pytest.mark.parametrize("seed", range(400))
def test_the_official_sdk_reads_generated_streams_the_same(seed: int) -> None:
    """Those that OpenAI's own endpoint could have sent: nothing in them meets a defect."""
    case = openais_own(random.Random(seed))
    stream = b"".join(b"data: " + event.data + b"\n\n" for event in case.events)

    assert said(case.unary) == said(rebuilt(stream)) == reading(stream)


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
    assert [message.text for message in openai_chat.answer(accumulator.final(), "").choices] == ["xy", "m", "b"]


@pytest.mark.parametrize(
    ("chunk", "unshown"),
    [
        (choice({"content": "a"}), 0),
        (choice({"role": "assistant", "content": ""}), 0),
        (choice({"role": "assistant", "content": ""}, 1), 0),
        (event({"choices": [], "usage": {"total_tokens": 1}}), 0),
        (choice({"content": "a"}, 1), 2),
        (choice({"tool_calls": [{"index": 0, "id": "c"}]}, 1), 1),
        (choice({"audio": {"data": "QUJD"}}), 1),
        (choice({"reasoning_details": [{"type": "reasoning.encrypted", "data": "QUJD"}]}), 1),
        (choice({"annotations": [{"url": "u"}]}), 1),
        (choice({"content": [{"type": "reference", "reference_ids": [1]}]}), 1),
    ],
    ids=range(10),
)
def test_content_that_no_delta_tells_of_is_counted(chunk: Event, unshown: int) -> None:
    """It is progress all the same: keepalives and empty chunks are not."""
    accumulator, _ = fed(chunk)

    assert unshown == accumulator.unshown


@pytest.mark.parametrize(
    ("chunks", "usage"),
    [
        ([{"usage": {"total_tokens": 1}}, {"usage": {"total_tokens": 2}}], {"total_tokens": 2}),
        ([{"usage": {"total_tokens": 1}}, {"usage": None}, {"usage": {}}], {"total_tokens": 1}),
        ([{"x_groq": {"id": "r"}}, {"x_groq": {"id": "r", "usage": {"total_tokens": 3}}}], {"total_tokens": 3}),
        ([{"x_groq": {"usage": {"total_tokens": 3}}}, {"x_groq": {"id": "r"}}], {"total_tokens": 3}),
        ([{"usage": {"total_tokens": 4}, "x_groq": {"usage": {"total_tokens": 3}}}], {"total_tokens": 4}),
        ([{"usage": None, "x_groq": 5}], None),
        ([{"usage": {"total_tokens": 5}}, {"usage": {"total_tokens": 5}}], {"total_tokens": 5}),
    ],
)
def test_usage_is_the_last_that_was_told_wherever_it_stood(chunks: list[JsonObject], usage: JsonValue) -> None:
    """Early, cumulative, followed by null, or where Groq puts it; never added up."""
    accumulator, _ = fed(*map(event, chunks))
    final = accumulator.final()

    assert usage == final.get("usage")
    assert "usage" not in str(final.get("x_groq"))


def test_a_server_without_done_may_end_before_its_usage() -> None:
    """The body's end is its marker: the answer is whole, and says nothing of usage."""
    accumulator = openai_chat.accumulator(Quirks(no_done=True))
    accumulator.feed(choice({"content": "a"}, 0, "stop"))
    accumulator.end()

    assert "usage" not in accumulator.final()


@pytest.mark.parametrize("index", [None, True, -1, "0", 1.5])
def test_an_index_that_is_none_is_the_place_in_the_list(index: JsonValue) -> None:
    """Servers with one choice leave it out."""
    _, deltas = fed(choice({"content": "x"}, index))

    assert [PartStarted(0, "text"), PartAdded(0, "x")] == deltas


def test_an_answer_without_its_first_choice_is_not_whole() -> None:
    """The first choice is the message: others do not stand in for it."""
    accumulator, deltas = fed(choice({"content": "x"}, 1, "stop"))

    assert deltas == []
    assert openai_chat.answer(accumulator.final(), "").message.text == ""
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
        ({"choices": [{"finish_reason": "error", "error": {"message": "m", "code": 502}}]}, "message", "502: m"),
        ({"choices": [{"error": {"message": "m", "code": 502}, "index": 1}]}, "message", "502: m"),
        ({"x_groq": {"id": "r", "error": "m"}}, "message", "m"),
        ({"x_groq": {"error": {"message": "m", "code": "tool_use_failed"}}}, "message", "tool_use_failed: m"),
        ({"error": {"message": "m"}}, "error", "m"),
    ],
)
def test_an_error_object_ends_the_stream(given: JsonValue, kind: str, words: str) -> None:
    """In every form that servers send it, also as an event named error."""
    with pytest.raises(StreamedError, match=f"{words}$"):
        fed(choice({"content": "a"}), event(given, kind))


@pytest.mark.parametrize("word", ["error", "abort", "insufficient_system_resource"])
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
