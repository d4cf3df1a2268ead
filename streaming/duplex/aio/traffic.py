"""What goes up and comes down, whichever connection carries it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from streaming.duplex.aio.connection import Connection
from streaming.duplex.aio.pump import Pump
from streaming.duplex.conversation import Conversation
from streaming.duplex.elements import AudioDropped, StreamElement
from streaming.duplex.errors import CannotSendError, ResponseFailedError, SessionEndedError, SlowConsumerError
from streaming.duplex.outbox import Outbox, media_bytes

# A sender waits behind so much that is not yet written: a second of sound or so, or a pile of small things.
_CROWDED_BYTES = 64 * 2**10
_CROWDED = 64
# Where there is no connection sound makes room for itself; all else is never dropped, so that it waits at last.
_CROWDED_OFFLINE = 10_000
_NOTHING = StreamElement()


class Traffic:
    """The queues between a session's user and its connections, and the transcript of what passes."""

    def __init__(self, conversation: Conversation, outbox: Outbox, pump: Pump) -> None:
        self.conversation = conversation
        self.outbox = outbox
        self.pump = pump
        self._connected = False
        self._ended = False
        self._work = asyncio.Event()
        self._room = asyncio.Event()

    # -- up

    async def send(self, element: StreamElement) -> None:
        """Queue an element for the provider, when there is room.

        Raises:
            SessionEndedError: the session is over, before or while it waited; the element went nowhere.
        """
        while not self._ended and self._crowded(element):
            self._room.clear()
            await self._room.wait()
        if self._ended:
            raise SessionEndedError
        self.conversation.given(element)
        if element.tool_result_messages:
            self.pump.put(StreamElement(tool_result_messages=element.tool_result_messages))
            element = replace(element, tool_result_messages=())
        if element == _NOTHING:
            return
        if dropped_ms := self.outbox.put(element):
            self.pump.put(StreamElement(event=AudioDropped(dropped_ms, "sent")))
        self._work.set()

    def _crowded(self, element: StreamElement) -> bool:
        if element.tool_responses or element.tool_result_messages:
            return False  # they are few, and a model that waits for them says nothing else
        if self._connected:
            return self.outbox.waiting >= _CROWDED or self.outbox.waiting_bytes >= _CROWDED_BYTES
        return not media_bytes(element) and self.outbox.waiting >= _CROWDED_OFFLINE

    async def write(self, connection: Connection) -> None:
        """Write what is queued to a connection, until its socket takes no more."""
        while await connection.flush():
            if (element := self.outbox.take()) is not None:
                self._room.set()
                self._give(connection, element)
            elif not connection.has_unsent:
                self._work.clear()
                await self._work.wait()

    def _give(self, connection: Connection, element: StreamElement) -> None:
        try:
            connection.give(element, self.pump.heard_ms())
        except CannotSendError as error:
            self.outbox.refused()
            self.tell(StreamElement(error=error))
            return
        if element.interrupted and self.conversation.responding:
            self.outbox.answered()
        self.conversation.sent(element)

    # -- down

    async def read(self, connection: Connection, watch: Callable[[StreamElement], None]) -> Exception:
        """Read a connection to its end; show each element to `watch` too.

        Returns:
            What ended it.
        """
        while True:
            for element in await connection.receive(self.pump.heard_ms):
                if element.error is not None and not isinstance(element.error, _PASSING):
                    self.give_up(connection)
                    return element.error
                self.tell(element, lost=connection.over, owed=connection.wire.responding)
                watch(element)
            if connection.has_unsent:
                self._work.set()
            if self.pump.closed:
                return SlowConsumerError("nobody takes what comes")

    def tell(self, element: StreamElement, *, lost: bool = False, owed: bool = False) -> None:
        """Give an element to the session's user, and write it down; `lost`, `owed` as in `Conversation.told`."""
        begun, finished = self.conversation.begun, self.conversation.finished
        self.conversation.told(element, lost=lost, owed=owed)
        ended = self.conversation.finished > finished
        superseded = ended and self.conversation.responding  # by an answer that began before the end of it was told
        if superseded:
            self.outbox.answered()
        if self.conversation.begun > begun:
            self.outbox.answering()
        if ended and not superseded:
            self.outbox.answered(self.conversation.unanswered)
        self.pump.put(element)

    def give_up(self, connection: Connection) -> None:
        """Tell what a connection leaves unfinished."""
        for element in connection.give_up():
            self.tell(element, lost=True)

    # -- connections come and go

    def connected(self, connection: Connection, watch: Callable[[StreamElement], None]) -> None:
        """A connection is ready: tell what it said by then, as `read` does."""
        self._connected = True
        for element in connection.early:
            self.tell(element)
            watch(element)

    def rewind(self, told_up_to: int | None) -> None:
        """Say again on a new connection what the old one left without an answer.

        Args:
            told_up_to: tool results before this place of the outbox are in the history that the provider was told.
        """
        self.conversation.reopen()
        if told_up_to is not None:
            self.outbox.drop_tool_responses(told_up_to)
        if forgotten_ms := self.outbox.rewind():
            self.pump.put(StreamElement(event=AudioDropped(forgotten_ms, "sent")))

    def disconnected(self) -> None:
        """There is no connection for now: who waits to send sound need not wait."""
        self._connected = False
        self._room.set()

    def close(self) -> None:
        """Nobody sends any more."""
        self._ended = True
        self._room.set()

    def end(self, error: Exception) -> None:
        """The session is over: whoever receives learns why. Ending twice is ending once."""
        self.close()
        self.pump.close(error)


_PASSING = (ResponseFailedError, CannotSendError)
"""Errors that the session goes on after."""
