"""The first message of a connection: what the session is to be."""

from streaming.contracts import Tool
from streaming.duplex.setup import ServerVad, SessionSetup
from streaming.jsontext import JsonObject

_KINDS = ("models/", "tunedModels/")


def setup_message(setup: SessionSetup, *, resume: str | None, seeded: bool) -> JsonObject:
    """Return the `setup` message.

    Args:
        setup: what the session is to be.
        resume: the handle of an earlier connection.
        seeded: a history follows in `clientContent`, before anything else.
    """
    spoken = setup.output == "audio"
    optional: JsonObject = {
        "systemInstruction": {"parts": [{"text": setup.instructions}]} if setup.instructions else None,
        "tools": [{"functionDeclarations": [_declaration(tool) for tool in setup.tools]}] if setup.tools else None,
        "inputAudioTranscription": {} if setup.transcription else None,
        # The words of a spoken answer are its message, so they are always asked for.
        "outputAudioTranscription": {} if spoken else None,
        "historyConfig": {"initialHistoryInClientContent": True} if seeded else None,
    }
    said: JsonObject = {
        "model": setup.model if setup.model.startswith(_KINDS) else f"models/{setup.model}",
        "generationConfig": _generation_config(setup),
        "realtimeInputConfig": {"automaticActivityDetection": _activity_detection(setup.turn_detection)},
        # Without it no handles come, and the session ends with its connection, after some ten minutes.
        "sessionResumption": {"handle": resume} if resume else {},
        # Without it a session of sound ends after 15 minutes, and one with video after two.
        "contextWindowCompression": {"slidingWindow": {}},
    }
    return {"setup": said | {key: value for key, value in optional.items() if value is not None}}


def _generation_config(setup: SessionSetup) -> JsonObject:
    # One modality and no more: a setup with both is refused.
    config: JsonObject = {"responseModalities": ["AUDIO" if setup.output == "audio" else "TEXT"]}
    if setup.voice and setup.output == "audio":
        config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": setup.voice}}}
    if setup.max_output_tokens is not None:
        config["maxOutputTokens"] = setup.max_output_tokens
    return config


def _declaration(tool: Tool) -> JsonObject:
    """Return a function declaration.

    The schema goes whole, under `parametersJsonSchema`: `parameters` is Google's own subset, and a setup with
    `additionalProperties` in it is closed with 1007 (https://github.com/livekit/agents/issues/7302).
    """
    declaration: JsonObject = {"name": tool.name, "parametersJsonSchema": tool.input_schema}
    return declaration | {"description": tool.description} if tool.description else declaration


def _activity_detection(vad: ServerVad | None) -> JsonObject:
    """Return how the server hears turns; Gemini has two steps of sensitivity, and both are HIGH by default.

    A threshold above the middle asks for louder speech, so its start is heard less often. One below takes quieter
    sound for speech, so silence is heard less often.
    """
    if vad is None:
        return {"disabled": True}
    return {
        "disabled": False,
        "startOfSpeechSensitivity": f"START_SENSITIVITY_{'LOW' if vad.threshold > 0.5 else 'HIGH'}",
        "endOfSpeechSensitivity": f"END_SENSITIVITY_{'LOW' if vad.threshold < 0.5 else 'HIGH'}",
        "prefixPaddingMs": vad.prefix_padding_ms,
        "silenceDurationMs": vad.silence_duration_ms,
    }
