"""The one timer of a try: it beats Temporal while the clocks hold, and ends the try when one has run out.

A beat means "this worker lives and the stream is inside its clocks". It comes from the loop that serves the
stream, about once a second or, under a short heartbeat timeout, a few times within it, from when there is anything to
tell, and never once a clock has run out: then silence becomes Temporal's heartbeat timeout, whatever the try's own
cleaning up may hang on.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from activities.clocks import Clocks
from streaming.errors import ClockRanOut

BEAT_EVERY_S = 1.0
_BEATS_IN_A_TIMEOUT = 3  # so that one that comes late does not race it
_LOOK_EVERY_S = 0.2  # a clock that starts with the first content is noticed at the latest this late


class Pulse:
    """Runs a block under `clocks`; raises ClockRanOut from it when one runs out.

    The block is cancelled the way `asyncio.timeout` does it: a cancellation from outside stays one.

    Args:
        clocks: the try's.
        beat: tells Temporal that the try is inside them.
        heartbeat_s: Temporal's heartbeat timeout.
        telling: whether a beat has anything to tell yet.
    """

    def __init__(
        self,
        clocks: Clocks,
        beat: Callable[[], None],
        heartbeat_s: float,
        telling: Callable[[], bool] = lambda: True,
    ) -> None:
        self._clocks = clocks
        self._beat = beat
        self._every_s = min(BEAT_EVERY_S, heartbeat_s / _BEATS_IN_A_TIMEOUT)
        self._telling = telling
        self._next_beat = 0.0
        self._ran_out: str | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a pulse runs inside a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._tick()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._ran_out is None:
            return
        if self._task.uncancel() <= self._cancelling and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise ClockRanOut(self._ran_out, self._clocks.seconds(self._ran_out)) from error

    def _tick(self) -> None:
        now = self._loop.time()
        deadline, clock = self._clocks.deadline()
        if now >= deadline:
            self._ran_out = clock
            self._timer = None
            self._task.cancel()
            return
        if now >= self._next_beat and self._telling():
            self._next_beat = now + self._every_s
            self._beat()
        looks = [deadline, now + _LOOK_EVERY_S]
        if self._next_beat > now:
            looks.append(self._next_beat)
        self._timer = self._loop.call_at(min(looks), self._tick)
