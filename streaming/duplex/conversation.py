"""The ordered transcript of a session, as messages: what a new connection is told, and what is kept in the end. Pure.

Every turn takes its place when it happens and gets its words when they come. Providers write speech down late: OpenAI
names the utterance when it is taken (`UtteranceTaken`) and sends its words any time after, Gemini sends words that
name nothing, mostly while it answers. A place that never gets words is left out.
"""

from collections.abc import Sequence
from typing import TypeVar

from streaming.duplex.elements import (
    CallsCancelled,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    StreamElement,
    Transcript,
    UtteranceTaken,
)
from streaming.duplex.entries import (
    Answered,
    Entry,
    Results,
    Said,
    ids_of,
    messages_of,
    newest,
    put_off,
    reserved_turn,
    settled_end,
    turn_of,
    unanswered_turns,
    unasked_place,
)
from streaming.duplex.errors import ResponseFailedError
from streaming.messages import Message

_E = TypeVar("_E", bound=Entry)


class Conversation:
    """What was said so far, both ways, in order.

    Attributes:
        begun: how many answers have begun.
        finished: how many have ended: whole, cut by the user, or failed. One that broke off is not finished.
    """

    def __init__(self, history: Sequence[Message] = ()) -> None:
        self.begun = 0
        self.finished = 0
        self._history = list(history)
        self._entries: list[Entry] = []
        self._unanswered: list[Results] = []
        self._speaking = False
        self._sounded = False  # audio went up since the user's last turn ended
        self._shown = False  # so did a picture
        self._cut = False  # what comes now is the rest of a cut answer

    def messages(self, *, full: bool = False) -> list[Message]:
        """Return the transcript.

        Args:
            full: give cut answers whole, as far as they were made, and not only what was heard of them.
        """
        return [*self._history, *messages_of(self._entries, full=full)]

    def settled(self) -> list[Message]:
        """Return the transcript up to the last answer, and to the results of its tool calls."""
        return [*self._history, *messages_of(self._entries[: settled_end(self._entries)], full=False)]

    @property
    def calling(self) -> bool:
        """Whether results of tool calls are due, or the answer to them is, though the user has talked since."""
        return any(place.pending for place in self._unanswered)

    @property
    def asks(self) -> bool:
        """Whether all results of some calls are there, so that the model is to go on."""
        return any(place.pending and place.complete for place in self._unanswered)

    @property
    def _last(self) -> Entry | None:
        return self._entries[-1] if self._entries else None

    @property
    def awaiting(self) -> bool:
        """Whether something was said or called that no answer has come to, or an answer is on its way."""
        last = self._last
        owed = last.ended if isinstance(last, Said) else isinstance(last, Answered) and not last.settled
        return owed or self.calling

    @property
    def unanswered(self) -> int:
        """How many turns of the user's are over since the last answer began."""
        return unanswered_turns(self._entries)

    @property
    def wordless(self) -> bool:
        """Whether the user's last turn was spoken, and no word of its transcript has come."""
        said = newest(self._entries, Said)
        return said is not None and said.spoken and said.unheard

    @property
    def responding(self) -> bool:
        """Whether the model is answering."""
        return self._open_answer() is not None

    @property
    def quiet(self) -> bool:
        """Whether nobody speaks and nobody waits."""
        return not (self._speaking or self.awaiting)

    def reopen(self) -> None:
        """Forget what is not settled: it is about to be said again."""
        del self._entries[settled_end(self._entries) :]
        self._speaking = self._sounded = self._shown = self._cut = False

    # -- what goes up

    def sent(self, element: StreamElement) -> None:
        """Take what was written to the provider."""
        if element.text:
            self._turn().written.append(element.text)
        if element.audio is not None:
            self._sounded = True
        if element.image is not None or element.video is not None:
            self._shown = True
        if element.interrupted and (answer := self._open_answer()):
            answer.stopped = True
        if element.end_of_stream:
            self._end_turn()

    def given(self, element: StreamElement) -> None:
        """Take what tools gave back, whether the provider has been told yet or not."""
        for message in element.tool_result_messages:
            if place := self._results_for(ids_of(message)):
                place.tell(message)
        for response in element.tool_responses:
            if place := self._results_for({response.call_id}):
                place.respond(response)

    def _turn(self) -> Said:
        last = self._last
        return last if isinstance(last, Said) and not last.ended else self._append(Said())

    def _end_turn(self) -> None:
        last = self._last
        if self._sounded or self._shown or (isinstance(last, Said) and not last.ended):
            turn = self._turn()
            turn.ended, turn.spoken = True, turn.spoken or self._sounded
        self._sounded = self._shown = False

    def _results_for(self, call_ids: set[str]) -> Results | None:
        """Return the newest place for results of these calls: providers may use an id again."""
        return newest(self._entries, Results, lambda place: not call_ids.isdisjoint(place.call_ids))

    # -- what comes down

    def told(self, element: StreamElement, *, lost: bool = False, owed: bool = False) -> None:
        """Take what the provider said.

        Args:
            element: as the wire gave it.
            lost: the connection broke: an answer that this cuts is not finished.
            owed: the wire is to give another answer after what it says here.
        """
        if element.event is not None:
            self._happened(element)
        if element.transcript and element.transcript.speaker == "user":
            self._heard(element.transcript)
        if element.interrupted:
            self._cut_answer(element, lost=lost)
        elif element.interrupted_turn_complete:
            self._cut = False
        elif element.end_of_stream or isinstance(element.error, ResponseFailedError):
            self._end_answer(element, owed=owed)
        elif _is_answer(element) and not self._cut and not self._known(element.response_id):
            self._answer(element.response_id)

    def _happened(self, element: StreamElement) -> None:
        match element.event:
            case SpeechStarted():
                self._speaking = True
            case SpeechStopped():
                self._speaking = False
            case UtteranceTaken(item_id=item_id):
                self._take_utterance(item_id)
            case ResponseStarted():
                self._cut = False
                self._answer(element.response_id)
            case CallsCancelled(call_ids=call_ids):
                if place := self._results_for({*call_ids}):
                    place.cancelled |= {*call_ids} & {*place.call_ids}

    def _take_utterance(self, item_id: str) -> None:
        turn = reserved_turn(self._entries) or self._append(Said())
        turn.item_id, turn.ended, turn.spoken = item_id, True, True
        self._speaking = self._sounded = False

    def _heard(self, transcript: Transcript) -> None:
        turn = turn_of(self._entries, transcript.item_id)
        if turn is None:
            self._entries.insert(unasked_place(self._entries), turn := Said())
        turn.take(transcript)
        turn.spoken = True

    # -- answers

    def _open_answer(self) -> Answered | None:
        return newest(self._entries, Answered, lambda answer: answer.open)

    def _answer(self, response_id: str) -> Answered:
        answer = self._open_answer()
        if answer and (not response_id or answer.response_id in ("", response_id)):
            answer.response_id = response_id or answer.response_id
            return answer
        if answer:  # its end was never told
            self._finish(answer)
        self.begun += 1
        self._speaking = self._sounded = self._shown = False
        to = [place for place in self._unanswered if place.complete]
        follows = self._last if isinstance(self._last, Results) and self._last not in to else None
        return self._append(Answered(response_id, to=to, follows=follows))

    def _end_answer(self, element: StreamElement, *, owed: bool) -> None:
        answer = self._answer(element.response_id)
        answer.message = element.message
        if answer.follows and not owed:  # else the answer to come is the one to them
            answer.to.append(answer.follows)
        self._finish(answer)
        if owed and not (element.calls or self.calling or answer.to):
            put_off(self._entries)
        if ids := tuple(call.id for call in element.calls):
            self._unanswered.append(self._append(Results(ids)))

    def _cut_answer(self, element: StreamElement, *, lost: bool) -> None:
        self._cut = not lost
        if not self._open_answer():
            if whole := self._known(element.response_id):
                whole.heard = element.heard  # all of it was made, and its sound was still playing
            if whole or element.message is None:
                return  # or the provider gave up what it had not begun
        answer = self._answer(element.response_id)
        answer.message, answer.heard, answer.lost = element.message, element.heard, lost
        if answer.follows:
            answer.to.append(answer.follows)
        self._finish(answer)

    def _known(self, response_id: str) -> Answered | None:
        last = newest(self._entries, Answered)
        return last if last and response_id and last.response_id == response_id else None

    def _finish(self, answer: Answered) -> None:
        answer.open = False
        if answer.settled:
            self.finished += 1
            self._unanswered = [place for place in self._unanswered if not (place.complete and place in answer.to)]

    def _append(self, entry: _E) -> _E:
        self._entries.append(entry)
        return entry


def _is_answer(element: StreamElement) -> bool:
    spoken = element.transcript and element.transcript.speaker == "assistant"
    return bool(spoken or element.text or element.audio or element.message)
