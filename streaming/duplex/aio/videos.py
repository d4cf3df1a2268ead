"""Encoded video that is sent up, as it is recorded."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from streaming.duplex.aio.channel import ElementSender
from streaming.duplex.aio.paced import paced
from streaming.duplex.elements import StreamElement, Video

DEFAULT_INTERVAL_MS = 1000.0
"""How long a chunk lasts that does not say it."""
MP4 = "video/mp4"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VideoChunk:
    """A piece of a recording."""

    data: bytes
    is_key_frame: bool = False
    at: float = 0.0
    """When it was recorded: seconds of any clock."""
    duration_ms: float = 0.0
    """How long it lasts; 0 where that is not known."""


class VideoStreamer:
    """Sends video in chunks.

    Args:
        interval_ms: how long a chunk lasts that does not say it; the default where it is not positive.
    """

    def __init__(self, interval_ms: float = DEFAULT_INTERVAL_MS) -> None:
        self.interval_ms = interval_ms if interval_ms > 0 else DEFAULT_INTERVAL_MS

    async def send_chunk(
        self,
        chunk: VideoChunk,
        input: ElementSender,
        *,
        media_type: str = MP4,
        number: int = 0,
        width: int | None = None,
        height: int | None = None,
        fps: float | None = None,
    ) -> None:
        """Send one chunk.

        Args:
            chunk: what to send; its duration goes along.
            input: where it goes.
            media_type: how it is encoded.
            number: its place in its stream, from 0.
            width: in pixels, where known.
            height: in pixels, where known.
            fps: frames a second, where known.

        Raises:
            SessionEndedError: the session takes no more.
        """
        video = Video(
            chunk.data,
            media_type,
            number=number,
            is_key_frame=chunk.is_key_frame,
            at=chunk.at,
            duration_ms=chunk.duration_ms,
            width=width,
            height=height,
            fps=fps,
        )
        await input.send(StreamElement(video=video))

    async def stream_chunks_burst(
        self,
        chunks: Iterable[VideoChunk],
        input: ElementSender,
        media_type: str = MP4,
        log_prefix: str = "VideoStreamer",
    ) -> None:
        """Send chunks as fast as they are taken, numbered from 0.

        Raises:
            SessionEndedError: the session takes no more.
        """
        for number, chunk in enumerate(chunks):
            await self.send_chunk(chunk, input, media_type=media_type, number=number)
        _log.debug("%s: sent all chunks in a burst", log_prefix)

    async def stream_chunks_realtime(
        self,
        chunks: Iterable[VideoChunk],
        input: ElementSender,
        media_type: str = MP4,
        log_prefix: str = "VideoStreamer",
    ) -> None:
        """Send each chunk when the one before has lasted its own time, numbered from 0; return with the last one.

        Raises:
            SessionEndedError: the session takes no more.
        """
        async for number, chunk in paced(enumerate(chunks), lambda numbered: self._lasts_ms(numbered[1])):
            await self.send_chunk(chunk, input, media_type=media_type, number=number)
        _log.debug("%s: sent all chunks in real time", log_prefix)

    def _lasts_ms(self, chunk: VideoChunk) -> float:
        return chunk.duration_ms if chunk.duration_ms > 0 else self.interval_ms
