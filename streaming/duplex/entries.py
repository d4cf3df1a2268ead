"""The places of a conversation: what was said, answered and given back by tools, each in its own. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from streaming.duplex.elements import Heard, ToolResponse, Transcript
from streaming.jsontext import GrowingText
from streaming.messages import Message, TextPart, ToolResultPart

CANCELLED = "The call was cancelled before it had a result."


@dataclass(eq=False)
class Said:
    """What the user said in one turn; a place with no words yet may wait for its transcript."""

    item_id: str = ""
    ended: bool = False
    """The turn is over: an answer is due."""
    spoken: bool = False
    """Words are to come, for it was said aloud."""
    final: bool = False
    written: list[str] = field(default_factory=list)
    _heard: GrowingText = field(default_factory=GrowingText)

    @property
    def empty(self) -> bool:
        """Whether no words are known."""
        return not (self.written or self._heard.text)

    @property
    def unheard(self) -> bool:
        """Whether no word of a transcript has come."""
        return not (self.final or self._heard.text)

    @property
    def unnamed(self) -> bool:
        """Whether it was said aloud, and the provider has said nothing of it yet."""
        return self.spoken and not self.item_id and self.unheard

    def may_be_heard_as(self, item_id: str) -> bool:
        """Whether the words of this utterance may be of this turn."""
        return not self.final and self.item_id in ("", item_id) and (self.spoken or not self.ended)

    def take(self, transcript: Transcript) -> None:
        """Add what is new of a transcript, or put the final one in its place."""
        if transcript.final:
            self._heard = GrowingText()
        self._heard.add(transcript.text)
        self.final, self.item_id = transcript.final, transcript.item_id or self.item_id

    def messages(self) -> list[Message]:
        """Return it as a message; none where its words never came."""
        words = [*self.written, self._heard.text.strip()]
        parts = [TextPart(text=text) for text in words if text]
        return [Message(role="user", parts=[*parts])] if parts else []


@dataclass(eq=False)
class Answered:
    """What the model said to it: still open, whole, cut by the user, or failed (then there is no message)."""

    response_id: str = ""
    open: bool = True
    stopped: bool = False
    """The user wants no more of it."""
    lost: bool = False
    """The connection broke in the middle of it."""
    message: Message | None = None
    heard: Heard | None = None
    to: "list[Results]" = field(default_factory=list)
    """The results that it is an answer to: those that were there when it began."""
    follows: "Results | None" = None
    """Those that it came at once after, and before they were there. It may be to them too, if they are by its end: a
    model may speak on while its tools run."""

    @property
    def settled(self) -> bool:
        """Whether it is over and need not be asked for again."""
        return self.stopped or not (self.open or self.lost)

    def messages(self, *, full: bool) -> list[Message]:
        """Return what was said, or of a cut answer what was heard."""
        if self.message is None:
            return []
        if full or self.heard is None:
            return [self.message] if self.message.parts else []
        text = self.heard.text
        parts = [part for part in self.message.parts if not isinstance(part, TextPart)]
        said = [TextPart(text=text)] if text else []
        return [Message(role="assistant", parts=[*parts, *said])] if said else []


@dataclass(eq=False)
class Results:
    """What tools gave back for the calls of one answer; the calls of a cut session may never get theirs."""

    call_ids: tuple[str, ...]
    cancelled: set[str] = field(default_factory=set)
    _messages: list[Message] = field(default_factory=list)
    _responses: dict[str, ToolResponse] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether nothing is awaited."""
        return set(self.call_ids) <= self._given() | self._responses.keys() | self.cancelled

    @property
    def pending(self) -> bool:
        """Whether the model waits for a result, or has an answer to give to those it got."""
        return not {*self.call_ids} <= self.cancelled

    def respond(self, response: ToolResponse) -> None:
        """Take what goes to the provider: the first result of a call counts."""
        self._responses.setdefault(response.call_id, response)

    def tell(self, message: Message) -> None:
        """Take a result as the message that it is in the history; a second for the same calls says nothing."""
        if not ids_of(message) <= self._given():
            self._messages.append(message)

    def messages(self) -> list[Message]:
        """Return the messages that were given, and one for whatever has none: each call has one result."""
        given = self._given()
        rest = [self._result(call_id) for call_id in self.call_ids if call_id not in given and self._known(call_id)]
        return [*self._messages, *(Message(role="tool", parts=[result]) for result in rest)]

    def _given(self) -> set[str]:
        return {call_id for message in self._messages for call_id in ids_of(message)}

    def _known(self, call_id: str) -> bool:
        return call_id in self._responses or call_id in self.cancelled

    def _result(self, call_id: str) -> ToolResultPart:
        response = self._responses.get(call_id) or ToolResponse(call_id, "", CANCELLED, is_error=True)
        return ToolResultPart(
            tool_call_id=call_id, content=[TextPart(text=response.output)], is_error=response.is_error
        )


