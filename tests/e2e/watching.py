"""A viewer as a test sees it: a screen drawn from events alone; and all that a turn's channel carries."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from streaming.live.durable import Outcome
from streaming.live.frames import Frame, parse
from streaming.live.hub import WatchedTurn
from tests.e2e.rig import Rig


class Watching:
    """A viewer that draws its screen from events and remembers which epochs it saw."""

    def __init__(self, watched: WatchedTurn) -> None:
        self.watched = watched
        self.frames: list[Frame] = []
        self.text = ""
        self.outcome: Outcome | None = None

    async def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Watch to the end, or until something is seen."""
        async with aclosing(self.watched.events()) as events:
            async for event in events:
                if isinstance(event, Outcome):
                    self.outcome = event
                if isinstance(event, Frame):
                    self._draw(event)
                if until():
                    return

    def _draw(self, frame: Frame) -> None:
        self.frames.append(frame)
        if frame.kind in ("begin", "snap"):
            self.text = ""
        self.text += "".join(str(addition[2]) for addition in frame.additions if isinstance(addition, list))

    def kinds(self) -> list[str]:
        """Return the kinds of the frames seen."""
        return [frame.kind for frame in self.frames]

    def openings(self) -> list[Frame]:
        """Return the frames that began a text."""
        return [frame for frame in self.frames if frame.kind in ("begin", "snap")]

    @property
    def result_text(self) -> str:
        """The durable text it ended with."""
        assert self.outcome is not None
        assert self.outcome.result is not None, self.outcome
        return self.outcome.result.message.text


@asynccontextmanager
async def overheard(rig: Rig, turn_id: str) -> AsyncIterator[list[Frame]]:
    """Hear every frame on a turn's channel, those that viewers ignore too."""
    frames: list[Frame] = []
    subscribed = asyncio.Event()

    async def listen() -> None:
        async for message in channel.listen():
            subscribed.set()  # its acknowledgement is the first
            frame = parse(message["data"], int(time.time() * 1000)) if message["type"] == "message" else None
            frames.extend([frame] if frame else [])

    async with rig.redis.pubsub() as channel:
        await channel.subscribe(rig.channels.live(turn_id))
        listening = asyncio.create_task(listen())
        await subscribed.wait()
        yield frames
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
