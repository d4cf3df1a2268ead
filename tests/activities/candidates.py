"""Candidates as the worker's settings would make them."""

from pydantic import SecretStr

from activities.routes import Candidate
from streaming.providers import openai_chat
from streaming.providers.wire import Quirks

KEY = "sk-a-secret-that-nobody-may-see"


def candidate(
    model: str = "m",
    provider: str = "p",
    *,
    url: str = "http://127.0.0.1:9/v1",
    quirks: Quirks | None = None,
    stream: bool = True,
    accept_empty: bool = False,
    **clocks: float,
) -> Candidate:
    """Return a candidate on the one wire there is."""
    return Candidate(
        provider=provider,
        model=model,
        wire=openai_chat,
        base_url=url,
        api_key=SecretStr(KEY),
        stream=stream,
        accept_empty=accept_empty,
        quirks=quirks or Quirks(),
        clocks=clocks,
    )
