"""Which connection carries a session, and which comes after it."""

import asyncio

from streaming.duplex.aio.connection import Connection
from streaming.duplex.aio.opening import Opened, Opening, Terms
from streaming.duplex.aio.traffic import Traffic
from streaming.duplex.elements import GoingAway, Reconnected, Resumable, StreamElement
from streaming.duplex.errors import (
    CannotSendError,
    ConnectionLostError,
    SessionEndedError,
    SessionError,
)
from streaming.duplex.handover import HandOver
from streaming.duplex.provider import RealtimeProvider

_LIVED_S = 60.0  # a connection that held for so long was a good one, though nothing was said
_AGAIN_S = 10.0  # when a hand-over that failed is tried again


class Succession:
    """One connection after another, until the session cannot or need not go on."""

    def __init__(self, provider: RealtimeProvider, traffic: Traffic, terms: Terms) -> None:
        self._traffic = traffic
        self._conversation = traffic.conversation
        self._opening = Opening(provider, traffic, terms)
        self._terms = terms
        self._resumable_after = -1  # answers that had been finished when the provider gave its newest handle
        self._plan = HandOver(0, None)
        self._stirred = asyncio.Event()
        self._connection: Connection | None = None
        self._spare: Opened | None = None

    async def open(self) -> None:
        """Open the first connection.

        Raises:
            SessionError: there is none to be had; a `ConnectError` or the provider's refusal.
        """
        opened = await self._opening.persist(None, max(self._terms.reconnects.tries, 1))
        self._opening.failures = 0
        self._connection = opened.connection

    async def close(self) -> None:
        """Close what is open. Closing twice is closing once."""
        spare, self._spare = self._spare, None
        for connection in (self._connection, spare.connection if spare else None):
            if connection is not None:
                self._traffic.give_up(connection)
                await connection.close()

    async def run(self) -> None:
        """Carry the session; it ends by an exception only.

        Raises:
            SessionEndedError: the provider closed it, properly.
            SessionError: no connection carries it any more.
            SlowConsumerError: nobody took what came.
        """
        if self._connection is None:
            raise SessionEndedError
        connection = self._connection
        self._begin(connection)
        while True:
            ending = await self._carry(connection)
            why = str(ending or self._plan.why)
            opened = await self._next(connection, ending)
            self._connection = connection = opened.connection
            self._traffic.rewind(opened.told_up_to)
            self._begin(connection)
            self._traffic.tell(StreamElement(event=Reconnected(opened.how, why)))

    # -- while a connection lasts

    def _begin(self, connection: Connection) -> None:
        self._plan = HandOver(_now(), self._terms.max_age_s)
        self._traffic.connected(connection, self._watch)

    async def _carry(self, connection: Connection) -> Exception | None:
        """Use a connection; return what ended it, None where another is to take over in peace."""
        began_at, finished = _now(), self._conversation.finished
        reader = asyncio.create_task(self._traffic.read(connection, self._watch))
        writer = asyncio.create_task(self._traffic.write(connection))
        try:
            while not reader.done():
                self._stirred.clear()
                if self._plan.overdue(_now()):
                    return ConnectionLostError(self._plan.why)
                ripe = self._plan.due(_now()) and self._is_quiet(connection)
                if ripe and (self._handle(connection) or await self._open_beside(connection, reader)):
                    return None
                await self._wait(reader, writer)
            return reader.result()
        finally:
            await _stop(reader, writer)
            self._traffic.disconnected()
            if self._conversation.finished > finished or _now() - began_at > _LIVED_S:
                self._opening.failures = 0

    async def _wait(self, reader: asyncio.Task[Exception], writer: asyncio.Task[None]) -> None:
        """Wait until something may have changed that matters to the plan."""
        stirred = asyncio.create_task(self._stirred.wait())
        working = [task for task in (reader, writer) if not task.done()]
        try:
            await asyncio.wait(
                [stirred, *working], timeout=self._plan.wait_s(_now()), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            await _stop(stirred)
        if writer.done():
            writer.result()

    def _watch(self, element: StreamElement) -> None:
        match element.event:
            case GoingAway(time_left_s=time_left_s):
                self._plan.going_away(time_left_s, _now())
                self._stirred.set()
            case Resumable(handle=handle):
                self._resumable_after = self._conversation.finished if handle else -1
        if self._plan.due(_now()):
            self._stirred.set()

    def _is_quiet(self, connection: Connection) -> bool:
        if connection.wire.responding or not self._conversation.quiet:
            return False
        return not (self._conversation.wordless and self._plan.patient(_now()))

    def _handle(self, connection: Connection) -> str | None:
        """Return the provider's handle, unless it leads back to before what has happened since.

        With an answer that has ended a tool call may be forgotten, and be made, and its tool be run, a second time;
        and results of calls belong to the connection that was told of them.
        """
        fresh = self._resumable_after == self._conversation.finished
        return connection.wire.handle if fresh and not self._conversation.calling else None

    async def _open_beside(self, connection: Connection, reader: asyncio.Task[Exception]) -> bool:
        """Open a connection that takes over, while the old one is still used; return whether it may."""
        begun = self._conversation.begun
        try:
            spare = await self._opening.once()
        except (SessionError, CannotSendError):
            self._plan.put_off(_AGAIN_S, _now())
            return False
        if reader.done() or self._conversation.begun != begun or not self._is_quiet(connection):
            await spare.connection.close()  # it was told less than has been said by now
            return False
        self._spare = spare
        return True

    # -- from one connection to the next

    async def _next(self, connection: Connection, ending: Exception | None) -> Opened:
        if self._spare is not None:
            self._traffic.give_up(connection)
            await connection.close()
            opened, self._spare = self._spare, None
            return opened
        if ending is not None and not self._may_go_on(connection, ending):
            raise ending
        tries = self._terms.reconnects.tries
        if ending is None:  # nothing was lost
            self._opening.failures, tries = 0, max(tries, 1)
        handle = self._handle(connection)
        self._traffic.give_up(connection)
        await connection.close()  # a provider resumes nothing while the old connection is open
        try:
            return await self._opening.persist(handle, tries)
        except SessionError as error:
            if ending is None or not error.retryable:
                raise
            if isinstance(ending, SessionEndedError) and not self._conversation.awaiting:
                raise ending from error  # it was not in the middle of anything
            raise ConnectionLostError(f"{ending}; no other connection: {error}") from error

    def _may_go_on(self, connection: Connection, ending: Exception) -> bool:
        if isinstance(ending, SessionEndedError):
            return connection.left or self._plan.announced or self._conversation.awaiting
        return isinstance(ending, SessionError) and ending.retryable


async def _stop(*tasks: "asyncio.Task[object]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()
