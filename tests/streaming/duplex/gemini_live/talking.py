"""A wire in a test: what the server says, as the official types know it, and what the client does, likewise."""

import base64
import json

from google.genai import types

from streaming.duplex.elements import StreamElement, ToolResponse
from streaming.duplex.gemini_live import GeminiLive
from streaming.duplex.gemini_live.wire import GeminiLiveWire
from streaming.duplex.setup import ServerVad, SessionSetup
from streaming.jsontext import JsonObject, JsonValue

MODEL = "gemini-3.1-flash-live-preview"
OLDER = "gemini-2.5-flash-native-audio-latest"
SECOND = bytes(48_000)
"""A second of sound as Gemini sends it."""


def provider(*, model: str = MODEL, manual: bool = False, text: bool = False) -> GeminiLive:
    """Return a configured Gemini Live."""
    detection = None if manual else ServerVad()
    setup = SessionSetup(model=model, turn_detection=detection, output="text" if text else "audio")
    return GeminiLive(name="gemini", base_url="https://gemini.example", setup=setup, api_key="key")


def server(**fields: JsonValue) -> str:
    """Return a server message, after the official types have taken it."""
    message = json.dumps(fields)
    types.LiveServerMessage.model_validate_json(message)
    return message


def content(**fields: JsonValue) -> str:
    """Return a message of server content."""
    return server(serverContent=fields)


def turn(*parts: JsonValue) -> JsonObject:
    """Return a model turn of these parts."""
    return {"role": "model", "parts": [*parts]}


def sound(data: bytes, media_type: str = "audio/pcm;rate=24000") -> JsonObject:
    """Return a part that is sound."""
    return {"inlineData": {"mimeType": media_type, "data": base64.b64encode(data).decode()}}


def speaks(data: bytes = SECOND) -> str:
    """Return the message of a piece of an answer's sound."""
    return content(modelTurn=turn(sound(data)))


def says(text: str) -> str:
    """Return the message of a piece of a spoken answer's words."""
    return content(outputTranscription={"text": text})


def hears(text: str) -> str:
    """Return the message of what the user is heard to say."""
    return content(inputTranscription={"text": text})


def calls(*ids: str) -> str:
    """Return a message of tool calls."""
    return server(toolCall={"functionCalls": [{"id": id_, "name": "weather", "args": {"city": "Ulm"}} for id_ in ids]})


TURN_COMPLETE = content(turnComplete=True)
INTERRUPTED = content(interrupted=True)


def sent(wire: GeminiLiveWire) -> list[JsonObject]:
    """Return what the wire wants sent, after the official types have taken it."""
    return [client(message) for message in wire.outgoing()]


def client(text: str) -> JsonObject:
    """Return a client message, after the official types have taken it.

    Their setup lacks one field, which the official client puts there all the same (`_live_converters.py`).
    """
    message: JsonObject = json.loads(text)
    known = dict(message)
    if isinstance(setup := message.get("setup"), dict):
        known["setup"] = {key: value for key, value in setup.items() if key != "realtimeInputConfig"}
        types.RealtimeInputConfig.model_validate_json(json.dumps(setup["realtimeInputConfig"]))
    types.LiveClientMessage.model_validate_json(json.dumps(known))
    return message


def ready_wire(given: GeminiLive | None = None) -> GeminiLiveWire:
    """Return a wire whose setup is done."""
    wire = (given or provider()).wire()
    wire.opened()
    wire.receive('{"setupComplete": {}}')
    sent(wire)
    return wire


def told(wire: GeminiLiveWire, *messages: str) -> list[StreamElement]:
    """Return what the wire tells of these messages."""
    return [element for message in messages for element in wire.receive(message)]


def ends(elements: list[StreamElement]) -> list[StreamElement]:
    """Return the elements that end something, or cut it."""
    return [e for e in elements if e.end_of_stream or e.interrupted or e.interrupted_turn_complete or e.error]


def text_of(element: StreamElement) -> str:
    """Return the words of an element's message."""
    assert element.message is not None
    return element.message.text


def events(elements: list[StreamElement]) -> list[object]:
    """Return what happens to the session."""
    return [element.event for element in elements if element.event]


def result(call_id: str) -> StreamElement:
    """Return a tool's result."""
    return StreamElement(tool_responses=(ToolResponse(call_id, "weather", "sunny"),))
