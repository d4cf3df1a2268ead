"""The way back to a response that its provider makes in the background.

A broken connection, or a body that ends early, means that it is still being made. So it is read on: its events, and
where those are not streamed any more, the response itself, asked for until it is finished. How long all that may
take is the business of the try's clocks; what is bounded here is how often coming back may bring nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from activities.reading import Reading
from activities.routes import Candidate
from activities.transport import Response, Transport
from streaming.errors import ProviderError, StatusError, StreamedError, TruncatedStream
from streaming.providers.background import BackgroundWire, Cursor
from streaming.reasons import Reason

Read = Callable[[Response], Awaitable[None]]

# Before coming back for the time after so many, in a row, that brought nothing.
_WAITS_S = (0.0, 0.25, 0.5, 1.0, 2.0)
_FRUITLESS_STREAMS = 3
_ASK_AGAIN_AFTER_S = 2.0
_PASSING = frozenset(
    {Reason.CONNECTION, Reason.TIMEOUT, Reason.SERVER, Reason.OVERLOADED, Reason.RATE_LIMIT, Reason.CONFLICT}
)


class Reattachment:
    """One candidate's way back to its response."""

    def __init__(self, candidate: Candidate, wire: BackgroundWire, connect_s: float) -> None:
        self._wire = wire
        self._base_url = candidate.base_url.rstrip("/")
        self._headers = wire.headers(candidate.api_key.get_secret_value())
        self._connect_s = connect_s

    async def read_on(self, transport: Transport, reading: Reading, read: Read) -> bool:
        """Read a response to its end; return False where its provider does not have it.

        Args:
            transport: the way to the provider.
            reading: how far it was read.
            read: takes a body into `reading`; a status other than 200 is an error.

        Raises:
            ProviderError: the response failed, or nothing new came of it too often.
        """
        fruitless = 0
        while not reading.complete and (cursor := reading.cursor):
            stream = fruitless < _FRUITLESS_STREAMS
            failure = await _failure(self._rest(transport, cursor, stream=stream), read)
            if isinstance(failure, StatusError) and not _may_pass(failure):
                if not stream:
                    return False
                fruitless = _FRUITLESS_STREAMS  # it is not streamed, or not any more
                continue
            if failure and (not _may_pass(failure) or fruitless + 1 == len(_WAITS_S)):
                raise failure
            if reading.cursor != cursor:
                fruitless = 0
            elif failure or stream:
                fruitless += 1
            else:
                fruitless = _FRUITLESS_STREAMS
            if not reading.complete:
                await asyncio.sleep(_WAITS_S[fruitless] if failure or stream else _ASK_AGAIN_AFTER_S)
        return reading.complete

    def cancel(self, transport: Transport, cursor: Cursor) -> None:
        """Have the provider stop; without this it goes on, and bills, although nobody reads."""
        transport.tell(self._base_url + self._wire.cancel_path(cursor), self._headers)

    def _rest(self, transport: Transport, cursor: Cursor, *, stream: bool) -> AbstractAsyncContextManager[Response]:
        url = self._base_url + self._wire.rest_path(cursor, stream=stream)
        accepted = {"Accept": "text/event-stream, application/json"} if stream else {}
        return transport.get(url, accepted | self._headers, connect_s=self._connect_s)


async def _failure(opening: AbstractAsyncContextManager[Response], read: Read) -> ProviderError | None:
    try:
        async with opening as response:
            await read(response)
    except ProviderError as error:
        return error
    return None


def _may_pass(failure: ProviderError) -> bool:
    """Return whether a failure says nothing about the response itself."""
    if isinstance(failure, StreamedError):
        return False
    return isinstance(failure, TruncatedStream) or failure.reason in _PASSING
