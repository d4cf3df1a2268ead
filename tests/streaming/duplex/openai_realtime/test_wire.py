import base64
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from streaming.duplex.elements import Audio, Heard, Image, StreamElement, ToolResponse, Video
from streaming.duplex.errors import (
    CannotSendError,
    ConnectionLostError,
    NotTheWireError,
    ResponseFailedError,
    SessionEndedError,
)
from streaming.duplex.openai_realtime.server_events import KINDS
from streaming.duplex.openai_realtime.transitions import State
from streaming.duplex.setup import SessionSetup
from streaming.jsontext import JsonObject, dumps
from streaming.messages import Message
from tests.strategies import json_values, texts_with_halves
from tests.streaming.duplex.openai_realtime import server
from tests.streaming.duplex.openai_realtime.server import MANUAL, SPOKEN, WRITTEN, Talk, said, talk, types

SOUND = server.sound(20)
RESULT = ToolResponse("c1", "look", "A tree.")


def responding(setup: SessionSetup = MANUAL) -> Talk:
    """Return a talk in the middle of an answer that somebody asked for."""
    it = talk(setup)
    it.send(text="Hi", end_of_stream=True)
    it.says(server.begun(), server.speaking("Hi there you"), server.sounding(100))
    return it


def interrupted() -> Talk:
    """Return a talk whose answer the user has cut."""
    it = responding()
    it.send(interrupted=True)
    return it


def awaited() -> Talk:
    """Return a talk whose answer was asked for."""
    it = talk(MANUAL)
    it.send(text="Hi", end_of_stream=True)
    return it


def configuring() -> Talk:
    """Return a talk whose setup is not taken yet."""
    it = Talk()
    it.wire.opened()
    it.says(server.session("session.created"))
    return it


def closed() -> Talk:
    """Return a talk that is over."""
    it = talk()
    it.wire.closed(1000, "")
    return it


STATES: dict[State, Callable[[], Talk]] = {
    State.OPENING: Talk,
    State.CONFIGURING: configuring,
    State.IDLE: talk,
    State.AWAITED: awaited,
    State.RESPONDING: responding,
    State.INTERRUPTED: interrupted,
    State.CLOSED: closed,
}


# -- what is sent


@pytest.mark.parametrize(
    ("setup", "elements", "sent"),
    [
        (MANUAL, [{"end_of_stream": True}], ["response.create"]),
        (MANUAL, [{"text": "Hi"}, {"end_of_stream": True}], ["conversation.item.create", "response.create"]),
        (MANUAL, [{"text": "Hi", "end_of_stream": True}], ["conversation.item.create", "response.create"]),
        (
            MANUAL,
            [{"audio": SOUND}, {"audio": SOUND}, {"end_of_stream": True}],
            ["input_audio_buffer.append"] * 2 + ["input_audio_buffer.commit", "response.create"],
        ),
        (SPOKEN, [{"audio": SOUND}], ["input_audio_buffer.append"]),
        (
            SPOKEN,
            [{"audio": SOUND}, {"end_of_stream": True}],
            ["input_audio_buffer.append", "input_audio_buffer.commit"],
        ),
        (SPOKEN, [{"text": "Hi"}, {"end_of_stream": True}], ["conversation.item.create", "response.create"]),
        (SPOKEN, [{"audio": Audio(b"", 24000)}, {"text": ""}, {}], []),
        (SPOKEN, [{"tool_result_messages": (Message(role="tool", parts=[]),)}], []),
        (SPOKEN, [{"interrupted": True}], []),
        (SPOKEN, [{"tool_responses": (RESULT,)}], []),
        (
            WRITTEN,
            [{"image": Image(b"\x89PNG", "image/png"), "text": "What is it?", "end_of_stream": True}],
            ["conversation.item.create", "response.create"],
        ),
    ],
)
def test_an_element_is_said_in_the_servers_words(
    setup: SessionSetup, elements: list[dict[str, object]], sent: list[str]
) -> None:
    """By hand an end commits and asks; a server that listens is asked when it is known what it took."""
    it = talk(setup)

    assert [type_ for element in elements for type_ in types(it.send(**element))] == sent


def test_an_element_that_says_all_at_once_says_it_in_order() -> None:
    """Stop, then results, words, sound and the end."""
    it = talk(MANUAL)
    it.send(end_of_stream=True)
    it.says(server.begun(), *server.called("c1"), server.done(), server.begun("r2"), server.sounding(20, "r2"))
    sent = it.send(text="No.", audio=SOUND, tool_responses=(RESULT,), interrupted=True, end_of_stream=True)

    assert types(sent) == [
        "response.cancel",
        "conversation.item.truncate",
        "conversation.item.create",
        "conversation.item.create",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
    ]
    it.says(server.done("r2", "cancelled", reason="client_cancelled"))
    assert it.sent_types() == ["response.create"]


