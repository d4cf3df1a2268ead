"""What of the handed-out sound has been played by now."""

import pytest

from streaming.duplex.loudspeaker import Loudspeaker


def test_sound_is_played_as_time_passes() -> None:
    """All of it after its own length, and not before."""
    loudspeaker = Loudspeaker()
    loudspeaker.play(1000, now=10.0)

    assert [loudspeaker.unplayed_ms(now) for now in (10.0, 10.25, 11.0, 99.0)] == pytest.approx([1000, 750, 0, 0])


def test_pieces_queue_up_behind_each_other() -> None:
    """A deep buffer is played at the speed of sound too."""
    loudspeaker = Loudspeaker()
    for _ in range(3):
        loudspeaker.play(1000, now=10.0)

    assert loudspeaker.unplayed_ms(10.5) == pytest.approx(2500)


def test_a_gap_is_not_made_up() -> None:
    """What comes after the sound has run dry starts when it comes."""
    loudspeaker = Loudspeaker()
    loudspeaker.play(1000, now=10.0)
    loudspeaker.play(1000, now=15.0)

    assert loudspeaker.unplayed_ms(15.4) == pytest.approx(600)


def test_stopped_it_has_nothing_left() -> None:
    """What it is given next starts at once."""
    loudspeaker = Loudspeaker()
    loudspeaker.play(60_000, now=10.0)
    loudspeaker.stop()
    assert loudspeaker.unplayed_ms(10.0) == 0
    loudspeaker.play(500, now=11.0)

    assert loudspeaker.unplayed_ms(11.0) == pytest.approx(500)
