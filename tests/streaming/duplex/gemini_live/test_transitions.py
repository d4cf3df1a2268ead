from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.gemini_live.transitions import TABLE, Action, Event, State


def test_every_state_has_a_row_for_every_event() -> None:
    """No pair is unhandled."""
    assert TABLE.keys() == set(State)
    for state in State:
        assert TABLE[state].keys() == set(Event)


@given(st.lists(st.sampled_from(Event)))
def test_a_closed_connection_stays_closed_and_a_cut_answer_is_closed_once(events: list[Event]) -> None:
    """In whatever order things happen: an answer that begins ends or is cut, once, and no cut is closed twice."""
    state, answering, cut, closed = State.OPENING, False, 0, 0
    for event in events:
        move = TABLE[state][event]
        assert state is not State.CLOSED or move.to is State.CLOSED
        for action in move.actions:
            if action is Action.BEGIN:
                assert not answering
                answering = True
            elif action in (Action.END, Action.CALL, Action.CUT):
                assert answering
                answering = False
            cut += action in (Action.CUT, Action.CUT_ENDED)
            closed += action is Action.CLOSE_CUT
        assert answering == (move.to is State.RESPONDING)
        assert closed <= cut
        state = move.to


def test_every_state_is_reached_and_left() -> None:
    """The table has no island."""
    reached = {State.OPENING}
    while more := {move.to for state in reached for move in TABLE[state].values()} - reached:
        reached |= more
    assert reached == set(State)
    assert all({move.to for move in TABLE[state].values()} != {state} for state in set(State) - {State.CLOSED})


def test_what_is_taken_is_taken_by_an_answer() -> None:
    """Content goes into an answer only while there is one, or where one begins."""
    for state, row in TABLE.items():
        for event in (Event.CONTENT, Event.WORDS):
            move = row[event]
            assert move.takes == (move.to is State.RESPONDING), (state, event)
