import contextlib
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.duplex.elements import (
    Audio,
    Heard,
    ResponseStarted,
    StreamElement,
)
from streaming.duplex.errors import (
    CannotSendError,
    NotTheWireError,
)
from streaming.duplex.gemini_live.wire import GeminiLiveWire
from tests.strategies import json_values
from tests.streaming.duplex.gemini_live.talking import (
    INTERRUPTED,
    TURN_COMPLETE,
    calls,
    content,
    ends,
    hears,
    provider,
    ready_wire,
    result,
    says,
    server,
    sound,
    speaks,
    text_of,
    told,
    turn,
)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "no JSON",
        b"\xff\xfe",
        "\ud800",
        "[]",
        "5",
        "null",
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"serverContent": 5}',
        '{"serverContent": {"modelTurn": []}}',
        '{"serverContent": {"modelTurn": {"parts": {}}}}',
        '{"serverContent": {"modelTurn": {"parts": ["text"]}}}',
        '{"serverContent": {"modelTurn": {"parts": [{"text": 5}]}}}',
        '{"serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "*"}}]}}}',
        '{"serverContent": {"outputTranscription": {"text": []}}}',
        '{"toolCall": {"functionCalls": [5]}}',
        '{"setupComplete": true}',
    ],
    ids=lambda message: repr(message)[:60],
)
def test_a_message_that_is_not_of_this_wire(message: str | bytes) -> None:
    """A typed error, and the conversation goes on as it was."""
    wire = ready_wire()

    *_, element = wire.receive(message)

    assert isinstance(element.error, NotTheWireError)
    assert len(str(element.error)) < 1_000
    assert [text_of(end) for end in ends(told(wire, says("Hi."), TURN_COMPLETE))] == ["Hi."]


def test_the_rest_of_a_flawed_message_is_read() -> None:
    """One part that is wrong hides no other."""
    message = '{"serverContent": {"modelTurn": {"parts": [{"text": 5}, {"text": "Hi."}]}, "turnComplete": true}}'

    *_, end, error = ready_wire(provider(text=True)).receive(message)

    assert text_of(end) == "Hi."
    assert isinstance(error.error, NotTheWireError)


def test_halves_of_characters() -> None:
    """JSON's escapes can cut one in two, anywhere."""
    wire = ready_wire(provider(text=True))

    elements = told(
        wire,
        '{"serverContent": {"modelTurn": {"parts": [{"text": "a\\ud83d"}]}}}',
        '{"serverContent": {"modelTurn": {"parts": [{"text": "\\ude00"}]}, "turnComplete": true}}',
    )

    assert [element.text for element in elements if element.text] == ["a", "😀"]
    assert [text_of(end) for end in ends(elements)] == ["a😀"]


def test_sound_that_is_split_within_a_sample() -> None:
    """It is put together; what is left of one answer is not the beginning of another."""
    wire = ready_wire()

    elements = told(wire, speaks(b"\x01\x02\x03"), speaks(b"\x04"), speaks(b"\x05"), TURN_COMPLETE, speaks(b"\x06\x07"))

    assert [element.audio.data for element in elements if element.audio] == [b"\x01\x02", b"\x03\x04", b"\x06\x07"]


