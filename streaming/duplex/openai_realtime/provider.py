"""OpenAI Realtime as configured."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from streaming.duplex.openai_realtime.configuration import RATE
from streaming.duplex.openai_realtime.wire import OpenAIRealtimeWire
from streaming.duplex.provider import WEBSOCKET_SCHEMES, Target
from streaming.duplex.setup import SessionSetup
from streaming.messages import Message
from streaming.providers.openai_chat.request import headers


@dataclass(frozen=True)
class OpenAIRealtime:
    """A `RealtimeProvider`.

    Attributes:
        name: in the settings.
        base_url: as for the other OpenAI wires, `https://host/v1`, or with `wss`; what its query says is kept.
        setup: what sessions are to be.
        api_key: "" where the server wants none.
    """

    name: str
    base_url: str = field(repr=False)
    setup: SessionSetup
    api_key: str = field(default="", repr=False)

    input_rate = RATE
    output_rate = RATE

    def target(self) -> Target:
        """Return where to connect."""
        parts = urlsplit(self.base_url)
        query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("model", self.setup.model)])
        scheme = WEBSOCKET_SCHEMES.get(parts.scheme, parts.scheme)
        url = urlunsplit((scheme, parts.netloc, f"{parts.path.rstrip('/')}/realtime", query, ""))
        return Target(url, headers(self.api_key))

    def wire(
        self, *, resume: str | None = None, history: Sequence[Message] = (), ask: bool = False
    ) -> OpenAIRealtimeWire:
        """Return the conversation of a new connection.

        Args:
            resume: never given, for no connection has a handle.
            history: what was said before: a new session is told all of it.
            ask: the history waits for an answer.

        Raises:
            CannotSendError: the history holds what Realtime has no words for.
        """
        del resume
        return OpenAIRealtimeWire(self.setup, history=history, ask=ask)
