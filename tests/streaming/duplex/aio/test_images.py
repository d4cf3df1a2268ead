"""Pictures go up numbered, in a burst or so many a second."""

import asyncio
import logging
import time

import pytest

from streaming.duplex.aio.images import DEFAULT_FPS, ImageStreamer
from streaming.duplex.elements import Image, StreamElement
from streaming.duplex.errors import SessionEndedError
from tests.streaming.duplex.aio.virtual_time import Sent, in_virtual_time

FRAMES = [b"first", b"second", b"third"]
MODES = ["stream_frames_burst", "stream_frames_realtime"]


@pytest.mark.parametrize(("fps", "expected"), [(2.5, 2.5), (0, 1.0), (-3, 1.0)])
def test_a_rate_that_is_none_is_one_a_second(fps: float, expected: float) -> None:
    """As without one."""
    assert ImageStreamer(fps).fps == expected
    assert ImageStreamer().fps == DEFAULT_FPS == 1.0


async def test_a_frame_is_one_element() -> None:
    """With everything that was said of it, and nothing else."""
    to = Sent()
    await ImageStreamer().send_frame(b"png", to, media_type="image/png", number=3, at=12.5)
    await ImageStreamer().send_frame(b"png", to, media_type="image/png", number=4, at=0.0, width=640, height=480)

    assert to.elements == [
        StreamElement(image=Image(b"png", "image/png", 3, 12.5)),
        StreamElement(image=Image(b"png", "image/png", 4, 0.0, 640, 480)),
    ]


async def test_a_frame_is_taken_now_unless_it_is_said_when() -> None:
    """In seconds since 1970."""
    to = Sent()
    before = time.time()
    await ImageStreamer().send_frame(b"jpeg", to)
    image = to.elements[0].image

    assert image is not None
    assert image.at == pytest.approx(before, abs=60)  # a wall clock may be set back
    assert (image.number, image.media_type) == (0, "image/jpeg")


@pytest.mark.parametrize("mode", MODES)
def test_frames_go_in_order_numbered_from_0(mode: str) -> None:
    """Each as one element that ends no turn."""
    to = Sent()
    in_virtual_time(getattr(ImageStreamer(), mode)(FRAMES, to, media_type="image/webp"))

    images = [element.image for element in to.elements if element == StreamElement(image=element.image)]
    assert [(image.number, image.data, image.media_type) for image in images if image] == [
        (number, data, "image/webp") for number, data in enumerate(FRAMES)
    ]


@pytest.mark.parametrize("mode", MODES)
def test_no_frames_are_none(mode: str) -> None:
    """Nothing is sent, and nothing is wrong."""
    to = Sent()
    in_virtual_time(getattr(ImageStreamer(), mode)([], to))

    assert to.elements == []


@pytest.mark.parametrize(
    ("mode", "fps", "expected"),
    [
        ("stream_frames_burst", 2, [0, 0, 0]),
        ("stream_frames_realtime", 2, [0, 0.5, 1.0]),
        ("stream_frames_realtime", 0, [0, 1.0, 2.0]),
    ],
)
def test_in_real_time_there_are_so_many_a_second(mode: str, fps: float, expected: list[float]) -> None:
    """With no wait before the first; in a burst with none at all."""
    to = Sent()
    in_virtual_time(getattr(ImageStreamer(fps), mode)(FRAMES, to))

    assert to.times == pytest.approx(expected)


@pytest.mark.parametrize("mode", MODES)
def test_the_sessions_end_ends_it(mode: str) -> None:
    """At the first frame that is not taken."""
    to = Sent(room=1)
    with pytest.raises(SessionEndedError):
        in_virtual_time(getattr(ImageStreamer(), mode)(FRAMES, to))

    assert len(to.elements) == 1


def test_cancelled_between_two_frames() -> None:
    """No frame is sent after it."""

    async def main() -> Sent:
        to = Sent()
        task = asyncio.create_task(ImageStreamer(fps=10).stream_frames_realtime(FRAMES, to))
        await asyncio.sleep(0.15)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(1)
        return to

    assert in_virtual_time(main()).times == pytest.approx([0, 0.1])


@pytest.mark.parametrize("mode", MODES)
def test_it_logs_under_a_prefix(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    """So that one of many sessions can be told."""
    with caplog.at_level(logging.DEBUG, "streaming.duplex.aio.images"):
        in_virtual_time(getattr(ImageStreamer(), mode)(FRAMES, Sent(), log_prefix="caller 7"))

    assert [message.startswith("caller 7: sent") for message in caplog.messages] == [True]
