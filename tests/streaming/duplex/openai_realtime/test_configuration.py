import pytest

from streaming.contracts import Tool
from streaming.duplex.openai_realtime.configuration import session_of
from streaming.duplex.setup import ServerVad, SessionSetup
from streaming.jsontext import JsonObject, JsonValue, dumps
from tests.streaming.duplex.openai_realtime.official import checked_client_event

PCM: JsonObject = {"type": "audio/pcm", "rate": 24000}
WEATHER = Tool(name="weather", description="Tells it.", input_schema={"type": "object", "properties": {}})


def configured(setup: SessionSetup) -> JsonObject:
    """Return the session that a setup asks for, as the official client would read it."""
    event: JsonObject = {"type": "session.update", "session": session_of(setup)}
    session = checked_client_event(dumps(event).decode())["session"]
    assert isinstance(session, dict)
    return session


def test_a_plain_setup_says_what_is_not_the_servers_default() -> None:
    """The server listens, writes down, answers and can be interrupted."""
    assert configured(SessionSetup(model="m")) == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": PCM,
                "transcription": {"model": "gpt-transcribe"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": PCM},
        },
    }


def test_a_full_setup_is_said_whole() -> None:
    """Each in the server's words."""
    setup = SessionSetup(
        model="m",
        instructions="Be brief.",
        voice="marin",
        tools=(WEATHER,),
        turn_detection=ServerVad(0.8, 100, 200),
        transcription_model="whisper-1",
        max_output_tokens=100,
    )
    session = configured(setup)
    audio = session.pop("audio")
    assert isinstance(audio, dict)

    assert session == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "tools": [
            {
                "type": "function",
                "name": "weather",
                "description": "Tells it.",
                "parameters": {"type": "object", "properties": {}},
            }
        ],
        "tool_choice": "auto",
        "max_output_tokens": 100,
    }
    assert audio["output"] == {"format": PCM, "voice": "marin"}
    listening = audio["input"]
    assert isinstance(listening, dict)
    assert listening["transcription"] == {"model": "whisper-1"}
    assert isinstance(listening["turn_detection"], dict)
    assert listening["turn_detection"].items() >= {"threshold": 0.8, "prefix_padding_ms": 100}.items()


@pytest.mark.parametrize(
    ("setup", "audio"),
    [
        (
            SessionSetup(model="m", turn_detection=None, transcription=False),
            {"input": {"format": PCM, "turn_detection": None}, "output": {"format": PCM}},
        ),
        (
            SessionSetup(model="m", output="text", turn_detection=None, transcription=False),
            {"input": {"format": PCM, "turn_detection": None}},
        ),
    ],
)
def test_turns_by_hand_are_said(setup: SessionSetup, audio: JsonValue) -> None:
    """With a null, for without it the server would listen; a written answer has no voice."""
    session = configured(setup)

    assert session["audio"] == audio
    assert session["output_modalities"] == [setup.output]
