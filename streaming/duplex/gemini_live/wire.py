"""One connection's conversation with Gemini Live: a server's message is read, an element is said. Sans-IO."""

from collections.abc import Callable

from streaming.duplex.elements import (
    CallsCancelled,
    GoingAway,
    Notice,
    Ready,
    Resumable,
    SpeechStarted,
    SpeechStopped,
    StreamElement,
    Transcript,
)
from streaming.duplex.errors import CannotSendError, NotTheWireError, ProviderFaultError
from streaming.duplex.gemini_live.closing import meaning
from streaming.duplex.gemini_live.exchange import Exchange
from streaming.duplex.gemini_live.frames import Flaws, Sound, seconds, usage
from streaming.duplex.gemini_live.history import Seed
from streaming.duplex.gemini_live.setup import setup_message
from streaming.duplex.gemini_live.tool_calls import ToolCalls
from streaming.duplex.gemini_live.transitions import Event, State
from streaming.duplex.gemini_live.user_input import START, UserInput
from streaming.duplex.setup import SessionSetup
from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue, dumps, loads
from streaming.providers.values import details_of, string

_MAX_NAME = 100
_MAX_FLAWS = 5
# Read, or a draft of what is read, or of no use to anyone here.
_READ_CONTENT = frozenset(
    {
        "modelTurn",
        "turnComplete",
        "turnCompleteReason",
        "interactionStatus",
        "interrupted",
        "generationComplete",
        "inputTranscription",
        "interimInputTranscription",
        "outputTranscription",
        "waitingForInput",
    }
)
_BESIDE_PAYLOAD = frozenset({"thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution"})


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
        self._sound = Sound()
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
        it, so that the rest of the answer is dropped here until its `turnComplete`.

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
        self._outgoing += [*results, *(self._input.told(late) if late else []), *said]
        ended = self._input.manual and element.end_of_stream and bool(said)
        typed = not self._input.manual and bool(element.text)
        if ended or typed or late:
            self._exchange.asked = True
        if results and not self._calls.pending:
            self._exchange.told = True
        if element.interrupted and not self._input.manual:
            self._exchange.happen(Event.STOPPED, self._due)

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
            frame = loads(message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message)
        except NotTheWire as error:
            return [*out, StreamElement(error=NotTheWireError(str(error)))]
        if not isinstance(frame, dict):
            return [*out, StreamElement(error=NotTheWireError("a message is not a JSON object"))]
        flaws = Flaws()
        for key, read in _ORDER:
            if key in frame and (piece := flaws.object(frame, key)) is not None:
                read(self, piece, flaws, out)
        _notice(frame, _READ, out)
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

    def _read_content(self, content: JsonObject, flaws: Flaws, out: list[StreamElement]) -> None:
        cut = content.get("interrupted") is True
        if not cut:
            self._hear_user(content, flaws, out)
        if turn := flaws.object(content, "modelTurn"):
            for part in flaws.objects(turn, "parts"):
                self._read_part(part, flaws, out)
        self._hear_model(content, flaws, out)
        if content.get("generationComplete") is True:
            self._exchange.happen(Event.GENERATION_COMPLETE, out)
        if cut:
            self._sound.end()
            self._exchange.happen(Event.INTERRUPTED, out)
            self._hear_user(content, flaws, out)  # these words are of whoever interrupted
        _notice(content, _READ_CONTENT, out)

    def _read_part(self, part: JsonObject, flaws: Flaws, out: list[StreamElement]) -> None:
        if blob := flaws.object(part, "inlineData"):
            if (audio := self._sound.take(blob, flaws)) and self._exchange.happen(Event.CONTENT, out).takes:
                answer = self._exchange.answer
                answer.sound(audio)
                out.append(StreamElement(audio=audio, response_id=answer.response_id))
        elif "text" in part:
            self._read_text(flaws.text(part, "text"), out, thought=part.get("thought") is True)
        else:
            _notice(part, _BESIDE_PAYLOAD, out)  # code that Gemini runs, and its result

    def _read_text(self, text: str, out: list[StreamElement], *, thought: bool) -> None:
        if not text or not self._exchange.happen(Event.CONTENT, out).takes:
            return
        answer = self._exchange.answer
        if thought:
            answer.think(text)
        elif added := answer.say(text):
            out.append(StreamElement(text=added, response_id=answer.response_id))

    def _hear_user(self, content: JsonObject, flaws: Flaws, out: list[StreamElement]) -> None:
        if not self.ready or not (words := flaws.object(content, "inputTranscription")):
            return
        finished = words.get("finished") is True
        if transcript := self._exchange.utterance.add(flaws.text(words, "text"), finished=finished):
            out.append(StreamElement(transcript=transcript))

    def _hear_model(self, content: JsonObject, flaws: Flaws, out: list[StreamElement]) -> None:
        words = flaws.object(content, "outputTranscription")
        text = flaws.text(words, "text") if words else ""
        if text and self._exchange.happen(Event.WORDS, out).takes and (added := self._exchange.answer.say(text)):
            name = self._exchange.answer.response_id
            out.append(StreamElement(transcript=Transcript("assistant", added, item_id=name), response_id=name))

    def _read_calls(self, piece: JsonObject, flaws: Flaws, out: list[StreamElement]) -> None:
        calls: list[JsonValue] = [*flaws.objects(piece, "functionCalls")]
        self._exchange.called = self._calls.take(calls) if self.ready else []
        if self._exchange.called or not self.ready:
            self._sound.end()
            self._exchange.happen(Event.TOOL_CALL, out)

    def _read_cancellation(self, piece: JsonObject, _flaws: Flaws, out: list[StreamElement]) -> None:
        if cancelled := self._calls.cancel(piece.get("ids")):
            out.append(StreamElement(event=CallsCancelled(cancelled)))

    def _read_turn_end(self, content: JsonObject, _flaws: Flaws, out: list[StreamElement]) -> None:
        if content.get("turnComplete") is True:
            self._sound.end()
            self._exchange.reason = string(content.get("turnCompleteReason"))
            more = content.get("interactionStatus") == "IN_PROGRESS" or self._calls.pending
            self._exchange.happen(self._exchange.end_of_turn(more=more), out)

    def _read_resumption(self, piece: JsonObject, _flaws: Flaws, out: list[StreamElement]) -> None:
        self._handle = (string(piece.get("newHandle")) or None) if piece.get("resumable") is True else None
        out.append(StreamElement(event=Resumable(self._handle)))

    def _read_go_away(self, piece: JsonObject, _flaws: Flaws, out: list[StreamElement]) -> None:
        out.append(StreamElement(event=GoingAway(seconds(piece.get("timeLeft")) or 0.0)))


def _notice(holder: JsonObject, known: frozenset[str], out: list[StreamElement]) -> None:
    """Tell of what is not read here."""
    if holder.keys() <= known:
        return
    for key, value in holder.items():
        if key not in known and value is not None:
            details = value if isinstance(value, dict) else None
            out.append(StreamElement(event=Notice(string(key)[:_MAX_NAME], details=details)))


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
