import json

import pytest

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import NotTheWire, StreamedError, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers import anthropic_messages
from streaming.providers.anthropic_messages.stream import Accumulator
from streaming.providers.wire import Quirks
from streaming.sse import Event
from tests.streaming.providers.anthropic_messages.events import (
    MESSAGE_STOP,
    block_delta,
    block_start,
    block_stop,
    message_delta,
    message_start,
)

TEXT: JsonObject = {"type": "text", "text": ""}


def text_delta(index: JsonValue, text: JsonValue) -> JsonObject:
    """Return an event that adds text."""
    return block_delta(index, type="text_delta", text=text)


def event(given: JsonValue, kind: str = "message") -> Event:
    """Return an event with this data."""
    return Event(json.dumps(given).encode(), kind)


def fed(*events: JsonValue) -> tuple[Accumulator, list[Delta]]:
    """Return an accumulator that has taken these events, and what they added."""
    accumulator = anthropic_messages.accumulator(Quirks())
    return accumulator, [delta for one in events for delta in accumulator.feed(event(one))]


def test_blocks_stand_by_their_index_and_parts_by_when_they_appear() -> None:
    """Gaps and other orders are borne."""
    accumulator, deltas = fed(
        message_start(),
        block_start(7, TEXT),
        block_start(2, TEXT),
        text_delta(2, "a"),
        text_delta(7, "b"),
        text_delta(2, "c"),
    )

    assert deltas == [
        PartStarted(0, "text"),
        PartAdded(0, "a"),
        PartStarted(1, "text"),
        PartAdded(1, "b"),
        PartAdded(0, "c"),
    ]
    assert accumulator.final()["content"] == [{"type": "text", "text": "ac"}, {"type": "text", "text": "b"}]


