"""A viewer as a test sees it: a screen drawn from events alone."""

from collections.abc import Callable
from contextlib import aclosing

from streaming.live.durable import Outcome
from streaming.live.frames import Frame
from streaming.live.hub import WatchedTurn


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
