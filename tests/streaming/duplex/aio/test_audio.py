"""Sound goes up whole, in chunks, in a burst or in its own time."""

import asyncio
import logging

import pytest

from streaming.duplex.aio.audio import AudioStreamer
from streaming.duplex.aio.channel import Channel
from streaming.duplex.elements import Audio, StreamElement
from streaming.duplex.errors import PartialSampleError, SessionEndedError
from tests.streaming.duplex.aio.virtual_time import Sent, in_virtual_time

SOUND = bytes(range(200)) * 10
"""2,000 bytes: three chunks of 640 and a short one."""
MODES = ["stream_burst", "stream_realtime"]


def sent(
    streamer: AudioStreamer, mode: str, audio: bytes = SOUND, rate: int = 16_000, delays_s: list[float] | None = None
) -> Sent:
    """Return what a streamer sends, in virtual time."""
    to = Sent(delays_s=delays_s)
    in_virtual_time(getattr(streamer, mode)(audio, to, rate))
    return to


@pytest.mark.parametrize(("rate", "told"), [(24_000, 24_000), (0, 16_000), (-1, 16_000)])
async def test_a_chunk_is_one_element_with_its_rate(rate: int, told: int) -> None:
    """PCM16, mono, and nothing else; a rate that is none is the default."""
    to = Sent()
    await AudioStreamer().send_chunk(b"abcd", to, rate)

    assert to.elements == [StreamElement(audio=Audio(b"abcd", told))]


async def test_a_chunk_of_nothing_is_not_sent() -> None:
    """A provider would refuse it."""
    to = Sent()
    await AudioStreamer().send_chunk(b"", to)

    assert to.elements == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("chunk_size", [640, 0, -3, 641])
def test_it_is_cut_into_chunks_and_the_last_may_be_short(mode: str, chunk_size: int) -> None:
    """In order, nothing lost; a size that is none is the default, an odd one is rounded down."""
    to = sent(AudioStreamer(chunk_size=chunk_size), mode)

    assert [len(chunk) for chunk in to.sound] == [640, 640, 640, 80]
    assert b"".join(to.sound) == SOUND


@pytest.mark.parametrize("mode", MODES)
def test_it_sends_sound_only(mode: str) -> None:
    """The turn's end is for the caller to say."""
    assert all(element == StreamElement(audio=element.audio) for element in sent(AudioStreamer(), mode).elements)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("streamer", [AudioStreamer(), AudioStreamer(silence_tail_ms=500)], ids=["plain", "tail"])
def test_nothing_is_nothing(mode: str, streamer: AudioStreamer) -> None:
    """Without sound there is no silence after it either."""
    to = sent(streamer, mode, audio=b"")

    assert to.elements == []


@pytest.mark.parametrize("mode", [*MODES, "send_chunk"])
def test_half_a_sample_is_refused_before_anything_is_sent(mode: str) -> None:
    """A silence behind it changes nothing, and is not counted."""
    to = Sent()
    with pytest.raises(PartialSampleError, match="1281 bytes"):
        in_virtual_time(getattr(AudioStreamer(silence_tail_ms=5), mode)(bytes(1281), to))

    assert to.elements == []


def test_a_burst_takes_no_time() -> None:
    """However long it sounds."""
    to = sent(AudioStreamer(), "stream_burst", bytes(16_000 * 2 * 600))

    assert (len(to.times), set(to.times)) == (30_000, {0.0})


@pytest.mark.parametrize(
    ("streamer", "rate", "between"),
    [
        (AudioStreamer(), 16_000, 0.020),
        (AudioStreamer(), 24_000, 0.040 / 3),
        (AudioStreamer(chunk_size=320), 16_000, 0.010),
        (AudioStreamer(chunk_size=-1), -1, 0.020),
        (AudioStreamer(chunk_interval_ms=35), 24_000, 0.035),
        (AudioStreamer(chunk_interval_ms=0), 16_000, 0.020),
        (AudioStreamer(chunk_interval_ms=-20), 24_000, 0.040 / 3),
    ],
    ids=["defaults", "rate", "chunk size", "no size, no rate", "given", "none given", "negative"],
)
def test_chunks_follow_each_other_as_they_sound(streamer: AudioStreamer, rate: int, between: float) -> None:
    """The interval is derived, unless it is given."""
    to = sent(streamer, "stream_realtime", rate=rate)

    assert to.times == pytest.approx([between * number for number in range(len(to.times))])


