"""A bounded queue of elements that can be closed: what a session and its user hold the ends of."""

import asyncio
from collections import deque
from typing import Protocol, Self

from streaming.duplex.elements import StreamElement
from streaming.duplex.errors import SessionEndedError


class ElementSender(Protocol):
    """Where elements go."""

    async def send(self, element: StreamElement) -> None:
        """Wait for room, and leave the element there.

        Raises:
            SessionEndedError: closed, before or while it waited; the element went nowhere.
        """


class ElementReceiver(Protocol):
    """Where elements come from."""

    async def receive(self) -> StreamElement:
        """Wait for an element, and take it.

        Raises:
            SessionEndedError: closed, and nothing is left.
        """

    def receive_nowait(self) -> StreamElement | None:
        """Take an element; None where there is none now.

        Raises:
            SessionEndedError: closed, and nothing is left.
        """


class Channel:
    """Both ends in one: what was sent before it closed can still be received.

    Whoever waits takes its element when it wakes, so cancelling a `receive` loses nothing (anyio's memory streams hand
    it to the waiting task, and one that is cancelled in that instant takes it along).
    """

    def __init__(self, room: int = 64) -> None:
        if room < 1:
            raise ValueError(f"a channel has room for at least one element, not {room}")
        self._room = room
        self._elements: deque[StreamElement] = deque()
        self._filled = asyncio.Event()
        self._freed = asyncio.Event()
        self._closed = False

    async def send(self, element: StreamElement) -> None:
        """See `ElementSender`; elements of one task keep their order."""
        while not self._closed and len(self._elements) >= self._room:
            self._freed.clear()
            await self._freed.wait()
        if self._closed:
            raise SessionEndedError
        self._elements.append(element)
        self._filled.set()

    async def receive(self) -> StreamElement:
        """See `ElementReceiver`."""
        while (element := self.receive_nowait()) is None:
            self._filled.clear()
            await self._filled.wait()
        return element

    def receive_nowait(self) -> StreamElement | None:
        """See `ElementReceiver`."""
        if self._elements:
            self._freed.set()
            return self._elements.popleft()
        if self._closed:
            raise SessionEndedError
        return None

    def close(self) -> None:
        """Take no more elements; wakes everyone who waits. Closing twice is closing once."""
        self._closed = True
        self._filled.set()
        self._freed.set()

    def __aiter__(self) -> Self:
        """Give the elements until it is closed and empty."""
        return self

    async def __anext__(self) -> StreamElement:
        """Take the next one."""
        try:
            return await self.receive()
        except SessionEndedError:
            raise StopAsyncIteration from None
