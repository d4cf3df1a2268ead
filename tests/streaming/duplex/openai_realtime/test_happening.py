"""What follows from the server's events: one short talk each."""

import pytest

from streaming.duplex.elements import (
    Heard,
    Notice,
    Ready,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    StreamElement,
    ToolResponse,
    UtteranceTaken,
)
from streaming.duplex.errors import ProviderFaultError, ResponseFailedError, SetupRefusedError
from streaming.duplex.openai_realtime.server_events import KINDS
from streaming.duplex.setup import SessionSetup
from streaming.jsontext import JsonObject
from streaming.messages import Message
from tests.streaming.duplex.openai_realtime import server
from tests.streaming.duplex.openai_realtime.server import MANUAL, SPOKEN, Talk, said, talk, types

CUT = server.done("r1", "cancelled", reason="turn_detected")
CLOSED = StreamElement(interrupted_turn_complete=True, response_id="r1")
RESULT = ToolResponse("c1", "look", "A tree.")


def answering(setup: SessionSetup = SPOKEN, played_ms: float | None = 60) -> Talk:
    """Return a talk in the middle of an answer."""
    middle = talk(setup)
    if setup is MANUAL:
        middle.send(text="Hello?", end_of_stream=True)
    middle.says(server.begun(), server.speaking("Hi there you"), server.sounding(100))
    if played_ms is not None:
        middle.wire.heard(played_ms)
    return middle


def marks(elements: list[StreamElement]) -> list[str]:
    """Return which marks and events came, in order."""
    names = []
    for element in elements:
        names += [type(element.event).__name__] if element.event else []
        names += [
            name
            for name in ("interrupted", "interrupted_turn_complete", "end_of_stream", "error")
            if getattr(element, name)
        ]
    return names


# -- setup


@pytest.mark.parametrize("ask", [True, False])
def test_the_setup_is_sent_first_and_then_what_was_said(ask: bool) -> None:
    """Elements may be sent when the server has taken the setup; an answer that is waited for is asked for."""
    it = Talk(SPOKEN, [Message(role="user", parts="Hi."), Message(role="assistant", parts="Yes?")], ask=ask)
    it.wire.opened()
    assert it.sent_types() == ["session.update"]
    assert it.says(server.session("session.created")) == []
    assert it.sent() == []

    assert it.says(server.session()) == [StreamElement(event=Ready("sess_1"))]
    assert it.wire.ready
    assert it.wire.responding is ask
    assert it.sent_types() == ["conversation.item.create"] * 2 + ["response.create"] * ask


def test_a_session_without_a_greeting_is_a_session() -> None:
    """And its name may be in either."""
    it = Talk()
    assert it.says({"type": "session.updated"}) == [StreamElement(event=Ready(""))]
    named = Talk()
    named.says(server.session("session.created", "sess_9"))
    assert named.says({"type": "session.updated"}) == [StreamElement(event=Ready("sess_9"))]


@pytest.mark.parametrize("greeted", [True, False])
@pytest.mark.parametrize("event_id", ["setup_1", None])
def test_a_refused_setup_is_an_error(greeted: bool, event_id: str | None) -> None:
    """Then nothing follows."""
    it = Talk()
    it.wire.opened()
    it.says(*([server.session("session.created")] if greeted else []))

    (element,) = it.says(server.error("invalid_value", event_id))

    assert isinstance(element.error, SetupRefusedError)
    assert element.error.code == "invalid_value"
    assert it.says(server.session()) == []
    assert not it.wire.ready
    assert it.wire.closed(1000, "") == []


@pytest.mark.parametrize("code", ["session_expired", "insufficient_quota", "invalid_api_key"])
def test_a_fatal_error_ends_the_session(code: str) -> None:
    """What there is of an answer is told when the socket closes, and no other error."""
    it = answering()
    (element,) = it.says(server.error(code))

    assert isinstance(element.error, ProviderFaultError)
    assert (element.error.code, element.error.retryable) == (code, code == "session_expired")
    assert it.says(server.done()) == []
    assert marks(it.wire.closed(1006, "")) == ["interrupted"]
    assert it.wire.closed(1006, "") == []