def test_it_returns_with_the_last_chunk() -> None:
    """There is nothing to wait for after it."""

    async def main() -> float:
        await AudioStreamer().stream_realtime(SOUND, Sent())
        return asyncio.get_running_loop().time()

    assert in_virtual_time(main()) == pytest.approx(0.060)


def test_ten_minutes_end_on_time() -> None:
    """Through the whole streamer, with a sender that often takes half an interval."""
    to = sent(AudioStreamer(), "stream_realtime", bytes(16_000 * 2 * 600), delays_s=[0.0, 0.010, 0.004] * 10_000)

    drift = [at - 0.020 * number for number, at in enumerate(to.times)]
    assert len(to.times) == 30_000
    assert max(map(abs, drift)) < 0.005


def test_late_wake_ups_do_not_add_up() -> None:
    """A clock that wakes everybody 1 ms late, as real ones do, makes the last chunk 1 ms late and not 30 s."""
    to = Sent()
    in_virtual_time(AudioStreamer().stream_realtime(bytes(640 * 30_001), to), late_s=0.001)

    assert to.times[-1] == pytest.approx(600.001)


def test_a_stalled_sender_is_caught_up_with() -> None:
    """What waited goes at once, the rest in time again."""
    to = sent(AudioStreamer(), "stream_realtime", bytes(640 * 30), delays_s=[0.0, 0.3])

    assert to.times[2:17] == pytest.approx([0.320] * 15)
    assert to.times[17:] == pytest.approx([0.020 * number for number in range(17, 30)])


@pytest.mark.parametrize("mode", MODES)
def test_a_tail_of_silence_follows_without_a_short_chunk_between(mode: str) -> None:
    """What listens for the end of speech hears it, and the last chunk of speech is filled up."""
    to = sent(AudioStreamer(silence_tail_ms=50), mode)

    assert b"".join(to.sound) == SOUND + bytes(1600)
    assert [len(chunk) for chunk in to.sound] == [640] * 5 + [400]


def test_the_tail_is_paced_too() -> None:
    """Silence in no time is heard as none."""
    to = sent(AudioStreamer(silence_tail_ms=2000), "stream_realtime", bytes(640))

    assert to.times[-1] == pytest.approx(2.0)


@pytest.mark.parametrize("mode", MODES)
def test_the_sessions_end_ends_it(mode: str) -> None:
    """At the first chunk that is not taken."""
    to = Sent(room=2)
    with pytest.raises(SessionEndedError):
        in_virtual_time(getattr(AudioStreamer(), mode)(SOUND, to))

    assert len(to.elements) == 2


@pytest.mark.parametrize("mode", MODES)
async def test_cancelled_while_nobody_takes_it(mode: str) -> None:
    """It stops where it is."""
    channel = Channel(room=1)
    task = asyncio.create_task(getattr(AudioStreamer(), mode)(SOUND, channel))
    first = await channel.receive()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert first.audio == Audio(SOUND[:640], 16_000)


def test_cancelled_between_two_chunks() -> None:
    """No chunk is sent after it."""

    async def main() -> Sent:
        to = Sent()
        task = asyncio.create_task(AudioStreamer().stream_realtime(bytes(640 * 100), to))
        await asyncio.sleep(0.050)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(1)
        return to

    assert in_virtual_time(main()).times == pytest.approx([0, 0.020, 0.040])


@pytest.mark.parametrize("mode", MODES)
def test_it_logs_under_a_prefix(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    """So that one of many sessions can be told."""
    with caplog.at_level(logging.DEBUG, "streaming.duplex.aio.audio"):
        in_virtual_time(getattr(AudioStreamer(), mode)(SOUND, Sent(), log_prefix="caller 7"))

    assert [message.startswith("caller 7: sent 2000 bytes") for message in caplog.messages] == [True]
