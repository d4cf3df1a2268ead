"""One answer of the server while it comes: words, sound and calls, as elements. Pure."""

from streaming.duplex.answer import Answer
from streaming.duplex.elements import Heard, StreamElement, Transcript
from streaming.duplex.openai_realtime.ending import ending_of, failure_of, usage_of
from streaming.duplex.openai_realtime.server_events import AUDIO_PARTS, object_in, part_of
from streaming.duplex.openai_realtime.sounds import PartKey, Sounds
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import ToolCallPart
from streaming.providers.values import objects, string


class Response:
    """A response, and what has come of it."""

    def __init__(self, response_id: str) -> None:
        self.id = response_id
        """Its id, "" where the server gave none."""
        self.over = False
        """The server has said how it ended."""
        self._answer = Answer(response_id)
        self._sounds = Sounds()
        self._is_spoken = False
        self._worded: set[PartKey] = set()
        self._calls: dict[str, ToolCallPart] = {}

    # -- while it comes

    def sound(self, event: JsonObject) -> list[StreamElement]:
        """Take a piece of sound.

        Raises:
            NotTheWireError: it is not base64.
        """
        self._is_spoken = True
        audio = self._sounds.take(part_of(event), event.get("delta"))
        if audio is None:
            return []
        self._answer.sound(audio)
        return [StreamElement(audio=audio, response_id=self.id)]

    def end_sound(self, event: JsonObject) -> list[StreamElement]:
        """No more sound of a part comes."""
        self._sounds.end(part_of(event))
        return []

    def note_part(self, event: JsonObject) -> list[StreamElement]:
        """A part begins: it may be spoken."""
        self._is_spoken |= string(object_in(event, "part").get("type")) in AUDIO_PARTS
        return []

    def write(self, event: JsonObject) -> list[StreamElement]:
        """Take written words."""
        return self._written(self._say(part_of(event), event.get("delta")))

    def write_all(self, event: JsonObject) -> list[StreamElement]:
        """Take all written words of a part: most often they have come before."""
        return self._written(self._say_unsaid(part_of(event), event.get("text")))

    def speak(self, event: JsonObject) -> list[StreamElement]:
        """Take spoken words."""
        self._is_spoken = True
        part = part_of(event)
        return self._spoken(part, self._say(part, event.get("delta")))

    def speak_all(self, event: JsonObject) -> list[StreamElement]:
        """Take all spoken words of a part."""
        self._is_spoken = True
        part, transcript = part_of(event), string(event.get("transcript"))
        self._say_unsaid(part, transcript)
        return self._spoken(part, transcript, final=True)

    def gather(self, event: JsonObject) -> list[StreamElement]:
        """Take a call's arguments, whole."""
        self._gather(string(event.get("item_id")), event)
        return []

    def gather_item(self, event: JsonObject) -> list[StreamElement]:
        """Take an item, whole: it may be a call."""
        self._gather_item(object_in(event, "item"))
        return []

    def _say(self, part: PartKey, text: JsonValue) -> str:
        if not isinstance(text, str) or not text:
            return ""
        self._worded.add(part)
        return self._answer.say(text)

    def _say_unsaid(self, part: PartKey, text: JsonValue) -> str:
        return "" if part in self._worded else self._say(part, text)

    def _written(self, text: str) -> list[StreamElement]:
        return [StreamElement(text=text, response_id=self.id)] if text else []

    def _spoken(self, part: PartKey, text: str, *, final: bool = False) -> list[StreamElement]:
        if not text:
            return []
        transcript = Transcript("assistant", text, final=final, item_id=part[0])
        return [StreamElement(transcript=transcript, response_id=self.id)]

    def _gather_item(self, item: JsonObject) -> None:
        if item.get("type") == "function_call":
            self._gather(string(item.get("id")), item)

    def _gather(self, item_id: str, call: JsonObject) -> None:
        # Each call is told two or three times: with its arguments, as an item, and in the finished response.
        call_id = string(call.get("call_id")) or item_id
        if not call_id:
            return  # nobody could answer it
        known = self._calls.get(call_id)
        name = string(call.get("name")) or (known.name if known else "")
        arguments = string(call.get("arguments")) or (known.arguments if known else "")
        self._calls[call_id] = ToolCallPart(id=call_id, name=name, arguments=arguments)

    # -- its end

    def finish(self, done: JsonObject) -> list[StreamElement]:
        """Take the finished response, unless the user ended it; return what had not come of it, and its end.

        Only a complete answer has calls: nobody waits for the results of others.
        """
        ending = ending_of(done)
        unsaid = self._unsaid(done.get("output"))
        if ending == "stop":
            self._answer.calls = list(self._calls.values())
        calls = tuple(self._answer.calls)
        has_failed = ending == "failed"
        message = self._answer.message()
        end = StreamElement(
            end_of_stream=not has_failed,
            error=failure_of(done) if has_failed else None,
            message=None if has_failed and not message.parts else message,
            tool_calls=calls,
            finish_reason="tool_calls" if calls else ending,
            usage=usage_of(done),
            response_id=self.id,
            audio_ms=self._answer.audio_ms,
        )
        return [*unsaid, end]

    def _unsaid(self, output: JsonValue) -> list[StreamElement]:
        added: list[StreamElement] = []
        for item in objects(output):
            self._gather_item(item)
            for index, content in enumerate(objects(item.get("content"))):
                part = string(item.get("id")), index
                if string(content.get("type")) in AUDIO_PARTS:
                    added += self._spoken(part, self._say_unsaid(part, content.get("transcript")))
                else:
                    added += self._written(self._say_unsaid(part, content.get("text")))
        return added

    def interrupted(self, played_ms: float) -> StreamElement:
        """Return what there is of it, for it goes no further."""
        return StreamElement(
            interrupted=True,
            message=self._answer.message(),
            heard=self._heard(played_ms),
            finish_reason="interrupted",
            response_id=self.id,
            audio_ms=self._answer.audio_ms,
        )

    def _heard(self, played_ms: float) -> Heard:
        if self._is_spoken and not self._answer.audio_ms:
            return Heard("", 0.0)  # words come before their sound
        return self._answer.heard(played_ms)

    def unplayed_ms(self, played_ms: float) -> float:
        """Return how much of its sound is still to be heard."""
        return self._answer.audio_ms - played_ms

    def cuts(self, played_ms: float) -> list[tuple[str, int, int]]:
        """Return where to truncate its items: see `Sounds.cuts`."""
        return self._sounds.cuts(played_ms, over=self.over)