@pytest.mark.parametrize(
    "code", ["invalid_value", "item_truncate_invalid_item_id", "response_cancel_not_active", "server_error", None]
)
def test_other_errors_change_nothing(code: str | None) -> None:
    """They are told; the answer goes on."""
    it = answering()

    assert marks(it.says(server.error(code), server.error(code, kind="server_error"))) == ["Notice"] * 2
    assert said(it.says(server.done())[-1]) == "Hi there you"


# -- the user


def test_what_the_user_says_has_its_place_before_its_words() -> None:
    """An utterance is told once, though the server tells it as two things."""
    it = talk()
    item: JsonObject = {
        "type": "message",
        "id": "u1",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    events = [
        server.speech_started(),
        server.speech_stopped(),
        server.committed("u1", "m0"),
        server.confirmed(item, "m0"),
    ]

    assert [element.event for element in it.says(*events)] == [
        SpeechStarted("u1", 100),
        SpeechStopped("u1", 900),
        UtteranceTaken("u1", "m0"),
    ]
    assert it.wire.responding
    assert it.sent() == []


def test_an_utterance_that_was_not_committed_aloud_is_told_by_its_item() -> None:
    """Some servers leave one of the two out; what was written is no utterance."""
    it = talk()
    written: JsonObject = {
        "type": "message",
        "id": "u2",
        "role": "user",
        "content": [{"type": "input_text", "text": "Hi"}],
    }
    spoken = written | {"id": "u3", "content": [{"type": "input_audio"}]}

    assert [element.event for element in it.says(server.confirmed(written), server.confirmed(spoken, "u2"))] == [
        UtteranceTaken("u3", "u2")
    ]


@pytest.mark.parametrize("ended", [True, False])
def test_words_of_the_user_may_come_at_any_time(ended: bool) -> None:
    """Even after the answer to them."""
    it = answering()
    if ended:
        it.says(server.done())
    name = "conversation.item.input_audio_transcription"

    late = it.says(
        {"type": f"{name}.delta", "item_id": "u1", "delta": "Hel"},
        {"type": f"{name}.completed", "item_id": "u1", "transcript": "Hello"},
        {"type": f"{name}.failed", "item_id": "u2", "error": {"code": "x"}},
    )

    assert [element.transcript.text for element in late if element.transcript] == ["Hel", "Hello", ""]


# -- answers


def test_an_answer_begins_comes_and_ends() -> None:
    """The session is idle after it."""
    it = talk()
    events = [
        server.begun(),
        server.speaking("Hi."),
        server.sounding(20),
        server.sounded(),
        server.spoke("Hi."),
        server.done(output=[server.message_item("Hi.")]),
    ]
    elements = it.says(*events)

    assert elements[0] == StreamElement(event=ResponseStarted(), response_id="r1")
    assert [bool(element.audio) for element in elements] == [False, False, True, False, False]
    assert marks(elements) == ["ResponseStarted", "end_of_stream"]
    assert said(elements[-1]) == "Hi."
    assert not it.wire.responding
    assert it.sent() == []


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (server.sounding(20), "response.audio.delta"),
        (server.speaking("Hi"), "response.audio_transcript.delta"),
        (server.writing("Hi"), "response.text.delta"),
    ],
)
def test_the_betas_names_say_the_same(new: JsonObject, old: str) -> None:
    """As its servers do."""
    beta, general = talk(), talk()

    assert beta.says(server.begun(), new | {"type": old}, server.done()) == general.says(
        server.begun(), new, server.done()
    )


