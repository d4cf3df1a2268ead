"""What a message's `serverContent` says: the model's sound and words, the user's words, and the turn's marks."""

from itertools import islice

from streaming.duplex.elements import Notice, StreamElement, Transcript
from streaming.duplex.gemini_live.exchange import Exchange
from streaming.duplex.gemini_live.frames import Flaws, Sound
from streaming.duplex.gemini_live.transitions import Event
from streaming.jsontext import JsonObject, mended_object
from streaming.providers.values import string

_MAX_NAME = 100
_MAX_NOTICES = 20
# Read, or a draft of what is read, or of no use to anyone here.
_READ = frozenset(
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


class Content:
    """Reads content into an exchange, one message after the other."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._sound = Sound()

    def read(self, content: JsonObject, flaws: Flaws, out: list[StreamElement]) -> None:
        """Take all of it but the end of the turn."""
        cut = content.get("interrupted") is True
        if not cut:
            self._read_user(content, flaws, out)
        if turn := flaws.object(content, "modelTurn"):
            for part in flaws.objects(turn, "parts"):
                self._read_part(part, flaws, out)
        self._read_model(content, flaws, out)
        if content.get("generationComplete") is True:
            self._exchange.happen(Event.GENERATION_COMPLETE, out)
        if cut:
            self.end_sound()
            self._exchange.happen(Event.INTERRUPTED, out)
            self._read_user(content, flaws, out)  # these words are of whoever interrupted
        notice(content, _READ, out)

    def _read_part(self, part: JsonObject, flaws: Flaws, out: list[StreamElement]) -> None:
        if blob := flaws.object(part, "inlineData"):
            if (audio := self._sound.take(blob, flaws)) and self._exchange.happen(Event.CONTENT, out).takes:
                answer = self._exchange.answer
                answer.sound(audio)
                out.append(StreamElement(audio=audio, response_id=answer.response_id))
        elif "text" in part:
            self._read_text(flaws.text(part, "text"), out, thought=part.get("thought") is True)
        else:
            notice(part, _BESIDE_PAYLOAD, out)  # code that Gemini runs, and its result

    def _read_text(self, text: str, out: list[StreamElement], *, thought: bool) -> None:
        if not text or not self._exchange.happen(Event.CONTENT, out).takes:
            return
        answer = self._exchange.answer
        if thought:
            answer.think(text)
        elif added := answer.say(text):
            out.append(StreamElement(text=added, response_id=answer.response_id))

    def _read_user(self, content: JsonObject, flaws: Flaws, out: list[StreamElement]) -> None:
        if not self._exchange.ready or not (words := flaws.object(content, "inputTranscription")):
            return
        finished = words.get("finished") is True
        if transcript := self._exchange.utterance.add(flaws.text(words, "text"), finished=finished):
            out.append(StreamElement(transcript=transcript))

    def _read_model(self, content: JsonObject, flaws: Flaws, out: list[StreamElement]) -> None:
        words = flaws.object(content, "outputTranscription")
        text = flaws.text(words, "text") if words else ""
        if text and self._exchange.happen(Event.WORDS, out).takes and (added := self._exchange.answer.say(text)):
            name = self._exchange.answer.response_id
            out.append(StreamElement(transcript=Transcript("assistant", added, item_id=name), response_id=name))

    def end(self, content: JsonObject, out: list[StreamElement], *, pending: bool) -> None:
        """The model's turn is complete.

        Args:
            content: that says so.
            out: what it tells.
            pending: the server waits for results of calls.
        """
        self.end_sound()
        more = content.get("interactionStatus") == "IN_PROGRESS" or pending
        self._exchange.end_turn(out, more=more, reason=string(content.get("turnCompleteReason")))

    def end_sound(self) -> None:
        """What sounds next is of another answer."""
        self._sound.end()


def notice(holder: JsonObject, known: frozenset[str], out: list[StreamElement]) -> None:
    """Tell of what is not read here: of the first few things, for a small message can hold millions."""
    if holder.keys() <= known:
        return
    unread = ((key, value) for key, value in holder.items() if key not in known and value is not None)
    for key, value in islice(unread, _MAX_NOTICES):
        details = mended_object(value) if isinstance(value, dict) else None
        out.append(StreamElement(event=Notice(string(key)[:_MAX_NAME], details=details)))
