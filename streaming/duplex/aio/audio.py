"""Sound that is sent up: all at once, or as fast as it was spoken."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from streaming.duplex.aio.channel import ElementSender
from streaming.duplex.aio.paced import paced
from streaming.duplex.elements import Audio, StreamElement
from streaming.duplex.pacing import (
    DEFAULT_CHUNK_SIZE,
    DEFAULT_SAMPLE_RATE,
    check_samples,
    chunks,
    interval_ms,
    known_rate,
    silence,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AudioStreamer:
    """Sends sound (PCM16) in chunks. It never ends the user's turn: `send_end_of_stream` does.

    What is not positive stands for its default, sample rates too.
    """

    chunk_size: int = DEFAULT_CHUNK_SIZE
    """Bytes in a chunk; rounded down to whole samples."""
    chunk_interval_ms: float = 0.0
    """Milliseconds between two chunks in real time; by default as long as a chunk lasts."""
    silence_tail_ms: float = 0.0
    """Milliseconds of silence after the sound, so that a provider that listens for the end of speech hears it."""

    async def send_chunk(self, chunk: bytes, input: ElementSender, sample_rate: int = DEFAULT_SAMPLE_RATE) -> None:
        """Send one piece as it is; an empty one is not sent.

        Raises:
            PartialSampleError: it is not whole samples; nothing was sent.
            SessionEndedError: the session takes no more.
        """
        check_samples(chunk)
        if chunk:
            await input.send(StreamElement(audio=Audio(chunk, known_rate(sample_rate))))

    async def stream_burst(
        self,
        audio: bytes,
        input: ElementSender,
        sample_rate: int = DEFAULT_SAMPLE_RATE,
        log_prefix: str = "AudioStreamer",
    ) -> None:
        """Send all of it as fast as it is taken: best for recorded sound, whose pauses then end no turn.

        Raises:
            PartialSampleError: it is not whole samples; nothing was sent.
            SessionEndedError: the session takes no more.
        """
        for chunk in self._cut(audio, sample_rate):
            await self.send_chunk(chunk, input, sample_rate)
        _log.debug("%s: sent %d bytes of sound in a burst", log_prefix, len(audio))

    async def stream_realtime(
        self,
        audio: bytes,
        input: ElementSender,
        sample_rate: int = DEFAULT_SAMPLE_RATE,
        log_prefix: str = "AudioStreamer",
    ) -> None:
        """Send it as fast as it was spoken, and return with the last chunk.

        Chunks have deadlines, so that it takes as long as it sounds, however long that is.

        Raises:
            PartialSampleError: it is not whole samples; nothing was sent.
            SessionEndedError: the session takes no more.
        """
        between = self.chunk_interval_ms if self.chunk_interval_ms > 0 else interval_ms(self.chunk_size, sample_rate)
        async for chunk in paced(self._cut(audio, sample_rate), lambda _: between):
            await self.send_chunk(chunk, input, sample_rate)
        _log.debug("%s: sent %d bytes of sound in real time", log_prefix, len(audio))

    def _cut(self, audio: bytes, sample_rate: int) -> Iterator[bytes]:
        check_samples(audio)
        # Cut as one, for a short chunk in the middle is noise to some providers.
        tail = silence(self.silence_tail_ms, sample_rate) if audio else b""
        return chunks(audio + tail, self.chunk_size)
