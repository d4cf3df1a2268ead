"""The official SDK reads the same streams as we; where it reads them otherwise, a test shows that the fault is its."""

import json
import random

import pytest

from streaming.jsontext import JsonObject, JsonValue, mended_object
from streaming.providers import anthropic_messages
from streaming.providers.reader import StreamReader
from streaming.providers.wire import Quirks
from tests.fidelity.anthropic_messages import case
from tests.recordings import recordings, said
from tests.streaming.providers.anthropic_messages.events import (
    MESSAGE_STOP,
    block_delta,
    block_start,
    block_stop,
    framed,
    message_delta,
    message_start,
)
from tests.streaming.providers.anthropic_messages.oracle import accumulated, streamed

RECORDINGS = recordings("anthropic_messages")
# Each of these shows a defect of the SDK's, tested below.
SDK_FAILS = {
    "gateway_blocks",
    "gateway_usage",
    "index_gaps",
    "surrogate_halves",
    "tool_input_cut",
    "tool_input_invalid",
    "unknown",
    "unnamed_events",
}
# The SDK without its beta half knows nothing of what these hold.
BETA = {"compaction", "fallback", "mcp"}
_CASES = 400


def ours(stream: bytes) -> JsonObject:
    """Return our object of a whole stream."""
    reader = StreamReader(anthropic_messages, Quirks())
    reader.feed(stream)
    reader.eof()
    return reader.final()


@pytest.mark.parametrize("name", sorted(RECORDINGS.keys() - SDK_FAILS))
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_the_official_client_reads_the_same(name: str, size: int) -> None:
    """Field by field, whatever the pieces in which the body comes."""
    stream = RECORDINGS[name].stream
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]

    assert said(streamed(chunks)) == said(ours(stream))
    if name not in BETA:
        assert said(streamed(chunks, beta=False)) == said(ours(stream))


def test_the_official_accumulator_makes_the_same_of_generated_streams() -> None:
    """But for what the tests below show: late unknown fields, halves of pairs in arguments, arguments that are cut."""
    compared = 0
    for seed in range(_CASES):
        unary, events = case(random.Random(seed))
        started = next(at for at, event in enumerate(events) if json.loads(event.data)["type"] == "message_start")
        try:
            sdk = mended_object(accumulated(event.data for event in events[started:]))
        except UnicodeEncodeError:
            assert any(rb"\ud83" in event.data and b"partial_json" in event.data for event in events)
            continue
        assert _comparable(sdk, unary) == _comparable(unary, unary)
        compared += 1
    assert compared > _CASES * 0.9


def _comparable(message: JsonObject, unary: JsonObject) -> JsonValue:
    content, wanted = message["content"], unary["content"]
    assert isinstance(content, list)
    assert isinstance(wanted, list)
    blocks: list[JsonValue] = []
    for block, known in zip(content, wanted, strict=True):
        assert isinstance(block, dict)
        assert isinstance(known, dict)
        cut = isinstance(known.get("input"), str)
        blocks.append({key: value for key, value in block.items() if key != "input" or not cut})
    return said({key: value for key, value in message.items() if key != "x_unknown"} | {"content": blocks})


# -- defects of the SDK's


def texts(message: JsonObject) -> list[JsonValue]:
    """Return the text of each block."""
    content = message["content"]
    assert isinstance(content, list)
    return [block.get("text") for block in content if isinstance(block, dict)]


TEXT: JsonObject = {"type": "text", "text": ""}
TOOL: JsonObject = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
END = [message_delta(), MESSAGE_STOP]


def tool_stream(*partial: str) -> bytes:
    """Return a stream of one tool call with these pieces of input."""
    deltas = [block_delta(0, type="input_json_delta", partial_json=piece) for piece in partial]
    return framed(message_start(), block_start(0, TOOL), *deltas, block_stop(0), *END)


def test_the_sdk_places_blocks_by_the_order_they_come_in() -> None:
    """A delta of a block whose index is not its place has nowhere to go, or goes to another block."""
    one = [block_start(1, TEXT), block_delta(1, type="text_delta", text="a"), block_stop(1)]
    with pytest.raises(IndexError):
        streamed([framed(message_start(), *one, *END)])

    zero = [block_start(0, TEXT), block_delta(0, type="text_delta", text="b"), block_stop(0)]
    stream = framed(message_start(), *one[:1], *zero, *one[1:], *END)
    assert texts(streamed([stream])) == ["b", "a"]
    assert texts(ours(stream)) == ["b", "a"]
    again = framed(message_start(), *zero, *zero, *END)
    assert texts(streamed([again])) == ["bb", ""]
    assert texts(ours(again)) == ["b", "b"]


