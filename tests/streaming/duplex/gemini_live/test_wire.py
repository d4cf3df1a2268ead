import json

import pytest

from streaming.duplex.elements import (
    Audio,
    GenerationComplete,
    GoingAway,
    Ready,
    ResponseStarted,
    Resumable,
    SpeechStarted,
    SpeechStopped,
    StreamElement,
    Transcript,
)
from streaming.duplex.errors import (
    CannotSendError,
    ConnectionLostError,
    NotTheWireError,
    PartialSampleError,
    ProviderFaultError,
    ResponseFailedError,
    ResumeRefusedError,
    SessionEndedError,
    SetupRefusedError,
)
from streaming.duplex.provider import RealtimeWire
from streaming.messages import Message, ReasoningPart, TextPart, Usage
from tests.streaming.duplex.gemini_live.talking import (
    INTERRUPTED,
    SECOND,
    TURN_COMPLETE,
    calls,
    content,
    ends,
    events,
    hears,
    provider,
    ready_wire,
    result,
    says,
    sent,
    server,
    sound,
    speaks,
    text_of,
    told,
    turn,
)

# -- setup


def test_the_setup() -> None:
    """It is sent when the socket is open, once; elements may be sent when it is taken."""
    wire: RealtimeWire = provider().wire()
    assert wire.outgoing() == []
    wire.opened()
    wire.opened()
    assert len(wire.outgoing()) == 1
    was_ready = wire.ready
    with pytest.raises(CannotSendError):
        wire.send(StreamElement(text="hi"))

    (element,) = wire.receive(b'{"setupComplete": {"sessionId": "s1"}}')

    assert element.event == Ready("s1")
    assert (was_ready, wire.ready, wire.responding) == (False, True, False)


def test_a_setup_that_is_told_twice() -> None:
    """The second says nothing."""
    assert told(ready_wire(), server(setupComplete={})) == []


def test_a_resumed_session() -> None:
    """The handle is in the setup."""
    wire = provider().wire(resume="h1")
    wire.opened()
    (setup,) = sent(wire)
    (element,) = wire.receive(server(setupComplete={}))

    assert isinstance(setup["setup"], dict)
    assert setup["setup"]["sessionResumption"] == {"handle": "h1"}
    assert element.event == Ready(resumed=True)


def test_a_history_is_told_when_the_setup_is_taken() -> None:
    """Before anything else, and the question with it."""
    history = [Message(role=role, parts=[TextPart(text=role)]) for role in ("user", "assistant", "user")]
    wire = provider().wire(history=history, ask=True)
    wire.opened()
    assert len(sent(wire)) == 1
    wire.receive(server(setupComplete={}))

    assert [*map(list, sent(wire))] == [["clientContent"], ["realtimeInput"]]
    assert wire.responding


@pytest.mark.parametrize(
    ("resume", "code", "kind"),
    [(None, 1007, SetupRefusedError), ("h1", 1008, ResumeRefusedError), (None, 1006, ConnectionLostError)],
)
def test_a_setup_that_is_not_taken(resume: str | None, code: int, kind: type) -> None:
    """The close is all that tells."""
    wire = provider().wire(resume=resume)
    wire.opened()

    (element,) = wire.closed(code, "No.")

    assert isinstance(element.error, kind)
    assert wire.closed(code, "No.") == []


@pytest.mark.parametrize("message", [speaks(), says("hi"), INTERRUPTED, TURN_COMPLETE, calls("f1")])
def test_a_server_that_speaks_before_the_setup_is_taken(message: str) -> None:
    """That is not this wire, and nothing of it is kept."""
    wire = provider().wire()
    wire.opened()

    assert [type(element.error) for element in wire.receive(message)] == [NotTheWireError]
    assert not wire.responding


# -- answers


