"""Between the reader of a socket and whoever plays what it reads, at their own speeds.

The reader never waits (`put`), whatever the consumer does. A barge-in overtakes everything that waits (`barge_in`).
The last element says how it ended, always, and only after it comes `SessionEndedError`.
"""

import asyncio
from typing import Self

from streaming.duplex.elements import StreamElement
from streaming.duplex.errors import SessionEndedError
from streaming.duplex.loudspeaker import Loudspeaker
from streaming.duplex.playback import DEFAULT_MAX_AUDIO_BYTES, DEFAULT_MAX_OTHER_BYTES, Playback


class Pump:
    """Takes elements as they come, and gives them as they are wanted: an `ElementReceiver`.

    Args:
        max_audio_bytes: memory for sound that waits; beyond it the oldest is thrown away, which an event tells.
        max_other_bytes: memory for all else; beyond it the pump closes itself with a `SlowConsumerError`.
    """

    def __init__(
        self, max_audio_bytes: int = DEFAULT_MAX_AUDIO_BYTES, max_other_bytes: int = DEFAULT_MAX_OTHER_BYTES
    ) -> None:
        self._waiting = Playback(max_audio_bytes, max_other_bytes)
        self._loudspeaker = Loudspeaker()
        self._filled = asyncio.Event()
        self._stirred = asyncio.Event()
        self._cut = False
        self._told_answer, self._told_ms = -1, 0.0

    # -- the session's end

    @property
    def closed(self) -> bool:
        """Whether it takes nothing any more: it was closed, or nobody took what came."""
        return self._waiting.closed

    def put(self, element: StreamElement) -> None:
        """Take an element, at once; nothing, once closed."""
        if element.interrupted and not self.closed:
            self._fall_silent()
        self._waiting.put(element)
        self._filled.set()
        if self.closed:
            self._stirred.set()

    def close(self, error: Exception | None = None) -> None:
        """Let an element with this error be the last: by default that the session ended.

        What waits is still given before it. Closing twice is closing once.
        """
        self._waiting.close(SessionEndedError() if error is None else error)
        self._filled.set()
        self._stirred.set()

    def heard_ms(self) -> float:
        """Return how much of the newest answer's sound has been heard.

        What the consumer said (`played`), and else what was handed out, but no more than there was time to play. Once
        the answer is cut it grows no more.
        """
        handed = self._waiting.handed_ms
        if self._told_answer == self._waiting.answer:
            return min(self._told_ms, handed)
        return max(handed - self._loudspeaker.unplayed_ms(_now()), 0.0)

    def _fall_silent(self) -> None:
        self.played(self.heard_ms())
        self._loudspeaker.stop()
        self._cut = True
        self._stirred.set()

    # -- the consumer's end

    async def barge_in(self) -> None:
        """Wait until the user barges in: fall silent now, and forget the sound that was handed out.

        One that nobody waited for is kept until somebody does, or until sound of a later answer is handed out.

        Raises:
            SessionEndedError: none comes any more.
        """
        while not self._cut:
            if self.closed:
                raise SessionEndedError
            self._stirred.clear()
            await self._stirred.wait()
        self._cut = False

    def played(self, ms: float, response_id: str = "") -> None:
        """Tell how much of an answer's sound has been played, for a consumer that knows it.

        Args:
            ms: from the answer's beginning.
            response_id: the answer's; by default it is the newest one. What is told of another is not taken.
        """
        if response_id in ("", self._waiting.answer_id):
            self._told_answer, self._told_ms = self._waiting.answer, max(0.0, ms)

    async def receive(self) -> StreamElement:
        """See `ElementReceiver`."""
        while (element := self.receive_nowait()) is None:
            self._filled.clear()
            await self._filled.wait()
        return element

    def receive_nowait(self) -> StreamElement | None:
        """See `ElementReceiver`."""
        element = self._waiting.take()
        if element is None:
            if self.closed:
                raise SessionEndedError
            return None
        if element.audio is not None:
            self._cut = False
            self._loudspeaker.play(element.audio.ms, _now())
        return element

    def __aiter__(self) -> Self:
        """Give the elements, to the last."""
        return self

    async def __anext__(self) -> StreamElement:
        """Take the next one."""
        try:
            return await self.receive()
        except SessionEndedError:
            raise StopAsyncIteration from None


def _now() -> float:
    return asyncio.get_running_loop().time()
