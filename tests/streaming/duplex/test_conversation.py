"""The transcript: complete, in order, whatever comes late or never."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.conversation import Conversation
from streaming.duplex.elements import (
    Audio,
    CallsCancelled,
    Heard,
    Image,
    ResponseStarted,
    SessionEvent,
    SpeechStarted,
    SpeechStopped,
    StreamElement,
    ToolResponse,
    Transcript,
    UtteranceTaken,
)
from streaming.duplex.errors import ResponseFailedError
from streaming.messages import Message, TextPart, ToolCallPart
from tests.streaming.duplex.said import call, elements, tool_message

END = StreamElement(end_of_stream=True)
SOUND = StreamElement(audio=Audio(b"\0\0", 24_000))


def _event(event: SessionEvent, response_id: str = "") -> StreamElement:
    return StreamElement(event=event, response_id=response_id)


def _began(response_id: str = "") -> StreamElement:
    return _event(ResponseStarted(), response_id)


def _whole(text: str, *calls: ToolCallPart, response_id: str = "") -> StreamElement:
    parts = [*([TextPart(text=text)] if text else []), *calls]
    message = Message(role="assistant", parts=[*parts])
    return StreamElement(end_of_stream=True, message=message, tool_calls=calls, response_id=response_id)


def _cut(text: str, heard: str, response_id: str = "") -> StreamElement:
    message = Message(role="assistant", parts=text)
    return StreamElement(interrupted=True, message=message, heard=Heard(heard, 100), response_id=response_id)


def _words(text: str, item_id: str = "", *, final: bool = False) -> StreamElement:
    return StreamElement(transcript=Transcript("user", text, final=final, item_id=item_id))


SAYING = StreamElement(text="Hel")
PICTURE = StreamElement(image=Image(b"x", "image/png"))
CLOSED = StreamElement(interrupted_turn_complete=True)
_Step = StreamElement | tuple[str, StreamElement]


def _up(element: StreamElement) -> tuple[str, StreamElement]:
    return "up", element


def _after(steps: Sequence[_Step]) -> Conversation:
    conversation = Conversation()
    for step in steps:
        if isinstance(step, tuple):
            conversation.sent(step[1])
            conversation.given(step[1])
        else:
            conversation.told(step)
    return conversation


def _lines(conversation: Conversation, *, full: bool = False) -> list[str]:
    return [f"{message.role[0]}: {message.text}" for message in conversation.messages(full=full)]


WRITTEN: list[_Step] = [_up(StreamElement(text="Hi.")), _up(END)]
SPOKEN: list[_Step] = [_up(SOUND), _up(END)]

ORDERS: dict[str, tuple[Sequence[_Step], list[str]]] = {
    "written": ([*WRITTEN, _began(), _whole("Hello.")], ["u: Hi.", "a: Hello."]),
    "an answer that nothing announces": ([*WRITTEN, SAYING, _whole("Hello.")], ["u: Hi.", "a: Hello."]),
    "words before the answer": (
        [_event(SpeechStarted("i")), _event(SpeechStopped("i")), _event(UtteranceTaken("i")),
         _words("Hi.", "i", final=True), _began(), _whole("Hello.")],
        ["u: Hi.", "a: Hello."],
    ),
    "words while it answers": (
        [_event(UtteranceTaken("i")), _began(), _words("H", "i"), _words("Hi.", "i", final=True), _whole("Hello.")],
        ["u: Hi.", "a: Hello."],
    ),
    "words after the next question": (
        [_event(UtteranceTaken("i")), _began(), _whole("Hello."), _event(UtteranceTaken("j")), _began(),
         _words("And you?", "j", final=True), _words("Hi.", "i", final=True), _whole("Fine.")],
        ["u: Hi.", "a: Hello.", "u: And you?", "a: Fine."],
    ),
    "words that never come": (
        [_event(UtteranceTaken("i")), _began(), _whole("Hello."), _event(UtteranceTaken("j")), _began(),
         _words("And you?", "j", final=True), _whole("Fine.")],
        ["a: Hello.", "u: And you?", "a: Fine."],
    ),
    "a manual turn that the provider names": (
        [*SPOKEN, _event(UtteranceTaken("i")), _began(), _whole("Hello."), _words("Hi.", "i", final=True)],
        ["u: Hi.", "a: Hello."],
    ),
    "a manual turn that nobody names": (
        [*SPOKEN, _began(), _words("H"), _words("i."), _whole("Hello."),
         *SPOKEN, _began(), _words("Bye."), _whole("Bye!")],
        ["u: Hi.", "a: Hello.", "u: Bye.", "a: Bye!"],
    ),
    "late words of a manual turn": (
        [*SPOKEN, _began(), _whole("Hello."), _words("Hi."), *SPOKEN, _began(), _whole("Bye!"), _words("Bye.")],
        ["u: Hi.", "a: Hello.", "u: Bye.", "a: Bye!"],
    ),
    "speech that nothing announces": (
        [_up(SOUND), _words("H"), _words("i."), _began(), _whole("Hello."), _up(SOUND), _began(), _words("Bye."),
         _whole("Bye!")],
        ["u: Hi.", "a: Hello.", "u: Bye.", "a: Bye!"],
    ),
    "late words of speech that nothing announces": (
        [_up(SOUND), _began(), _whole("Hello."), _words("Hi.", "1", final=True)],
        ["u: Hi.", "a: Hello."],
    ),
    "late words of a question with tools": (
        [_up(SOUND), _began(), _whole("", call("a")),
         _up(StreamElement(tool_result_messages=(tool_message("a", "x"),))), _began(), _whole("Sunny."),
         _words("How is it?")],
        ["u: How is it?", "a: ", "t: ", "a: Sunny."],
    ),
    "two utterances before an answer": (
        [_event(UtteranceTaken("i")), _event(UtteranceTaken("j")), _words("two", "j", final=True),
         _words("one", "i", final=True), _began(), _whole("Three.")],
        ["u: one", "u: two", "a: Three."],
    ),
    "what was cut": (
        [*WRITTEN, _began("r"), _cut("Hello, how are", "Hello,", "r"), StreamElement(text=" you?", response_id="r"),
         CLOSED, _event(UtteranceTaken("j")), _words("Stop.", "j", final=True), _began("s"),
         _whole("Fine.", response_id="s")],
        ["u: Hi.", "a: Hello,", "u: Stop.", "a: Fine."],
    ),
    "cut after all of it was made": (
        [*WRITTEN, _began("r"), _whole("Hello, how are you?", response_id="r"),
         _cut("Hello, how are you?", "Hello,", "r")],
        ["u: Hi.", "a: Hello,"],
    ),
    "sound of an answer that has ended": (
        [*WRITTEN, _began("r"), _whole("Hello.", response_id="r"), StreamElement(text="!", response_id="r"), *WRITTEN],
        ["u: Hi.", "a: Hello.", "u: Hi."],
    ),
    "an answer that failed": (
        [*WRITTEN, _began(), StreamElement(error=ResponseFailedError("no")), *WRITTEN, _began(), _whole("Hello.")],
        ["u: Hi.", "u: Hi.", "a: Hello."],
    ),
    "an answer with nothing in it": ([*WRITTEN, _began(), _whole("")], ["u: Hi."]),
    "an answer whose end is never told": (
        [*WRITTEN, _began("r"), _began("s"), _whole("Hello.", response_id="s")], ["u: Hi.", "a: Hello."],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "lines"), ORDERS.values(), ids=ORDERS.keys())
def test_order(steps: Sequence[_Step], lines: list[str]) -> None:
    """Everything has its place, whenever its words come."""
    assert _lines(_after(steps)) == lines


def test_what_was_cut_is_known_whole() -> None:
    """As far as it was made."""
    conversation = _after([*WRITTEN, _began(), _cut("Hello, how are", "Hello,")])

    assert _lines(conversation, full=True) == ["u: Hi.", "a: Hello, how are"]
    assert conversation.finished == 1


def test_history_comes_first() -> None:
    """And is never forgotten."""
    history = [Message(role="user", parts="Before.")]
    conversation = Conversation(history)
    conversation.reopen()

    assert conversation.messages() == conversation.settled() == history


OWED: list[tuple[Sequence[_Step], list[str], int]] = [
    ([*WRITTEN, *WRITTEN, _began()], ["u: Hi.", "a: Yes.", "u: Hi."], 1),
    ([*WRITTEN, *WRITTEN, *WRITTEN, _began()], ["u: Hi.", "a: Yes.", "u: Hi.", "u: Hi."], 2),
    ([*WRITTEN, _began(), *WRITTEN], ["u: Hi.", "a: Yes.", "u: Hi."], 1),
    ([*WRITTEN, *WRITTEN, _began(), *WRITTEN], ["u: Hi.", "u: Hi.", "a: Yes.", "u: Hi."], 1),
    ([*WRITTEN, _began()], ["u: Hi.", "a: Yes."], 0),
    ([_began()], ["a: Yes."], 0),
    (
        [*SPOKEN, *SPOKEN, _event(UtteranceTaken("i")), _event(UtteranceTaken("j")), _began(),
         _words("two", "j", final=True), _words("one", "i", final=True)],
        ["u: one", "a: Yes.", "u: two"], 1,
    ),
    (
        [*SPOKEN, *SPOKEN, _event(UtteranceTaken("i")), _began(), _event(UtteranceTaken("j")),
         _words("two", "j", final=True), _words("one", "i", final=True)],
        ["u: one", "a: Yes.", "u: two"], 1,
    ),
    ([*SPOKEN, *SPOKEN, _event(UtteranceTaken("i")), _words("one", "i"), _began()], ["u: one", "a: Yes."], 1),
    ([*WRITTEN, _up(PICTURE), _up(END), _began()], ["u: Hi.", "a: Yes."], 1),
    ([*WRITTEN, _up(PICTURE), _began(), _up(END)], ["u: Hi.", "a: Yes."], 0),
    ([*WRITTEN, _up(END), _began()], ["u: Hi.", "a: Yes."], 0),
    ([*WRITTEN, _up(StreamElement(text="And?")), _began()], ["u: Hi.", "u: And?", "a: Yes."], 0),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "lines", "unanswered"), OWED)
def test_an_answer_to_the_first_of_two_turns(steps: Sequence[_Step], lines: list[str], unanswered: int) -> None:
    """Where another answer is owed the others wait for it, and are said again if the connection breaks."""
    conversation = _after(steps)
    conversation.told(_whole("Yes."), owed=True)

    assert _lines(conversation) == lines
    assert conversation.unanswered == unanswered
    assert conversation.awaiting is (unanswered > 0)
    conversation.reopen()
    assert _lines(conversation) == lines[: lines.index("a: Yes.") + 1]


@pytest.mark.parametrize("last", [_whole("Yes."), _cut("Yes, I", "Yes,")])
def test_an_answer_to_all_turns(last: StreamElement) -> None:
    """Where no other answer is owed nobody waits; nor where the user stopped it."""
    conversation = _after([*WRITTEN, *WRITTEN, _began()])
    conversation.told(last, owed=last.interrupted)

    assert [line[0] for line in _lines(conversation)] == ["u", "u", "a"]
    assert (conversation.unanswered, conversation.awaiting) == (0, False)


CALLED: list[_Step] = [*WRITTEN, _began(), _whole("", call("a"), call("b"))]
RESULT_A = _up(StreamElement(tool_responses=(ToolResponse("a", "look", "seen"),)))
RESULT_B = _up(StreamElement(tool_responses=(ToolResponse("b", "look", "seen"),)))
CANCELLED_A = _event(CallsCancelled(("a",)))
CANCELLED_B = _event(CallsCancelled(("b",)))
TALKED: list[_Step] = [*WRITTEN, _began(), _whole("One moment.")]


@pytest.mark.parametrize(
    ("steps", "awaiting", "asks"),
    [
        ([], False, False),
        ([_up(StreamElement(text="Hi."))], False, False),
        (WRITTEN, True, False),
        (SPOKEN, True, False),
        ([_up(PICTURE)], False, False),
        ([_up(PICTURE), _up(END)], True, False),
        ([_up(PICTURE), _up(END), _began(), _whole("A cat."), _up(END)], False, False),
        ([_event(UtteranceTaken("i"))], True, False),
        ([*WRITTEN, _began()], True, False),
        ([*WRITTEN, _began(), _whole("Hello.")], False, False),
        ([*WRITTEN, _began(), _cut("Hello", "")], False, False),
        (CALLED, True, False),
        ([*CALLED, RESULT_A], True, False),
        ([*CALLED, RESULT_A, RESULT_B], True, True),
        ([*CALLED, RESULT_A, CANCELLED_B], True, True),
        ([*CALLED, CANCELLED_A, CANCELLED_B], False, False),
        ([*CALLED, RESULT_A, RESULT_B, _began()], True, True),
        ([*CALLED, RESULT_A, RESULT_B, _began(), _whole("Yes.")], False, False),
        ([*CALLED, RESULT_A, RESULT_B, StreamElement(interrupted=True), CLOSED], True, True),
    ],
)
def test_who_waits(steps: Sequence[_Step], *, awaiting: bool, asks: bool) -> None:
    """The user for an answer, and the model for being asked to go on."""
    conversation = _after(steps)

    assert (conversation.awaiting, conversation.asks) == (awaiting, asks)
    assert conversation.quiet is not awaiting


@pytest.mark.parametrize(
    ("steps", "calling", "asks"),
    [
        ([], True, False),
        ([RESULT_A], True, False),
        ([RESULT_A, RESULT_B], True, True),
        ([CANCELLED_A, CANCELLED_B], False, False),
        ([RESULT_A, RESULT_B, _began(), _whole("Yes.")], False, False),
        (TALKED, True, False),
        ([RESULT_A, *TALKED], True, False),
        ([*TALKED, CANCELLED_A, CANCELLED_B], False, False),
        ([*TALKED, RESULT_A, RESULT_B], True, True),
        ([*TALKED, RESULT_A, RESULT_B, _began()], True, True),
        ([*TALKED, RESULT_A, RESULT_B, _began(), _whole("Yes.")], False, False),
        ([*WRITTEN, _began(), RESULT_A, RESULT_B, _whole("Hm.")], True, True),
        ([_began(), RESULT_A, RESULT_B], True, True),
        ([_began(), RESULT_A, RESULT_B, _whole("Yes.")], False, False),
        ([_began(), RESULT_A, _whole("Hm.")], True, False),
        ([_began(), RESULT_A, _whole("Hm."), RESULT_B], True, True),
        ([_began(), RESULT_A, _whole("Hm."), RESULT_B, _began(), _whole("Yes.")], False, False),
    ],
)
def test_whose_results_are_due(steps: Sequence[_Step], *, calling: bool, asks: bool) -> None:
    """Those of any call, though the user has talked, and been answered, since; and then the answer to them is.

    An answer that begins before they are there is to them only if it goes on from the calls.
    """
    conversation = _after([*CALLED, *steps])

    assert (conversation.calling, conversation.asks) == (calling, asks)
    assert conversation.awaiting is calling
    conversation.reopen()
    assert (conversation.calling, conversation.asks) == (calling, asks)


@pytest.mark.parametrize("last", [_whole("Two."), _cut("Two, I", "Two,")])
@pytest.mark.parametrize("owed", [True, False])
def test_results_that_come_in_the_middle_of_an_answer(last: StreamElement, *, owed: bool) -> None:
    """It is to them if it is the last one that the wire is to give, or was cut; the next one is in any case."""
    conversation = _after([*CALLED, _began("s"), RESULT_A, RESULT_B])
    conversation.told(replace(last, response_id="s"), owed=owed)

    due = owed and not last.interrupted
    assert (conversation.calling, conversation.asks, conversation.awaiting) == (due, due, due)
    conversation.told(_began("t"))
    conversation.told(_whole("Seen.", response_id="t"))
    assert not conversation.calling


def test_speech_is_not_quiet() -> None:
    """From its first sound to its last."""
    conversation = _after([_event(SpeechStarted())])
    assert not conversation.quiet

    conversation.told(_event(SpeechStopped()))
    assert conversation.quiet


def test_saying_it_again() -> None:
    """What was not answered is forgotten, with the answer that broke off; what was answered stays."""
    conversation = _after([*WRITTEN, _began(), _whole("Hello."), *WRITTEN, _began()])
    conversation.told(_cut("Hel", "Hel"), lost=True)
    assert _lines(conversation) == ["u: Hi.", "a: Hello.", "u: Hi.", "a: Hel"]
    assert conversation.finished == 1

    assert [message.text for message in conversation.settled()] == ["Hi.", "Hello."]
    conversation.reopen()
    assert _lines(conversation) == ["u: Hi.", "a: Hello."]
    assert conversation.quiet


def test_what_the_user_stopped_is_not_said_again() -> None:
    """Though its connection broke before it was closed."""
    conversation = _after([*WRITTEN, _began(), _up(StreamElement(interrupted=True))])
    conversation.told(_cut("Hello, how", "Hello,"), lost=True)
    conversation.reopen()

    assert _lines(conversation) == ["u: Hi.", "a: Hello,"]


def test_results_outlive_the_answer_to_them() -> None:
    """The calls were made and answered: only what came of it is asked for again."""
    conversation = _after([*CALLED, RESULT_A, RESULT_B, _began()])
    conversation.told(_cut("It", ""), lost=True)
    conversation.reopen()

    assert [message.role for message in conversation.messages()] == ["user", "assistant", "tool", "tool"]
    assert conversation.asks


def test_an_answer_that_is_owed_to_results() -> None:
    """It moves no turn of the user's: the calls' answer was to all of them, or the results are still due."""
    owed = _after([*WRITTEN, *WRITTEN, _began()])
    owed.told(_whole("", call("a")), owed=True)
    due = _after([*CALLED, RESULT_A, *WRITTEN, *WRITTEN, _began()])
    due.told(_whole("Yes."), owed=True)

    for conversation in (owed, due):
        assert [message.role for message in conversation.messages()][-3:-1] == ["user", "user"]
        assert conversation.unanswered == 0


def test_results_of_a_repeated_id() -> None:
    """They are of the newest call with it."""
    conversation = _after([*CALLED, RESULT_A, RESULT_B, _began(), _whole("", call("a")), RESULT_A])

    assert [message.role for message in conversation.messages()][-1] == "tool"
    assert conversation.asks


@given(st.lists(st.tuples(st.booleans(), elements()), max_size=30), st.booleans(), st.booleans())
def test_whatever_comes(steps: list[tuple[bool, StreamElement]], lost: bool, owed: bool) -> None:
    """Nothing that comes in any order breaks it, and what is settled is the beginning of it all."""
    conversation = Conversation()
    for is_up, element in steps:
        if is_up:
            conversation.sent(element)
            conversation.given(element)
        else:
            conversation.told(element, lost=lost, owed=owed)
        assert conversation.finished <= conversation.begun
    everything, settled = conversation.messages(), conversation.settled()
    assert everything[: len(settled)] == settled
    conversation.reopen()
    assert conversation.messages() == settled
    assert conversation.settled() == settled