def test_a_spoken_answer() -> None:
    """Sound and words as they come, and in the end all of it as a message of text."""
    wire = ready_wire()
    elements = told(
        wire,
        hears("how are "),
        hears("you"),
        speaks(),
        says("Very "),
        speaks(),
        says("well."),
        content(generationComplete=True),
        server(
            serverContent={"turnComplete": True},
            usageMetadata={"promptTokenCount": 20, "responseTokenCount": 50, "totalTokenCount": 70},
        ),
    )

    name = "c1_answer_1"
    assert elements == [
        StreamElement(transcript=Transcript("user", "how are ", item_id="c1_user_1")),
        StreamElement(transcript=Transcript("user", "you", item_id="c1_user_1")),
        StreamElement(event=ResponseStarted(), response_id=name),
        StreamElement(audio=Audio(SECOND, 24_000), response_id=name),
        StreamElement(transcript=Transcript("assistant", "Very ", item_id=name), response_id=name),
        StreamElement(audio=Audio(SECOND, 24_000), response_id=name),
        StreamElement(transcript=Transcript("assistant", "well.", item_id=name), response_id=name),
        StreamElement(event=GenerationComplete(), response_id=name),
        StreamElement(transcript=Transcript("user", "how are you", final=True, item_id="c1_user_1")),
        StreamElement(
            end_of_stream=True,
            message=Message(role="assistant", parts=[TextPart(text="Very well.")]),
            audio_ms=2000.0,
            finish_reason="stop",
            usage=Usage(input_tokens=20, output_tokens=50),
            response_id=name,
        ),
    ]
    assert not wire.responding


def test_a_written_answer() -> None:
    """Thoughts are not its text."""
    wire = ready_wire(provider(text=True))

    *pieces, end = told(
        wire,
        content(modelTurn=turn({"text": "hm", "thought": True}, {"text": "Hel"})),
        content(modelTurn=turn({"text": "lo"}), turnComplete=True),
    )

    assert [piece.text for piece in pieces if piece.text] == ["Hel", "lo"]
    assert end.message == Message(role="assistant", parts=[ReasoningPart(text="hm"), TextPart(text="Hello")])


def test_one_message_with_everything() -> None:
    """All of it is read, in an order that keeps together what belongs together."""
    message = server(
        serverContent={
            "turnComplete": True,
            "generationComplete": True,
            "outputTranscription": {"text": "Fine.", "finished": True},
            "modelTurn": turn(sound(SECOND)),
            "inputTranscription": {"text": "you?", "finished": True},
        },
        usageMetadata={"responseTokenCount": 5},
        sessionResumptionUpdate={"newHandle": "h2", "resumable": True},
        goAway={"timeLeft": "50s"},
        voiceActivity={"voiceActivityType": "ACTIVITY_END", "audioOffset": "1.25s"},
    )

    elements = told(ready_wire(), message)

    assert [(e.event or e.transcript or e.audio or (e.end_of_stream and (text_of(e), e.usage))) for e in elements] == [
        SpeechStopped(at_ms=1250.0),
        Transcript("user", "you?", final=True, item_id="c1_user_1"),
        ResponseStarted(),
        Audio(SECOND, 24_000),
        Transcript("assistant", "Fine.", item_id="c1_answer_1"),
        GenerationComplete(),
        ("Fine.", Usage(output_tokens=5)),
        Resumable("h2"),
        GoingAway(50.0),
    ]


def test_the_user_is_heard_to_speak() -> None:
    """Where the server says so."""
    message = server(voiceActivity={"voiceActivityType": "ACTIVITY_START"})

    assert events(told(ready_wire(), message)) == [SpeechStarted()]


def test_an_empty_answer_is_an_answer() -> None:
    """Whoever waits for it learns that it was empty."""
    started, end = told(ready_wire(), TURN_COMPLETE)

    assert started.event == ResponseStarted()
    assert end.end_of_stream
    assert end.message == Message(role="assistant", parts=[])


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("NEED_MORE_INPUT", "stop"), ("GENERATED_AUDIO_SAFETY", "content_filter"), ("RESPONSE_REJECTED", "failed")],
)
def test_why_an_answer_ended(reason: str, finish: str) -> None:
    """Filtered answers end as such, failed ones are an error and no end."""
    *_, end = told(ready_wire(), says("I"), content(turnComplete=True, turnCompleteReason=reason))

    assert end.finish_reason == finish
    assert isinstance(end.error, ResponseFailedError) == (finish == "failed") == (not end.end_of_stream)
    assert text_of(end) == "I"