def test_an_answer_whose_beginning_was_missed_is_an_answer() -> None:
    """It is all in its end, calls too."""
    it = talk()
    elements = it.says(server.done(output=[server.message_item("Hi."), server.call_item("c1")]))

    assert marks(elements) == ["ResponseStarted", "end_of_stream"]
    assert said(elements[-1]) == "Hi."
    assert [call.id for call in elements[-1].tool_calls] == ["c1"]
    assert it.wire.responding


@pytest.mark.parametrize("again", [server.begun(), server.done(), server.writing("more"), server.sounding(20)])
def test_an_answer_that_is_over_is_over(again: JsonObject) -> None:
    """What is said of it again says nothing."""
    it = answering()
    it.says(server.done())

    assert it.says(again) == []
    assert not it.wire.responding


def test_a_beginning_that_is_told_twice_is_one() -> None:
    """Nothing of the answer is forgotten."""
    it = answering()

    assert it.says(server.begun()) == []
    assert said(it.says(server.done())[-1]) == "Hi there you"


def test_an_answer_that_another_takes_the_place_of_was_cut() -> None:
    """Its end never came."""
    it = answering()
    elements = it.says(server.begun("r2"), server.writing("New", "r2"), server.done("r2"))

    assert marks(elements) == ["interrupted", "interrupted_turn_complete", "ResponseStarted", "end_of_stream"]
    assert said(elements[-1]) == "New"


def test_pieces_without_an_answers_id_are_of_the_current_one() -> None:
    """Of another one they say nothing."""
    it = answering()
    nameless = {key: value for key, value in server.writing("!").items() if key != "response_id"}

    assert [element.text for element in it.says(nameless, server.writing("?", "r0"))] == ["!"]


# -- barge-in


def test_a_barge_in_cuts_the_answer_where_it_was_heard() -> None:
    """The server has cancelled it by itself and is told what was heard; its late pieces say nothing."""
    it = answering()
    started, cut = it.says(server.speech_started("u2"))

    assert started.event == SpeechStarted("u2", 100)
    assert cut.interrupted
    assert cut.heard == Heard("Hi", 60)
    (truncation,) = it.sent()
    assert truncation["type"] == "conversation.item.truncate"
    assert (truncation["item_id"], truncation["content_index"], truncation["audio_end_ms"]) == ("m1", 0, 60)
    assert it.says(server.sounding(20), server.speaking("late"), *server.called("c1")) == []
    assert it.says(CUT) == [CLOSED]
    assert it.says({"type": "conversation.item.truncated", "item_id": "m1"}) == []


def test_with_turns_by_hand_the_server_is_told_to_stop() -> None:
    """It does not listen, so it cancels nothing by itself."""
    it = answering(MANUAL)
    it.says(server.speech_started())

    assert it.sent_types() == ["response.cancel", "conversation.item.truncate"]


@pytest.mark.parametrize("played_ms", [100.0, 5000.0])
def test_a_cut_is_never_behind_the_end_of_what_came(played_ms: float) -> None:
    """The player may count more."""
    it = answering(played_ms=played_ms)
    it.says(server.speech_started())

    assert it.sent()[0]["audio_end_ms"] == 100


@pytest.mark.parametrize("status", ["completed", "cancelled", "failed", "incomplete"])
def test_a_cut_answer_ends_as_one_however_the_server_ends_it(status: str) -> None:
    """It may have been complete before it heard of the cut: its calls are nobody's."""
    it = answering()
    it.says(*server.called("c1"), server.speech_started())

    assert it.says(server.done("r1", status, output=[server.call_item("c1")])) == [CLOSED]
    assert not it.wire.responding


def test_calls_of_a_cut_answer_are_not_those_of_the_next() -> None:
    """Its own are."""
    it = answering()
    it.says(*server.called("c1"), server.speech_started(), CUT, server.speech_stopped(), server.committed())
    elements = it.says(server.begun("r2"), *server.called("c2", "r2"), server.done("r2"))

    assert [call.id for call in elements[-1].calls] == ["c2"]