def test_the_sdk_forgets_how_the_message_ended() -> None:
    """A later message_delta that says nothing of it wipes it, as an input of 0 wipes the count."""
    start = message_start(usage={"input_tokens": 25, "output_tokens": 1})
    last = message_delta(stop_reason=None, usage={"output_tokens": 4, "input_tokens": 0})
    stream = framed(start, message_delta(), last, MESSAGE_STOP)

    sdk, own = streamed([stream]), ours(stream)
    assert (sdk["stop_reason"], said(sdk["usage"])) == (None, {"input_tokens": 0, "output_tokens": 4})
    assert (own["stop_reason"], own["usage"]) == ("end_turn", {"input_tokens": 25, "output_tokens": 4})


def test_the_sdk_shortens_input_that_was_cut() -> None:
    """A tool would run with arguments that the model never finished."""
    stream = tool_stream('{"path": "a", "text": "once upon')

    assert said(streamed([stream])["content"]) == [TOOL | {"input": {"path": "a"}}]
    assert ours(stream)["content"] == [TOOL | {"input": '{"path": "a", "text": "once upon'}]


def test_the_sdk_dies_of_input_that_is_no_json() -> None:
    """The answer is lost with it; ours keeps what came, and a model can be told."""
    stream = tool_stream('{"path": a}')

    with pytest.raises(ValueError, match="Unable to parse tool parameter JSON"):
        streamed([stream])
    assert ours(stream)["content"] == [TOOL | {"input": '{"path": a}'}]


def test_the_sdk_dies_of_half_a_character_in_input() -> None:
    """Where a cut falls between the halves of a pair."""
    stream = tool_stream('{"a": "\ud83d', '\ude00"}')

    with pytest.raises(UnicodeEncodeError):
        streamed([stream])
    assert ours(stream)["content"] == [TOOL | {"input": {"a": "😀"}}]


def test_the_sdk_drops_unknown_fields_that_come_late() -> None:
    """It keeps them where they come with message_start."""
    start = message_start(x_early=1)
    stream = framed(start, message_delta(usage={"output_tokens": 1, "x_tokens": 2}, x_beside=3), MESSAGE_STOP)

    sdk, own = streamed([stream]), ours(stream)
    assert [sdk.get(key) for key in ("x_early", "x_beside")] == [1, None]
    assert [own.get(key) for key in ("x_early", "x_beside")] == [1, 3]
    assert said(own["usage"]) == {"input_tokens": 1, "output_tokens": 1, "x_tokens": 2}
    assert said(sdk["usage"]) == {"input_tokens": 1, "output_tokens": 1}


def test_the_sdk_drops_text_of_blocks_it_does_not_know() -> None:
    """A block of tomorrow stays as it started."""
    block: JsonObject = {"type": "connector_text", "text": ""}
    deltas = [block_delta(0, type="text_delta", text="a"), block_delta(0, type="signature_delta", signature="s")]
    stream = framed(message_start(), block_start(0, block), *deltas, block_stop(0), *END)

    assert said(streamed([stream])["content"]) == [block]
    assert ours(stream)["content"] == [{"type": "connector_text", "text": "a", "signature": "s"}]


def test_the_sdk_hears_nothing_without_event_names() -> None:
    """The JSON says the type of each event as well."""
    stream = RECORDINGS["unnamed_events"].stream

    with pytest.raises(AssertionError):
        streamed([stream])
    assert said(ours(stream)) == said(RECORDINGS["unnamed_events"].unary)


def test_the_sdk_takes_half_an_answer_for_a_whole_one() -> None:
    """A body that ends early is no error to it, and the message has no stop reason."""
    stream = RECORDINGS["text"].stream
    half = stream[: stream.index(b"event: content_block_stop")]

    sdk = streamed([half])
    assert (texts(sdk), sdk["stop_reason"]) == (["Hello, world!"], None)


def test_the_sdk_without_its_beta_half_ignores_the_input_of_mcp_tools() -> None:
    """It stays as it started."""
    content = streamed([RECORDINGS["mcp"].stream], beta=False)["content"]

    assert isinstance(content, list)
    assert [block["input"] for block in content if isinstance(block, dict) and block["type"] == "mcp_tool_use"] == [{}]