def test_a_turn_that_is_complete_while_the_server_works_on() -> None:
    """It is no end: `interactionStatus` says that more of the answer comes."""
    going_on = content(turnComplete=True, interactionStatus="IN_PROGRESS")
    idle = content(turnComplete=True, interactionStatus="IDLE")

    elements = told(ready_wire(), says("Let me think. "), going_on, says("Yes."), idle)

    assert [text_of(end) for end in ends(elements)] == ["Let me think. Yes."]


# -- what the connection says of itself


def test_handles() -> None:
    """From where the server says that one can go on; where it says that one cannot, there is none."""
    wire = ready_wire()
    handles = [wire.handle]

    update = server(sessionResumptionUpdate={"newHandle": "h1", "resumable": True})
    assert events(told(wire, update)) == [Resumable("h1")]
    handles.append(wire.handle)
    assert events(told(wire, server(sessionResumptionUpdate={"resumable": False}))) == [Resumable(None)]
    assert [*handles, wire.handle] == [None, "h1", None]


@pytest.mark.parametrize(("left", "expected"), [("50s", 50.0), ("1.5s", 1.5), ("soon", 0.0), (None, 0.0)])
def test_going_away(left: str | None, expected: float) -> None:
    """However little it says."""
    message = json.dumps({"goAway": {} if left is None else {"timeLeft": left}})

    assert events(told(ready_wire(), message)) == [GoingAway(expected)]


def test_a_socket_that_breaks_in_an_answer() -> None:
    """What was said is kept as cut, and is no whole answer; the user's words are whole."""
    wire = ready_wire()
    told(wire, hears("hi"), speaks(), says("Hel"))
    wire.heard(1_000)

    words, cut, error = wire.closed(1006, "")

    assert words.transcript == Transcript("user", "hi", final=True, item_id="c1_user_1")
    assert (cut.interrupted, cut.end_of_stream, text_of(cut)) == (True, False, "Hel")
    assert isinstance(error.error, ConnectionLostError)
    assert not wire.ready
    assert not wire.responding
    assert told(wire, speaks(), TURN_COMPLETE) == []
    with pytest.raises(CannotSendError):
        wire.send(StreamElement(text="hi"))


def test_a_session_that_ends_between_answers() -> None:
    """That is an ending."""
    wire = ready_wire()
    told(wire, says("Bye."), TURN_COMPLETE)

    (element,) = wire.closed(1000, "")

    assert isinstance(element.error, SessionEndedError)


@pytest.mark.parametrize("owed", [StreamElement(text="hi"), StreamElement(audio=Audio(b"\0\0", 16_000))])
def test_a_close_with_an_answer_owed(owed: StreamElement) -> None:
    """However properly: the user asked."""
    wire = ready_wire(provider(manual=True))
    wire.send(owed)
    wire.send(StreamElement(end_of_stream=True))
    assert wire.responding

    (element,) = wire.closed(1000, "")

    assert isinstance(element.error, ConnectionLostError)


def test_a_close_with_calls_waiting() -> None:
    """The answer that called them ended; nothing is cut."""
    wire = ready_wire()
    told(wire, calls("f1"))

    (element,) = wire.closed(1000, "")

    assert isinstance(element.error, ConnectionLostError)


def test_an_error_of_a_gateway() -> None:
    """Google only closes; others say why."""
    message = '{"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}'

    (element,) = told(ready_wire(), message)

    assert isinstance(element.error, ProviderFaultError)
    assert (str(element.error), element.error.code) == ("slow down", "429")


# -- what goes up


def test_an_element_that_cannot_be_said_is_not_said() -> None:
    """Nothing of it, its results neither: they can be sent without the rest."""
    wire = ready_wire()
    told(wire, calls("f1"))

    with pytest.raises(PartialSampleError):
        wire.send(StreamElement(tool_responses=result("f1").tool_responses, audio=Audio(b"odd", 16_000)))

    assert sent(wire) == []
    wire.send(result("f1"))
    assert len(sent(wire)) == 1


def test_outgoing_messages_are_given_once() -> None:
    """In order."""
    wire = ready_wire()
    wire.send(StreamElement(text="one"))
    wire.send(StreamElement(text="two"))

    assert sent(wire) == [{"realtimeInput": {"text": "one"}}, {"realtimeInput": {"text": "two"}}]
    assert sent(wire) == []
    assert wire.responding
