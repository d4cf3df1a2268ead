"""The toy's wire: as small as a wire can be that does all a session needs.

up    setup, audio, text, end, stop, result
down  ready, refused, no_resume, began, words, sound, calls, done, failed, cut, cut_over, taken, heard, cancelled,
handle, going, fault
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from streaming.duplex.answer import Answer
from streaming.duplex.elements import (
    Audio,
    CallsCancelled,
    FinishReason,
    GoingAway,
    Notice,
    Ready,
    ResponseStarted,
    Resumable,
    StreamElement,
    Transcript,
    UtteranceTaken,
)
from streaming.duplex.errors import (
    CannotSendError,
    ConnectionLostError,
    NotTheWireError,
    ProviderFaultError,
    ResponseFailedError,
    ResumeRefusedError,
    SessionEndedError,
    SetupRefusedError,
)
from streaming.duplex.provider import Target
from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue, dumps, loads
from streaming.messages import Message, ToolCallPart, ToolResultPart
from streaming.providers.values import objects, string

RATE = 24_000


NOWHERE = "ws://127.0.0.1:1"
"""Where nobody serves anything."""


@dataclass
class ToyProvider:
    """A `RealtimeProvider`."""

    url: str
    """A server that comes back may do so elsewhere: a port that is free now may be another's then."""
    key: str = field(default="k", repr=False)
    resumable: bool = True
    """Whether it asks for handles."""

    name = "toy"
    input_rate = RATE
    output_rate = RATE

    def target(self) -> Target:
        """Return where to connect."""
        return Target(f"{self.url}/toy?key={self.key}", {"x-key": self.key})

    def wire(self, *, resume: str | None = None, history: Sequence[Message] = (), ask: bool = False) -> "ToyWire":
        """Return the conversation of a new connection."""
        return ToyWire(resume=resume, history=history, ask=ask, resumable=self.resumable)


