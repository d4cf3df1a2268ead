"""One try: one candidate's call, from the request to a whole answer or a typed failure."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from activities.attachments import ByValue
from activities.clocks import Clocks
from activities.pulse import Pulse
from activities.reading import Reading
from activities.reattaching import Reattachment
from activities.routes import Candidate
from activities.statuses import filtered_prompt, status_error
from activities.transport import Response, Transport
from streaming.contracts import TurnInput
from streaming.deltas import Delta
from streaming.errors import (
    ConnectionLost,
    EmptyAnswer,
    ProviderError,
    Refused,
    TruncatedStream,
)
from streaming.jsontext import JsonObject
from streaming.providers.background import NOTHING_YET, BackgroundWire, Cursor
from streaming.providers.headers import request_id
from streaming.providers.wire import Answer, Call

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Run:
    """What a call goes through: its way to the provider, its clocks, and who sees what comes."""

    transport: Transport
    by_value: ByValue
    clocks: Clocks
    show: Callable[[list[Delta]], None]
    gone: Callable[[], None]


class CandidateCall:
    """A call that can be asked, at any time, for what has come so far.

    Args:
        candidate: who is called.
        turn: what is asked.
        resume: what `resume` was in an earlier attempt, whose response is then read again and not asked for anew.
    """

    def __init__(self, candidate: Candidate, turn: TurnInput, resume: str | None = None) -> None:
        self.candidate = candidate
        self._limits = candidate.limits(turn.limits)
        self._call = Call(
            model=candidate.model,
            messages=turn.messages,
            provider=candidate.provider,
            system=turn.system,
            tools=turn.tools,
            output_schema=turn.output_schema,
            settings=turn.settings,
            extra=turn.settings.extra.get(candidate.provider, {}),
            quirks=candidate.quirks,
            background=candidate.background and candidate.stream,
        )
        wire = candidate.wire
        self._way_back = (
            Reattachment(candidate, wire, self._limits.connect_s) if isinstance(wire, BackgroundWire) else None
        )
        self._request_id = ""
        self._beat_at = 0.0
        self._given_up = False
        self._reading = Reading(wire, candidate.quirks)
        self._left_at = Cursor.parse(resume or "")
        self.asked = bool(self._left_at)
        """Whether the provider may have got the request: until then nothing can be billed."""
        if self._left_at:
            self._reading.expect(self._left_at.response)

    @property
    def resume(self) -> str | None:
        """What another attempt needs to read the same response; None where it would have to ask anew."""
        cursor = self._reading.cursor
        return None if cursor is None else str(self._left_at if cursor.event == NOTHING_YET else cursor)

    @property
    def begun(self) -> bool:
        """Whether the provider goes on making the answer, whatever becomes of those who ask it for more."""
        return self._reading.cursor is not None

    def raw(self) -> JsonObject:
        """Return the provider's own response object, as far as it has come."""
        return self._reading.final()

    def answer(self) -> Answer:
        """Return the answer as far as it has come.

        Raises:
            NotTheWire: nothing has, or it lacks what an answer must have.
        """
        return self.candidate.wire.answer(self.raw(), self.candidate.provider)

    def so_far(self) -> Answer | None:
        """Return what there is of the answer, at any time; None where the provider was not asked yet."""
        if not self.asked:
            return None
        try:
            return self.answer()
        except ProviderError:
            return Answer.empty()
        except Exception:
            _log.exception("what came so far could not be read")  # it is only counted: no reason to fail
            return Answer.empty()

    async def body(self, by_value: ByValue) -> JsonObject:
        """Return the request's body, with every attachment in it that the wire does not take by URL.

        Raises:
            CannotExpress: the wire has no words for something in the turn.
            AttachmentNotLoaded, BadAttachment: the messages hold media that cannot be sent.
        """
        wire = self.candidate.wire
        messages = await by_value(self._call.messages, wire.BY_URL)
        return wire.body(replace(self._call, messages=messages), stream=self.candidate.stream)

    async def run(
        self,
        transport: Transport,
        by_value: ByValue,
        beat: Callable[[], None],
        show: Callable[[list[Delta]], None],
        gone: Callable[[], None],
    ) -> Answer:
        """Make the call and return its whole answer.

        Args:
            transport: the way to the provider.
            by_value: loads the attachments.
            beat: tells Temporal how far the call is, from when there is anything to tell.
            show: takes each delta as it comes.
            gone: told when an earlier attempt's response is not there any more, and another is to be asked for.

        Raises:
            ProviderError: there is no whole answer; it tells the provider's id of the request.
            BadAttachment: the messages hold media that cannot be sent.
        """
        now = asyncio.get_running_loop().time
        run = _Run(transport, by_value, Clocks(self._limits, now()), show, gone)
        self._beat_at = now()
        try:
            async with Pulse(run.clocks, self._beating(beat, now), self._limits.heartbeat_s, self._telling(now)):
                filtered = None if await self._took_up(run) else await self._ask(run)
            return filtered or self._whole()
        except Exception as error:
            if now() - self._beat_at < self._limits.heartbeat_s:
                self.give_up(transport)  # after a longer silence Temporal has another attempt read it
            if isinstance(error, ProviderError):
                error.request_id = error.request_id or self._request_id
            raise

    def give_up(self, transport: Transport) -> None:
        """Nobody will want the answer: a provider that would go on making it is told to stop, without waiting."""
        if self._way_back and self._reading.cursor and not self._reading.complete and not self._given_up:
            self._given_up = True
            self._way_back.cancel(transport, self._reading.cursor)

    def _beating(self, beat: Callable[[], None], now: Callable[[], float]) -> Callable[[], None]:
        def beating() -> None:
            self._beat_at = now()
            beat()

        return beating

    def _telling(self, now: Callable[[], float]) -> Callable[[], bool]:
        """Return whether a beat would tell anything: that the provider was asked, or what another can resume.

        The SDK sends the first beat at once and the next only after most of the heartbeat timeout: the first one
        has to say it, or a worker that dies soon takes it along.
        """
        hold_until = now() + self._limits.heartbeat_s / 2

        def telling() -> bool:
            known = self.resume is not None if self._call.background else self.asked
            return known or now() >= hold_until

        return telling

    def _whole(self) -> Answer:
        answer, candidate = self.answer(), self.candidate
        if answer.finish_reason == "stop" and not answer.message.parts and not candidate.accept_empty:
            raise EmptyAnswer("the model stopped without saying anything")
        if answer.finish_reason in ("refusal", "content_filter") and not candidate.accept_refusal:
            raise Refused(f"the answer was declined ({answer.finish_reason})")
        return answer

    async def _ask(self, run: _Run) -> Answer | None:
        """Ask for an answer; return it only where the prompt was filtered, for then there is nothing to read."""
        candidate, limits = self.candidate, self._limits
        url = candidate.base_url.rstrip("/") + candidate.wire.path(candidate.model, stream=candidate.stream)
        headers = candidate.wire.headers(candidate.api_key.get_secret_value())
        body = await self.body(run.by_value)
        broken: ProviderError = TruncatedStream("the stream ended, and its provider does not have the response")
        self.asked = True
        try:
            async with run.transport.post(url, headers, body, connect_s=limits.connect_s) as response:
                self._request_id = request_id(response.headers)
                if response.status != 200:
                    filtered = filtered_prompt(await status_error(response, candidate.wire))
                    self._reading.expect_nothing()
                    return filtered
                await self._reading.read(response, run.clocks, run.show)
        except (ConnectionLost, TruncatedStream) as error:
            if self._reading.cursor is None:
                raise
            broken = error
        if self._reading.cursor and not self._reading.complete and not await self._read_on(run):
            raise broken
        return None

    async def _took_up(self, run: _Run) -> bool:
        """Read the response that an earlier attempt asked for, from its beginning; return whether there is one."""
        if self._reading.cursor is None:
            return False
        if await self._read_on(run):
            return True
        if self._reading.cursor.event != NOTHING_YET:
            raise ConnectionLost("the provider no longer has the response that it was making")
        self._reading = Reading(self.candidate.wire, self.candidate.quirks)
        self.asked = False
        run.gone()
        return False

    async def _read_on(self, run: _Run) -> bool:
        """Read what is still to come of a background response; return whether there is one."""

        async def read(response: Response) -> None:
            if response.status != 200:
                raise await status_error(response, self.candidate.wire)
            await self._reading.read(response, run.clocks, run.show)

        return self._way_back is not None and await self._way_back.read_on(run.transport, self._reading, read)
