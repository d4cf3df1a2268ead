"""`docs/frames.schema.json` and the code that builds frames say the same."""

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.jsontext import JsonValue
from streaming.live import frames
from streaming.live.frames import Failure, Header
from streaming.live.producer import Producer
from streaming.messages import Usage, text_sha256
from streaming.providers import WIRES
from streaming.providers.reader import StreamReader
from streaming.providers.wire import Quirks
from tests.recordings import recordings
from tests.strategies import texts

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "frames.schema.json").read_text())
FRAME = jsonschema.Draft202012Validator(SCHEMA)

counts = st.integers(0, 2**53 - 1)
headers = st.builds(Header, texts(), texts(), counts, st.integers(1), st.integers(1, 999), texts(), texts())
calls = st.fixed_dictionaries({"arguments": texts()}, optional={"id": texts(), "name": texts()})
additions: st.SearchStrategy[list[JsonValue]] = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 99), st.sampled_from(["text", "reasoning", "refusal"]), texts()).map(list),
        st.tuples(st.integers(0, 99), st.just("tool_call"), calls).map(list),
    ),
    max_size=4,
)
failures = st.builds(Failure, texts(), texts(), st.none() | texts(), st.none() | st.floats(0, 2e9), st.booleans())
usages = st.builds(Usage, input_tokens=st.none() | counts, output_tokens=st.none() | counts)
ends = st.builds(frames.end, counts, counts, st.sampled_from(["stop", "interrupted"]), usages, texts().map(text_sha256))


@given(
    st.one_of(
        st.builds(frames.begin, counts, headers, st.none() | texts()),
        st.builds(frames.delta, counts, st.integers(1, 2**40), additions),
        st.builds(frames.snap, counts, counts, headers, additions),
        st.builds(frames.beat, counts, counts),
        st.builds(frames.fail, counts, counts, failures),
        ends,
    )
)
def test_every_frame_we_build_is_as_the_schema_says(frame: bytes) -> None:
    """Whoever validates what a worker publishes never meets a surprise."""
    FRAME.validate(json.loads(frame))


def published(wire: str, stream: bytes) -> Iterator[bytes]:
    """Say a recorded stream to a viewer who was there from the start, and to one who joins at its end."""
    producer, reader = Producer(dormancy=False), StreamReader(WIRES[wire], Quirks())
    producer.subscribed()
    producer.begin(1, Header("t", "r", 0, 1, 1, wire, "m"), None)
    for line in stream.splitlines(keepends=True):
        for delta in reader.feed(line):
            producer.add(delta)
        yield from producer.flush(0.0)
    producer.joined()
    yield from producer.flush(0.0)


@pytest.mark.parametrize("wire", sorted(WIRES))
def test_whatever_a_provider_streams_is_published_as_the_schema_says(wire: str) -> None:
    """Every recorded stream: text, reasoning, refusals, tool calls, media, provider items."""
    for recording in recordings(wire.replace("-", "_")).values():
        said = [json.loads(frame) for frame in published(wire, recording.stream)]

        for frame in said:
            FRAME.validate(frame)
        assert [said[0]["k"], said[-1]["k"]] == ["begin", "snap"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"e": 1, "s": 0},
        {"e": 1, "s": 0, "k": "shout"},
        {"e": -1, "s": 0, "k": "beat"},
        {"e": 1, "s": 0, "k": "begin"},
        {"e": 1, "s": 0, "k": "delta", "p": []},
        {"e": 1, "s": 1, "k": "delta", "p": [[0, "text", 5]]},
        {"e": 1, "s": 1, "k": "delta", "p": [[0, "tool_call", "text"]]},
        {"e": 1, "s": 1, "k": "end", "finish_reason": "stop", "usage": {}, "sha256": "no"},
    ],
    ids=range(8),
)
def test_the_schema_refuses_what_is_no_frame(wrong: JsonValue) -> None:
    """It is a schema that can say no."""
    assert not FRAME.is_valid(wrong)
