import pytest

from streaming.duplex.elements import ToolResponse
from streaming.duplex.errors import CannotSendError
from streaming.duplex.openai_realtime.session import Session
from streaming.duplex.openai_realtime.transitions import State
from streaming.jsontext import JsonObject
from streaming.messages import FilePart, Message, ToolCallPart, ToolResultPart
from tests.streaming.duplex.openai_realtime.official import checked_client_event
from tests.streaming.duplex.openai_realtime.server import MANUAL, SPOKEN, types

RESULT = ToolResponse("c1", "look", "A tree.")
ANOTHER = ToolResponse("c2", "look", "A house.")


def sent(session: Session) -> list[JsonObject]:
    """Return what is to be sent."""
    return [checked_client_event(text) for text in session.events.take()]


def idle(history: list[Message] | None = None) -> Session:
    """Return a session that is set up."""
    session = Session(MANUAL, history or [], ask=False)
    session.state = State.IDLE
    return session


def owing(*call_ids: str) -> Session:
    """Return a session whose model waits for the results of these calls."""
    session = idle()
    session.owed.made({call_id: call_id for call_id in call_ids})
    return session


def test_it_says_what_it_is_to_be_and_what_was_said() -> None:
    """Each when its time has come."""
    session = Session(SPOKEN, [Message(role="user", parts="Hi."), Message(role="assistant", parts="Yes?")], ask=True)
    session.open()
    assert types(sent(session)) == ["session.update"]
    session.seed()
    assert types(sent(session)) == ["conversation.item.create"] * 2
    session.ask_if_wanted()
    assert sent(session) == []
    session.state = State.IDLE
    session.ask_if_wanted()
    assert types(sent(session)) == ["response.create"]


def test_a_history_without_words_for_it_is_refused() -> None:
    """At once."""
    with pytest.raises(CannotSendError):
        Session(SPOKEN, [Message(role="user", parts=[FilePart(url="https://provider.test/a.pdf")])], ask=False)


@pytest.mark.parametrize("state", [State.AWAITED, State.RESPONDING, State.INTERRUPTED])
def test_an_answer_is_asked_for_when_none_is_on_its_way(state: State) -> None:
    """The server makes one at a time; two wishes are one."""
    session = idle()
    session.state = state
    session.ask_if(True)
    session.ask_if(True)
    assert sent(session) == []
    assert session.responding

    session.state = State.IDLE
    session.ask_if(False)
    session.ask_if(False)
    assert types(sent(session)) == ["response.create"]
    assert session.state is State.AWAITED


def test_an_answer_is_not_asked_for_into_the_users_speech() -> None:
    """A server that listens answers that by itself."""
    session = Session(SPOKEN, [], ask=False)
    session.state = State.IDLE
    session.turn.speech_started()
    session.ask_if(True)
    session.turn.speech_stopped("u1")
    session.turn.committed("u1")
    session.ask_if_wanted()
    assert sent(session) == []

    session.turn.answered()
    session.ask_if_wanted()
    assert types(sent(session)) == ["response.create"]


def test_results_are_given_one_by_one_and_answered_together() -> None:
    """The model goes on once, when it has all of them."""
    session = owing("c1", "c2")
    session.answer_calls([RESULT])
    assert types(sent(session)) == ["conversation.item.create"]
    assert session.responding

    session.answer_calls([ANOTHER])
    assert types(sent(session)) == ["conversation.item.create", "response.create"]


def test_several_results_at_once_are_answered_once() -> None:
    """In their order; and with no results nothing is said."""
    session = owing("c1", "c2")
    session.answer_calls([])
    assert sent(session) == []
    session.answer_calls([ANOTHER, RESULT])
    first, second, ask = sent(session)

    assert [first["item"], second["item"]] == [
        {"type": "function_call_output", "id": first["event_id"], "call_id": "c2", "output": "A house."},
        {"type": "function_call_output", "id": second["event_id"], "call_id": "c1", "output": "A tree."},
    ]
    assert ask["type"] == "response.create"


@pytest.mark.parametrize("results", [[ANOTHER], [RESULT, RESULT]])
def test_a_result_that_nobody_waits_for_is_left_out(results: list[ToolResponse]) -> None:
    """Of an unknown call, or of one that has its result."""
    session = owing("c1")
    session.answer_calls([RESULT])
    sent(session)
    session.answer_calls(results)

    assert sent(session) == []


def test_results_of_calls_before_the_connection_are_waited_for() -> None:
    """A tool may run while its session finds another connection."""
    long_id = "c" * 40
    calls = [ToolCallPart(id=call_id, name="look", arguments="{}") for call_id in ("c1", long_id)]
    answered = Message(role="tool", parts=[ToolResultPart(tool_call_id="c1", content="x")])
    session = idle([Message(role="assistant", parts=[*calls]), answered])
    assert session.responding
    session.seed()
    seeded = [event["item"] for event in sent(session)]

    session.answer_calls([RESULT, ToolResponse(long_id, "look", "done")])
    told, ask = sent(session)

    assert isinstance(told["item"], dict)
    assert isinstance(seeded[1], dict)
    assert told["item"]["call_id"] == seeded[1]["call_id"]
    assert ask["type"] == "response.create"
    assert not session.owed


@pytest.mark.parametrize("state", State)
def test_it_responds_unless_it_is_idle_and_owes_nothing(state: State) -> None:
    """Before the setup and after the end there is nothing to wait for."""
    session = idle()
    session.state = state

    assert session.set_up == (state not in (State.OPENING, State.CONFIGURING, State.CLOSED))
    assert session.responding == (state in (State.AWAITED, State.RESPONDING, State.INTERRUPTED))


def test_an_interrupt_forgets_what_was_wanted() -> None:
    """And remembers to stop what is on its way."""
    session = idle()
    session.ask_if(True)
    session.ask_if(True)

    assert session.interrupt() == []
    assert session.unwanted
    assert not session.wanted
    assert types(sent(session)) == ["response.create"]


def test_a_closed_session_asks_nothing() -> None:
    """Whatever is wanted."""
    session = idle()
    session.close()
    session.ask_if(True)

    assert session.state is State.CLOSED
    assert sent(session) == []