def test_the_index_of_a_closed_block_may_come_again() -> None:
    """Some servers number every block 0; what comes then is another block."""
    accumulator, deltas = fed(
        message_start(),
        block_start(0, TEXT),
        text_delta(0, "a"),
        block_stop(0),
        block_start(0, TEXT),
        text_delta(0, "b"),
    )

    assert [delta.part for delta in deltas if isinstance(delta, PartStarted)] == [0, 1]
    assert accumulator.final()["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


def test_repeated_deltas_are_read_as_the_first_was() -> None:
    """Also after another kind of delta, another block, and one that is written another way."""
    accumulator = anthropic_messages.accumulator(Quirks())
    stream = [
        message_start(),
        block_start(0, {"type": "thinking", "thinking": ""}),
        *(block_delta(0, type="thinking_delta", thinking=piece) for piece in ("a", "b", "\ud83d", "\ude00", 'c"')),
        block_delta(0, type="signature_delta", signature="s"),
        block_delta(0, type="thinking_delta", thinking="d", estimated_tokens=5),
        block_delta(0, type="thinking_delta", thinking="e"),
        block_stop(0),
        block_start(0, TEXT),
        text_delta(0, "f"),
        text_delta(0, "thinking"),
        text_delta(0, "g"),
    ]
    for one in stream:
        accumulator.feed(event(one))
        accumulator.feed(Event(json.dumps({"type": "ping"}).encode())) if one == stream[4] else None

    assert accumulator.final()["content"] == [
        {"type": "thinking", "thinking": 'ab😀c"de', "signature": "s"},
        {"type": "text", "text": "fthinkingg"},
    ]


def test_a_delta_of_a_closed_block_is_not_the_wire() -> None:
    """However often its like was taken before."""
    accumulator, _ = fed(message_start(), block_start(0, TEXT), text_delta(0, "a"), text_delta(0, "b"), block_stop(0))

    with pytest.raises(NotTheWire, match="no open block"):
        accumulator.feed(event(text_delta(0, "c")))


def test_how_the_message_ended_comes_late() -> None:
    """A null leaves what was known; unknown fields are kept, in the delta and beside it."""
    accumulator, _ = fed(
        message_start(container=None, x_early=1, model="m-1"),
        message_delta("end_turn", x_beside=2, context_management={"applied_edits": []}),
        {
            "type": "message_delta",
            "delta": {"stop_reason": None, "container": {"id": "c"}, "content": [5]},
            "usage": None,
        },
    )

    assert accumulator.final() == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": [],
        "stop_reason": "end_turn",
        "container": {"id": "c"},
        "context_management": {"applied_edits": []},
        "x_early": 1,
        "x_beside": 2,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


@pytest.mark.parametrize(
    ("start", "late", "usage"),
    [
        (
            {"input_tokens": 5, "service_tier": "standard"},
            [{"output_tokens": 2}],
            {"input_tokens": 5, "output_tokens": 2},
        ),
        ({"input_tokens": 5}, [{"input_tokens": 9}], {"input_tokens": 9}),
        ({"input_tokens": 5}, [{"input_tokens": 0}], {"input_tokens": 5}),
        ({"input_tokens": 5}, [{"input_tokens": None}], {"input_tokens": 5}),
        ({"output_tokens": 5}, [{"output_tokens": 2}, {"output_tokens": 3}], {"output_tokens": 3}),
        ({"cache_read_input_tokens": 5}, [{"cache_read_input_tokens": 2}], {"cache_read_input_tokens": 2}),
        ({"server_tool_use": None}, [{"server_tool_use": {"x": 1}}], {"server_tool_use": {"x": 1}}),
        ({"server_tool_use": {"x": 1}}, [{"server_tool_use": {"y": 2}}], {"server_tool_use": {"y": 2}}),
        ({}, [{"iterations": [1]}, "x", 5, []], {"iterations": [1]}),
    ],
)
def test_usage_is_the_last_total(start: JsonObject, late: list[JsonValue], usage: JsonObject) -> None:
    """What only the start told stays; an input does not shrink."""
    deltas: list[JsonObject] = [{"type": "message_delta", "delta": {}, "usage": one} for one in late]
    accumulator, _ = fed(message_start(usage=start), *deltas)

    assert accumulator.final()["usage"] == start | usage


def test_a_message_that_says_nothing_of_usage_has_none() -> None:
    """Nothing is made up."""
    accumulator, _ = fed({"type": "message_start", "message": {}})

    assert accumulator.final() == {"content": []}


def test_a_fallback_names_the_model_that_answered() -> None:
    """As the unary message does; the last hop counts."""
    hops: list[JsonObject] = [{"type": "fallback", "to": {"model": name}} for name in ("b", "c")]
    odd: list[JsonValue] = ["x", {"model": 5}, None]
    hops += [{"type": "fallback", "to": to} for to in odd]
    accumulator, _ = fed(message_start(model="a"), *(block_start(at, hop) for at, hop in enumerate(hops)))

    assert accumulator.final()["model"] == "c"


def test_content_in_the_start_is_content() -> None:
    """Some servers put blocks there."""
    tool: JsonObject = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    accumulator, deltas = fed(message_start(content=[{"type": "text", "text": "a"}, tool]))

    assert deltas == [
        PartStarted(0, "text"),
        PartAdded(0, "a"),
        PartStarted(1, "tool_call", "t", "f"),
        PartAdded(1, '{"a":1}'),
    ]
    assert accumulator.final()["content"] == [{"type": "text", "text": "a"}, tool]


def test_a_second_start_is_borne_before_content_only() -> None:
    """Behind content it is a gateway that began again: two halves are no answer."""
    accumulator, _ = fed(message_start(id="a"), message_start(id="b"), block_start(0, TEXT))

    assert accumulator.final()["id"] == "b"
    with pytest.raises(NotTheWire, match="second message_start"):
        accumulator.feed(event(message_start()))


def test_the_end_needs_a_stop_reason() -> None:
    """message_stop alone does not make an answer whole, nor does a stop reason alone."""
    accumulator, _ = fed(message_start(stop_reason="end_turn"), message_delta(None))

    with pytest.raises(TruncatedStream, match="no stop reason"):
        accumulator.feed(event(MESSAGE_STOP))
    assert not accumulator.complete
    accumulator.feed(event(message_delta("end_turn")))
    with pytest.raises(TruncatedStream, match="without message_stop"):
        accumulator.end()
    accumulator.feed(event(MESSAGE_STOP))
    accumulator.end()
    assert accumulator.feed(event({"type": "error", "error": {"message": "late"}})) == []
    assert accumulator.complete


def test_the_end_closes_what_is_open() -> None:
    """Some servers leave content_block_stop out."""
    tool: JsonObject = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    start = [message_start(), block_start(0, TEXT), text_delta(0, "a\ud83d"), block_start(1, tool)]
    _, deltas = fed(*start, message_delta(), MESSAGE_STOP)

    assert deltas[2:] == [PartStarted(1, "tool_call", "t", "f"), PartAdded(0, "\ufffd"), PartAdded(1, "{}")]


def test_the_name_of_the_event_stands_in_for_a_missing_type() -> None:
    """Either says what it is."""
    accumulator, _ = fed(message_start())
    start, delta = block_start(0, TEXT), text_delta(0, "a")
    for given in (start, delta, delta):
        bare = {key: value for key, value in given.items() if key != "type"}
        accumulator.feed(event(bare, str(given["type"])))

    assert accumulator.final()["content"] == [{"type": "text", "text": "aa"}]


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, "error", "overloaded_error: m"),
        ({"type": "error", "error": {"type": "api_error", "message": "m"}}, "message", "api_error: m"),
        (
            {"type": "error", "error": {"type": "rate_limit_error", "message": "m", "details": {"error_code": "ramp"}}},
            "error",
            "rate_limit_error ramp: m",
        ),
        (
            {"type": "error", "error": {"type": "api_error", "message": "m"}, "request_id": "req_1"},
            "error",
            r"api_error: m \(request req_1\)",
        ),
        ({"error": {"message": "m", "code": 502}}, "message", "502: m"),
        ({"error": "overloaded"}, "message", "overloaded"),
        ({"type": "error"}, "error", "no message"),
        ({"type": "error", "error": None}, "message", "no message"),
        ({"type": "overloaded_error", "message": "m"}, "error", "overloaded_error: m"),
        ({}, "error", "no message"),
    ],
)
def test_an_error_ends_the_stream(given: JsonValue, kind: str, words: str) -> None:
    """In every form that servers send it, before content and after."""
    for before in ([], [message_start(), block_start(0, TEXT), text_delta(0, "a"), text_delta(0, "b")]):
        accumulator, _ = fed(*before)
        with pytest.raises(StreamedError, match=f"{words}$"):
            accumulator.feed(event(given, kind))


