"""What waits to be sent, and what was sent and has no answer yet: that is sent again on another connection. Pure.

A connection that breaks takes along what the provider had heard but not answered, and no wire says how far it had
come. So everything since the last answered turn is kept, and said again: at worst the provider hears something twice,
and never is something lost. A turn is answered when the answer to it has ended; what was sent after that answer had
*begun* belongs to the next one, for people talk while they are talked to. So do turns that were sent before, if the
answer turns out not to be to them: the provider had not taken them when it began.

Sound and pictures are bounded, the oldest go first, and of these first those that were sent already. Words, marks and
tool results are never dropped.
"""

from collections import deque
from dataclasses import replace

from streaming.duplex.elements import StreamElement

MAX_MEDIA_BYTES = 2 * 2**20
"""43 s of sound at 24 kHz, 65 s at 16 kHz."""
_NOTHING = StreamElement()


class Outbox:
    """A queue that remembers."""

    def __init__(self, max_media_bytes: int = MAX_MEDIA_BYTES) -> None:
        self._max = max_media_bytes
        self._kept: dict[int, StreamElement] = {}
        self._media: deque[int] = deque()  # the numbers of those with sound or pictures, some of them gone
        self._bytes = 0
        self._waiting_bytes = 0
        self._end = 0
        self._next = 0
        self._mark = 0
        self._said = False  # something was, since the last end and since the last answer began
        self._idle_ends = set[int]()  # the numbers of the ends that came when nothing was
        self._forgotten_ms = 0.0

    @property
    def waiting(self) -> int:
        """How many elements may wait; some of them may have been dropped."""
        return self._end - self._next

    @property
    def waiting_bytes(self) -> int:
        """How much sound and pictures wait."""
        return self._waiting_bytes

    def put(self, element: StreamElement) -> float:
        """Queue an element.

        Returns:
            How much sound was dropped to make room, in milliseconds: of what waited, never of what had been sent.
        """
        size = media_bytes(element)
        self._kept[self._end] = element
        if size:
            self._media.append(self._end)
        self._end += 1
        self._bytes += size
        self._waiting_bytes += size
        return self._evict()

    def take(self) -> StreamElement | None:
        """Return the next element to send, and keep it until it is answered; None: nothing waits."""
        while self._next < self._end:
            element = self._kept.get(self._next)
            self._next += 1
            if element is not None:
                self._waiting_bytes -= media_bytes(element)
                self._note_turn(self._next - 1, element)
                return element
        return None

    def refused(self) -> None:
        """The element taken last cannot be sent at all."""
        self._leave(self._next - 1, _NOTHING)

    def answering(self) -> None:
        """An answer to what was sent has begun."""
        self._mark = self._next
        self._said = False

    def answered(self, unanswered: int = 0) -> None:
        """It has ended: what it answers is kept no longer.

        Args:
            unanswered: how many of the turns that were sent last wait for another answer.
        """
        for number in self._before(min(self._mark, self._start_of_turns(unanswered))):
            self._leave(number, _NOTHING)
        self._idle_ends &= self._kept.keys()
        while self._media and self._media[0] not in self._kept:
            self._media.popleft()
        self._forgotten_ms = 0.0

    def rewind(self) -> float:
        """Send again what has no answer, before what waits.

        Returns:
            How much sound of it was not kept, in milliseconds.
        """
        for number in self._before(self._next):
            self._leave(number, replace(self._kept[number], interrupted=False))  # what it stopped is over
        self._next = min(self._kept, default=self._end)
        self._mark = self._next
        self._said = False
        self._idle_ends.clear()
        self._waiting_bytes = self._bytes
        forgotten, self._forgotten_ms = self._forgotten_ms, 0.0
        return forgotten

    @property
    def end(self) -> int:
        """The place of the next element to come."""
        return self._end

    def drop_tool_responses(self, end: int) -> None:
        """Send no tool results that were queued before a place: the provider has been told of them otherwise."""
        for number in self._before(end):
            self._leave(number, replace(self._kept[number], tool_responses=()))

    def _start_of_turns(self, count: int) -> int:
        """Return where the last so many turns begin that were sent: behind whatever else asked for an answer.

        If nothing did, the turns have no marks here, and it is the provider who hears where they end: of these only
        sound is left out, for it never stops, and words are not.
        """
        starts = self._turns()
        if count and starts and (first := starts[-min(count, len(starts))]):
            return first
        # Which of what was sent before the answer began is answered nobody can tell: rather twice than never.
        written = any(
            self._kept[number].text or self._kept[number].end_of_stream for number in self._before(self._mark)
        )
        return 0 if count and written else self._next

    def _turns(self) -> list[int]:
        """Return where each turn begins whose end was sent; 0 where nothing before it asked for an answer.

        An idle end asks too, but it is the end of no turn: the user's was over, or its answer had begun.
        """
        starts, start, said = list[int](), 0, False
        for number in self._before(self._next):
            element = self._kept[number]
            said = said or _says(element)
            if said and element.end_of_stream and number not in self._idle_ends:
                starts.append(start)
                said = False
            if _asks(element) and not said:
                start = number + 1
        return starts

    def _note_turn(self, number: int, element: StreamElement) -> None:
        self._said |= _says(element)
        if element.end_of_stream:
            if not self._said:
                self._idle_ends.add(number)
            self._said = False

    def _before(self, place: int) -> list[int]:
        return [number for number in self._kept if number < place]

    def _leave(self, number: int, rest: StreamElement) -> None:
        """Keep no more than this of an element, in its place."""
        freed = media_bytes(self._kept[number]) - media_bytes(rest)
        if rest == _NOTHING:
            del self._kept[number]
        else:
            self._kept[number] = rest
        self._bytes -= freed
        if number >= self._next:
            self._waiting_bytes -= freed

    def _evict(self) -> float:
        dropped = 0.0
        # The newest stays, however large it is: it would be dropped for nothing.
        while self._bytes > self._max and self._media[0] != self._end - 1:
            number = self._media.popleft()
            element = self._kept.get(number)
            if element is None:
                continue
            self._leave(number, replace(element, audio=None, image=None, video=None))
            ms = element.audio.ms if element.audio else 0.0
            if number >= self._next:
                dropped += ms
            else:
                self._forgotten_ms += ms
        return dropped


def _asks(element: StreamElement) -> bool:
    return element.end_of_stream or bool(element.tool_responses)


def _says(element: StreamElement) -> bool:
    return any(said is not None for said in (element.text, element.audio, element.image, element.video))


def media_bytes(element: StreamElement) -> int:
    """Return how much sound and pictures an element holds."""
    return sum(len(media.data) for media in (element.audio, element.image, element.video) if media is not None)
