"""Rebuilds the `GenerateContentResponse` from its stream of chunks, each of them such a response too.

Rules of this file:

- The result is what the unary endpoint would have returned: the last value that says something stays. Usage is a
  running total, so it is replaced and never summed; of the prompt's feedback the first word counts.
- Candidates are keyed by their index, lacking one by list position; `candidate.py` joins the pieces of each.
- The wire has no terminal marker, so nothing is complete before the body ends. Then every candidate must have ended,
  or the prompt must have been blocked; anything less is a truncated stream.
"""

from streaming.deltas import Delta
from streaming.errors import NotTheWire, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue, loads, mended_object
from streaming.providers.gemini.candidate import Candidate
from streaming.providers.gemini.errors import raise_streamed_error
from streaming.providers.gemini.finish import block_reason
from streaming.providers.wire import Quirks
from streaming.sse import Event


def accumulator(_quirks: Quirks) -> "Accumulator":
    """Return a fresh accumulator for one stream."""
    return Accumulator()


class Accumulator:
    """One streamed response. See `wire.Accumulator`."""

    def __init__(self) -> None:
        self.unshown = 0
        """How many pieces of content came that no delta told of: of other candidates, of a function call under way."""
        self._top: JsonObject = {}
        self._candidates: dict[int, Candidate] = {}
        self._whole = False

    @property
    def complete(self) -> bool:
        """Whether the body has ended, and with a whole answer."""
        return self._whole

    def feed(self, event: Event) -> list[Delta]:
        """Take one event; return what it adds to candidate 0, the message.

        Raises:
            StreamedError: the event is an error object, or a candidate ended in a failure.
            NotTheWire: the event is not a chunk.
        """
        return self.take(loads(event.data))

    def take(self, chunk: JsonValue) -> list[Delta]:
        """Take one chunk; see `feed`."""
        if not isinstance(chunk, dict) or "error" in chunk:
            raise_streamed_error(chunk)
        if not isinstance(chunk, dict):
            raise NotTheWire("an event of the stream is not a JSON object")
        deltas: list[Delta] = []
        top = self._top
        for key, value in chunk.items():
            if key == "candidates":
                if value:
                    self._take_candidates(value, chunk, deltas)
            elif key == "promptFeedback":
                if value:
                    self._take_feedback(value)
            elif value or (value is not None and key not in top):
                top[key] = value
        return deltas

    def end(self) -> None:
        """The body ended.

        Raises:
            TruncatedStream: it is not a whole answer.
        """
        if not block_reason(self._top):
            if not self._candidates:
                raise TruncatedStream("the stream ended before the model said anything")
            if not all(candidate.finished for candidate in self._candidates.values()):
                raise TruncatedStream("the stream ended before the model finished: a candidate has no finish reason")
        self._whole = True

    def final(self) -> JsonObject:
        """Return the `GenerateContentResponse` as far as it has come."""
        if not self._candidates:
            return mended_object(self._top)
        candidates: list[JsonValue] = [self._candidates[index].final() for index in sorted(self._candidates)]
        return mended_object(self._top | {"candidates": candidates})

    def _take_feedback(self, feedback: JsonValue) -> None:
        held = self._top.get("promptFeedback")
        if isinstance(feedback, dict):
            said: JsonObject = {key: value for key, value in feedback.items() if value is not None}
            self._top["promptFeedback"] = said | held if isinstance(held, dict) else said

    def _take_candidates(self, candidates: JsonValue, chunk: JsonObject, deltas: list[Delta]) -> None:
        if not isinstance(candidates, list):
            raise NotTheWire("the candidates of a chunk are not a list")
        for position, candidate in enumerate(candidates):
            if not isinstance(candidate, dict):
                raise NotTheWire("a candidate is not a JSON object")
            index = candidate.get("index")
            if type(index) is not int or index < 0:
                index = position
            held = self._candidates.get(index)
            if held is None:
                held = self._open(index, chunk)
            before = held.unshown
            told: list[Delta] = deltas if index == 0 else []
            held.feed(candidate, told)
            self.unshown += held.unshown - before + (len(told) if told is not deltas else 0)

    def _open(self, index: int, chunk: JsonObject) -> Candidate:
        # Candidate 0 is the message: an answer without it is not whole, whatever came of the others.
        for opened in (0, index):
            if opened not in self._candidates:
                self._candidates[opened] = Candidate(chunk.get("responseId") or self._top.get("responseId"))
        return self._candidates[index]