@pytest.mark.parametrize(
    "given",
    [
        [],
        "text",
        5,
        None,
        {},
        {"type": None},
        {"choices": []},
        {"type": "message_start"},
        {"type": "message_start", "message": []},
        {"type": "content_block_start", "index": 1},
        block_start(None, TEXT),
        block_start("0", TEXT),
        block_start(True, TEXT),
        block_start([], TEXT),
        block_start(0, TEXT),
        block_start(1, []),
        block_start(1, {}),
        {"type": "content_block_delta", "index": 0},
        {"type": "content_block_delta", "index": 0, "delta": "x"},
        {"type": "content_block_delta", "index": 0, "delta": {"text": "a"}},
        {"type": "content_block_delta", "index": [], "delta": {"type": "text_delta", "text": "a"}},
        text_delta(1, "a"),
        text_delta(None, "a"),
        text_delta(0, 5),
        text_delta(0, None),
        block_delta(0, type="text_delta"),
        block_delta(0, type=[]),
        block_delta(0, type="input_json_delta", partial_json={}),
        {"type": "message_delta"},
        {"type": "message_delta", "delta": 5},
    ],
)
def test_what_is_no_event_is_not_the_wire(given: JsonValue) -> None:
    """JSON of other shapes."""
    accumulator, _ = fed(message_start(), block_start(0, TEXT))

    with pytest.raises(NotTheWire):
        accumulator.feed(event(given))


@pytest.mark.parametrize("given", [block_start(0, TEXT), text_delta(0, "a"), message_delta(), MESSAGE_STOP])
def test_nothing_comes_before_the_start(given: JsonObject) -> None:
    """But pings and what nobody knows."""
    accumulator, deltas = fed({"type": "ping"}, {"type": "x_news"}, block_stop(0))

    assert (deltas, accumulator.final()) == ([], {})
    with pytest.raises((NotTheWire, TruncatedStream)):
        accumulator.feed(event(given))


@pytest.mark.parametrize("given", [{"type": "ping"}, {"type": "x"}, {"type": 5}, block_stop(9), block_stop([])])
def test_what_says_nothing_is_borne(given: JsonObject) -> None:
    """The vendor adds events without notice."""
    accumulator, _ = fed(message_start())

    assert accumulator.feed(event(given, "x")) == []


@pytest.mark.parametrize(
    ("kind", "deltas", "unshown"),
    [
        ("text", [{"type": "text_delta", "text": "a"}] * 3, 0),
        ("text", [{"type": "text_delta", "text": ""}] * 3, 0),
        ("text", [{"type": "citations_delta", "citation": {}}], 1),
        ("server_tool_use", [{"type": "input_json_delta", "partial_json": "[1,"}] * 3, 3),
        ("server_tool_use", [{"type": "input_json_delta", "partial_json": ""}], 0),
        ("tool_use", [{"type": "input_json_delta", "partial_json": "[1,"}] * 3, 0),
        ("thinking", [{"type": "signature_delta", "signature": "s"}], 1),
        ("thinking", [{"type": "thinking_delta", "thinking": "", "estimated_tokens": n} for n in (5, 5, 9)], 3),
        ("novel", [{"type": "novel_delta"}], 1),
    ],
    ids=range(9),
)
def test_content_that_no_delta_tells_of_is_counted(kind: str, deltas: list[JsonObject], unshown: int) -> None:
    """It is progress all the same: long input of a server-side tool is no stall, and keepalives and empty text are."""
    accumulator, _ = fed(message_start(), block_start(0, {"type": kind}), {"type": "ping"})
    for one in deltas:
        accumulator.feed(event(block_delta(0, **one)))

    assert unshown == accumulator.unshown
