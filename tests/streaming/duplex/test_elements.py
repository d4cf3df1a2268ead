"""What elements say of themselves."""

import dataclasses

import pytest

from streaming.duplex.elements import Audio, Image, StreamElement, Video
from streaming.messages import Message, TextPart, ToolCallPart

CALL = ToolCallPart(id="c", name="clock", arguments="{}")
OTHER = ToolCallPart(id="d", name="clock", arguments="{}")
MESSAGE = Message(role="assistant", parts=[TextPart(text="hm"), CALL])


@pytest.mark.parametrize(("size", "rate", "ms"), [(640, 16_000, 20), (48_000, 24_000, 1000), (0, 8000, 0)])
def test_sound_knows_how_long_it_lasts(size: int, rate: int, ms: float) -> None:
    """16 bits a sample, one channel."""
    assert Audio(bytes(size), rate).ms == ms


@pytest.mark.parametrize("rate", [0, -16_000])
def test_sound_that_would_last_for_ever_is_none(rate: int) -> None:
    """Whoever counts it divides by its rate."""
    with pytest.raises(ValueError, match="samples a second"):
        Audio(b"", rate)


def test_calls_are_found_wherever_they_are() -> None:
    """An element's own, and else its message's."""
    assert StreamElement().calls == ()
    assert StreamElement(message=MESSAGE).calls == (CALL,)
    assert StreamElement(tool_calls=(OTHER,), message=MESSAGE).calls == (OTHER,)


def test_elements_do_not_change() -> None:
    """They are passed between tasks, and kept."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        StreamElement().text = "other"  # type: ignore[misc]


def test_nobody_reads_a_recording_in_a_log() -> None:
    """Media are left out of what is printed."""
    data = b"\x01\x02" * 50_000
    shown = repr(
        StreamElement(audio=Audio(data, 16_000), image=Image(data, "image/png"), video=Video(data, "video/mp4"))
    )

    assert len(shown) < 1500
    assert "image/png" in shown
