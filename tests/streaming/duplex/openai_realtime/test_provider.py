import pytest

from streaming.duplex.errors import CannotSendError
from streaming.duplex.openai_realtime import OpenAIRealtime
from streaming.duplex.provider import RealtimeProvider, RealtimeWire
from streaming.messages import FilePart, Message
from tests.streaming.duplex.openai_realtime.server import SPOKEN

KEY = "sk-very-secret"


def provider(base_url: str = "https://provider.test/v1", key: str = KEY) -> OpenAIRealtime:
    """Return a provider there."""
    return OpenAIRealtime("openai", base_url, SPOKEN, key)


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://provider.test/v1", "wss://provider.test/v1/realtime?model=gpt-realtime"),
        ("https://provider.test/v1/", "wss://provider.test/v1/realtime?model=gpt-realtime"),
        ("wss://provider.test/v1", "wss://provider.test/v1/realtime?model=gpt-realtime"),
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/realtime?model=gpt-realtime"),
        ("ws://127.0.0.1:8000/v1", "ws://127.0.0.1:8000/v1/realtime?model=gpt-realtime"),
        ("https://provider.test/v1?a=b%20c&d=", "wss://provider.test/v1/realtime?a=b+c&d=&model=gpt-realtime"),
    ],
)
def test_it_connects_where_the_other_openai_wires_do(base_url: str, url: str) -> None:
    """With the model in the query."""
    assert provider(base_url).target().url == url


def test_the_key_is_in_a_header_and_shown_nowhere() -> None:
    """Neither by the provider nor by its target; without a key there is no header."""
    assert provider().target().headers == {"Authorization": f"Bearer {KEY}"}
    assert provider(key="").target().headers == {}
    assert KEY not in repr(provider()) + repr(provider().target())
    assert KEY not in repr(provider(f"https://provider.test/v1?api-key={KEY}"))


def test_it_is_a_provider() -> None:
    """Of 24 kHz both ways, whose connections have no handle."""
    it: RealtimeProvider = provider()
    wire: RealtimeWire = it.wire()

    assert (it.name, it.input_rate, it.output_rate) == ("openai", 24000, 24000)
    assert wire.handle is None
    assert not wire.ready
    assert not wire.responding


def test_a_history_without_words_for_it_is_refused_at_once() -> None:
    """Before anything connects."""
    history = [Message(role="user", parts=[FilePart(data="AAAA", media_type="application/pdf")])]
    with pytest.raises(CannotSendError, match="file"):
        provider().wire(history=history)
