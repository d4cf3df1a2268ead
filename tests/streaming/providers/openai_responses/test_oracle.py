import json
import random

import httpx2  # the SDK's own client: nothing of ours uses it
import pytest
from openai import APIError, OpenAI
from openai.types.responses import ResponseStreamEvent

from streaming.errors import StreamedError
from streaming.jsontext import JsonObject, mended
from streaming.providers import openai_responses
from streaming.providers.reader import StreamReader
from streaming.providers.wire import Quirks
from tests.fidelity.check import generator
from tests.recordings import recordings, said
from tests.streaming.providers.openai_responses.oracle import accumulated

RECORDINGS = recordings("openai_responses")
# What the SDK makes of legal or usual streams, each shown below to be its doing.
DEFECTS = {
    "deltas_only": "unfinished output items",
    "duplicate_call_ids": "conflicting output identities",
    "midway": "Expected to have received `response.created`",
    "rotating_ids": "output item identity changed",
}
TAKES_NOTHING_FOR_ALL = "empty_output"
BOM = b"\xef\xbb\xbf"  # the SDK loses the first event to it


def ours(stream: bytes) -> JsonObject:
    """Return the `response` that our accumulator makes of a stream."""
    reader = StreamReader(openai_responses, Quirks())
    reader.feed(stream)
    reader.eof()
    return reader.final()


def unless_a_defect(stream: bytes) -> JsonObject | None:
    """Return what the SDK makes of a stream; None where it refuses it for one of its known reasons."""
    try:
        return accumulated(stream)
    except RuntimeError as error:
        if not any(words in str(error) for words in DEFECTS.values()):
            raise
        return None


@pytest.mark.parametrize("name", sorted(RECORDINGS.keys() - DEFECTS.keys() - {TAKES_NOTHING_FOR_ALL}))
def test_the_official_sdk_reads_the_same(name: str) -> None:
    """Our object is the SDK's, but for what says nothing."""
    stream = RECORDINGS[name].stream.removeprefix(BOM)

    assert said(mended(accumulated(stream))) == said(ours(stream))


def forgets_items(stream: bytes) -> bool:
    """Return whether the SDK would leave items out, in whole or in part; both are shown below."""
    events = [json.loads(data) for data in stream.removesuffix(b"data: [DONE]\n\n").split(b"data: ")[1:]]
    response = events[-1]["response"]
    items = [event for event in events if event["type"] == "response.output_item.added" and event["item"]]
    ends = response.get("output")
    return bool(items) and (ends == [] or (not ends and response["status"] == "incomplete"))


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # the SDK's types do not know every item
def test_the_official_sdk_reads_generated_streams_the_same() -> None:
    """Wherever its defects let it."""
    compared = 0
    for seed in range(600):
        events = generator("openai-responses")(random.Random(seed)).events
        stream = b"".join(b"data: " + event.data + b"\n\n" for event in events)
        theirs = None if forgets_items(stream) else unless_a_defect(stream)
        if theirs is not None:
            compared += 1
            assert said(mended(theirs)) == said(ours(stream)), seed
    assert compared > 300


@pytest.mark.parametrize(("name", "words"), DEFECTS.items())
def test_the_sdk_refuses_what_is_whole(name: str, words: str) -> None:
    """The unary body has all that these streams say, and ours is that."""
    recording = RECORDINGS[name]

    with pytest.raises(RuntimeError, match=words):
        accumulated(recording.stream)
    assert said(recording.unary) == said(ours(recording.stream))


def test_the_sdk_takes_an_empty_output_for_the_answer() -> None:
    """Though it has heard the items."""
    recording = RECORDINGS[TAKES_NOTHING_FOR_ALL]

    assert accumulated(recording.stream)["output"] == []
    assert said(recording.unary) == said(ours(recording.stream))


def test_the_sdk_forgets_what_an_unfinished_item_said() -> None:
    """Where an incomplete response does not repeat its items, it has no refusals, annotations or log-probabilities."""
    place = {"output_index": 0, "content_index": 0}
    begun: JsonObject = {"id": "r", "status": "in_progress", "output": []}
    item: JsonObject = {"type": "message", "id": "m", "content": []}
    part: JsonObject = {"type": "refusal", "refusal": ""}
    events: list[JsonObject] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.refusal.delta", **place, "delta": "no"},
        {"type": "response.incomplete", "response": begun | {"status": "incomplete", "output": None}},
    ]
    stream = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)

    assert accumulated(stream)["output"] == [item | {"content": [part]}]
    assert ours(stream)["output"] == [item | {"content": [part | {"refusal": "no"}]}]


def sdk(body: bytes) -> OpenAI:
    """Return the SDK's client, whose every request is answered with this body."""
    answer = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    transport = httpx2.MockTransport(lambda _: answer)
    return OpenAI(api_key="k", http_client=httpx2.Client(transport=transport), max_retries=0)


def sdk_events(body: bytes) -> list[ResponseStreamEvent]:
    """Return what the SDK's client yields for a body."""
    with sdk(body) as client:
        return list(client.responses.create(model="m", input="x", stream=True))


def test_the_sdk_ends_well_after_a_flat_error() -> None:
    """The documented form of the event is an ordinary one to it; only the nested form, which is sent, it raises."""
    flat = {"type": "error", "code": "server_error", "message": "boom", "param": None, "sequence_number": 1}
    nested = {"type": "error", "error": {"code": "server_error", "message": "boom"}, "sequence_number": 1}
    bodies = [b"event: error\ndata: " + json.dumps(event).encode() + b"\n\n" for event in (flat, nested)]

    assert [event.type for event in sdk_events(bodies[0])] == ["error"]
    with pytest.raises(APIError, match="boom"):
        sdk_events(bodies[1])
    for body in bodies:
        with pytest.raises(StreamedError, match="server_error: boom"):
            ours(body)


def test_the_sdk_takes_a_cut_stream_for_a_whole_one() -> None:
    """Its stream just ends, before the terminal event."""
    stream = RECORDINGS["text"].stream

    events = sdk_events(stream[: stream.index(b"event: response.completed")])

    assert events[-1].type == "response.output_item.done"


def test_the_sdks_helper_has_no_incomplete_response() -> None:
    """Whoever asks it for the final response gets an error instead of what was paid for."""
    with (
        sdk(RECORDINGS["length"].stream) as client,
        client.responses.stream(model="m", input="x") as stream,
        pytest.raises(RuntimeError, match=r"Didn't receive a `response\.completed` event"),
    ):
        stream.get_final_response()