def huge(kind: str, size: int) -> str:
    """Return a large message."""
    match kind:
        case "audio":
            return json.dumps({"serverContent": {"modelTurn": turn(sound(bytes(size)))}})
        case "parts":
            return json.dumps({"serverContent": {"modelTurn": {"parts": [{"text": "ab"}] * (size // 16)}}})
        case "calls":
            found = [{"id": str(number), "name": "w"} for number in range(size // 64)]
            return json.dumps({"toolCall": {"functionCalls": found}})
        case "repeated calls":
            return json.dumps({"toolCall": {"functionCalls": [{"name": "w"}] * (size // 64)}})
        case _:
            return json.dumps({f"unknown{number}": 1 for number in range(size // 64)})


@pytest.mark.parametrize("kind", ["audio", "parts", "calls", "repeated calls", "unknown"])
def test_large_messages_cost_no_more_than_their_size(kind: str) -> None:
    """Sixteen times the size, and far less than its square in time."""

    def seconds(size: int) -> float:
        wire, message = ready_wire(), huge(kind, size)
        begun = time.thread_time()
        wire.receive(message)
        return time.thread_time() - begun

    # The square is 256 times as much. Neighbours of a machine make a large size dearer than a small one, for a while.
    assert any(seconds(1 << 22) < 16 * 8 * seconds(1 << 18) + 1.0 for _ in range(5))


def test_interrupting_again_and_again_tells_nothing_again() -> None:
    """A long answer that was cut is not told with each later interruption: that would be its length each time."""
    wire = ready_wire()
    first, *_ = ends(told(wire, *[says("word ")] * 1_000, INTERRUPTED, TURN_COMPLETE))
    later = [element for element in told(wire, *[INTERRUPTED, TURN_COMPLETE] * 100) if element.interrupted]

    assert first.heard == Heard("word " * 1_000, 0.0)
    assert [(element.heard, element.message) for element in later] == [(Heard("", 0.0), None)] * 100


FIELDS = st.sampled_from(
    [
        "setupComplete",
        "serverContent",
        "toolCall",
        "toolCallCancellation",
        "usageMetadata",
        "goAway",
        "sessionResumptionUpdate",
        "voiceActivity",
        "error",
        "later",
    ]
)
CONTENT = st.fixed_dictionaries(
    {},
    optional={
        "modelTurn": st.one_of(json_values(), st.just({"parts": [{"text": "hi"}, sound(b"abc")]})),
        "interrupted": st.one_of(json_values(), st.booleans()),
        "turnComplete": st.one_of(json_values(), st.booleans()),
        "generationComplete": st.booleans(),
        "outputTranscription": st.one_of(json_values(), st.just({"text": "hi"})),
        "inputTranscription": st.one_of(json_values(), st.just({"text": "hi", "finished": True})),
        "turnCompleteReason": json_values(),
        "interactionStatus": st.sampled_from(["IDLE", "IN_PROGRESS"]),
    },
)
MESSAGES = st.one_of(
    st.text(max_size=20),
    st.binary(max_size=20),
    st.dictionaries(FIELDS, json_values(), max_size=4).map(json.dumps),
    CONTENT.map(lambda value: json.dumps({"serverContent": value})),
    st.sampled_from(
        [
            speaks(),
            says("hi"),
            hears("hi"),
            calls("f1"),
            calls("f1", "f2"),
            server(toolCallCancellation={"ids": ["f1"]}),
            INTERRUPTED,
            TURN_COMPLETE,
            content(generationComplete=True),
            server(setupComplete={}),
            server(usageMetadata={"promptTokenCount": 1}),
            server(goAway={"timeLeft": "5s"}),
            server(sessionResumptionUpdate={"newHandle": "h1", "resumable": True}),
            content(turnComplete=True, turnCompleteReason="RESPONSE_REJECTED"),
        ]
    ),
)
UP = st.sampled_from(
    [
        StreamElement(text="hi", end_of_stream=True),
        StreamElement(audio=Audio(b"\0\0", 16_000)),
        StreamElement(end_of_stream=True),
        StreamElement(interrupted=True),
        result("f1"),
        result("f2"),
        StreamElement(audio=Audio(b"odd", 16_000)),
    ]
)


def one_step(wire: GeminiLiveWire, step: str | bytes | StreamElement) -> list[StreamElement]:
    """Return what the wire tells of a message, or of an element that it may refuse."""
    if not isinstance(step, StreamElement):
        return wire.receive(step)
    with contextlib.suppress(CannotSendError):
        wire.send(step)
    return []


@settings(max_examples=400)
@given(st.booleans(), st.lists(st.one_of(MESSAGES, UP), max_size=30), st.sampled_from([1000, 1006, 1007, 1011]))
def test_whatever_is_said_in_whatever_order(
    manual: bool,
    steps: list[str | bytes | StreamElement],
    code: int,
) -> None:
    """Nothing raises; an answer ends once or is cut, none is open when the next begins, and no call has two results."""
    wire = provider(manual=manual).wire()
    wire.opened()
    elements = [element for step in ['{"setupComplete": {}}', *steps] for element in one_step(wire, step)]
    results = [message for message in wire.outgoing() if "toolResponse" in message]
    elements += wire.closed(code, "bye")

    called = [call.id for element in elements for call in element.tool_calls]
    open_answer, closable = "", 0
    for element in elements:
        if isinstance(element.event, ResponseStarted):
            assert not open_answer
            open_answer = element.response_id
        elif element.message is not None:
            assert element.response_id == open_answer
            open_answer = ""
        elif element.text or element.audio:
            assert element.response_id == open_answer
        closable += element.interrupted - element.interrupted_turn_complete
        assert closable >= 0
    assert not open_answer
    assert elements[-1].error is not None
    assert len(set(called)) == len(called)
    assert sum(message.count('"response":') for message in results) <= len(called)
    assert wire.receive(TURN_COMPLETE) == []
