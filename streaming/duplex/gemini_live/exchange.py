"""Whose turn it is, and what each transition tells. Pure."""

from collections.abc import Callable

from streaming.duplex.answer import Answer
from streaming.duplex.elements import GenerationComplete, ResponseStarted, StreamElement
from streaming.duplex.errors import NotTheWireError, ResponseFailedError
from streaming.duplex.gemini_live.finish import finish_reason, is_known_end
from streaming.duplex.gemini_live.transitions import TABLE, Action, Event, Move, State
from streaming.duplex.gemini_live.utterance import Utterance
from streaming.messages import ToolCallPart, Usage

_MAX_REASON = 100


class Exchange:
    """What the user and the model say on one connection, turn by turn.

    Args:
        name: what the made-up ids of answers and utterances begin with.

    Attributes:
        state: where it is.
        answer: the one on its way, or the last.
        utterance: what the user is saying.
        asked: the user's turn is over, and the answer to it has not begun.
        told: the tools' results are there, and the answer to them has not begun.
        heard_ms: how much of the answer's sound has been played.
        called: the calls that the next `TOOL_CALL` is about.
    """

    def __init__(self, name: str) -> None:
        self.state = State.OPENING
        self.answer = Answer()
        self.utterance = Utterance(f"{name}user_")
        self.asked = False
        self.told = False
        self.heard_ms = 0.0
        self.called: list[ToolCallPart] = []
        self._name = name
        self._answers = 0
        self._reason = ""
        self._calls_open = False
        self._doubtful = False
        self._unwanted = False
        self._usage: Usage | None = None

    @property
    def ready(self) -> bool:
        """Whether the setup is done."""
        return self.state not in (State.OPENING, State.CONFIGURING, State.CLOSED)

    @property
    def responding(self) -> bool:
        """Whether an answer is on its way, or owed."""
        return self.ready and (self.state is State.RESPONDING or self.asked or self.told)

    def happen(self, event: Event, out: list[StreamElement]) -> Move:
        """Make the transition of an event; append what it tells to `out`."""
        self._doubtful &= event is Event.STOPPED
        move = TABLE[self.state][event]
        self.state = move.to
        for action in move.actions:
            _ACTIONS[action](self, out)
        if self._unwanted and self.state is State.RESPONDING:
            self._unwanted = False
            return self.happen(Event.STOPPED, out)
        return move

    def ask(self) -> None:
        """The user's turn is over."""
        self.asked, self._unwanted = True, False

    def stop(self, out: list[StreamElement]) -> None:
        """The user wants no more of the answer, nor one that is owed: it is cut when it begins."""
        owed = self.asked or self.told
        self.happen(Event.STOPPED, out)
        self._unwanted = owed

    def cost(self, usage: Usage) -> None:
        """Take what was used: it is told with the next end of an answer."""
        self._usage = self._usage.plus(usage) if self._usage else usage

    def end_turn(self, out: list[StreamElement], *, more: bool, reason: str = "") -> None:
        """Take a `turnComplete`: most often it ends an answer.

        The answer that calls tools ends at the call. What is said while they run goes on when their results are
        there; and the turn that they were called in may be closed late, after the sound that trailed the call. Where
        the results have gone out by then, that close looks like an answer to them with nothing in it. It is taken for
        one if it says what went wrong, or if the server has nothing more to do after it (`settle`). A word that nobody
        knows may stand for no failure, so that it says nothing here.

        Args:
            out: what it tells.
            more: the server works on, or waits for results.
            reason: Gemini's word for why the turn ended.
        """
        calls_open, self._calls_open = self._calls_open, False
        self._reason = reason
        trailing = calls_open and (self.state is State.CALLING or not self.answer.text)
        if not (more or trailing):
            self.happen(Event.TURN_COMPLETE, out)
            return
        self.happen(Event.TURN_PAUSED, out)
        self._doubtful = not more and (self.told or self.state is State.RESPONDING)
        if self._doubtful and is_known_end(reason):
            self.happen(Event.TURN_COMPLETE, out)

    def settle(self, out: list[StreamElement]) -> None:
        """The server neither generates nor waits for results: a `turnComplete` that was in doubt ended the answer.

        A handle says so, for Gemini's documentation has none come while the model generates or calls. A server that
        sent one all the same between our results and its answer would have an empty answer told before that one. A
        handle that was on its way when the user asked something else says nothing of what comes now.
        """
        if self._doubtful and not self.asked:
            self.happen(Event.TURN_COMPLETE, out)

    def end_utterance(self, out: list[StreamElement]) -> None:
        """The user's words are whole."""
        if transcript := self.utterance.end():
            out.append(StreamElement(transcript=transcript))

    # -- what transitions do

    def _begin(self, out: list[StreamElement]) -> None:
        self._answers += 1
        self.answer = Answer(f"{self._name}answer_{self._answers}")
        self.heard_ms = 0.0
        self.asked = self.told = False
        out.append(StreamElement(event=ResponseStarted(), response_id=self.answer.response_id))

    def _tell_generated(self, out: list[StreamElement]) -> None:
        out.append(StreamElement(event=GenerationComplete(), response_id=self.answer.response_id))

    def _call(self, out: list[StreamElement]) -> None:
        calls, self.called = self.called, []
        self._calls_open = True
        self.answer.calls += calls
        self.end_utterance(out)
        out.append(
            StreamElement(
                end_of_stream=True,
                message=self.answer.message(),
                tool_calls=tuple(calls),
                audio_ms=self.answer.audio_ms,
                finish_reason="tool_calls",
                usage=self._take_usage(),
                response_id=self.answer.response_id,
            )
        )

    def _end(self, out: list[StreamElement]) -> None:
        finish, reason = finish_reason(self._reason), self._reason[:_MAX_REASON]
        failed = finish == "failed"
        self.told = self._unwanted = False  # results that came in its middle are answered by it too
        self.end_utterance(out)
        out.append(
            StreamElement(
                end_of_stream=not failed,
                error=ResponseFailedError(f"the answer failed: {reason}", code=reason) if failed else None,
                message=self.answer.message(),
                audio_ms=self.answer.audio_ms,
                finish_reason=finish,
                usage=self._take_usage(),
                response_id=self.answer.response_id,
            )
        )

    def _cut(self, out: list[StreamElement]) -> None:
        self._interrupt(out, ended=False)

    def _cut_ended(self, out: list[StreamElement]) -> None:
        self._interrupt(out, ended=True)

    def _interrupt(self, out: list[StreamElement], *, ended: bool) -> None:
        # What the user asked meanwhile may be what interrupts, and is answered; what tools said is not.
        self._calls_open = self.told = self._unwanted = False
        self.end_utterance(out)
        out.append(
            StreamElement(
                interrupted=True,
                message=None if ended else self.answer.message(),
                heard=self.answer.heard(self.heard_ms),
                audio_ms=self.answer.audio_ms,
                finish_reason="interrupted",
                response_id=self.answer.response_id,
            )
        )

    def _close_cut(self, out: list[StreamElement]) -> None:
        name = self.answer.response_id
        self.answer = Answer()  # it is cut once, whatever else the user interrupts before the next one
        out.append(StreamElement(interrupted_turn_complete=True, usage=self._take_usage(), response_id=name))

    def _refuse(self, out: list[StreamElement]) -> None:
        out.append(StreamElement(error=NotTheWireError("the server spoke before it took the setup")))

    def _take_usage(self) -> Usage | None:
        taken, self._usage = self._usage, None
        return taken


_ACTIONS: dict[Action, Callable[[Exchange, list[StreamElement]], None]] = {
    Action.BEGIN: Exchange._begin,
    Action.TELL_GENERATED: Exchange._tell_generated,
    Action.CALL: Exchange._call,
    Action.CUT: Exchange._cut,
    Action.CUT_ENDED: Exchange._cut_ended,
    Action.CLOSE_CUT: Exchange._close_cut,
    Action.END: Exchange._end,
    Action.REFUSE: Exchange._refuse,
}