class ToyWire:
    """A `RealtimeWire`."""

    def __init__(self, *, resume: str | None, history: Sequence[Message], ask: bool, resumable: bool) -> None:
        self.ready = False
        self.handle: str | None = None
        self._resume = resume
        told: list[JsonValue] = [message.model_dump(mode="json") for message in history]
        self._setup: JsonObject = {"resume": resume, "history": told, "ask": ask, "handles": resumable}
        self._asked = ask
        self._answer: Answer | None = None
        self._cut_answer: Answer | None = None
        self._awaited = _unanswered(history)
        self._heard_ms = 0.0
        self._outgoing: list[str] = []
        self._closed = False

    @property
    def responding(self) -> bool:
        """Whether an answer is on its way, or owed, or tool results are awaited."""
        return bool(self._answer or self._asked or self._awaited)

    def opened(self) -> None:
        """Send the setup."""
        self._say("setup", **self._setup)

    def send(self, element: StreamElement) -> None:
        """Say an element."""
        if element.video is not None:
            raise CannotSendError("the toy does not see")
        if element.audio is not None:
            self._say("audio", data=base64.b64encode(element.audio.data).decode())
        if element.text:
            self._say("text", text=element.text)
        for response in element.tool_responses:
            if response.call_id in self._awaited:
                self._awaited.discard(response.call_id)
                self._say("result", id=response.call_id, output=response.output)
                self._asked = True
        if element.interrupted and self._answer:
            self._say("stop")
        if element.end_of_stream:
            self._say("end")
            self._asked = True

    def heard(self, ms: float) -> None:
        """So much has been played."""
        self._heard_ms = ms

    def outgoing(self) -> list[str]:
        """Return what is to be sent."""
        messages, self._outgoing = self._outgoing, []
        return messages

    def receive(self, message: str | bytes) -> list[StreamElement]:
        """Read a message."""
        try:
            frame = loads(message.encode() if isinstance(message, str) else message)
        except NotTheWire as error:
            return [StreamElement(error=NotTheWireError(str(error)))]
        if not isinstance(frame, dict):
            return [StreamElement(error=NotTheWireError("not an object"))]
        read = _READ.get(string(frame.get("is")))
        return read(self, frame) if read else [StreamElement(event=Notice(string(frame.get("is"))))]

    def closed(self, code: int, reason: str) -> list[StreamElement]:
        """Say what the socket's end means."""
        if self._closed:
            return []
        self._closed = True
        was_answering = self._answer is not None
        cut = self._interrupted()
        if code == 1000 and self.ready and not was_answering:
            return [*cut, StreamElement(error=SessionEndedError())]
        return [*cut, StreamElement(error=ConnectionLostError(f"closed with {code} {reason}".strip(), code=str(code)))]

    # -- what comes

    def _read_ready(self, frame: JsonObject) -> list[StreamElement]:
        self.ready = True
        return [StreamElement(event=Ready(string(frame.get("session")), resumed=self._resume is not None))]

    def _read_refused(self, frame: JsonObject) -> list[StreamElement]:
        return [StreamElement(error=SetupRefusedError(string(frame.get("why"))))]

    def _read_no_resume(self, frame: JsonObject) -> list[StreamElement]:
        return [StreamElement(error=ResumeRefusedError(string(frame.get("why"))))]

    def _read_began(self, frame: JsonObject) -> list[StreamElement]:
        self._answer, self._asked, self._heard_ms = Answer(string(frame.get("id"))), False, 0.0
        return [StreamElement(event=ResponseStarted(), response_id=self._answer.response_id)]

    def _read_words(self, frame: JsonObject) -> list[StreamElement]:
        if self._answer is None:
            return []
        text = string(frame.get("text"))
        self._answer.say(text)
        words = Transcript("assistant", text, item_id=self._answer.response_id)
        return [StreamElement(transcript=words, response_id=self._answer.response_id)]

    def _read_sound(self, frame: JsonObject) -> list[StreamElement]:
        try:
            audio = Audio(base64.b64decode(string(frame.get("data")), validate=True), RATE)
        except binascii.Error:
            return [StreamElement(error=NotTheWireError("sound that is not base64"))]
        if self._answer is None:
            return []
        self._answer.sound(audio)
        return [StreamElement(audio=audio, response_id=self._answer.response_id)]

    def _read_calls(self, frame: JsonObject) -> list[StreamElement]:
        answer = self._answer or Answer()
        for call in objects(frame.get("calls")):
            arguments = dumps(call.get("arguments")).decode()
            answer.calls.append(ToolCallPart(id=string(call["id"]), name=string(call["name"]), arguments=arguments))
        self._awaited |= {call.id for call in answer.calls}
        return self._ended(answer, "tool_calls")

    def _read_done(self, _: JsonObject) -> list[StreamElement]:
        return self._ended(self._answer or Answer(), "stop")

    def _read_failed(self, frame: JsonObject) -> list[StreamElement]:
        self._answer = None
        return [StreamElement(error=ResponseFailedError(string(frame.get("message"))))]

    def _read_cut(self, _: JsonObject) -> list[StreamElement]:
        return self._interrupted()

    def _read_cut_over(self, _: JsonObject) -> list[StreamElement]:
        name = self._cut_answer.response_id if self._cut_answer else ""
        return [StreamElement(interrupted_turn_complete=True, response_id=name)]

    def _read_taken(self, frame: JsonObject) -> list[StreamElement]:
        return [StreamElement(event=UtteranceTaken(string(frame.get("item"))))]

    def _read_heard(self, frame: JsonObject) -> list[StreamElement]:
        item, text = string(frame.get("item")), string(frame.get("text"))
        return [StreamElement(transcript=Transcript("user", text, final=True, item_id=item))]

    def _read_cancelled(self, frame: JsonObject) -> list[StreamElement]:
        ids = frame.get("ids")
        cancelled = tuple(string(item) for item in ids) if isinstance(ids, list) else ()
        self._awaited -= {*cancelled}
        return [StreamElement(event=CallsCancelled(cancelled))]

    def _read_handle(self, frame: JsonObject) -> list[StreamElement]:
        self.handle = string(frame.get("handle")) or None
        return [StreamElement(event=Resumable(self.handle))]

    def _read_going(self, frame: JsonObject) -> list[StreamElement]:
        left = frame.get("s")
        return [StreamElement(event=GoingAway(float(left) if isinstance(left, int | float) else 0.0))]

    def _read_fault(self, frame: JsonObject) -> list[StreamElement]:
        message = string(frame.get("message"))
        if frame.get("fatal"):
            return [StreamElement(error=ProviderFaultError(message))]
        return [StreamElement(event=Notice("fault", message))]

    # -- how answers end

    def _ended(self, answer: Answer, reason: FinishReason) -> list[StreamElement]:
        self._answer = None
        return [
            StreamElement(
                end_of_stream=True,
                message=answer.message(),
                tool_calls=tuple(answer.calls),
                audio_ms=answer.audio_ms,
                finish_reason=reason,
                response_id=answer.response_id,
            )
        ]

    def _interrupted(self) -> list[StreamElement]:
        answer, self._answer = self._answer, None
        if answer is None:
            return []
        self._cut_answer = answer
        return [
            StreamElement(
                interrupted=True,
                message=answer.message(),
                heard=answer.heard(self._heard_ms),
                audio_ms=answer.audio_ms,
                finish_reason="interrupted",
                response_id=answer.response_id,
            )
        ]

    def _say(self, word: str, **fields: JsonValue) -> None:
        self._outgoing.append(dumps({"do": word, **fields}).decode())


def _unanswered(history: Sequence[Message]) -> set[str]:
    calls = {part.id for message in history for part in message.parts if isinstance(part, ToolCallPart)}
    return calls - {
        part.tool_call_id for message in history for part in message.parts if isinstance(part, ToolResultPart)
    }


_READ: dict[str, Callable[[ToyWire, JsonObject], list[StreamElement]]] = {
    name.removeprefix("_read_"): read for name, read in vars(ToyWire).items() if name.startswith("_read_")
}
