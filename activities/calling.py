"""One try: one candidate's call, from the request to a whole answer or a typed failure."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from activities.clocks import Clocks
from activities.pulse import Pulse
from activities.routes import Candidate
from activities.transport import Response, Transport, retry_after_s
from streaming.contracts import TurnInput
from streaming.deltas import Delta
from streaming.errors import ConnectionLost, EmptyAnswer, NotTheWire, ProviderError, StatusError, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue, excerpt, loads
from streaming.providers.reader import StreamReader, UnaryReader
from streaming.providers.wire import Answer, Call

# A server usually ends the body right after its terminal marker; waiting for that lets the connection be reused.
_DRAIN_S = 0.05
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_JSON = "application/json"


class CandidateCall:
    """A call that can be asked, at any time, for what has come so far."""

    def __init__(self, candidate: Candidate, turn: TurnInput) -> None:
        self.candidate = candidate
        self._limits = candidate.limits(turn.limits)
        self._call = Call(
            model=candidate.model,
            messages=turn.messages,
            system=turn.system,
            settings=turn.settings,
            extra=turn.settings.extra.get(candidate.provider, {}),
            quirks=candidate.quirks,
        )
        self._reader: StreamReader | UnaryReader = StreamReader(candidate.wire, candidate.quirks)

    def raw(self) -> JsonObject:
        """Return the provider's own response object, as far as it has come."""
        return self._reader.final()

    def answer(self) -> Answer:
        """Return the answer as far as it has come.

        Raises:
            NotTheWire: nothing has, or it lacks what an answer must have.
        """
        return self.candidate.wire.answer(self.raw())

    async def run(self, transport: Transport, beat: Callable[[], None], show: Callable[[list[Delta]], None]) -> Answer:
        """Make the call and return its whole answer, showing each delta as it comes.

        Raises:
            ProviderError: there is no whole answer.
        """
        candidate = self.candidate
        body = candidate.wire.body(self._call, stream=candidate.stream)
        url = candidate.base_url.rstrip("/") + candidate.wire.PATH
        headers = candidate.wire.headers(candidate.api_key.get_secret_value())
        clocks = Clocks(self._limits, asyncio.get_running_loop().time())
        async with (
            Pulse(clocks, beat),
            transport.post(url, headers, body, connect_s=self._limits.connect_s) as response,
            contextlib.aclosing(response.chunks()) as chunks,
        ):
            if response.status != 200:
                raise await self._status_error(response)
            await self._choose_reader(response)
            await self._read(chunks, clocks, show)
        answer = self.answer()
        if answer.finish_reason == "stop" and not answer.message.parts and not candidate.accept_empty:
            raise EmptyAnswer("the model stopped without saying anything")
        return answer

    async def _read(self, chunks: AsyncIterator[bytes], clocks: Clocks, show: Callable[[list[Delta]], None]) -> None:
        now = asyncio.get_running_loop().time
        try:
            async for chunk in chunks:
                arrived = now()
                clocks.byte(arrived)
                if deltas := self._reader.feed(chunk):
                    clocks.content(arrived)
                    show(deltas)
                if self._reader.complete:
                    await _drain(chunks)
                    return
        except ConnectionLost as lost:
            # What the protocol says comes first: a whole answer may be followed by a dirty close.
            try:
                deltas = self._reader.eof()
            except TruncatedStream:
                raise lost from None
            if not self._reader.complete:
                raise
        else:
            deltas = self._reader.eof()
        show(deltas)

    async def _choose_reader(self, response: Response) -> None:
        if response.content_type in _HTML:
            raise NotTheWire(f"HTTP 200 with {response.content_type}: {excerpt(await response.error_body())}")
        if response.content_type == _JSON or not self.candidate.stream:
            self._reader = UnaryReader(self.candidate.wire)

    async def _status_error(self, response: Response) -> StatusError:
        body = await response.error_body()
        message, kind, code = self.candidate.wire.error_details(_json_or_none(body))
        headers = response.headers
        return StatusError(
            response.status,
            message or excerpt(body),
            kind=kind,
            code=code,
            request_id=headers.get("x-request-id", ""),
            retry_after_s=retry_after_s(headers, time.time()),
            should_retry={"true": True, "false": False}.get(headers.get("x-should-retry", "")),
        )


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    with contextlib.suppress(TimeoutError, ProviderError):
        async with asyncio.timeout(_DRAIN_S):
            async for _ in chunks:
                pass


def _json_or_none(body: bytes) -> JsonValue:
    try:
        return loads(body)
    except NotTheWire:
        return None