def test_an_answer_of_calls_only_after_a_barge_in_is_an_answer() -> None:
    """And not the end of the cut one."""
    it = answering()
    it.says(server.speech_started(), CUT)
    end = it.says(server.begun("r2"), *server.called("c1", "r2"), server.done("r2"))[-1]

    assert end.end_of_stream
    assert not end.interrupted_turn_complete
    assert [call.id for call in end.tool_calls] == ["c1"]


def test_an_answer_that_begins_before_the_cut_one_is_closed_closes_it() -> None:
    """Each has its end."""
    it = answering()
    it.says(server.speech_started())
    elements = it.says(server.begun("r2"), CUT, server.writing("New", "r2"), server.done("r2"))

    assert marks(elements) == ["interrupted_turn_complete", "ResponseStarted", "end_of_stream"]
    assert elements[0].response_id == "r1"


@pytest.mark.parametrize("reason", ["turn_detected", "client_cancelled"])
def test_an_answer_that_the_server_says_was_cut_was(reason: str) -> None:
    """Though nobody was heard to speak."""
    it = answering()
    cut, closed = it.says(server.done("r1", "cancelled", reason=reason))

    assert cut.interrupted
    assert said(cut) == "Hi there you"
    assert closed == CLOSED
    assert it.sent_types() == ["conversation.item.truncate"]


def test_what_is_played_still_is_cut_too() -> None:
    """Its sound came faster than it is heard."""
    it = answering(played_ms=None)
    it.says(server.sounded(), server.done())
    it.wire.heard(60)
    elements = it.says(server.speech_started())

    assert marks(elements) == ["SpeechStarted", "interrupted", "interrupted_turn_complete"]
    assert (elements[1].response_id, elements[1].heard) == ("r1", Heard("Hi", 60))
    assert it.sent()[0]["audio_end_ms"] == 60


def test_a_cancelled_answer_that_nobody_cut_is_an_end() -> None:
    """The server ended it, on its own."""
    end = answering().says(server.done("r1", "cancelled"))[-1]

    assert end.end_of_stream
    assert (end.finish_reason, said(end)) == ("cancelled", "Hi there you")


# -- who asks, and when


def test_an_answer_that_fails_is_an_error_and_the_session_goes_on() -> None:
    """Another one can be asked for."""
    it = answering()
    end = it.says(server.done("r1", "failed", error={"type": "server_error", "code": "oops", "message": "Sorry."}))[-1]

    assert isinstance(end.error, ResponseFailedError)
    assert it.send(text="Again", end_of_stream=True)[-1]["type"] == "response.create"


def test_an_answer_that_is_refused_is_an_error() -> None:
    """Or somebody would wait for ever."""
    it = talk(MANUAL)
    ask = it.send(text="Hi", end_of_stream=True)[-1]
    (element,) = it.says(server.error("invalid_value", str(ask["event_id"])))

    assert isinstance(element.error, ResponseFailedError)
    assert element.finish_reason == "failed"
    assert not it.wire.responding


@pytest.mark.parametrize("heard", [True, False])
def test_a_server_that_fails_before_the_answer_begins(heard: bool) -> None:
    """Or somebody would wait for ever: for what was asked, or for what the server answers unasked."""
    it = talk(SPOKEN if heard else MANUAL)
    if heard:
        it.says(server.speech_started(), server.speech_stopped(), server.committed())
    else:
        it.send(text="Hi", end_of_stream=True)
    was_responding = it.wire.responding

    (element,) = it.says(server.error("server_error", kind="server_error"))

    assert isinstance(element.error, ResponseFailedError)
    assert (was_responding, it.wire.responding) == (True, False)
    assert it.sent() == []
    assert marks(it.says(server.error("server_error", kind="server_error"))) == ["Notice"]
    assert it.send(text="Again", end_of_stream=True)[-1]["type"] == "response.create"
    assert marks(it.says(server.begun(), server.done())) == ["ResponseStarted", "end_of_stream"]


