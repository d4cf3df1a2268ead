"""An event loop whose clock jumps to the next deadline: minutes of pacing in milliseconds, and exactly."""

import asyncio
import selectors
from collections.abc import Coroutine
from functools import partial
from typing import TypeVar

from streaming.duplex.elements import StreamElement
from streaming.duplex.errors import SessionEndedError

_Result = TypeVar("_Result")


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing, and remembers how long that would have been; `late_s` more each time, if it is to be late."""

    def __init__(self, late_s: float) -> None:
        super().__init__()
        self.now = 0.0
        self._late_s = late_s

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Move the clock to the end of the wait."""
        if timeout is None:
            raise RuntimeError("nothing is due any more: a hang")
        self.now += timeout + self._late_s if timeout > 0 else 0
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, late_s: float) -> None:
        self._jumping = _Jumping(late_s)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def in_virtual_time(main: Coroutine[object, object, _Result], late_s: float = 0.0) -> _Result:
    """Run `main` on a loop whose clock starts at 0 and never waits, but may wake everybody so much too late."""
    with asyncio.Runner(loop_factory=partial(_VirtualLoop, late_s)) as runner:
        return runner.run(main)


class Sent:
    """Where elements go in a test: each with the time it came at.

    Args:
        room: after so many it is closed.
        delays_s: how long each takes to be taken, for the first ones.
    """

    def __init__(self, room: int = 10**9, delays_s: list[float] | None = None) -> None:
        self.elements: list[StreamElement] = []
        self.times: list[float] = []
        self._room = room
        self._delays_s = delays_s or []

    async def send(self, element: StreamElement) -> None:
        """Take an element."""
        if len(self.elements) == self._room:
            raise SessionEndedError
        self.times.append(asyncio.get_running_loop().time())
        self.elements.append(element)
        if len(self.elements) <= len(self._delays_s):
            await asyncio.sleep(self._delays_s[len(self.elements) - 1])

    @property
    def sound(self) -> list[bytes]:
        """The sound of each element."""
        return [element.audio.data for element in self.elements if element.audio is not None]
