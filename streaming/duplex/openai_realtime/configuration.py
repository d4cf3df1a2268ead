"""The `session.update` that makes a session what its setup says."""

from streaming.contracts import Tool
from streaming.duplex.setup import ServerVad, SessionSetup
from streaming.jsontext import JsonObject, JsonValue

RATE = 24000
"""Samples a second, both ways: "Only a 24kHz sample rate is supported" (the client's `AudioPCM`)."""
# Of the models that the API names for transcription, the one that is meant for turns and is not on its way out.
_TRANSCRIPTION_MODEL = "gpt-transcribe"


def session_of(setup: SessionSetup) -> JsonObject:
    """Return the session object. What the setup leaves open keeps the server's default."""
    session: JsonObject = {
        "type": "realtime",
        "output_modalities": [setup.output],
        "audio": {"input": _input(setup), **({"output": _output(setup)} if setup.output == "audio" else {})},
    }
    if setup.instructions is not None:
        session["instructions"] = setup.instructions
    if setup.tools:
        session["tools"] = [_tool(tool) for tool in setup.tools]
        session["tool_choice"] = "auto"
    if setup.max_output_tokens is not None:
        session["max_output_tokens"] = setup.max_output_tokens
    return session


def _format() -> JsonObject:
    return {"type": "audio/pcm", "rate": RATE}


def _input(setup: SessionSetup) -> JsonObject:
    # Its absence would mean the server's default, which is to listen: turns by hand are an explicit null.
    listening: JsonObject = {"format": _format(), "turn_detection": _turn_detection(setup.turn_detection)}
    if setup.transcription:
        listening["transcription"] = {"model": setup.transcription_model or _TRANSCRIPTION_MODEL}
    return listening


def _turn_detection(vad: ServerVad | None) -> JsonValue:
    if vad is None:
        return None
    return {
        "type": "server_vad",
        "threshold": vad.threshold,
        "prefix_padding_ms": vad.prefix_padding_ms,
        "silence_duration_ms": vad.silence_duration_ms,
        "create_response": True,
        "interrupt_response": True,
    }


def _output(setup: SessionSetup) -> JsonObject:
    return {"format": _format(), **({"voice": setup.voice} if setup.voice else {})}


def _tool(tool: Tool) -> JsonValue:
    return {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.input_schema}