@pytest.mark.parametrize(
    ("element", "why"),
    [
        ({"audio": Audio(bytes(640), 16000)}, "24000 Hz, not at 16000 Hz"),
        ({"audio": Audio(bytes(3), 24000)}, "3 bytes"),
        ({"video": Video(b"x", "video/mp4")}, "no video"),
        ({"image": Image(b"x", "image/gif")}, "not image/gif"),
        ({"image": Image(b"", "image/png")}, "empty"),
    ],
)
def test_what_cannot_be_said_is_refused_whole(element: dict[str, object], why: str) -> None:
    """Nothing of it is sent, and the next one is as if it had not been."""
    it = talk(MANUAL)
    with pytest.raises(CannotSendError, match=why):
        it.send(text="Look:", end_of_stream=True, **element)

    assert it.sent() == []
    assert types(it.send(end_of_stream=True)) == ["response.create"]


@pytest.mark.parametrize("state", [State.OPENING, State.CONFIGURING, State.CLOSED])
def test_nothing_is_sent_before_the_setup_or_after_the_end(state: State) -> None:
    """Whoever sends waits for it."""
    it = STATES[state]()
    it.sent()
    with pytest.raises(CannotSendError, match="not set up yet, or is closed"):
        it.send(text="Hi")
    assert it.sent() == []


@pytest.mark.parametrize("setup", [MANUAL, SPOKEN])
def test_an_interrupt_cuts_the_answer_and_has_the_server_stop(setup: SessionSetup) -> None:
    """What was heard is told with the server's next message."""
    it = responding(setup)
    it.wire.heard(60)
    cancel, truncation = it.send(interrupted=True)
    (cut,) = it.says(server.sounding(20))
    (end,) = it.says(server.done("r1", "cancelled", reason="client_cancelled"))

    assert cancel["response_id"] == "r1"
    assert truncation["audio_end_ms"] == 60
    assert (cut.interrupted, cut.heard) == (True, Heard("Hi", 60))
    assert end.interrupted_turn_complete
    assert it.send(interrupted=True) == []


def test_an_interrupt_stops_an_answer_that_has_not_begun() -> None:
    """When it begins, for then it has a name; the next one is not touched."""
    it = awaited()
    assert it.send(interrupted=True) == []
    begun, cut = it.says(server.begun())
    (cancel,) = it.sent()
    it.says(server.done("r1", "cancelled", reason="client_cancelled"))
    it.send(text="Well?", end_of_stream=True)
    last = it.says(server.begun("r2"), server.writing("Yes.", "r2"), server.done("r2"))[-1]

    assert begun.event
    assert cut.interrupted
    assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "r1")
    assert said(last) == "Yes."


def test_an_interrupt_stops_the_answer_that_the_server_owes_the_user() -> None:
    """Unless he speaks again: then that is another one."""
    it, again = talk(), talk()
    for one in (it, again):
        one.says(server.speech_started(), server.speech_stopped(), server.committed())
        one.send(interrupted=True)
    again.says(server.speech_started("u2"), server.speech_stopped("u2"), server.committed("u2"))

    assert [element.interrupted for element in it.says(server.begun())] == [False, True]
    assert [element.interrupted for element in again.says(server.begun())] == [False]


def test_an_interrupt_cuts_what_is_still_played() -> None:
    """All of it is made, so there is nothing to cancel."""
    it = responding()
    it.says(server.done())
    it.wire.heard(60)

    assert types(it.send(interrupted=True)) == ["conversation.item.truncate"]
    cut, end = it.says({"type": "response.output_audio.done"})
    assert (cut.interrupted, cut.heard, end.interrupted_turn_complete) == (True, Heard("Hi", 60), True)


# -- a socket's end


@pytest.mark.parametrize(
    ("state", "code", "marks", "error"),
    [
        (State.IDLE, 1000, [], SessionEndedError),
        (State.IDLE, 1006, [], ConnectionLostError),
        (State.AWAITED, 1000, [], ConnectionLostError),
        (State.RESPONDING, 1000, [True], ConnectionLostError),
        (State.RESPONDING, 1006, [True], ConnectionLostError),
        (State.INTERRUPTED, 1000, [True], ConnectionLostError),
    ],
)
def test_a_half_answer_is_never_an_answer(state: State, code: int, marks: list[bool], error: type[Exception]) -> None:
    """What there is of it is told as cut, and then what happened."""
    *cut, last = STATES[state]().wire.closed(code, "")

    assert [element.interrupted for element in cut] == marks
    assert [said(element) for element in cut] == ["Hi there you" for _ in marks]
    assert type(last.error) is error


def test_a_close_while_tools_run_is_a_loss() -> None:
    """The model will not go on."""
    it = talk()
    it.says(server.begun(), *server.called("c1"), server.done())

    assert [type(element.error) for element in it.wire.closed(1000, "")] == [ConnectionLostError]


