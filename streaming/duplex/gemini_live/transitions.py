"""What a Gemini Live connection does at each event in each state: every pair has its row.

    opening ─ configuring ─ idle ⇄ responding ─┬─ interrupted  by the user; `turnComplete` follows
                              │                └─ hushed       by us; the rest is dropped
                              └─ calling                       an answer ended in tool calls

Three rules of the table that are not Gemini's words but follow from them:

- What the model says after `interrupted` is of another answer; so are calls. The cut answer is closed then, and not
  only at its own `turnComplete`. Words of its transcript may still trail: those go.
- After a `toolCall` the model's turn may be closed by a `turnComplete` of its own, or not: that one ends no answer.
  How it is told from the end of an empty answer: `Exchange.end_turn`.
- In a session with voice detection there is no word for "stop": what comes of the answer is dropped here.
"""

from collections.abc import Mapping
from enum import StrEnum, auto
from typing import NamedTuple


class State(StrEnum):
    """Where a connection is."""

    OPENING = auto()
    CONFIGURING = auto()
    IDLE = auto()
    RESPONDING = auto()
    CALLING = auto()
    """The answer ended in tool calls, and the model's turn is not closed yet."""
    INTERRUPTED = auto()
    HUSHED = auto()
    CLOSED = auto()


class Event(StrEnum):
    """What happens to it."""

    OPENED = auto()
    SETUP_COMPLETE = auto()
    CONTENT = auto()
    """Sound, text or thoughts of the model."""
    WORDS = auto()
    """The transcript of its sound; it keeps no order with it."""
    GENERATION_COMPLETE = auto()
    INTERRUPTED = auto()
    TOOL_CALL = auto()
    TURN_PAUSED = auto()
    """A `turnComplete` that ends no answer: more of it comes."""
    TURN_COMPLETE = auto()
    STOPPED = auto()
    """By us, where the wire has no word for it."""
    SHUT = auto()


class Action(StrEnum):
    """What is done at a transition; `Exchange` has a method for each."""

    BEGIN = auto()
    TELL_GENERATED = auto()
    CALL = auto()
    CUT = auto()
    CUT_ENDED = auto()
    """The answer has ended, and is cut while it is played."""
    CLOSE_CUT = auto()
    END = auto()
    REFUSE = auto()


class Move(NamedTuple):
    """A row's right side."""

    to: State
    actions: tuple[Action, ...] = ()
    takes: bool = False
    """What came counts: content is the answer's. Else it is dropped."""


_S, _E, _A = State, Event, Action


def _stay(state: State) -> dict[Event, Move]:
    return dict.fromkeys(Event, Move(state)) | {_E.SHUT: Move(_S.CLOSED)}


def _too_early(state: State) -> dict[Event, Move]:
    return _stay(state) | dict.fromkeys(
        (_E.CONTENT, _E.WORDS, _E.GENERATION_COMPLETE, _E.INTERRUPTED, _E.TOOL_CALL, _E.TURN_PAUSED, _E.TURN_COMPLETE),
        Move(state, (_A.REFUSE,)),
    )


TABLE: Mapping[State, Mapping[Event, Move]] = {
    _S.OPENING: _too_early(_S.OPENING)
    | {
        _E.OPENED: Move(_S.CONFIGURING, takes=True),
        _E.SETUP_COMPLETE: Move(_S.OPENING, (_A.REFUSE,)),
    },
    _S.CONFIGURING: _too_early(_S.CONFIGURING)
    | {
        _E.SETUP_COMPLETE: Move(_S.IDLE, takes=True),
    },
    _S.IDLE: _stay(_S.IDLE)
    | {
        _E.CONTENT: Move(_S.RESPONDING, (_A.BEGIN,), takes=True),
        _E.WORDS: Move(_S.RESPONDING, (_A.BEGIN,), takes=True),
        _E.INTERRUPTED: Move(_S.INTERRUPTED, (_A.CUT_ENDED,)),
        _E.TOOL_CALL: Move(_S.CALLING, (_A.BEGIN, _A.CALL)),
        _E.TURN_COMPLETE: Move(_S.IDLE, (_A.BEGIN, _A.END)),
    },
    _S.RESPONDING: _stay(_S.RESPONDING)
    | {
        _E.CONTENT: Move(_S.RESPONDING, takes=True),
        _E.WORDS: Move(_S.RESPONDING, takes=True),
        _E.GENERATION_COMPLETE: Move(_S.RESPONDING, (_A.TELL_GENERATED,)),
        _E.INTERRUPTED: Move(_S.INTERRUPTED, (_A.CUT,)),
        _E.TOOL_CALL: Move(_S.CALLING, (_A.CALL,)),
        _E.TURN_COMPLETE: Move(_S.IDLE, (_A.END,)),
        _E.STOPPED: Move(_S.HUSHED, (_A.CUT,)),
        _E.SHUT: Move(_S.CLOSED, (_A.CUT,)),
    },
    _S.CALLING: _stay(_S.CALLING)
    | {
        _E.CONTENT: Move(_S.RESPONDING, (_A.BEGIN,), takes=True),
        _E.WORDS: Move(_S.RESPONDING, (_A.BEGIN,), takes=True),
        _E.INTERRUPTED: Move(_S.INTERRUPTED, (_A.CUT_ENDED,)),
        _E.TOOL_CALL: Move(_S.CALLING, (_A.BEGIN, _A.CALL)),
        _E.TURN_PAUSED: Move(_S.IDLE),
        _E.TURN_COMPLETE: Move(_S.IDLE),
    },
    _S.INTERRUPTED: _stay(_S.INTERRUPTED)
    | {
        _E.CONTENT: Move(_S.RESPONDING, (_A.CLOSE_CUT, _A.BEGIN), takes=True),
        _E.TOOL_CALL: Move(_S.CALLING, (_A.CLOSE_CUT, _A.BEGIN, _A.CALL)),
        _E.TURN_PAUSED: Move(_S.IDLE, (_A.CLOSE_CUT,)),
        _E.TURN_COMPLETE: Move(_S.IDLE, (_A.CLOSE_CUT,)),
    },
    _S.HUSHED: _stay(_S.HUSHED)
    | {
        _E.INTERRUPTED: Move(_S.INTERRUPTED),
        _E.TOOL_CALL: Move(_S.CALLING, (_A.CLOSE_CUT, _A.BEGIN, _A.CALL)),
        _E.TURN_PAUSED: Move(_S.IDLE, (_A.CLOSE_CUT,)),
        _E.TURN_COMPLETE: Move(_S.IDLE, (_A.CLOSE_CUT,)),
    },
    _S.CLOSED: _stay(_S.CLOSED),
}
