"""What each kind of server event does in each state of a session, and the state after it.

Two moves are not the server's: asking for an answer (idle -> awaited) and cutting one (responding -> interrupted).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from streaming.duplex.openai_realtime.server_events import Kind


class State(StrEnum):
    """Where a session stands."""

    OPENING = "opening"
    """The socket is open; the server has said nothing."""
    CONFIGURING = "configuring"
    """The server has greeted; it has our setup before it."""
    IDLE = "idle"
    AWAITED = "awaited"
    """We have asked for an answer; it has not begun."""
    RESPONDING = "responding"
    INTERRUPTED = "interrupted"
    """The answer was cut; the server has not closed it yet."""
    CLOSED = "closed"


class Does(StrEnum):
    """What is done about an event."""

    NOTHING = "nothing"
    NOTICE = "notice"
    NOTE_SESSION = "note_session"
    SET_UP = "set_up"
    REFUSE_SETUP = "refuse_setup"
    HEAR_SPEECH = "hear_speech"
    BARGE_IN = "barge_in"
    HEAR_SILENCE = "hear_silence"
    TAKE_UTTERANCE = "take_utterance"
    NOTE_ITEM = "note_item"
    TRANSCRIBE_SOME = "transcribe_some"
    TRANSCRIBE_ALL = "transcribe_all"
    GO_WITHOUT_TRANSCRIPT = "go_without_transcript"
    BEGIN = "begin"
    BEGIN_CUT = "begin_cut"
    SUPERSEDE = "supersede"
    CLOSE_CUT_AND_BEGIN = "close_cut_and_begin"
    SOUND = "sound"
    END_SOUND = "end_sound"
    NOTE_PART = "note_part"
    WRITE = "write"
    WRITE_ALL = "write_all"
    SPEAK = "speak"
    SPEAK_ALL = "speak_all"
    GATHER = "gather"
    GATHER_ITEM = "gather_item"
    FINISH = "finish"
    FINISH_CUT = "finish_cut"
    FINISH_UNSEEN = "finish_unseen"
    CLOSE_CUT = "close_cut"
    GIVE_UP_CUT = "give_up_cut"
    FAIL_ANSWER = "fail_answer"
    FORGET_FAILURE = "forget_failure"
    ASK_LATER = "ask_later"
    COMMIT_NOTHING = "commit_nothing"
    FAIL_SESSION = "fail_session"


class Step(NamedTuple):
    """What an event does, and the state after it; None: the same."""

    does: Does
    then: State | None = None


_NOTHING = Step(Does.NOTHING)
_NOTICE = Step(Does.NOTICE)

_ANYWHERE: dict[Kind, Step] = {
    Kind.TOLD: _NOTICE,
    Kind.UNKNOWN: _NOTICE,
    Kind.BENIGN: _NOTICE,
    Kind.FAULT: Step(Does.FAIL_SESSION, State.CLOSED),
    # Out of place: before there is a session, or when it is over already.
    Kind.SETUP_REFUSED: _NOTICE,
    Kind.ASK_FAILED: _NOTICE,
    Kind.ANSWER_FAILED: _NOTICE,
    Kind.ASKED_TOO_EARLY: _NOTICE,
    Kind.COMMIT_FAILED: _NOTICE,
    Kind.CANCEL_FAILED: _NOTICE,
}
_SETTING_UP = _ANYWHERE | {
    Kind.SESSION_CREATED: Step(Does.NOTE_SESSION, State.CONFIGURING),
    Kind.SESSION_UPDATED: Step(Does.SET_UP, State.IDLE),
    Kind.SETUP_REFUSED: Step(Does.REFUSE_SETUP, State.CLOSED),
}
_SET_UP = _ANYWHERE | {
    Kind.SPEECH_STARTED: Step(Does.HEAR_SPEECH),
    Kind.SPEECH_STOPPED: Step(Does.HEAR_SILENCE),
    Kind.COMMITTED: Step(Does.TAKE_UTTERANCE),
    Kind.ITEM: Step(Does.NOTE_ITEM),
    Kind.HEARD_SOME: Step(Does.TRANSCRIBE_SOME),
    Kind.HEARD_ALL: Step(Does.TRANSCRIBE_ALL),
    Kind.NOT_HEARD: Step(Does.GO_WITHOUT_TRANSCRIPT),
    Kind.ASKED_TOO_EARLY: Step(Does.ASK_LATER),
    Kind.COMMIT_FAILED: Step(Does.COMMIT_NOTHING),
}
_QUIET = _SET_UP | {
    Kind.BEGUN: Step(Does.BEGIN, State.RESPONDING),
    Kind.BEGUN_UNWANTED: Step(Does.BEGIN_CUT, State.INTERRUPTED),
    Kind.DONE_UNSEEN: Step(Does.FINISH_UNSEEN, State.IDLE),
    Kind.ANSWER_FAILED: Step(Does.FAIL_ANSWER, State.IDLE),
    Kind.FAILURE_TOLD: Step(Does.FORGET_FAILURE),
}
_TABLE: Mapping[State, Mapping[Kind, Step]] = {
    State.OPENING: _SETTING_UP,
    State.CONFIGURING: _SETTING_UP,
    State.IDLE: _QUIET,
    State.AWAITED: _QUIET
    | {
        Kind.ASK_FAILED: Step(Does.FAIL_ANSWER, State.IDLE),
        Kind.ASKED_TOO_EARLY: Step(Does.ASK_LATER, State.IDLE),
    },
    State.RESPONDING: _SET_UP
    | {
        Kind.BEGUN: Step(Does.SUPERSEDE, State.RESPONDING),
        Kind.BEGUN_UNWANTED: Step(Does.SUPERSEDE, State.RESPONDING),
        Kind.SPEECH_STARTED: Step(Does.BARGE_IN, State.INTERRUPTED),
        Kind.AUDIO: Step(Does.SOUND),
        Kind.AUDIO_OVER: Step(Does.END_SOUND),
        Kind.PART: Step(Does.NOTE_PART),
        Kind.WRITTEN: Step(Does.WRITE),
        Kind.WRITTEN_ALL: Step(Does.WRITE_ALL),
        Kind.SPOKEN: Step(Does.SPEAK),
        Kind.SPOKEN_ALL: Step(Does.SPEAK_ALL),
        Kind.ARGUMENTS: Step(Does.GATHER),
        Kind.OUTPUT_ITEM: Step(Does.GATHER_ITEM),
        Kind.DONE: Step(Does.FINISH, State.IDLE),
        Kind.DONE_CUT: Step(Does.FINISH_CUT, State.IDLE),
    },
    State.INTERRUPTED: _SET_UP
    | {
        Kind.BEGUN: Step(Does.CLOSE_CUT_AND_BEGIN, State.RESPONDING),
        Kind.BEGUN_UNWANTED: Step(Does.CLOSE_CUT_AND_BEGIN, State.RESPONDING),
        Kind.DONE: Step(Does.CLOSE_CUT, State.IDLE),
        Kind.DONE_CUT: Step(Does.CLOSE_CUT, State.IDLE),
        # There was nothing left to cancel, so nothing will be said of it any more.
        Kind.CANCEL_FAILED: Step(Does.GIVE_UP_CUT, State.IDLE),
    },
    State.CLOSED: {},
}
TRANSITIONS: Mapping[State, Mapping[Kind, Step]] = {
    state: {kind: row.get(kind, _NOTHING) for kind in Kind} for state, row in _TABLE.items()
}
"""Every state and every kind: what the table leaves out says nothing there (a late piece of a cut answer)."""