# -- hostile


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "null",
        "5",
        "[]",
        "{}",
        '{"type":5}',
        '{"type":["error"]}',
        '{"event":"response.done"}',
        '"response.done"',
        b"\x00\x01\xff",
        b" ",
        "\ud83d",
        "[" * 100_000,
        '{"type":' + "9" * 10_000 + "}",
        '{"type":"response.done","response":NaN}',
    ],
)
@pytest.mark.parametrize("state", [State.OPENING, State.IDLE, State.RESPONDING])
def test_what_is_no_event_is_not_the_wires(message: str | bytes, state: State) -> None:
    """An error, and nothing has changed."""
    it = STATES[state]()
    (element,) = it.wire.receive(message)

    assert isinstance(element.error, NotTheWireError)
    assert len(str(element.error)) < 2000
    assert it.wire.ready == (state is not State.OPENING)


def test_sound_that_cannot_be_read_is_not_the_wires() -> None:
    """The answer goes on."""
    it = responding()
    (element,) = it.says(server.sounding(20) | {"delta": "!!!"})

    assert isinstance(element.error, NotTheWireError)
    assert said(it.says(server.done())[-1]) == "Hi there you"


def test_an_event_in_a_binary_frame_is_an_event() -> None:
    """Some proxies make them of text."""
    it = talk()

    assert it.wire.receive(dumps(server.begun()))[0].response_id == "r1"


def test_a_huge_piece_of_sound_is_a_piece_of_sound() -> None:
    """16 MiB are six minutes."""
    it = responding()
    data = bytes(12 * 2**20)
    message = json.dumps(server.sounding(0) | {"delta": base64.b64encode(data).decode()})
    (element,) = it.wire.receive(message)

    assert element.audio
    assert len(element.audio.data) == len(data)


def test_after_the_end_nothing_is_read() -> None:
    """Nor said."""
    it = closed()

    assert it.wire.receive("no event") == []
    assert it.wire.closed(1006, "") == []
    assert it.sent() == []


def odd_events() -> SearchStrategy[JsonObject]:
    """Return events of every name, with every field that is read as anything at all."""
    anything = json_values(texts_with_halves())
    parts = st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "type", "text", "transcript"), anything))
    item = st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["m1", "u1", ""]) | anything,
            "type": st.sampled_from(["message", "function_call"]) | anything,
            "role": st.just("user") | anything,
            "call_id": st.sampled_from(["c1", "c2"]) | anything,
            "content": st.lists(parts | anything, max_size=2) | anything,
        },
    )
    response = st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["r1", "r2", ""]) | anything,
            "status": st.sampled_from(["completed", "cancelled", "failed", "incomplete"]) | anything,
            "status_details": st.fixed_dictionaries({}, optional={"reason": anything, "error": anything}) | anything,
            "output": st.lists(item | anything, max_size=2) | anything,
            "usage": st.fixed_dictionaries({}, optional={"input_tokens": anything}) | anything,
        },
    )
    fields = {
        "response_id": st.sampled_from(["r1", "r2", ""]) | anything,
        "item_id": st.sampled_from(["m1", "u1"]) | anything,
        "content_index": anything,
        "delta": st.sampled_from(["", "AA==", "AAA="]) | texts_with_halves() | anything,
        "transcript": anything,
        "text": anything,
        "part": parts | anything,
        "item": item | anything,
        "response": response | anything,
        "session": anything,
        "error": st.fixed_dictionaries({}, optional=dict.fromkeys(("code", "type", "message"), anything)) | anything,
        "rate_limits": anything,
        "audio_start_ms": anything,
        "previous_item_id": anything,
    }
    names = st.sampled_from([*sorted(KINDS), "response.some.new", ""])
    return st.builds(lambda name, given: {"type": name, **given}, names, st.fixed_dictionaries({}, optional=fields))


@pytest.mark.parametrize("state", STATES)
@given(event=odd_events())
@settings(max_examples=150, deadline=None)
def test_no_event_in_any_state_is_unhandled(state: State, event: JsonObject) -> None:
    """Whatever it holds, and the socket's end after it is told."""
    it = STATES[state]()
    it.wire.receive(json.dumps(event))
    it.sent()
    it.wire.closed(1006, "")
    assert it.wire.receive(json.dumps(event)) == []


@given(st.sampled_from(sorted(STATES)), st.text(max_size=30) | st.binary(max_size=30))
def test_no_message_is_unhandled(state: State, message: str | bytes) -> None:
    """Nearly none is JSON."""
    elements = STATES[state]().wire.receive(message)

    assert all(isinstance(element.error, NotTheWireError) for element in elements if not element.interrupted)


# -- any order of what may happen


