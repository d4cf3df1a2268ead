"""What came down and waits to be taken: sound, which may be thrown away, and all else, which may not. Pure.

Rules of this file:

- Elements are handed out in the order they came. Where nobody takes them, pieces of one text become one.
- A barge-in (`interrupted`) throws away all sound that waits and all that still comes of the cut answer, until the
  next one starts: with a `ResponseStarted`, or under another response id.
- Sound beyond its bound goes too, the oldest first; one `AudioDropped` tells of it in its place.
- All else beyond its bound ends the queue: its last element is then a `SlowConsumerError`.
- Sound and the rest wait apart, numbered, so that throwing sound away costs nothing for what stays.
"""

from collections import deque
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from sys import getsizeof

from streaming.duplex.elements import AudioDropped, ResponseStarted, StreamElement
from streaming.duplex.errors import SlowConsumerError
from streaming.duplex.weight import weight

DEFAULT_MAX_AUDIO_BYTES = 16 * 2**20
"""Some minutes of sound."""
DEFAULT_MAX_OTHER_BYTES = 16 * 2**20

_REMEMBERED_CUTS = 16  # late sound is of the answer cut last, or of one shortly before
_NEVER = float("inf")

_beside_words_and_sound = attrgetter(
    *(each.name for each in fields(StreamElement) if each.name not in ("text", "audio", "response_id"))
)
_NOTHING = _beside_words_and_sound(StreamElement())


@dataclass(slots=True)
class _Waiting:
    """An element in one of the two queues."""

    number: int
    element: StreamElement
    weight: int
    answer: int
    text: list[str] | None = None
    """The pieces that its text has become."""


@dataclass(slots=True)
class _Lost:
    """Sound beyond the bound, where the first of it was."""

    number: int
    ms: float = 0.0


class Playback:
    """The queue between what comes from a provider and whoever plays it.

    Bounds count the memory that elements hold. Beside sound, one element always fits.
    """

    def __init__(
        self, max_audio_bytes: int = DEFAULT_MAX_AUDIO_BYTES, max_other_bytes: int = DEFAULT_MAX_OTHER_BYTES
    ) -> None:
        self.closed = False
        self.answer = 0
        """The newest answer's number: 0 before there is one."""
        self.answer_id = ""
        self.handed_ms = 0.0
        """How much of the newest answer's sound was handed out."""
        self.audio_bytes = 0
        """How much memory the sound holds that waits."""
        self.other_bytes = 0
        self._max_audio_bytes = max_audio_bytes
        self._max_other_bytes = max_other_bytes
        self._number = 0
        self._sounds: deque[_Waiting] = deque()
        self._others: deque[_Waiting] = deque()
        self._lost: _Lost | None = None
        self._cut_ids: deque[str] = deque(maxlen=_REMEMBERED_CUTS)
        self._muted = False  # what matters where answers have no ids

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not (self._others or self._sounds or self._lost)

    # -- in

    def put(self, element: StreamElement) -> None:
        """Take what came next; nothing, once closed."""
        if self.closed:
            return
        self._follow(element)
        if element.interrupted:
            self._cut(element.response_id or self.answer_id)
        if self._add_to_text(element):
            return
        self._number += 1
        other = _without_sound(element)
        if other is not None and not self._keep(other):
            return
        if element.audio is not None and not self._silenced(element):
            self._play(element)

    def close(self, error: Exception) -> None:
        """Let `error` be the last element. Closing twice is closing once."""
        if not self.closed:
            self.closed = True
            self._number += 1
            self._others.append(_Waiting(self._number, StreamElement(error=error), 0, self.answer))

    def _follow(self, element: StreamElement) -> None:
        """Learn whether another answer starts."""
        id_ = element.response_id
        if isinstance(element.event, ResponseStarted):
            if id_ in self._cut_ids:
                self._cut_ids.remove(id_)  # another connection may count its answers from the beginning
        elif id_ in ("", self.answer_id) or id_ in self._cut_ids:
            return
        self.answer += 1
        self.answer_id = id_
        self.handed_ms = 0.0
        self._muted = False

    def _cut(self, response_id: str) -> None:
        self._sounds.clear()
        self.audio_bytes = 0
        self._muted = True
        if response_id and response_id not in self._cut_ids:
            self._cut_ids.append(response_id)

    def _silenced(self, element: StreamElement) -> bool:
        return element.response_id in self._cut_ids if element.response_id else self._muted

    def _add_to_text(self, element: StreamElement) -> bool:
        """Add to the text that waits, if that was the last to come and it is nothing but words too."""
        last = self._others[-1] if self._others else None
        with_sound = bool(self._sounds) and self._sounds[-1].number == self._number
        if last is None or last.number != self._number or with_sound:
            return False
        before, text = _only_words(last.element), _only_words(element)
        if before is None or text is None or last.element.response_id != element.response_id:
            return False
        added = getsizeof(text)
        if self._has_room(added):
            last.text = last.text or [before]
            last.text.append(text)
            last.weight += added
            self.other_bytes += added
        return True

    def _keep(self, other: StreamElement) -> bool:
        waiting = _Waiting(self._number, other, weight(other), self.answer)
        if not self._has_room(waiting.weight):
            return False
        self._others.append(waiting)
        self.other_bytes += waiting.weight
        return True

    def _has_room(self, added: int) -> bool:
        """Whether so much more may wait; otherwise nobody takes it, and this is the end."""
        if self._others and self.other_bytes + added > self._max_other_bytes:
            self.close(SlowConsumerError(f"more than {self._max_other_bytes} bytes wait, and nobody takes them"))
        return not self.closed

    def _play(self, element: StreamElement) -> None:
        sound = _Waiting(self._number, element, weight(element), self.answer)
        self._sounds.append(sound)
        self.audio_bytes += sound.weight
        while self.audio_bytes > self._max_audio_bytes:
            self._lose(self._sounds.popleft())

    def _lose(self, sound: _Waiting) -> None:
        self.audio_bytes -= sound.weight
        self._lost = self._lost or _Lost(sound.number)
        self._lost.ms += _sound_ms(sound.element)

    # -- out

    def take(self) -> StreamElement | None:
        """Return the next element; None where nothing waits."""
        sound = self._sounds[0].number if self._sounds else _NEVER
        other = self._others[0].number if self._others else _NEVER
        if self._lost is not None and self._lost.number <= min(sound, other):
            lost, self._lost = self._lost, None
            return StreamElement(event=AudioDropped(lost.ms, "received"))
        if other < sound:
            return self._take_other()
        if not self._sounds:
            return None
        if sound == other:
            self._take_other()  # its sound was not thrown away, so that it goes out as it came
        return self._take_sound()

    def _take_sound(self) -> StreamElement:
        sound = self._sounds.popleft()
        self.audio_bytes -= sound.weight
        if sound.answer == self.answer:
            self.handed_ms += _sound_ms(sound.element)
        return sound.element

    def _take_other(self) -> StreamElement:
        other = self._others.popleft()
        self.other_bytes -= other.weight
        return other.element if other.text is None else replace(other.element, text="".join(other.text))


def _only_words(element: StreamElement) -> str | None:
    """Return the element's text if it is nothing else."""
    return element.text if element.audio is None and _beside_words_and_sound(element) == _NOTHING else None


def _without_sound(element: StreamElement) -> StreamElement | None:
    """Return what there is beside the sound, None where that is nothing."""
    if element.audio is None:
        return element
    if element.text is None and _beside_words_and_sound(element) == _NOTHING:
        return None
    return replace(element, audio=None)


def _sound_ms(element: StreamElement) -> float:
    return element.audio.ms if element.audio is not None else 0.0
