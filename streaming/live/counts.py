"""What the live view of one worker has done, in plain numbers: whoever measures is told of them once a second."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Counts:
    """The first six only grow; the last two are as of now."""

    frames: int = 0
    """Frames published."""
    dropped_flushes: int = 0
    """Flushes of a turn that Redis did not take; each is followed by a snapshot."""
    snapshots: int = 0
    joins: int = 0
    """Joins heard and answered; one snapshot answers many."""
    interrupt_hints: int = 0
    ignored_asks: int = 0
    """Malformed, or of an unknown kind."""
    turns: int = 0
    """Turns whose stream is not complete."""
    dormant_turns: int = 0
    """Those of them that nobody watches."""


Measure = Callable[[Counts], None]


def unmeasured(_: Counts) -> None:
    """Nobody measures."""
