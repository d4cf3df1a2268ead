"""Responses that are made in the background: at their script's pace, whether or not anybody reads them."""

import asyncio
import contextlib
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable

from deploy.sandbox.provider.errors import Refused
from deploy.sandbox.provider.format import Event
from deploy.sandbox.provider.openai_format import error_object
from deploy.sandbox.provider.openai_responses import ResponsesRequest
from deploy.sandbox.provider.openai_responses_stream import unmade
from deploy.sandbox.provider.script import JsonObject, Response

_KEPT = 10_000


class Generation:
    """One response on its way: what of it there is follows from the time that has passed.

    Attributes:
        asked: The request.
        script_name: The script that it took, if any.
    """

    def __init__(self, script: Response, asked: ResponsesRequest, script_name: str | None, whole: JsonObject) -> None:
        self.asked = asked
        self.script_name = script_name
        self._script = script
        self._whole = whole
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._stopped = asyncio.Event()
        self._events: list[Event] = []
        self._due: list[float] = []
        due = self._started + script.headers_after_s + script.first_token_s
        for event in asked.events(whole):
            if event.terminator and script.no_done:
                continue
            self._events.append(event)
            self._due.append(due)
            due += script.pace_s if event.content else 0.0
        self._finished = self._due[-1]

    @property
    def age(self) -> float:
        """The time since its creation, in seconds."""
        return self._clock() - self._started

    @property
    def is_kept(self) -> bool:
        """Whether it can be asked for."""
        return self.age < (math.inf if self._script.kept_s is None else self._script.kept_s)

    @property
    def is_streamed(self) -> bool:
        """Whether its events can be asked for."""
        return self.age < (math.inf if self._script.streamed_s is None else self._script.streamed_s)

    def standing(self) -> JsonObject:
        """Returns the response as far as it is."""
        if self._stopped.is_set():
            return unmade(self._whole, "cancelled")
        return self._whole if self._clock() >= self._finished else unmade(self._whole, "in_progress")

    def cancel(self) -> None:
        """Ends it, unless it has ended."""
        if self._clock() < self._finished:
            self._stopped.set()

    async def events(self, after: int) -> AsyncIterator[Event]:
        """Yields the events with a higher number than `after` as they come; none come once it is cancelled."""
        for event, due in zip(self._events[after + 1 :], self._due[after + 1 :], strict=True):
            if due > self._clock() and await self._stops_within(due - self._clock()):
                return
            yield event

    async def _stops_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        return self._stopped.is_set()


class Background:
    """The responses that can be asked for by id, the latest ones."""

    def __init__(self) -> None:
        self._generations: OrderedDict[str, Generation] = OrderedDict()

    def keeper(self, script: Response, asked: object, script_name: str | None) -> Callable[[JsonObject], None]:
        """Returns what is to be called with the answer: it keeps one that was asked for in the background."""

        def keep(whole: JsonObject) -> None:
            if isinstance(asked, ResponsesRequest) and asked.background:
                self._generations[str(whole["id"])] = Generation(script, asked, script_name, whole)
                if len(self._generations) > _KEPT:
                    self._generations.popitem(last=False)

        return keep

    def find(self, identity: str) -> Generation:
        """Returns a response.

        Raises:
            Refused: There is none of that id, or not any more.
        """
        found = self._generations.get(identity)
        if found is None or not found.is_kept:
            raise Refused(404, error_object(f"Response with id '{identity}' not found."))
        return found
