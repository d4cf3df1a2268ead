"""How a script is played: what both fake providers share.

For the author of a wire:

- `connection.session` is the session's `Playthrough`. A user turn that is to be answered takes `session.take()`, and
  tool results take `session.take_after_tools()`; both return a `Step` to be played in full. It does not matter to
  them on which connection they are called: after a resumption, or on a new connection seeded with the history, the
  steps go on. `session.upcoming` is the step that the next turn will take: its `user_says` is the transcript of what
  the user has just said.
- `session.calls_of(step)` gives the step's tool calls their ids and expects their results; a wire takes each result
  with `session.settle_call(id)`, which says whether it was awaited. Awaited calls survive a connection, as long as
  the next one goes on with the same session: where it does not, the wire clears `session.awaited`.
- `session.give_handle()` and `session.knows(handle)` are for resumption.
- An answer is played as `begin, end = halves(spoken(text, ms))` and, for each `Piece`, `await pace.until(piece.at_ms)`
  with one `Pace(step.speed)` for the answer; between the halves is "mid_answer". Look at every piece's `at_ms` for a
  scripted barge-in. A cut is a cancelled task: no more pieces.
- A phantom barge-in (`barge_in_after_ms`) is a whole user turn: speech is heard, the answer is cut, the speech ends,
  and the next step answers it. Where turns are manual nobody listens, so there is none.
"""

import asyncio
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from pydantic import JsonValue

from deploy.sandbox.realtime import sound
from deploy.sandbox.realtime.script import Script, Step

LETTER_MS = 60
PIECE_MS = 100
"""How much sound is sent in one message."""
_WORD = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True)
class Call:
    """A tool call as it is made."""

    id: str
    name: str
    arguments: dict[str, JsonValue]
    cancel_after_ms: float | None


@dataclass(frozen=True)
class Piece:
    """What is sent at one time: some words, and the sound that plays meanwhile.

    Attributes:
        text: Words with the space between them; may be "".
        at_ms: Where in the answer's sound it begins.
        ms: How long it sounds; may be 0.
    """

    text: str
    at_ms: float
    ms: float

    @property
    def audio(self) -> bytes:
        """The sound, at 24 kHz."""
        return sound.tone(self.ms, at_ms=self.at_ms)


class Playthrough:
    """How far one session has played its script, over all its connections.

    Attributes:
        script: What is played.
        number: The session's place among the server's sessions, from 0.
        awaited: The tool calls whose results have not come.
        in_use: Says whether a connection holds the session; a wire that minds sets it.
    """

    def __init__(self, script: Script, number: int = 0) -> None:
        self.script = script
        self.number = number
        self.awaited: dict[str, Call] = {}
        self.in_use: Callable[[], bool] = lambda: False
        self._taken = 0
        self._rounds = 0
        self._ids = count(1)
        self._handles: set[str] = set()

    @property
    def upcoming(self) -> Step:
        """The step that the next user turn takes."""
        return self._step(self._taken)

    @property
    def current(self) -> Step:
        """The step that was taken last."""
        return self._step(max(0, self._taken - 1))

    def take(self) -> Step:
        """Returns what answers a user turn, and goes on to the next step."""
        step = self.upcoming
        self._taken += 1
        self._rounds = 1
        return step

    def take_after_tools(self) -> Step:
        """Returns what answers tool results: the current step's calls once more, or what it says after them.

        Only the step's pace is kept: what else it scripts has happened when the calls were made.
        """
        step = self.current
        if self._rounds < step.tool_rounds:
            self._rounds += 1
            again = [call.model_copy(update={"id": None}) for call in step.tool_calls]
            return Step(text="", tool_calls=again, tool_rounds=step.tool_rounds, **_pace_of(step))
        return Step(text=step.after_tools, **_pace_of(step))

    def calls_of(self, step: Step) -> list[Call]:
        """Makes a step's tool calls: their results are awaited from now on."""
        calls = [
            Call(call.id or f"call_{self.number}_{next(self._ids)}", call.name, call.arguments, call.cancel_after_ms)
            for call in step.tool_calls
        ]
        self.awaited |= {call.id: call for call in calls}
        return calls

    def settle_call(self, call_id: str) -> bool:
        """Takes a call's result, or takes the call back; returns whether its result was awaited."""
        return self.awaited.pop(call_id, None) is not None

    def give_handle(self) -> str:
        """Returns a new handle with which another connection can go on."""
        handle = f"handle_{self.number}_{len(self._handles) + 1}"
        self._handles.add(handle)
        return handle

    def knows(self, handle: str) -> bool:
        """Returns whether a handle is one of this session's."""
        return handle in self._handles

    def _step(self, position: int) -> Step:
        steps = self.script.steps
        return steps[min(position, len(steps) - 1)]


class Playthroughs:
    """The sessions of one server: whatever one API key does is one session."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._by_key: dict[str, Playthrough] = {}

    def of(self, key: str) -> Playthrough:
        """Returns a key's session."""
        return self._by_key.setdefault(key, Playthrough(self._script, len(self._by_key)))


class Pace:
    """When the parts of one answer are sent; its first part is sent at once."""

    def __init__(self, speed: float | None) -> None:
        """Begins an answer.

        Args:
            speed: How much faster than it plays; None is all at once.
        """
        self._speed = speed
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()

    async def until(self, at_ms: float) -> None:
        """Waits until it is time for what begins there in the sound; the reader has its turn in any case."""
        due = 0.0 if self._speed is None else self._began + at_ms / 1000 / self._speed
        await asyncio.sleep(max(0.0, due - self._clock()))


def spoken(text: str, audio_ms: float | None = None) -> list[Piece]:
    """Spreads words over the sound they are spoken in; a word is sent whole, in the piece in which it begins.

    Args:
        text: The words.
        audio_ms: How long they sound; by default so much a letter.

    Returns:
        The pieces in order; their texts joined are the text.
    """
    length = len(text) * LETTER_MS if audio_ms is None else audio_ms
    if not text and not length:
        return []
    number = max(1, math.ceil(length / PIECE_MS))
    texts = [""] * number
    for word in _WORD.finditer(text):
        texts[word.start() * number // len(text)] += word.group()
    starts = [min(length, position * PIECE_MS) for position in range(number + 1)]
    return [Piece(texts[at], starts[at], starts[at + 1] - starts[at]) for at in range(number)]


def halves(pieces: Sequence[Piece]) -> tuple[Sequence[Piece], Sequence[Piece]]:
    """Splits an answer where its middle is; something is said before it."""
    middle = (len(pieces) + 1) // 2
    return pieces[:middle], pieces[middle:]


def said(step: Step) -> str:
    """Returns what a step says: with tool calls only what it was told to say before them."""
    return step.text if not step.tool_calls or "text" in step.model_fields_set else ""


def _pace_of(step: Step) -> dict[str, float | None]:
    return {"speed": step.speed, "think_ms": step.think_ms}
