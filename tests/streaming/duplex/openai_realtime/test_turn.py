import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.openai_realtime.turn import UserTurn


def taken_by_the_server(item_id: str = "u1") -> UserTurn:
    """Return a turn in which the server has heard and taken something."""
    turn = UserTurn(listens=True)
    turn.sound()
    turn.speech_started()
    turn.speech_stopped(item_id)
    assert turn.committed(item_id) is False
    return turn


@pytest.mark.parametrize(("sounds", "commits"), [(0, False), (1, True), (3, True)])
def test_a_turn_by_hand_asks_at_once_and_commits_sound_once(sounds: int, commits: bool) -> None:
    """A second end right after has nothing to commit."""
    turn = UserTurn(listens=False)
    for _ in range(sounds):
        turn.sound()

    assert turn.end() == (commits, True)
    assert turn.end() == (False, True)
    assert turn.committed("u1") is False


def test_a_listening_server_answers_what_it_took() -> None:
    """The end of the turn asks for no other answer."""
    turn = taken_by_the_server()

    assert turn.answer_due
    assert turn.end() == (False, False)


def test_sound_after_what_was_taken_is_committed_and_not_answered() -> None:
    """It was silence, for the server heard nobody."""
    turn = taken_by_the_server()
    turn.sound()

    assert turn.end() == (True, False)
    assert turn.answer_open
    assert turn.committed("u2") is False


def test_a_burst_that_the_server_cuts_into_a_turn_and_its_rest_is_answered_once() -> None:
    """Its own commit comes after our end, and then the one of ours."""
    turn = UserTurn(listens=True)
    turn.sound()
    assert turn.end() == (True, False)

    turn.speech_started()
    turn.speech_stopped("u1")
    assert turn.committed("u1") is False
    assert turn.committed("u2") is False
    assert turn.answer_due


def test_speech_that_our_commit_cut_off_is_to_be_answered() -> None:
    """The server was listening still, and answers no commit of ours by itself."""
    turn = UserTurn(listens=True)
    turn.sound()
    turn.end()

    turn.speech_started()
    assert turn.speaking
    assert turn.committed("u1") is True
    assert not turn.speaking


def test_a_turn_in_which_the_server_heard_nobody_is_answered_all_the_same() -> None:
    """Somebody said that it is over, and waits."""
    turn = UserTurn(listens=True)
    turn.sound()
    turn.end()

    assert turn.committed("u1") is True
    assert turn.committed("u2") is False


def test_a_commit_of_nothing_settles_it_too() -> None:
    """Where the server had taken all it needs no other answer, and where there was nothing it does."""
    empty, taken = UserTurn(listens=True), taken_by_the_server()
    for turn in (empty, taken):
        turn.sound()
        assert turn.end() == (True, False)

    assert empty.commit_settled() is True
    assert taken.commit_settled() is False
    assert empty.commit_settled() is False


def test_what_was_written_is_to_be_answered_whatever_was_heard() -> None:
    """And once."""
    turn = taken_by_the_server()
    turn.write()

    assert turn.end() == (False, True)
    assert turn.end() == (False, True)


def test_an_end_before_the_last_one_is_settled_asks_once() -> None:
    """What came of the commit answers both."""
    turn = UserTurn(listens=True)
    turn.sound()
    assert turn.end() == (True, False)
    assert turn.end() == (False, False)
    assert turn.committed("u1") is True


def test_a_commit_without_a_name_is_ours_if_we_wait_for_one() -> None:
    """Or a server that names nothing would leave it open for ever."""
    turn = UserTurn(listens=True)
    turn.sound()
    turn.end()

    assert turn.committed("") is True
    assert not turn.answer_open


def test_an_answer_that_began_is_due_no_more() -> None:
    """Nor is one that the user speaks into before it begins."""
    begun, spoken = taken_by_the_server(), taken_by_the_server()
    begun.answered()
    spoken.speech_started()

    assert not begun.answer_due
    assert not spoken.answer_due


@given(st.lists(st.sampled_from(["sound", "write", "started", "stopped", "theirs", "ours", "failed", "end"])))
def test_an_end_is_never_forgotten(steps: list[str]) -> None:
    """It asks, or has a commit to be settled, or an answer that the server owes."""
    turn = UserTurn(listens=True)
    moves = {
        "sound": turn.sound,
        "write": turn.write,
        "started": turn.speech_started,
        "stopped": lambda: turn.speech_stopped("u1"),
        "theirs": lambda: turn.committed("u1"),
        "ours": lambda: turn.committed("u2"),
        "failed": turn.commit_settled,
        "end": turn.end,
    }
    for step in steps:
        moves[step]()
    turn.write()
    _, asks = turn.end()

    assert asks or turn.answer_open
    assert asks or turn.commit_settled()
