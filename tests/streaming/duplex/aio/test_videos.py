"""Video goes up in numbered chunks, in a burst or each for as long as it lasts."""

import asyncio
import logging

import pytest

from streaming.duplex.aio.videos import DEFAULT_INTERVAL_MS, VideoChunk, VideoStreamer
from streaming.duplex.elements import StreamElement, Video
from streaming.duplex.errors import SessionEndedError
from tests.streaming.duplex.aio.virtual_time import Sent, in_virtual_time

CHUNKS = [VideoChunk(b"key", is_key_frame=True, at=7.0, duration_ms=200), VideoChunk(b"two", at=7.2), VideoChunk(b"3")]
MODES = ["stream_chunks_burst", "stream_chunks_realtime"]


@pytest.mark.parametrize(("interval_ms", "expected"), [(40, 40), (0, 1000), (-3, 1000)])
def test_an_interval_that_is_none_is_a_second(interval_ms: float, expected: float) -> None:
    """As without one."""
    assert VideoStreamer(interval_ms).interval_ms == expected
    assert VideoStreamer().interval_ms == DEFAULT_INTERVAL_MS == 1000


async def test_a_chunk_is_one_element() -> None:
    """With everything that was said of it, its duration too, and nothing else."""
    to = Sent()
    await VideoStreamer().send_chunk(CHUNKS[0], to)
    await VideoStreamer().send_chunk(CHUNKS[1], to, media_type="video/webm", number=1, width=640, height=480, fps=29.97)

    key = Video(b"key", "video/mp4", is_key_frame=True, at=7.0, duration_ms=200)
    two = Video(b"two", "video/webm", number=1, at=7.2, width=640, height=480, fps=29.97)
    assert to.elements == [StreamElement(video=key), StreamElement(video=two)]


@pytest.mark.parametrize("mode", MODES)
def test_chunks_go_in_order_numbered_from_0(mode: str) -> None:
    """Each with what it says of itself."""
    to = Sent()
    in_virtual_time(getattr(VideoStreamer(), mode)(CHUNKS, to, media_type="video/webm"))

    assert to.elements == [
        StreamElement(
            video=Video(
                chunk.data,
                "video/webm",
                number=number,
                is_key_frame=chunk.is_key_frame,
                at=chunk.at,
                duration_ms=chunk.duration_ms,
            )
        )
        for number, chunk in enumerate(CHUNKS)
    ]


@pytest.mark.parametrize("mode", MODES)
def test_no_chunks_are_none(mode: str) -> None:
    """Nothing is sent, and nothing is wrong."""
    to = Sent()
    in_virtual_time(getattr(VideoStreamer(), mode)([], to))

    assert to.elements == []


@pytest.mark.parametrize(
    ("mode", "interval_ms", "expected"),
    [
        ("stream_chunks_burst", 40, [0, 0, 0]),
        ("stream_chunks_realtime", 40, [0, 0.2, 0.24]),
        ("stream_chunks_realtime", 0, [0, 0.2, 1.2]),
    ],
)
def test_a_chunks_own_duration_wins(mode: str, interval_ms: float, expected: list[float]) -> None:
    """One that says none lasts the interval; in a burst nothing waits."""
    to = Sent()
    in_virtual_time(getattr(VideoStreamer(interval_ms), mode)(CHUNKS, to))

    assert to.times == pytest.approx(expected)


@pytest.mark.parametrize("mode", MODES)
def test_the_sessions_end_ends_it(mode: str) -> None:
    """At the first chunk that is not taken."""
    to = Sent(room=1)
    with pytest.raises(SessionEndedError):
        in_virtual_time(getattr(VideoStreamer(), mode)(CHUNKS, to))

    assert len(to.elements) == 1


def test_cancelled_between_two_chunks() -> None:
    """No chunk is sent after it."""

    async def main() -> Sent:
        to = Sent()
        task = asyncio.create_task(VideoStreamer().stream_chunks_realtime(CHUNKS, to))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(9)
        return to

    assert in_virtual_time(main()).times == pytest.approx([0, 0.2])


@pytest.mark.parametrize("mode", MODES)
def test_it_logs_under_a_prefix(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    """So that one of many sessions can be told."""
    with caplog.at_level(logging.DEBUG, "streaming.duplex.aio.videos"):
        in_virtual_time(getattr(VideoStreamer(), mode)(CHUNKS, Sent(), log_prefix="caller 7"))

    assert [message.startswith("caller 7: sent") for message in caplog.messages] == [True]
