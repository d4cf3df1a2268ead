"""The attachments of an attempt: media by reference becomes media by value before a request's body is made.

Each is loaded once, however many parts and candidates want it. A failure is remembered too: switching to another
candidate needs no waiting, and waiting for a host to recover is Temporal's.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from activities.fetching import Fetcher
from activities.store import Store
from streaming.errors import AttachmentNotLoaded, BadAttachment
from streaming.media import HTML, decoded, encoded, essence_of, is_html, media_type_of, type_by_name
from streaming.messages import MediaPart, Message, Part, ToolResultPart

ByValue = Callable[[list[Message], frozenset[str]], Awaitable[list[Message]]]
_AT_A_TIME = 4


@dataclass(frozen=True)
class Sources:
    """Where a worker gets attachments from, and how much of them it takes."""

    fetcher: Fetcher
    store: Store
    max_bytes: int
    """Of one attachment, decoded."""
    max_total_bytes: int
    """Of one request's attachments together, decoded."""
    within_s: float
    """How long one may take to come."""


class _Source(NamedTuple):
    """What tells one attachment from another; exactly one of the last three is given."""

    part_type: str
    media_type: str | None
    data: str | None
    url: str | None
    object: str | None


class _Loaded(NamedTuple):
    """An attachment by value."""

    media_type: str
    data: str
    size: int


class Attachments:
    """The attachments of one attempt."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._known: dict[_Source, _Loaded | BadAttachment | AttachmentNotLoaded] = {}

    async def by_value(self, messages: list[Message], by_url: frozenset[str]) -> list[Message]:
        """Return the messages with all media checked, and as `data` except where the wire takes the URL itself.

        Args:
            messages: of the turn.
            by_url: the types of part that the wire takes by URL.

        Raises:
            BadAttachment: names the first part that cannot be sent, and why.
            AttachmentNotLoaded: the same for one that another time may come.
        """
        wanted: dict[_Source, str] = {}
        count: Counter[_Source] = Counter()
        for place, part in _media_of(messages):
            if part.url is not None and part.type in by_url:
                self._check_url(part.url, place)
            else:
                source = _source_of(part)
                wanted.setdefault(source, place)
                count[source] += 1
        if not wanted:
            return messages
        await self._load(wanted, count)
        loaded = self._all_loaded(count)
        return [
            message.model_copy(update={"parts": [_by_value(part, loaded) for part in message.parts]})
            for message in messages
        ]

    def _check_url(self, url: str, place: str) -> None:
        try:
            self._sources.fetcher.destinations.checked(url)
        except BadAttachment as error:
            raise BadAttachment(f"{place}: {error}") from None

    async def _load(self, wanted: dict[_Source, str], count: Counter[_Source]) -> None:
        """Load what is not known yet, a few at a time, and no more once one has failed or they are too much."""
        missing = deque(source for source in wanted if source not in self._known)
        total = sum(known.size * count[source] for source, known in self._known.items() if isinstance(known, _Loaded))

        async def work() -> None:
            nonlocal total
            while missing:
                source = missing.popleft()
                outcome = self._known[source] = await self._outcome(source, wanted[source])
                if isinstance(outcome, _Loaded):
                    total += outcome.size * count[source]
                if not isinstance(outcome, _Loaded) or total > self._sources.max_total_bytes:
                    missing.clear()

        # Failures are values here: an error beside a cancellation would take the cancellation's place.
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_A_TIME, len(missing))):
                group.create_task(work())

    def _all_loaded(self, count: Counter[_Source]) -> dict[_Source, _Loaded]:
        loaded: dict[_Source, _Loaded] = {}
        for source in count:
            match self._known.get(source):
                case _Loaded() as known:
                    loaded[source] = known
                case BadAttachment() | AttachmentNotLoaded() as error:
                    raise error
        if sum(known.size * count[source] for source, known in loaded.items()) > self._sources.max_total_bytes:
            raise BadAttachment(
                f"messages: their attachments are over {self._sources.max_total_bytes:,} bytes together"
            )
        return loaded

    async def _outcome(self, source: _Source, place: str) -> _Loaded | BadAttachment | AttachmentNotLoaded:
        within_s = self._sources.within_s
        try:
            async with asyncio.timeout(within_s):
                return await self._loaded(source)
        except (BadAttachment, AttachmentNotLoaded) as error:
            return type(error)(f"{place}: {error}")
        except TimeoutError:
            return AttachmentNotLoaded(f"{place}: it did not come within {within_s:g} s")

    async def _loaded(self, source: _Source) -> _Loaded:
        max_bytes = self._sources.max_bytes
        hint = ""
        if source.data is not None:
            content = decoded(source.data, max_bytes)
        elif source.url is not None:
            content, hint = await self._sources.fetcher.get(source.url, max_bytes)
            if is_html(hint, content) and essence_of(source.media_type or "") not in HTML:
                raise BadAttachment("its URL leads to a web page (text/html)")
        else:
            key = source.object or ""
            content, hint = await self._sources.store.read(key, max_bytes), type_by_name(key)
        media_type = media_type_of(content, source.part_type, source.media_type, hint)
        return _Loaded(media_type, encoded(content) if source.data is None else source.data, len(content))


def _media_of(messages: list[Message]) -> Iterator[tuple[str, MediaPart]]:
    """Yield each part of media and its place in the turn's input, but not what a model made: it is as it came."""
    for number, message in enumerate(messages):
        for at, part in enumerate(message.parts):
            place = f"messages.{number}.parts.{at}"
            if isinstance(part, ToolResultPart):
                for inner, item in enumerate(part.content):
                    if isinstance(item, MediaPart):
                        yield f"{place}.content.{inner}", item
            elif isinstance(part, MediaPart) and (part.data is None or message.role != "assistant"):
                yield place, part


def _source_of(part: MediaPart) -> _Source:
    return _Source(part.type, part.media_type, part.data, part.url, part.object)


def _by_value(part: Part, loaded: dict[_Source, _Loaded]) -> Part:
    if isinstance(part, ToolResultPart):
        return part.model_copy(update={"content": [_by_value(item, loaded) for item in part.content]})
    if not isinstance(part, MediaPart) or (value := loaded.get(_source_of(part))) is None:
        return part
    return part.model_copy(update={"media_type": value.media_type, "data": value.data, "url": None, "object": None})
