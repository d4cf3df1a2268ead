import pytest

from streaming.duplex.openai_realtime.happening import HANDLED
from streaming.duplex.openai_realtime.server_events import KINDS, OF_CURRENT_RESPONSE, Kind
from streaming.duplex.openai_realtime.transitions import TRANSITIONS, Does, State


def test_every_state_knows_every_kind() -> None:
    """No pair is left open."""
    assert TRANSITIONS.keys() == set(State)
    assert all(row.keys() == set(Kind) for row in TRANSITIONS.values())


def test_everything_that_is_done_can_be_done() -> None:
    """And nothing can be done that no pair does."""
    done = {step.does for row in TRANSITIONS.values() for step in row.values()}

    assert set(Does) == done == HANDLED


@pytest.mark.parametrize("kind", Kind)
def test_nothing_follows_the_end(kind: Kind) -> None:
    """A closed session stays closed."""
    assert TRANSITIONS[State.CLOSED][kind] == (Does.NOTHING, None)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", sorted(OF_CURRENT_RESPONSE))
def test_an_answers_pieces_count_while_it_comes(state: State, kind: Kind) -> None:
    """Before it begins, after it was cut and after its end they say nothing."""
    assert (TRANSITIONS[state][kind].does is not Does.NOTHING) == (state is State.RESPONDING)


@pytest.mark.parametrize("state", [State.IDLE, State.AWAITED, State.RESPONDING, State.INTERRUPTED])
@pytest.mark.parametrize("kind", [Kind.BEGUN, Kind.BEGUN_UNWANTED])
def test_an_answer_may_begin_whenever_the_session_is_set_up(state: State, kind: Kind) -> None:
    """The server decides."""
    assert TRANSITIONS[state][kind].then in (State.RESPONDING, State.INTERRUPTED)


@pytest.mark.parametrize("state", [state for state in State if state is not State.CLOSED])
def test_a_fatal_error_ends_it_anywhere(state: State) -> None:
    """An unknown event changes nothing anywhere."""
    assert TRANSITIONS[state][Kind.FAULT] == (Does.FAIL_SESSION, State.CLOSED)
    assert TRANSITIONS[state][Kind.UNKNOWN] == (Does.NOTICE, None)
    assert TRANSITIONS[state][Kind.STALE] == (Does.NOTHING, None)


@pytest.mark.parametrize("state", [State.OPENING, State.CONFIGURING])
@pytest.mark.parametrize("kind", sorted(set(KINDS.values()) - {Kind.SESSION_CREATED, Kind.SESSION_UPDATED}))
def test_only_the_setup_goes_on_before_it_is_taken(state: State, kind: Kind) -> None:
    """What else comes out of order moves nothing."""
    assert TRANSITIONS[state][kind].then is None
