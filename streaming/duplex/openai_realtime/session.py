"""One session with the server: where it stands, and when it is asked for an answer. Pure.

The server makes one answer at a time, so one is asked for when none is on its way, and never into the user's speech: a
server that listens answers that by itself.
"""

from collections import deque
from collections.abc import Sequence

from streaming.duplex.elements import StreamElement, ToolResponse
from streaming.duplex.openai_realtime.answers import Answers
from streaming.duplex.openai_realtime.client_events import ClientEvents
from streaming.duplex.openai_realtime.configuration import session_of
from streaming.duplex.openai_realtime.items import call_id_for, history_items, result_item
from streaming.duplex.openai_realtime.owed import OwedCalls
from streaming.duplex.openai_realtime.transitions import State
from streaming.duplex.openai_realtime.turn import UserTurn
from streaming.duplex.setup import SessionSetup
from streaming.duplex.tools import unanswered
from streaming.jsontext import JsonObject
from streaming.messages import Message

_REMEMBERED = 64

Elements = list[StreamElement]


class Session:
    """A session.

    Args:
        setup: what it is to be.
        history: what was said before.
        ask: the history waits for an answer.

    Attributes:
        state: where it stands.
        id: the server's name for it.
        events: what is to be sent.
        turn: the user's.
        answers: the model's.
        owed: the calls whose results the model waits for.
        wanted: an answer is to be asked for, when that can be.
        unwanted: the next answer is to be stopped when it begins.
        failed_unbegun: an answer failed that had not begun, and the server may yet say that it is over.
        unconfirmed: the items that the server may not have yet.
        utterances: the items that the user said lately, as far as they have been told.

    Raises:
        CannotSendError: the history holds what Realtime has no words for.
    """

    def __init__(self, setup: SessionSetup, history: Sequence[Message], *, ask: bool) -> None:
        self.state = State.OPENING
        self.id = ""
        self.events = ClientEvents()
        self.turn = UserTurn(listens=setup.turn_detection is not None)
        self.answers = Answers(self.events)
        self.owed = OwedCalls()
        self.owed.made({call.id: call_id_for(call.id) for call in unanswered(history)})
        self.wanted = ask
        self.unwanted = False
        self.failed_unbegun = False
        self.unconfirmed: set[str] = set()
        self.utterances: deque[str] = deque(maxlen=_REMEMBERED)
        self._setup = session_of(setup)
        self._seed = history_items(history)

    @property
    def set_up(self) -> bool:
        """Whether the server has taken the setup, and the session is not over."""
        return self.state not in (State.OPENING, State.CONFIGURING, State.CLOSED)

    @property
    def responding(self) -> bool:
        """Whether an answer is on its way or wanted, or tool results are awaited."""
        wanted = self.wanted or self.turn.answer_open or bool(self.owed)
        return self.set_up and (self.state is not State.IDLE or wanted)

    @property
    def awaits_answer(self) -> bool:
        """Whether an answer is to come, asked for or not, that has not begun."""
        return self.state is State.AWAITED or (self.state is State.IDLE and self.turn.answer_due)

    # -- what is asked of it

    def open(self) -> None:
        """Say what the session is to be."""
        self.events.set_up(self._setup)

    def seed(self) -> None:
        """Tell the server what was said before."""
        for item in self._seed:
            self.events.create_item(item)

    def add_item(self, item: JsonObject) -> None:
        """Append to the conversation."""
        self.unconfirmed.add(self.events.create_item(item))

    def answer_calls(self, responses: Sequence[ToolResponse]) -> None:
        """Give the results of calls that wait for one; once an answer has all of its results the model goes on."""
        for response in responses:
            known_as = self.owed.name_of(response.call_id)
            if known_as is None:
                continue
            self.add_item(result_item(known_as, response))
            self.wanted |= self.owed.answered(response.call_id)
        self.ask_if_wanted()

    def end_turn(self) -> None:
        """The user is done."""
        commit, ask = self.turn.end()
        if commit:
            self.events.commit_audio()
        self.ask_if(ask)

    def interrupt(self) -> Elements:
        """Stop the answer that is made, played, or to come."""
        self.wanted = False
        if self.state is State.RESPONDING:
            self.state = State.INTERRUPTED
            self.answers.cancel()
            return self.answers.cut()
        self.unwanted = self.state is State.AWAITED or self.turn.answer_due
        return self.answers.cut_played()

    def close(self) -> Elements:
        """There is no session any more; return what there is of an answer that was on its way."""
        self.state = State.CLOSED
        return self.answers.break_off()

    def ask_if(self, wanted: bool) -> None:
        """Ask for an answer if one is wanted, now or when it can be."""
        self.wanted |= wanted
        self.ask_if_wanted()

    def ask_if_wanted(self) -> None:
        """Ask for the answer that is wanted, if it can be asked for now."""
        if self.wanted and self.state is State.IDLE and not (self.turn.speaking or self.turn.answer_due):
            self.wanted = False
            self.state = State.AWAITED
            self.events.ask()
