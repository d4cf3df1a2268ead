"""When somebody is heard to speak, and when a turn is heard to be over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.sandbox.realtime.sound import silence, tone
from deploy.sandbox.realtime.vad import SpeechStarted, SpeechStopped, Vad

CHUNK_MS = 20


def listen(vad: Vad, sound: bytes, *, realtime: bool, rate: int = 24_000) -> list[SpeechStarted | SpeechStopped]:
    """Let a listener hear sound in chunks, on a clock that runs with it or stands still, and some silence after."""
    size = rate * 2 * CHUNK_MS // 1000
    heard: list[SpeechStarted | SpeechStopped] = []
    now = 0.0
    for start in range(0, len(sound), size):
        now += CHUNK_MS / 1000 if realtime else 0.0
        heard += vad.hear(sound[start : start + size], now)
        # As a server does: whatever is here is heard before the clock is asked.
        heard += filter(None, [vad.settle(now)])
    return heard + [stopped for stopped in [vad.settle(now + 60)] if stopped]


PAUSES = tone(400) + silence(700) + tone(400) + silence(300) + tone(400) + silence(600)


def test_a_pause_ends_the_turn_of_one_who_speaks() -> None:
    """Sound as it is spoken: a long pause is the end of a turn and what follows another; a short one is not."""
    assert listen(Vad(silence_ms=500), PAUSES, realtime=True) == [
        SpeechStarted(0),
        SpeechStopped(900),
        SpeechStarted(800),
        SpeechStopped(2700),
    ]


def test_a_pause_in_a_burst_is_none() -> None:
    """The same sound all at once is one turn, over with the silence at its end."""
    assert listen(Vad(silence_ms=500), PAUSES, realtime=False) == [SpeechStarted(0), SpeechStopped(2700)]


def test_a_burst_without_silence_at_its_end_is_not_over() -> None:
    """Nobody hears an end in what just stops coming."""
    vad = Vad(silence_ms=500)

    assert listen(vad, tone(400) + silence(480), realtime=False) == [SpeechStarted(0)]
    assert vad.deadline is None
    assert vad.speaking


def test_the_end_is_due_when_silence_has_lasted() -> None:
    """The turn ends so long after the last loud sound came, and not before."""
    vad = Vad(silence_ms=500)
    vad.hear(tone(100), now=10.0)
    vad.hear(silence(600), now=10.1)

    assert vad.deadline == 10.5
    assert vad.settle(10.49) is None
    assert vad.settle(10.5) == SpeechStopped(600)
    assert vad.settle(99) is None


def test_loud_sound_takes_the_end_back() -> None:
    """Until it is due."""
    vad = Vad(silence_ms=500)
    vad.hear(tone(100) + silence(600) + tone(20), now=0)

    assert vad.deadline is None
    assert vad.hear(silence(500), now=1) == []
    assert vad.settle(1.5) == SpeechStopped(1220)


def test_a_turn_can_be_forgotten() -> None:
    """Then it has no end, and the next has a beginning."""
    vad = Vad(silence_ms=100, prefix_ms=0)
    vad.hear(tone(100) + silence(200), now=0)
    vad.forget()

    assert (vad.speaking, vad.deadline) == (False, None)
    assert vad.hear(tone(20), now=1) == [SpeechStarted(300)]


def test_time_goes_on_where_another_listened_before() -> None:
    """Times are of all the session's sound, and padding reaches back into it."""
    assert Vad(prefix_ms=100, at_ms=5000).hear(silence(200) + tone(20), now=0) == [SpeechStarted(5100)]


@pytest.mark.parametrize(
    ("level", "threshold", "heard"),
    [(8000, 1.0, True), (500, 0.5, True), (100, 0.5, False), (100, 0.1, True), (0, 0.1, False), (600, 1.0, False)],
)
def test_what_is_loud(level: int, threshold: float, *, heard: bool) -> None:
    """Speech is louder than its room; how much is the threshold's to say."""
    square = (level.to_bytes(2, "little", signed=True) + (-level).to_bytes(2, "little", signed=True)) * 240

    assert bool(Vad(threshold=threshold).hear(square, now=0)) == heard


@given(st.lists(st.integers(0, 3000), max_size=20), st.sampled_from([8_000, 16_000, 24_000]))
def test_how_sound_is_cut_changes_nothing(sizes: list[int], rate: int) -> None:
    """Chunks of any size, halves of samples among them, are heard as the whole."""
    sound = silence(45, rate=rate) + tone(100, rate=rate) + silence(200, rate=rate)
    vad, start, found = Vad(rate, silence_ms=100), 0, []
    for size in [*sizes, len(sound)]:
        found += vad.hear(sound[start : start + size], now=0)
        start += size

    assert found == Vad(rate, silence_ms=100).hear(sound, now=0)
    assert vad.settle(9) == SpeechStopped(260)
