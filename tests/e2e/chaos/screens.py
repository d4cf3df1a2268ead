"""What viewers may show: of one try, only what one response of the provider really said. Pure."""

from collections.abc import Sequence

from streaming.live.frames import Frame


class Truth:
    """The texts a turn's provider sends, and which of them each epoch turned out to be."""

    def __init__(self, sent: Sequence[str]) -> None:
        self._sent = sent
        self._fitting: dict[int, set[int]] = {}

    def explains(self, epoch: int, text: str) -> bool:
        """Whether this text, and all that was shown of the epoch before, is the beginning of one response."""
        fitting = {at for at, sent in enumerate(self._sent) if sent.startswith(text)}
        self._fitting[epoch] = fitting & self._fitting.get(epoch, fitting)
        return bool(self._fitting[epoch])


class Screen:
    """A screen drawn from events alone, as any client would draw it."""

    def __init__(self) -> None:
        self.epoch = 0
        self.text = ""

    def show(self, frame: Frame) -> None:
        """Draw one frame."""
        if frame.kind in ("begin", "snap"):
            self.epoch, self.text = frame.e, ""
        for addition in frame.additions:
            if isinstance(addition, list):
                self.text += str(addition[2])
