"""One connection's conversation with Gemini Live: a server's message is read, an element is said. Sans-IO."""

from collections.abc import Callable

from streaming.duplex.elements import (
    CallsCancelled,
    GoingAway,
    Ready,
    Resumable,
    SpeechStarted,
    SpeechStopped,
    StreamElement,
)
from streaming.duplex.errors import CannotSendError, NotTheWireError, ProviderFaultError
from streaming.duplex.frames import object_of
from streaming.duplex.gemini_live.closing import meaning
from streaming.duplex.gemini_live.content import Content, notice
from streaming.duplex.gemini_live.exchange import Exchange
from streaming.duplex.gemini_live.frames import Flaws, seconds, usage
from streaming.duplex.gemini_live.history import Seed
from streaming.duplex.gemini_live.setup import setup_message
from streaming.duplex.gemini_live.tool_calls import ToolCalls
from streaming.duplex.gemini_live.transitions import Event, State
from streaming.duplex.gemini_live.user_input import START, UserInput
from streaming.duplex.setup import SessionSetup
from streaming.jsontext import JsonObject, JsonValue, dumps
from streaming.providers.values import details_of, string

_MAX_FLAWS = 5


class GeminiLiveWire:
    """A `RealtimeWire`.

    Args:
        setup: what the session is to be.
        resume: the handle of an earlier connection.
        seed: what was said before.
        name: what ids that are made up for this connection begin with; Gemini names no utterance and no answer.
    """

    def __init__(self, setup: SessionSetup, *, resume: str | None, seed: Seed, name: str) -> None:
        self._setup = setup
        self._resume = resume
        self._seed = seed
        self._exchange = Exchange(name)
        self._input = UserInput(manual=setup.turn_detection is None)
        self._content = Content(self._exchange)
        self._calls = ToolCalls(f"{name}call")
        self._handle: str | None = None
        self._outgoing: list[str] = []
        self._due: list[StreamElement] = []

    @property
    def ready(self) -> bool:
        """Whether the setup is done."""
        return self._exchange.ready

    @property
    def responding(self) -> bool:
        """Whether an answer is on its way or owed, or tool results are awaited."""
        return self._exchange.responding or (self.ready and (self._calls.pending or self._seed.owed))

    @property
    def handle(self) -> str | None:
        """With which another connection goes on from here.

        None while the server says that it cannot, which is while the model generates or calls: the handle before
        would go on from before the user's last turn, with that turn lost, and a transcript loses nothing.
        """
        return self._handle

    def opened(self) -> None:
        """The socket is open."""
        if self._exchange.happen(Event.OPENED, self._due).takes:
            message = setup_message(self._setup, resume=self._resume, seeded=self._seed.announced)
            self._outgoing.append(dumps(message).decode())

    def send(self, element: StreamElement) -> None:
        """Take an element for Gemini.

        `interrupted` is `activityStart` where turns are manual. Where the server detects voice there is no word for
        it, so that the rest of the answer, or the one that is owed, is dropped here until its `turnComplete`.

        Raises:
            CannotSendError: it cannot be said here, or not now.
        """
        if not self.ready:
            raise CannotSendError("the session has no setup yet, or is closed")
        said = self._input.messages(element, responding=self._exchange.state is State.RESPONDING)
        results = self._calls.answer(element.tool_responses)
        if START in said:
            self._exchange.end_utterance(self._due)  # words that came after the last answer are not of this turn
        late = self._seed.late_results(element.tool_responses)
        self._outgoing += [*results, *said, *(self._input.told(late) if late else [])]
        ended = self._input.manual and element.end_of_stream and bool(said)
        typed = not self._input.manual and bool(element.text)
        if element.interrupted and not self._input.manual:
            self._exchange.stop(self._due)
        if ended or typed or late:
            self._exchange.ask()
        if results and not self._calls.pending:
            self._exchange.told = True

    def heard(self, ms: float) -> None:
        """So much of the current answer's sound has been played."""
        self._exchange.heard_ms = ms

    def outgoing(self) -> list[str]:
        """Return the messages to be sent now, and forget them."""
        messages, self._outgoing = self._outgoing, []
        return messages

    def closed(self, code: int, reason: str) -> list[StreamElement]:
        """The socket is closed; 1006 where it broke."""
        if self._exchange.state is State.CLOSED:
            return []
        resuming = self._resume is not None
        error = meaning(code, reason, configured=self.ready, resuming=resuming, responding=self.responding)
        out, self._due = self._due, []
        self._exchange.happen(Event.SHUT, out)
        self._exchange.end_utterance(out)
        return [*out, StreamElement(error=error)]

    def receive(self, message: str | bytes) -> list[StreamElement]:
        """Take a message of Gemini's, in a text frame or a binary one; return what it says.

        One message may hold several things: all are read, in the order of `_ORDER`.
        """
        if self._exchange.state is State.CLOSED:
            return []
        out, self._due = self._due, []
        try:
            frame = object_of(message)
        except NotTheWireError as error:
            return [*out, StreamElement(error=error)]
        flaws = Flaws()
        for key, read in _ORDER:
            if key in frame and (piece := flaws.object(frame, key)) is not None:
                read(self, piece, flaws, out)
        notice(frame, _READ, out)
        if flaws.found:
            told = "; ".join([*dict.fromkeys(flaws.found)][:_MAX_FLAWS])
            out.append(StreamElement(error=NotTheWireError(told)))
        return out

    # -- pieces of a message

    def _read_error(self, piece: JsonObject, _flaws: Flaws, out: list[StreamElement]) -> None:
        """Gateways say an error before they close; Google only closes."""
        said = details_of(piece.get("message"), piece.get("status"), piece.get("code"))
        out.append(StreamElement(error=ProviderFaultError(said.message or "no message", code=said.code)))

    def _read_setup_complete(self, piece: JsonObject, _flaws: Flaws, out: list[StreamElement]) -> None:
        if self._exchange.happen(Event.SETUP_COMPLETE, out).takes:
            self._outgoing += self._seed.messages
            self._exchange.asked = self._seed.asks
            session_id = string(piece.get("sessionId"))
            out.append(StreamElement(event=Ready(session_id, resumed=self._resume is not None)))

    def _read_usage(self, piece: JsonObject, _flaws: Flaws, _out: list[StreamElement]) -> None:
        self._exchange.cost(usage(piece))

    def _read_voice(self, piece: JsonObject, _flaws: Flaws, out: list[StreamElement]) -> None:
        at = seconds(piece.get("audioOffset"))
        at_ms = None if at is None else at * 1000
        match piece.get("voiceActivityType"):
            case "ACTIVITY_START":
                out.append(StreamElement(event=SpeechStarted(at_ms=at_ms)))
            case "ACTIVITY_END":
                out.append(StreamElement(event=SpeechStopped(at_ms=at_ms)))

    def _read_calls(self, piece: JsonObject, flaws: Flaws, out: list[StreamElement]) -> None:
        calls: list[JsonValue] = [*flaws.objects(piece, "functionCalls")]
        self._exchange.called = self._calls.take(calls) if self.ready else []
        if self._exchange.called or not self.ready:
            self._content.end_sound()
            self._exchange.happen(Event.TOOL_CALL, out)

    def _read_cancellation(self, piece: JsonObject, _flaws: Flaws, out: list[StreamElement]) -> None:
        if cancelled := self._calls.cancel(piece.get("ids")):
            out.append(StreamElement(event=CallsCancelled(cancelled)))

    def _read_content(self, content: JsonObject, flaws: Flaws, out: list[StreamElement]) -> None:
        self._content.read(content, flaws, out)

    def _read_turn_end(self, content: JsonObject, _flaws: Flaws, out: list[StreamElement]) -> None:
        if content.get("turnComplete") is True:
            self._content.end(content, out, pending=self._calls.pending)

    def _read_resumption(self, piece: JsonObject, _flaws: Flaws, out: list[StreamElement]) -> None:
        self._handle = (string(piece.get("newHandle")) or None) if piece.get("resumable") is True else None
        if self._handle is not None:  # there is none while the model generates or calls
            self._exchange.settle(out)
        out.append(StreamElement(event=Resumable(self._handle)))

    def _read_go_away(self, piece: JsonObject, _flaws: Flaws, out: list[StreamElement]) -> None:
        out.append(StreamElement(event=GoingAway(seconds(piece.get("timeLeft")) or 0.0)))


_Wire = GeminiLiveWire
_Read = Callable[[GeminiLiveWire, JsonObject, Flaws, list[StreamElement]], None]
# In what order a message's pieces are read, whatever theirs is. Usage comes before the end that it is of, calls
# after what was said before them, and the end of the turn after all that belongs to it.
_ORDER: tuple[tuple[str, _Read], ...] = (
    ("error", _Wire._read_error),
    ("setupComplete", _Wire._read_setup_complete),
    ("usageMetadata", _Wire._read_usage),
    ("voiceActivity", _Wire._read_voice),
    ("serverContent", _Wire._read_content),
    ("toolCall", _Wire._read_calls),
    ("toolCallCancellation", _Wire._read_cancellation),
    ("serverContent", _Wire._read_turn_end),
    ("sessionResumptionUpdate", _Wire._read_resumption),
    ("goAway", _Wire._read_go_away),
)
_READ = frozenset(key for key, _ in _ORDER)