Entry = Said | Answered | Results
_E = TypeVar("_E", bound=Entry)


def ids_of(message: Message) -> set[str]:
    """Return the calls that a message holds results of."""
    return {part.tool_call_id for part in message.parts if isinstance(part, ToolResultPart)}


# -- in order


def newest(entries: Sequence[Entry], kind: type[_E], fits: Callable[[_E], bool] = lambda _: True) -> _E | None:
    """Return the newest place of a kind that fits."""
    return next((entry for entry in reversed(entries) if isinstance(entry, kind) and fits(entry)), None)


def messages_of(entries: Sequence[Entry], *, full: bool) -> list[Message]:
    """Return what was said in these places; `full` as in `Answered.messages`."""
    said = (entry.messages(full=full) if isinstance(entry, Answered) else entry.messages() for entry in entries)
    return [message for messages in said for message in messages]


def settled_end(entries: Sequence[Entry]) -> int:
    """Return where what has an answer ends: after the last answer that is over, and the results of its calls."""
    for end in range(len(entries), 0, -1):
        entry = entries[end - 1]
        if isinstance(entry, Results) or (isinstance(entry, Answered) and entry.settled):
            return end
    return 0


def reserved_turn(entries: Sequence[Entry]) -> Said | None:
    """Return the turn that an utterance is: of those that wait for an answer, and for their names, the first."""
    waiting = entries[_newest_turns(entries) :]
    return next((turn for turn in waiting if isinstance(turn, Said) and turn.unnamed), None)


def unanswered_turns(entries: Sequence[Entry]) -> int:
    """Return how many turns have ended since anything else was said."""
    return sum(isinstance(turn, Said) and turn.ended for turn in entries[_newest_turns(entries) :])


def put_off(entries: list[Entry]) -> None:
    """Let the last answer be to the first of the turns before it, for the others are to have one of their own.

    Where something was said since the answer began the other answer may be to that, and nothing is moved; nor where no
    other turn is over.
    """
    if entries and isinstance(entries[-1], Answered):
        second = _newest_turns(entries[:-1]) + 1
        if unanswered_turns(entries[second:-1]):
            entries.insert(second, entries.pop())


def _newest_turns(entries: Sequence[Entry]) -> int:
    """Return where the turns begin that nothing has been said after."""
    place = len(entries)
    while place and isinstance(entries[place - 1], Said):
        place -= 1
    return place


def turn_of(entries: Sequence[Entry], item_id: str) -> Said | None:
    """Return the turn that an utterance's words are of: the one with its name, and else the newest, if it may be."""
    named = newest(entries, Said, lambda said: said.item_id == item_id) if item_id else None
    return named or _growing(entries, item_id)


def _growing(entries: Sequence[Entry], item_id: str) -> Said | None:
    """Return the newest turn, if it has no words yet, or its answer has not ended."""
    answered, newer = False, None
    for entry in reversed(entries):
        if isinstance(entry, Said):
            due = not answered or (entry.spoken and entry.unheard)
            return entry if due and entry.may_be_heard_as(item_id) else None
        answered |= isinstance(entry, Answered) and not entry.open and not isinstance(newer, Results)
        newer = entry
    return None


def unasked_place(entries: Sequence[Entry]) -> int:
    """Return the place for words of no known turn: before the answer that has no question, and else at the end."""
    place = len(entries)
    if place and isinstance(entries[-1], Answered):
        place -= 1
        while place >= 2 and isinstance(entries[place - 1], Results):
            place -= 2
    asked = place > 0 and isinstance(entries[place - 1], Said)
    return len(entries) if asked else place