def test_another_turn_is_asked_for_when_the_server_has_failed_the_first() -> None:
    """One failure is of one answer."""
    it = talk(MANUAL)
    it.send(text="One?", end_of_stream=True)
    it.send(text="Two?", end_of_stream=True)

    assert marks(it.says(server.error(None, kind="server_error"))) == ["error"]
    assert it.sent_types() == ["response.create"]
    assert it.wire.responding


def test_an_answer_that_comes_after_the_server_has_failed() -> None:
    """It is one like any other: nobody said that none would come."""
    it = talk(MANUAL)
    it.send(text="Hi", end_of_stream=True)
    it.says(server.error("server_error", kind="server_error"))

    elements = it.says(server.begun(), server.writing("Hello."), server.done())
    assert marks(elements) == ["ResponseStarted", "end_of_stream"]
    assert not it.wire.responding


def test_a_failure_that_is_told_twice_is_one() -> None:
    """First as the server's own, and then as the end of a response that was never seen to begin: once, and no more."""
    it = talk(MANUAL)
    it.send(text="Hi", end_of_stream=True)
    assert marks(it.says(server.error("server_error", kind="server_error"))) == ["error"]
    it.send(text="Again", end_of_stream=True)

    assert it.says(server.done("r1", "failed")) == []
    assert it.wire.responding
    assert marks(it.says(server.done("r2", "failed"))) == ["ResponseStarted", "error"]


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_an_answer_that_begins_after_a_failure_has_its_own_end(status: str) -> None:
    """So has every one after it, seen to begin or not."""
    it = talk(MANUAL)
    it.send(text="Hi", end_of_stream=True)
    it.says(server.error("server_error", kind="server_error"), server.begun("r1"))
    end = ["end_of_stream"] if status == "completed" else ["error"]

    assert marks(it.says(server.done("r1", status))) == end
    assert marks(it.says(server.done("r2", "failed"))) == ["ResponseStarted", "error"]


def test_an_answer_that_is_due_outlives_one_that_is_refused() -> None:
    """The refusal says which it is of: the user's next turn is answered all the same, unasked."""
    it = talk()
    it.says(server.speech_started(), server.speech_stopped(), server.committed(), server.begun(), *server.called("c1"))
    it.says(server.done())
    ask = it.send(tool_responses=(RESULT,))[-1]
    it.says(server.speech_started("u2"), server.speech_stopped("u2"), server.committed("u2"))

    assert marks(it.says(server.error("invalid_value", str(ask["event_id"])))) == ["error"]
    assert it.wire.responding
    it.send(text="And this?", end_of_stream=True)
    assert it.sent_types() == []
    assert marks(it.says(server.begun("r2"), server.done("r2"))) == ["ResponseStarted", "end_of_stream"]


def test_an_answer_that_was_asked_for_too_early_is_asked_for_again() -> None:
    """When the one that was on its way is over, and not before."""
    it = talk()
    ask = it.send(text="Hi", end_of_stream=True)[-1]
    it.says(server.begun())
    early = server.error("conversation_already_has_active_response", str(ask["event_id"]))

    assert marks(it.says(early)) == ["Notice"]
    assert it.sent() == []
    it.says(server.done())
    assert it.sent_types() == ["response.create"]


def test_asking_again_waits_for_an_answer_that_was_not_seen_to_begin() -> None:
    """Asking at once would be refused at once, again and again."""
    it = talk(MANUAL)
    it.send(text="Hi", end_of_stream=True)
    it.says(server.error("conversation_already_has_active_response"))
    assert it.sent() == []
    assert it.wire.responding

    it.says(server.done("r0"))
    assert it.sent_types() == ["response.create"]


