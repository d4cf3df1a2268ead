import pytest

from activities.clocks import Clocks
from streaming.contracts import Limits

LIMITS = Limits(first_token_s=20, idle_s=5, stall_s=12, try_s=100)
BYTE, CONTENT = "byte", "content"


@pytest.mark.parametrize(
    ("heard", "deadline"),
    [
        ([], (1020.0, "first_token_s")),
        # Keepalives before the first content move nothing.
        ([(1003.0, BYTE), (1019.0, BYTE)], (1020.0, "first_token_s")),
        # Then the silence counts, from the last byte of any kind.
        ([(1003.0, CONTENT)], (1008.0, "idle_s")),
        ([(1003.0, CONTENT), (1006.0, BYTE)], (1011.0, "idle_s")),
        # Keepalives hold off the silence, not the stall.
        ([(1003.0, CONTENT), (1006.0, BYTE), (1011.0, BYTE)], (1015.0, "stall_s")),
        ([(1003.0, CONTENT), (1011.0, BYTE), (1014.0, CONTENT)], (1019.0, "idle_s")),
        # And nothing holds off the try's own end.
        ([(1003.0, CONTENT), (1098.0, CONTENT)], (1100.0, "try_s")),
    ],
)
def test_each_clock_runs_out_at_its_time(heard: list[tuple[float, str]], deadline: tuple[float, str]) -> None:
    """The next deadline, after what was heard and when."""
    clocks = Clocks(LIMITS, 1000.0)
    for at, what in heard:
        clocks.byte(at)
        if what == CONTENT:
            clocks.content(at)

    assert deadline == clocks.deadline()


def test_the_try_may_end_before_its_first_token_is_due() -> None:
    """The shortest clock is the one that counts."""
    assert Clocks(Limits(first_token_s=20, try_s=3), 0.0).deadline() == (3.0, "try_s")


@pytest.mark.parametrize(("clock", "seconds"), [("first_token_s", 20), ("idle_s", 5), ("stall_s", 12), ("try_s", 100)])
def test_a_clock_knows_how_long_it_may_run(clock: str, seconds: float) -> None:
    """As the limits say."""
    assert seconds == Clocks(LIMITS, 0.0).seconds(clock)
