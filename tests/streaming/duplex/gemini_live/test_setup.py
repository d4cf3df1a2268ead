import json

import pytest

from streaming.contracts import Tool
from streaming.duplex.gemini_live.setup import setup_message
from streaming.duplex.setup import ServerVad, SessionSetup
from streaming.jsontext import JsonObject
from tests.streaming.duplex.gemini_live.talking import MODEL, client


def setup_of(setup: SessionSetup, *, resume: str | None = None, seeded: bool = False) -> JsonObject:
    """Return the setup, after the official types have taken it."""
    inner = client(json.dumps(setup_message(setup, resume=resume, seeded=seeded)))["setup"]
    assert isinstance(inner, dict)
    return inner


def test_a_setup_with_everything() -> None:
    """Each word of ours has its place."""
    schema: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
    setup = SessionSetup(
        model=MODEL,
        instructions="Be brief.",
        voice="Kore",
        tools=(Tool(name="weather", description="Tells it.", input_schema=schema),),
        max_output_tokens=100,
    )

    assert setup_of(setup, resume="h1") == {
        "model": f"models/{MODEL}",
        "generationConfig": {
            "responseModalities": ["AUDIO"],
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
            "maxOutputTokens": 100,
        },
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "weather", "description": "Tells it.", "parametersJsonSchema": schema},
                ]
            }
        ],
        "realtimeInputConfig": {
            "automaticActivityDetection": {
                "disabled": False,
                "startOfSpeechSensitivity": "START_SENSITIVITY_HIGH",
                "endOfSpeechSensitivity": "END_SENSITIVITY_HIGH",
                "prefixPaddingMs": 300,
                "silenceDurationMs": 500,
            }
        },
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
        "sessionResumption": {"handle": "h1"},
        "contextWindowCompression": {"slidingWindow": {}},
    }


def test_a_setup_with_little() -> None:
    """What is not asked for is not said; a text session has no voice and nothing to transcribe of the model's."""
    setup = SessionSetup(model="tunedModels/mine", output="text", voice="Kore", transcription=False)

    said = setup_of(setup)

    assert said["model"] == "tunedModels/mine"
    assert said["generationConfig"] == {"responseModalities": ["TEXT"]}
    assert said["sessionResumption"] == {}
    assert said.keys() & {"tools", "systemInstruction", "inputAudioTranscription", "outputAudioTranscription"} == set()


def test_manual_turns_switch_the_detection_off() -> None:
    """And say no more of it."""
    said = setup_of(SessionSetup(model=MODEL, turn_detection=None))

    assert said["realtimeInputConfig"] == {"automaticActivityDetection": {"disabled": True}}


@pytest.mark.parametrize(
    ("threshold", "start", "end"),
    [(0.2, "HIGH", "LOW"), (0.5, "HIGH", "HIGH"), (0.8, "LOW", "HIGH")],
)
def test_the_knobs_of_the_detection_are_used(threshold: float, start: str, end: str) -> None:
    """Each of them reaches the wire."""
    vad = ServerVad(threshold=threshold, prefix_padding_ms=20, silence_duration_ms=900)

    said = setup_of(SessionSetup(model=MODEL, turn_detection=vad))

    assert said["realtimeInputConfig"] == {
        "automaticActivityDetection": {
            "disabled": False,
            "startOfSpeechSensitivity": f"START_SENSITIVITY_{start}",
            "endOfSpeechSensitivity": f"END_SENSITIVITY_{end}",
            "prefixPaddingMs": 20,
            "silenceDurationMs": 900,
        }
    }


def test_a_history_is_announced() -> None:
    """Models after 2.5 take one only then."""
    said = setup_of(SessionSetup(model=MODEL), seeded=True)

    assert said["historyConfig"] == {"initialHistoryInClientContent": True}
