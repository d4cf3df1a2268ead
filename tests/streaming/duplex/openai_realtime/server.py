"""A server of one's own words: its events, valid by the official types, and a wire to say them to."""

import base64
from collections.abc import Sequence
from itertools import count

from streaming.duplex.elements import Audio, StreamElement
from streaming.duplex.openai_realtime import OpenAIRealtime
from streaming.duplex.openai_realtime.configuration import RATE
from streaming.duplex.openai_realtime.wire import OpenAIRealtimeWire
from streaming.duplex.setup import SessionSetup
from streaming.jsontext import JsonObject, JsonValue, dumps
from streaming.messages import Message
from tests.streaming.duplex.openai_realtime.official import checked_client_event, checked_server_event

SPOKEN = SessionSetup(model="gpt-realtime")
MANUAL = SessionSetup(model="gpt-realtime", turn_detection=None)
WRITTEN = SessionSetup(model="gpt-realtime", output="text", turn_detection=None)
BYTES_PER_MS = RATE * 2 // 1000

_numbers = count(1)


def sound(ms: float) -> Audio:
    """Return so much silence."""
    return Audio(bytes(int(ms * BYTES_PER_MS)), RATE)


def event(name: str, /, **fields: JsonValue) -> JsonObject:
    """Return an event of the server, which the official client would read."""
    return checked_server_event({"type": name, "event_id": f"event_{next(_numbers)}", **fields})


def _of(response_id: str, item_id: str, part: int | None = None) -> JsonObject:
    where: JsonObject = {"response_id": response_id, "item_id": item_id, "output_index": 0}
    return where if part is None else where | {"content_index": part}


def begun(response_id: str = "r1") -> JsonObject:
    """Return that an answer begins."""
    response: JsonObject = {"id": response_id, "object": "realtime.response", "status": "in_progress", "output": []}
    return event("response.created", response=response)


def done(
    response_id: str = "r1",
    status: str = "completed",
    *,
    reason: str | None = None,
    error: JsonObject | None = None,
    output: Sequence[JsonValue] = (),
    usage: JsonObject | None = None,
) -> JsonObject:
    """Return that an answer is over, and how."""
    details: JsonObject = {"type": status, "reason": reason, "error": error}
    response: JsonObject = {"id": response_id, "status": status, "output": list(output), "usage": usage}
    return event("response.done", response=response | {"status_details": details})


def sounding(ms: float, response_id: str = "r1", item_id: str = "m1", part: int = 0) -> JsonObject:
    """Return a piece of sound."""
    return sound_bytes(bytes(int(ms * BYTES_PER_MS)), response_id, item_id, part)


def sound_bytes(data: bytes, response_id: str = "r1", item_id: str = "m1", part: int = 0) -> JsonObject:
    """Return a piece of sound, whatever its length."""
    delta = base64.b64encode(data).decode()
    return event("response.output_audio.delta", delta=delta, **_of(response_id, item_id, part))


def sounded(response_id: str = "r1", item_id: str = "m1", part: int = 0) -> JsonObject:
    """Return that no more sound of a part comes."""
    return event("response.output_audio.done", **_of(response_id, item_id, part))


def speaking(delta: str, response_id: str = "r1", item_id: str = "m1", part: int = 0) -> JsonObject:
    """Return spoken words."""
    return event("response.output_audio_transcript.delta", delta=delta, **_of(response_id, item_id, part))


def spoke(transcript: str, response_id: str = "r1", item_id: str = "m1", part: int = 0) -> JsonObject:
    """Return all spoken words of a part."""
    return event("response.output_audio_transcript.done", transcript=transcript, **_of(response_id, item_id, part))


def writing(delta: str, response_id: str = "r1", item_id: str = "m1", part: int = 0) -> JsonObject:
    """Return written words."""
    return event("response.output_text.delta", delta=delta, **_of(response_id, item_id, part))


def wrote(text: str, response_id: str = "r1", item_id: str = "m1", part: int = 0) -> JsonObject:
    """Return all written words of a part."""
    return event("response.output_text.done", text=text, **_of(response_id, item_id, part))


