"""One connection's conversation with OpenAI Realtime: a server's message is read, an element is said. Sans-IO."""

from collections.abc import Sequence

from streaming.duplex.elements import Audio, StreamElement
from streaming.duplex.errors import CannotSendError, NotTheWireError
from streaming.duplex.frames import object_of
from streaming.duplex.openai_realtime.closing import meaning
from streaming.duplex.openai_realtime.configuration import RATE
from streaming.duplex.openai_realtime.happening import happen
from streaming.duplex.openai_realtime.items import message_item, user_content
from streaming.duplex.openai_realtime.session import Session
from streaming.duplex.openai_realtime.transitions import State
from streaming.duplex.pacing import check_samples
from streaming.duplex.setup import SessionSetup
from streaming.messages import Message


class OpenAIRealtimeWire:
    """A `RealtimeWire`.

    Args:
        setup: what the session is to be.
        history: what was said before.
        ask: the history waits for an answer.

    Raises:
        CannotSendError: the history holds what Realtime has no words for.
    """

    handle = None
    """There is no going on with a session on another connection."""

    def __init__(self, setup: SessionSetup, *, history: Sequence[Message], ask: bool) -> None:
        self._session = Session(setup, history, ask=ask)
        self._due: list[StreamElement] = []

    @property
    def ready(self) -> bool:
        """Whether the setup is done."""
        return self._session.set_up

    @property
    def responding(self) -> bool:
        """Whether an answer is on its way or owed, or tool results are awaited."""
        return self._session.responding

    def opened(self) -> None:
        """The socket is open."""
        self._session.open()

    def send(self, element: StreamElement) -> None:
        """Take an element for the server.

        The cut that an `interrupted` means is told with the server's next message.

        Raises:
            CannotSendError: it cannot be said here, or not now.
        """
        if not self.ready:
            raise CannotSendError("the session is not set up yet, or is closed")
        if element.video is not None:
            raise CannotSendError("OpenAI Realtime takes no video")
        if element.audio is not None:
            _check(element.audio)
        content = user_content(element)
        session = self._session
        if element.interrupted:
            self._due += session.interrupt()
        session.answer_calls(element.tool_responses)
        if content:
            session.add_item(message_item("user", content))
            session.turn.write()
        if element.audio is not None and element.audio.data:
            session.events.append_audio(element.audio.data)
            session.turn.sound()
        if element.end_of_stream:
            session.end_turn()

    def heard(self, ms: float) -> None:
        """So much of the newest answer's sound has been played."""
        self._session.answers.heard(ms)

    def receive(self, message: str | bytes) -> list[StreamElement]:
        """Take a message of the server, in a text frame or a binary one; return what it says."""
        if self._session.state is State.CLOSED:
            return []
        due, self._due = self._due, []
        try:
            return [*due, *happen(self._session, object_of(message))]
        except NotTheWireError as error:
            return [*due, StreamElement(error=error)]

    def closed(self, code: int, reason: str) -> list[StreamElement]:
        """The socket is closed; 1006 where it broke.

        After an error that ended the session there is no other error, only the cut answer.
        """
        session = self._session
        error = meaning(code, reason, set_up=self.ready, responding=self.responding)
        errors = [] if session.state is State.CLOSED else [StreamElement(error=error)]
        due, self._due = self._due, []
        return [*due, *session.close(), *errors]

    def outgoing(self) -> list[str]:
        """Return the messages to be sent now, and forget them."""
        return self._session.events.take()


def _check(audio: Audio) -> None:
    if audio.rate != RATE:
        raise CannotSendError(f"OpenAI Realtime takes sound at {RATE} Hz, not at {audio.rate} Hz")
    check_samples(audio.data)
