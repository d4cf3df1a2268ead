"""What a generator of one wire makes: an answer, and a stream that amounts to it."""

import random
from collections.abc import Callable
from typing import NamedTuple

from streaming.jsontext import JsonObject


class StreamEvent(NamedTuple):
    """One server-sent event, not framed yet; `type` is "" where the wire names none."""

    data: bytes
    type: str = ""


class Case(NamedTuple):
    """The unary answer, made first, and the events of one legal stream of it, in order."""

    unary: JsonObject
    events: list[StreamEvent]


Generator = Callable[[random.Random], Case]
"""Makes a case from a seeded source of chance; the same seed makes the same case."""


def pieces(rng: random.Random, text: str, most: int = 8) -> list[str]:
    """Return `text` cut into up to `most` pieces, some of them empty; joined, they are the text."""
    places = sorted(rng.randint(0, len(text)) for _ in range(rng.randrange(most)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


_ALPHABET = "abc XYZ019.,:;{}[]\"'\\/\n\t\r\u2028\u2029\u0085\x0b\x0c\ufeffäßé中文🌾👩‍🌾\u0000\x1c"


def words(rng: random.Random, most: int = 40) -> str:
    """Return text with everything in it that has ever broken a stream parser; never empty."""
    return "".join(rng.choice(_ALPHABET) for _ in range(rng.randint(1, most)))
