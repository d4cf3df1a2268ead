"""What viewers and the result may show: only what one response of the provider really said. Pure."""

from collections.abc import Sequence

from deploy.sandbox.provider.journal import Entry
from streaming.live.frames import Frame
from tests.e2e.chaos.responses import Response, played

_UNCOUNTED = 1
"""A token that is read, and its connection closed for it, before the provider has counted it."""


class Truth:
    """The texts a turn's provider sends, and which of them each epoch turned out to be."""

    def __init__(self, responses: Sequence[Response]) -> None:
        self._responses = responses
        self._sent = [response.sent for response in responses]
        self._fitting: dict[int, set[int]] = {}

    def explains(self, epoch: int, text: str) -> bool:
        """Whether this text, and all that was shown of the epoch before, is the beginning of one response."""
        fitting = {at for at, sent in enumerate(self._sent) if sent.startswith(text)}
        self._fitting[epoch] = fitting & self._fitting.get(epoch, fitting)
        return bool(self._fitting[epoch])

    def answers(self, entries: Sequence[Entry]) -> list[str]:
        """Return the whole answers that were sent to their end, by the journal of the turn's requests."""
        return [
            response.text
            for entry, response in played(entries, self._responses)
            if not response.fault and entry.chunks_sent + _UNCOUNTED >= len(response.tokens)
        ]

    def beginnings(self, entries: Sequence[Entry]) -> list[str]:
        """Return how far each response came: a partial answer is a prefix of one of them."""
        return [
            "".join(response.tokens[: entry.chunks_sent + _UNCOUNTED])
            for entry, response in played(entries, self._responses)
        ]


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
