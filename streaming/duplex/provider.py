"""What a realtime provider is to a session: where to connect, and the wire that is spoken there. No I/O.

A `RealtimeWire` is one connection's conversation, bytes in and elements out. After each call of any of its methods
the caller sends what `outgoing()` returns, in order.

    opened  ->  outgoing: the setup
    receive ->  elements; outgoing: what the wire answers by itself (a truncation, a seed)
    send    ->  outgoing: the element in the provider's words
    closed  ->  elements: what the socket's end means
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from streaming.duplex.elements import StreamElement
from streaming.messages import Message

WEBSOCKET_SCHEMES: Mapping[str, str] = {"http": "ws", "https": "wss"}
"""Providers are configured by the URL of their other APIs."""


@dataclass(frozen=True)
class Target:
    """Where a connection goes; neither the URL nor the headers are shown, for the key is in one of them."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class RealtimeWire(Protocol):
    """One connection's conversation in a provider's words. Sans-IO: it never waits and knows no clock."""

    @property
    def ready(self) -> bool:
        """Whether the setup is done, so that elements may be sent."""

    @property
    def responding(self) -> bool:
        """Whether an answer is on its way, or tool results are awaited: no moment to change connections."""

    @property
    def handle(self) -> str | None:
        """With which another connection can go on from here; None where it cannot."""

    def opened(self) -> None:
        """The socket is open."""

    def send(self, element: StreamElement) -> None:
        """Take an element for the provider.

        Results of calls that were cancelled or have been answered are left out.

        Raises:
            CannotSendError: the wire has no words for it; nothing of the element is sent.
        """

    def receive(self, message: str | bytes) -> list[StreamElement]:
        """Take a message of the provider; return what it says.

        What cannot be read is an element with a `NotTheWireError`; what is unknown is a `Notice`, or nothing.
        It raises nothing, whatever the bytes.
        """

    def heard(self, ms: float) -> None:
        """So much of the current answer's sound has been played: after a barge-in that is what was heard."""

    def closed(self, code: int, reason: str) -> list[StreamElement]:
        """The socket is closed; 1006 where it broke.

        Returns:
            The cut answer, if there was one (`interrupted`, with what was said), and then an element with the error
            that it means: `SessionEndedError` for a proper end between answers.
        """

    def outgoing(self) -> list[str]:
        """Return the messages to be sent now, and forget them."""


class RealtimeProvider(Protocol):
    """A provider as configured: holds no connection, and is shared by sessions."""

    @property
    def name(self) -> str:
        """Whose opaque data rides on messages: the provider's name in the settings."""

    @property
    def input_rate(self) -> int:
        """Samples a second that it wants."""

    @property
    def output_rate(self) -> int:
        """Samples a second that it gives."""

    def target(self) -> Target:
        """Return where to connect."""

    def wire(self, *, resume: str | None = None, history: Sequence[Message] = (), ask: bool = False) -> RealtimeWire:
        """Return the conversation of a new connection.

        Args:
            resume: the handle of an earlier connection; excludes `history`.
            history: what was said before, for a provider that does not remember; calls at its end may be unanswered,
                and their results come later.
            ask: the history's last message, or results of calls in it, still wait for an answer: ask for it.

        Raises:
            CannotSendError: the wire has no words for something in the history.
        """