def test_results_that_come_while_the_user_speaks_are_answered_with_him() -> None:
    """The answer to what he says knows them; no other one is asked for."""
    it = talk()
    it.says(server.begun(), *server.called("c1"), server.done(), server.speech_started())
    (item_event,) = it.send(tool_responses=(RESULT,))
    it.says(server.confirmed(item_event["item"]), server.speech_stopped(), server.committed(), server.begun("r2"))
    it.says(server.done("r2"))

    assert it.sent() == []
    assert not it.wire.responding


def test_results_that_the_answer_cannot_know_are_answered_after_it() -> None:
    """The server did not have them when it began."""
    it = talk()
    it.says(server.begun(), *server.called("c1"), server.done())
    it.says(server.speech_started(), server.speech_stopped(), server.committed())
    it.send(tool_responses=(RESULT,))
    it.says(server.begun("r2"))
    assert it.sent() == []

    it.says(server.done("r2"))
    assert it.sent_types() == ["response.create"]


def test_an_item_that_was_refused_is_not_waited_for() -> None:
    """The answer to the user is all there is."""
    it = talk()
    it.says(server.begun(), *server.called("c1"), server.done(), server.speech_started())
    (item_event,) = it.send(tool_responses=(RESULT,))
    it.says(server.error("invalid_value", str(item_event["event_id"])))
    it.says(server.speech_stopped(), server.committed(), server.begun("r2"), server.done("r2"))

    assert it.sent() == []


def test_a_commit_of_nothing_is_tolerated() -> None:
    """The server had taken all, and answers it."""
    it = talk()
    it.send(audio=server.sound(20))
    it.says(server.speech_started(), server.speech_stopped())
    it.send(audio=server.sound(20))
    (commit,) = it.send(end_of_stream=True)
    it.says(server.committed())

    assert marks(it.says(server.error("input_audio_buffer_commit_empty", str(commit["event_id"])))) == ["Notice"]
    assert it.sent() == []
    assert marks(it.says(server.begun(), server.done())) == ["ResponseStarted", "end_of_stream"]


def test_a_cut_that_found_nothing_to_cancel_is_closed() -> None:
    """Its end may have been lost, and nobody is to wait for it."""
    it = answering(MANUAL)
    cancel = it.send(interrupted=True)[0]
    elements = it.says(server.error("response_cancel_not_active", str(cancel["event_id"])))

    assert marks(elements) == ["interrupted", "Notice", "interrupted_turn_complete"]
    assert not it.wire.responding
    assert it.says(CUT) == []


def test_a_notice_is_told_in_any_state() -> None:
    """Limits and what is unknown too."""
    for it in (Talk(), talk(), answering()):
        limits = it.says(server.event("rate_limits.updated", rate_limits=[]), {"type": "brand.new"})
        assert [type(element.event) for element in limits] == [Notice, Notice]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_events_with_nothing_in_them_are_no_trouble(name: str) -> None:
    """In the middle of an answer, and before it."""
    for it in (Talk(), talk(), answering()):
        it.says({"type": name})
        it.sent()


def test_a_session_tells_what_is_sent_in_order() -> None:
    """A whole exchange with a tool, as the server sees it."""
    it = talk(MANUAL)
    said_so_far = [*it.send(audio=server.sound(20)), *it.send(end_of_stream=True)]
    it.says(server.committed(), server.begun(), *server.called("c1"), server.done())
    said_so_far += it.send(tool_responses=(RESULT,))
    it.says(server.begun("r2"), server.writing("A tree.", "r2"), server.done("r2"))

    assert types(said_so_far) == [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
        "conversation.item.create",
        "response.create",
    ]
    assert not it.wire.responding


def test_what_the_server_could_not_answer_by_itself_is_asked_for() -> None:
    """Speech that it took while an answer came that was asked for before: nobody else would answer it."""
    it = talk()
    it.send(text="Hello?", end_of_stream=True)
    it.says(server.speech_started(), server.begun(), server.speech_stopped(), server.committed())
    it.says(server.error("conversation_already_has_active_response"))
    assert it.sent() == []

    it.says(server.done())

    assert it.sent_types() == ["response.create"]
