"""Gemini Live as configured."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from streaming.duplex.gemini_live.history import Seed
from streaming.duplex.gemini_live.wire import GeminiLiveWire
from streaming.duplex.provider import WEBSOCKET_SCHEMES, Target
from streaming.duplex.setup import SessionSetup
from streaming.errors import CannotExpress
from streaming.messages import Message
from streaming.providers.gemini.request import headers

_VERSION = re.compile(r"/(v[0-9]+[a-z0-9]*)/?$")
_DEFAULT_VERSION = "v1beta"


@dataclass(frozen=True)
class GeminiLive:
    """A `RealtimeProvider`.

    Attributes:
        name: in the settings.
        base_url: as for the other Gemini wire: `https://host`, with or without the version (`/v1beta`).
        setup: what sessions are to be.
        api_key: "" where the server wants none.

    Raises:
        CannotExpress: the setup has something that Gemini has no words for.
    """

    name: str
    base_url: str = field(repr=False)
    setup: SessionSetup
    api_key: str = field(default="", repr=False)
    _connections: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False, compare=False)

    input_rate = 16_000
    output_rate = 24_000

    def __post_init__(self) -> None:
        """Refuse what would be lost without a word."""
        if self.setup.transcription_model is not None:
            raise CannotExpress("Gemini Live writes speech down by itself: it takes no transcription_model")

    def target(self) -> Target:
        """Return where to connect; the key is in a header, where no log of URLs finds it."""
        parts = urlsplit(self.base_url.rstrip("/"))
        version = _VERSION.search(parts.path)
        path = parts.path[: version.start()] if version else parts.path
        service = f"google.ai.generativelanguage.{version[1] if version else _DEFAULT_VERSION}.GenerativeService"
        scheme = WEBSOCKET_SCHEMES.get(parts.scheme, parts.scheme)
        url = urlunsplit((scheme, parts.netloc, f"{path}/ws/{service}.BidiGenerateContent", parts.query, ""))
        return Target(url, headers(self.api_key))

    def wire(self, *, resume: str | None = None, history: Sequence[Message] = (), ask: bool = False) -> GeminiLiveWire:
        """Return the conversation of a new connection."""
        manual = self.setup.turn_detection is None
        seed = Seed(() if resume else history, model=self.setup.model, ask=ask and not resume, manual=manual)
        return GeminiLiveWire(self.setup, resume=resume, seed=seed, name=f"c{next(self._connections)}_")
