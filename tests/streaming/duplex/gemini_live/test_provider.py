import pytest

from streaming.duplex.gemini_live import GeminiLive
from streaming.duplex.provider import RealtimeProvider
from streaming.duplex.setup import SessionSetup
from streaming.errors import CannotExpress
from streaming.messages import Message, TextPart
from tests.streaming.duplex.gemini_live.talking import MODEL, provider, sent

SERVICE = "ws/google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent"


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://gemini.example", f"wss://gemini.example/{SERVICE.format('v1beta')}"),
        ("https://gemini.example/v1alpha/", f"wss://gemini.example/{SERVICE.format('v1alpha')}"),
        ("http://127.0.0.1:80/a/v1beta", f"ws://127.0.0.1:80/a/{SERVICE.format('v1beta')}"),
        ("ws://127.0.0.1:80", f"ws://127.0.0.1:80/{SERVICE.format('v1beta')}"),
    ],
)
def test_where_it_connects(base_url: str, url: str) -> None:
    """The same setting serves both Gemini wires; the key is in a header."""
    target = GeminiLive("gemini", base_url, SessionSetup(model=MODEL), "secret").target()

    assert target.url == url
    assert target.headers == {"x-goog-api-key": "secret"}
    assert "secret" not in repr(target)


def test_it_is_a_realtime_provider() -> None:
    """With Gemini's rates, and no key in its words."""
    given: RealtimeProvider = provider()

    assert (given.name, given.input_rate, given.output_rate) == ("gemini", 16_000, 24_000)
    assert "key" not in repr(given).replace("api_key", "")


def test_a_transcription_model_is_refused() -> None:
    """There is no place for it, and it would be lost without a word."""
    with pytest.raises(CannotExpress, match="transcription_model"):
        GeminiLive("gemini", "https://gemini.example", SessionSetup(model=MODEL, transcription_model="whisper"))


def test_a_handle_excludes_the_history() -> None:
    """The server remembers what was said."""
    said = [Message(role="user", parts=[TextPart(text="hi")])]
    wire = provider().wire(resume="h1", history=said, ask=True)
    wire.opened()
    wire.receive('{"setupComplete": {}}')

    (setup,) = sent(wire)

    assert "historyConfig" not in str(setup)
    assert not wire.responding
