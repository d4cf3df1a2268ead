"""Hints that processes leave each other, as a port: small values under known keys, forgotten by themselves.

Redis carries them (`exchange.py`). Anyone can write there, so what a hint means, and whether it is believed, is for
the board to judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_BYTES = 512
"""How much of a value is read; no hint is longer."""


@dataclass(frozen=True)
class Hint:
    """A value, and for how many seconds it is of use."""

    value: bytes
    for_s: float


class Board(Protocol):
    """What this process would leave, and who hears what the others left. Times are Unix seconds."""

    @property
    def keys(self) -> Sequence[str]:
        """Where hints may be."""

    def news(self, now: float) -> Mapping[str, Hint | None]:
        """Return what to leave now, by key; None takes away what is there."""

    def hear(self, values: Sequence[bytes], now: float) -> None:
        """Take what is under each key now, empty where there is nothing."""
