"""Waiting for an answer, and clearing away what is left of an earlier one."""

import asyncio
from dataclasses import dataclass
from typing import TypeVar

from streaming.duplex.aio.channel import ElementReceiver
from streaming.duplex.elements import StreamElement
from streaming.duplex.errors import SessionEndedError
from streaming.messages import ToolCallPart

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Drained:
    """What nobody had taken, in order."""

    elements: tuple[StreamElement, ...] = ()

    @property
    def errors(self) -> tuple[Exception, ...]:
        """What failed unseen."""
        return tuple(element.error for element in self.elements if element.error is not None)

    @property
    def calls(self) -> tuple[ToolCallPart, ...]:
        """What the model called, and nobody ran: it waits for their results."""
        return tuple(call for element in self.elements for call in element.calls)

    def __len__(self) -> int:
        return len(self.elements)


class EndedWhileDrainingError(SessionEndedError):
    """The session is over; what was left of it is in `drained`."""

    def __init__(self, drained: Drained) -> None:
        self.drained = drained
        super().__init__()


def drain_stale_messages(output: ElementReceiver) -> Drained:
    """Take everything that is there now, without waiting.

    Errors and tool calls come back like everything else: whether they may be forgotten is the caller's to say.

    Raises:
        EndedWhileDrainingError: the session is over, with what was left of it.
    """
    elements: list[StreamElement] = []
    try:
        while (element := output.receive_nowait()) is not None:
            elements.append(element)
    except SessionEndedError as ended:
        raise EndedWhileDrainingError(Drained(tuple(elements))) from ended
    return Drained(tuple(elements))


async def wait_for_response(done: asyncio.Future[_T]) -> _T:
    """Wait for what a collector was started for; cancelling the wait does not cancel the collector.

    Returns:
        The answer's last element.

    Raises:
        SessionEndedError: the collector was cancelled: no answer comes, which is no success.
        Exception: what the collector failed with.
    """
    await asyncio.wait({done})
    if done.cancelled():
        raise SessionEndedError("the collector was cancelled before the answer was complete")
    return done.result()