def call_item(call_id: str, name: str = "look", arguments: str = "{}") -> JsonObject:
    """Return a call, as an item."""
    item_id = f"item_of_{call_id}"
    return {"type": "function_call", "id": item_id, "call_id": call_id, "name": name, "arguments": arguments}


def message_item(text: str, item_id: str = "m1", kind: str = "output_audio") -> JsonObject:
    """Return an answer, as an item."""
    content: JsonObject = {"type": kind, ("transcript" if kind == "output_audio" else "text"): text}
    return {"type": "message", "role": "assistant", "id": item_id, "content": [content]}


def called(call_id: str, response_id: str = "r1", name: str = "look", arguments: str = "{}") -> list[JsonObject]:
    """Return the two events that say that a call is whole."""
    item = call_item(call_id, name, arguments)
    where = _of(response_id, str(item["id"]))
    told: JsonObject = {"call_id": call_id, "name": name, "arguments": arguments}
    return [
        event("response.function_call_arguments.done", **where, **told),
        event("response.output_item.done", response_id=response_id, output_index=0, item=item),
    ]


def speech_started(item_id: str = "u1", at_ms: int = 100) -> JsonObject:
    """Return that the user speaks."""
    return event("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=at_ms)


def speech_stopped(item_id: str = "u1", at_ms: int = 900) -> JsonObject:
    """Return that the user is silent."""
    return event("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=at_ms)


def committed(item_id: str = "u1", after: str | None = None) -> JsonObject:
    """Return that what was heard is an item."""
    return event("input_audio_buffer.committed", item_id=item_id, previous_item_id=after)


def confirmed(item: JsonValue, after: str | None = None) -> JsonObject:
    """Return that an item is in the conversation."""
    return event("conversation.item.added", item=item, previous_item_id=after)


def error(code: str | None, event_id: str | None = None, kind: str = "invalid_request_error") -> JsonObject:
    """Return an error."""
    details: JsonObject = {"type": kind, "code": code, "message": f"said: {code}", "param": None, "event_id": event_id}
    return event("error", error=details)


def session(name: str = "session.updated", session_id: str = "sess_1") -> JsonObject:
    """Return a session as the server has it."""
    return event(name, session={"type": "realtime", "id": session_id})


class Talk:
    """A wire, and the server's side of it."""

    def __init__(self, setup: SessionSetup = SPOKEN, history: Sequence[Message] = (), *, ask: bool = False) -> None:
        provider = OpenAIRealtime("openai", "https://provider.test/v1", setup, "sk-key")
        self.wire: OpenAIRealtimeWire = provider.wire(history=history, ask=ask)

    def set_up(self) -> "Talk":
        """Open it, and take its setup."""
        self.wire.opened()
        self.sent()
        self.says(session("session.created"), session())
        return self

    def says(self, *events: JsonObject) -> list[StreamElement]:
        """Let the server say something; return what that tells."""
        return [element for one in events for element in self.wire.receive(dumps(one).decode())]

    def send(self, **element: object) -> list[JsonObject]:
        """Send an element; return the events that this makes."""
        self.wire.send(StreamElement(**element))  # type: ignore[arg-type]  # the fields of an element
        return self.sent()

    def sent(self) -> list[JsonObject]:
        """Return the events to be sent, each checked."""
        return [checked_client_event(text) for text in self.wire.outgoing()]

    def sent_types(self) -> list[str]:
        """Return the types of the events to be sent."""
        return types(self.sent())


def types(events: Sequence[JsonObject]) -> list[str]:
    """Return the types of events."""
    return [str(event["type"]) for event in events]


def talk(setup: SessionSetup = SPOKEN, history: Sequence[Message] = (), *, ask: bool = False) -> Talk:
    """Return a talk whose setup is taken."""
    return Talk(setup, history, ask=ask).set_up()


def said(element: StreamElement) -> str:
    """Return the words of an element's message; none where it has no message."""
    return element.message.text if element.message is not None else ""
