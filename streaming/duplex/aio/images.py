"""Pictures that are sent up, as a camera takes them."""

import logging
import time
from collections.abc import Iterable

from streaming.duplex.aio.channel import ElementSender
from streaming.duplex.aio.paced import paced
from streaming.duplex.elements import Image, StreamElement

DEFAULT_FPS = 1.0
"""Frames a second."""
JPEG = "image/jpeg"

_log = logging.getLogger(__name__)


class ImageStreamer:
    """Sends pictures.

    Args:
        fps: frames a second, in real time; the default where it is not positive.
    """

    def __init__(self, fps: float = DEFAULT_FPS) -> None:
        self.fps = fps if fps > 0 else DEFAULT_FPS

    async def send_frame(
        self,
        data: bytes,
        input: ElementSender,
        *,
        media_type: str = JPEG,
        number: int = 0,
        at: float | None = None,
        width: int | None = None,
        height: int | None = None,
    ) -> None:
        """Send one picture.

        Args:
            data: the encoded picture.
            input: where it goes.
            media_type: how it is encoded.
            number: its place in its stream, from 0.
            at: when it was taken, in seconds of any clock; by default now, in seconds since 1970.
            width: in pixels, where known.
            height: in pixels, where known.

        Raises:
            SessionEndedError: the session takes no more.
        """
        taken = time.time() if at is None else at
        await input.send(StreamElement(image=Image(data, media_type, number, taken, width, height)))

    async def stream_frames_burst(
        self, frames: Iterable[bytes], input: ElementSender, media_type: str = JPEG, log_prefix: str = "ImageStreamer"
    ) -> None:
        """Send pictures as fast as they are taken, numbered from 0.

        Raises:
            SessionEndedError: the session takes no more.
        """
        for number, frame in enumerate(frames):
            await self.send_frame(frame, input, media_type=media_type, number=number)
        _log.debug("%s: sent all frames in a burst", log_prefix)

    async def stream_frames_realtime(
        self, frames: Iterable[bytes], input: ElementSender, media_type: str = JPEG, log_prefix: str = "ImageStreamer"
    ) -> None:
        """Send so many pictures a second, numbered from 0, and return with the last one.

        Raises:
            SessionEndedError: the session takes no more.
        """
        async for number, frame in paced(enumerate(frames), lambda _: 1000 / self.fps):
            await self.send_frame(frame, input, media_type=media_type, number=number)
        _log.debug("%s: sent all frames in real time", log_prefix)