class Server:
    """A server that says anything that its state allows, and much that it does not."""

    answers = ("r1", "r2", "r3")

    @classmethod
    def events(cls) -> SearchStrategy[JsonObject]:
        """Return sound events: in any order they are shuffled, repeated and out of place."""
        ids = st.sampled_from(cls.answers)
        ends = st.sampled_from(
            [
                ("completed", None),
                ("cancelled", "turn_detected"),
                ("cancelled", None),
                ("failed", None),
                ("incomplete", "content_filter"),
            ]
        )
        calls = st.lists(st.sampled_from(["c1", "c2", "c3"]), max_size=2)
        codes = ["conversation_already_has_active_response", "response_cancel_not_active", "invalid_value"]
        answers = ["ask_3", "cancel_4", "commit_4", None]
        return st.one_of(
            st.builds(server.begun, ids),
            st.builds(cls._done, ids, ends, calls),
            st.builds(lambda response_id: server.speaking("so ", response_id), ids),
            st.builds(lambda response_id: server.sounding(20, response_id), ids),
            st.builds(lambda response_id: server.called("c1", response_id)[1], ids),
            st.sampled_from([server.speech_started(), server.speech_stopped(), server.committed()]),
            st.sampled_from([server.committed("u2"), server.confirmed(server.message_item("x"))]),
            st.builds(server.error, st.sampled_from(codes), st.sampled_from(answers)),
            st.just(server.error("server_error", kind="server_error")),
        )

    @staticmethod
    def _done(response_id: str, end: tuple[str, str | None], calls: list[str]) -> JsonObject:
        status, reason = end
        return server.done(response_id, status, reason=reason, output=[server.call_item(call) for call in calls])


def elements() -> SearchStrategy[dict[str, object]]:
    """Return what a user may send."""
    return st.fixed_dictionaries(
        {},
        optional={
            "text": st.just("Hi"),
            "audio": st.just(SOUND),
            "interrupted": st.booleans(),
            "end_of_stream": st.booleans(),
            "tool_responses": st.sampled_from([(RESULT,), (ToolResponse("c2", "look", "x"), RESULT, RESULT)]),
        },
    )


def steps() -> SearchStrategy[list[JsonObject | dict[str, object] | float]]:
    """Return what both sides do, one after the other."""
    one = Server.events() | elements() | st.floats(allow_nan=True)
    return st.lists(one, max_size=40)


class Watch:
    """What must hold of all that is said, whatever the order."""

    def __init__(self) -> None:
        self.ended: set[str] = set()
        self.cut: set[str] = set()
        self.open_calls: set[str] = set()
        self.may_ask = True

    def told(self, elements: list[StreamElement]) -> None:
        """Hold what came down against the rules."""
        for element in elements:
            if element.end_of_stream or (isinstance(element.error, ResponseFailedError) and element.response_id):
                assert element.response_id not in self.ended | self.cut
                self.ended.add(element.response_id)
                self.open_calls |= {call.id for call in element.calls}
            if element.interrupted:
                assert element.response_id not in self.cut
                assert element.heard is not None
                assert 0 <= element.heard.ms <= element.audio_ms
                self.cut.add(element.response_id)
            if element.audio or element.transcript or element.text:
                assert element.response_id not in self.ended | self.cut
            if element.interrupted_turn_complete:
                assert element.response_id in self.cut
                assert not element.calls
            assert not element.end_of_stream or element.message is not None

    def says(self, event: JsonObject) -> None:
        """Note what lets another answer be asked for."""
        self.may_ask |= event["type"] in ("response.created", "response.done", "error")

    def sent(self, events: list[JsonObject]) -> None:
        """Hold what went up against the rules."""
        for event in events:
            if event["type"] == "response.create":
                assert self.may_ask
                self.may_ask = False
            item = event.get("item")
            if isinstance(item, dict) and item["type"] == "function_call_output":
                assert item["call_id"] in self.open_calls
                self.open_calls.remove(str(item["call_id"]))


@pytest.mark.parametrize("setup", [SPOKEN, MANUAL])
@given(steps=steps())
@settings(max_examples=300, deadline=None)
def test_whatever_the_order_the_rules_hold(
    setup: SessionSetup, steps: list[JsonObject | dict[str, object] | float]
) -> None:
    """One end for each answer, one result for each call, one answer asked for at a time, nothing after a cut."""
    it, watch = talk(setup), Watch()
    for step in steps:
        if isinstance(step, float):
            it.wire.heard(step)
        elif "type" in step:
            watch.says(step)  # type: ignore[arg-type]  # an event of the server
            watch.told(it.says(step))  # type: ignore[arg-type]
            watch.sent(it.sent())
        else:
            watch.sent(it.send(**step))
    watch.told(it.wire.closed(1006, "")[:-1])
    assert it.sent() == []
