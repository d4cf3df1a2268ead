import pytest

from streaming.duplex.elements import (
    Notice,
    SessionEvent,
    SpeechStarted,
    SpeechStopped,
    StreamElement,
    Transcript,
    UtteranceTaken,
)
from streaming.duplex.openai_realtime import told
from streaming.jsontext import JsonObject, JsonValue
from tests.streaming.duplex.openai_realtime import server

KIND = "conversation.item.input_audio_transcription"
TOKENS: JsonObject = {"type": "tokens", "input_tokens": 1, "output_tokens": 1, "total_tokens": 2}


@pytest.mark.parametrize(
    ("event", "notice"),
    [
        (server.error("invalid_value"), Notice("invalid_value", "said: invalid_value")),
        (server.error(None, kind="server_error"), Notice("server_error", "said: None")),
        ({"type": "some.new.event"}, Notice("unknown_event", "some.new.event")),
        ({"type": "x" * 1000}, Notice("unknown_event", "x" * 100)),
        ({"type": "mcp_list_tools.failed"}, Notice("mcp_list_tools.failed")),
        ({"type": "rate_limits.updated", "rate_limits": 5}, Notice("rate_limits.updated")),
        ({"type": "error"}, Notice("", "no message")),
    ],
)
def test_a_notice_says_what_happened(event: JsonObject, notice: SessionEvent) -> None:
    """In bounds, whatever the event."""
    assert told.notice(event) == StreamElement(event=notice)


def test_rate_limits_are_told_with_their_numbers() -> None:
    """And nothing that is not one of them."""
    limit: JsonObject = {"name": "tokens", "limit": 1000, "remaining": 950, "reset_seconds": 0.5}
    known = server.event("rate_limits.updated", rate_limits=[limit])
    odd: JsonObject = {"type": "rate_limits.updated", "rate_limits": [{"name": [], "limit": "x", "more": {}}, 7]}

    assert told.notice(known).event == Notice("rate_limits.updated", details={"rate_limits": [limit]})
    assert told.notice(odd).event == Notice("rate_limits.updated", details={"rate_limits": [{"name": ""}]})


def test_speech_is_told_with_its_place_and_time() -> None:
    """Where the server tells them."""
    assert told.speech_started(server.speech_started("u1", 120)).event == SpeechStarted("u1", 120)
    assert told.speech_stopped(server.speech_stopped("u1", 980)).event == SpeechStopped("u1", 980)
    assert told.speech_started({"item_id": 5, "audio_start_ms": "x"}).event == SpeechStarted("", None)


@pytest.mark.parametrize(("after", "known"), [("u0", "u0"), (None, None), (5, None), ("", None)])
def test_an_utterance_has_its_place(after: JsonValue, known: str | None) -> None:
    """After the item before it."""
    assert told.utterance("u1", {"previous_item_id": after}).event == UtteranceTaken("u1", known)


@pytest.mark.parametrize(
    ("item", "is_utterance"),
    [
        ({"role": "user", "content": [{"type": "input_audio"}]}, True),
        ({"role": "user", "content": [{"type": "input_text"}, {"type": "input_audio"}]}, True),
        ({"role": "user", "content": [{"type": "input_text"}]}, False),
        ({"role": "assistant", "content": [{"type": "input_audio"}]}, False),
        ({"role": [], "content": "x"}, False),
        ({}, False),
    ],
)
def test_an_utterance_is_what_the_user_said_aloud(item: JsonObject, is_utterance: bool) -> None:
    """And not what he wrote."""
    assert told.is_utterance(item) is is_utterance


def test_the_users_words_come_as_they_are_known() -> None:
    """Some, or all of them, for an utterance by name."""
    some = server.event(f"{KIND}.delta", item_id="u1", content_index=0, delta="Hel")
    whole = server.event(f"{KIND}.completed", item_id="u1", content_index=0, transcript="Hello.", usage=TOKENS)

    assert told.user_words(some) == [StreamElement(transcript=Transcript("user", "Hel", item_id="u1"))]
    assert told.all_user_words(whole) == [
        StreamElement(transcript=Transcript("user", "Hello.", final=True, item_id="u1"))
    ]
    assert told.user_words({"delta": 5}) == []


def test_nobody_waits_for_words_that_do_not_come() -> None:
    """There are none, finally, and a notice says why."""
    event = server.event(
        f"{KIND}.failed", item_id="u1", content_index=0, error={"code": "audio_unintelligible", "message": "What?"}
    )

    assert told.no_user_words(event) == [
        StreamElement(event=Notice("audio_unintelligible", "What?", {"item_id": "u1"})),
        StreamElement(transcript=Transcript("user", "", final=True, item_id="u1")),
    ]
    assert told.no_user_words({})[0].event == Notice("transcription_failed", "no message", {"item_id": ""})
