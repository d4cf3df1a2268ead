"""How the servers that speak Chat Completions differ in their streams."""

import random
from dataclasses import dataclass
from typing import TypeVar

from streaming.jsontext import JsonObject

T = TypeVar("T")
SERVERS = ("openai", "azure", "openrouter", "vllm", "groq", "mistral")
_NUMBERINGS = ("plain", "plain", "from 1", "gaps", "all 0", "none")


@dataclass(frozen=True)
class Dialect:
    """How a server differs."""

    server: str
    numbering: str
    has_ids: bool
    repeats: bool
    """Whether id and name stand on every fragment of a call."""
    whole_calls: bool
    reasoning_field: str

    @classmethod
    def drawn(cls, rng: random.Random) -> "Dialect":
        """Return a dialect that servers speak."""
        numbering = rng.choice(_NUMBERINGS)
        has_ids = rng.random() < 0.8
        is_plain = numbering in ("plain", "from 1", "gaps")
        return cls(
            server=rng.choice(SERVERS),
            numbering=numbering,
            has_ids=has_ids,
            repeats=rng.random() < 0.3,
            whole_calls=rng.random() < 0.3 or not (has_ids or is_plain),
            reasoning_field=rng.choice(["reasoning", "reasoning_content"]),
        )

    @property
    def has_index(self) -> bool:
        """Whether each call has an index of its own."""
        return self.numbering in ("plain", "from 1", "gaps")

    @property
    def tells_calls_apart(self) -> bool:
        """Whether calls differ in more than their names."""
        return self.has_ids or self.has_index

    @property
    def is_openais(self) -> bool:
        """Whether this is OpenAI's own endpoint: nothing is said twice, late, or out of order."""
        return not self.server

    def index(self, at: int) -> JsonObject:
        """Return the index of a call, as a fragment has it."""
        numbers = {"plain": at, "from 1": at + 1, "gaps": 3 * at + 2, "all 0": 0}
        return {"index": numbers[self.numbering]} if self.numbering in numbers else {}


OPENAIS_OWN = Dialect("", "plain", has_ids=True, repeats=False, whole_calls=False, reasoning_field="reasoning")


def shuffled(rng: random.Random, lanes: list[list[T]]) -> list[T]:
    """Return all items, those of each lane in their order."""
    turns = [at for at, lane in enumerate(lanes) for _ in lane]
    rng.shuffle(turns)
    waiting = [iter(lane) for lane in lanes]
    return [next(waiting[at]) for at in turns]
