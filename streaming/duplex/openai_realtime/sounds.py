"""The sound of one answer by part of item: the server wants to know where of each the user stopped hearing it. Pure."""

from streaming.duplex.elements import BYTES_PER_SAMPLE, Audio
from streaming.duplex.errors import NotTheWireError
from streaming.duplex.openai_realtime.configuration import RATE
from streaming.duplex.samples import Samples
from streaming.jsontext import JsonValue

_BYTES_PER_MS = RATE * BYTES_PER_SAMPLE // 1000

PartKey = tuple[str, int]
"""Which item, and which part of it."""


class _Sound:
    """The sound of one part, and how much there is of it."""

    __slots__ = ("over", "samples", "size")

    def __init__(self) -> None:
        self.samples = Samples()
        self.size = 0
        self.over = False


class Sounds:
    """What has come of an answer's sound; of the sound itself nothing is kept."""

    def __init__(self) -> None:
        self._parts: dict[PartKey, _Sound] = {}

    def take(self, part: PartKey, delta: JsonValue) -> Audio | None:
        """Take a piece in base64; return its whole samples, None where there are none.

        Raises:
            NotTheWireError: it is not base64.
        """
        if not isinstance(delta, str):
            return None
        sound = self._parts.get(part)
        if sound is None:
            sound = self._parts[part] = _Sound()
        try:
            data = sound.samples.take(delta)
        except ValueError:
            raise NotTheWireError("a piece of sound that is not base64") from None
        sound.size += len(data)
        return Audio(data, RATE) if data else None

    def end(self, part: PartKey) -> None:
        """No more sound of a part comes."""
        if sound := self._parts.get(part):
            sound.over = True

    def cuts(self, played_ms: float, *, over: bool) -> list[tuple[str, int, int]]:
        """Return where to truncate after so much was played: item, part, and the last millisecond that was heard.

        The server refuses a place behind the end of the sound it has made ("Audio content of 3700ms is already
        shorter than 3760ms"), and any in an item without sound.

        Args:
            played_ms: from the answer's beginning.
            over: no more sound is made. Else a part that was heard as far as it came may go on, and is cut there.
        """
        cuts, start = [], 0.0
        for (item_id, index), sound in self._parts.items():
            length = sound.size / _BYTES_PER_MS
            heard = min(max(played_ms - start, 0.0), length)
            if sound.size and (heard < length or not (over or sound.over)):
                cuts.append((item_id, index, int(heard)))
            start += length
        return cuts
