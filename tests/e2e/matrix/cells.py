"""The cells of the matrix: a wire, a fault and a situation each, what they ask, and what must come of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from streaming.jsontext import JsonObject
from streaming.providers import WIRES
from streaming.reasons import Reason
from tests.e2e.matrix.fault import Fault
from tests.e2e.matrix.faults import FAULTS, OUTLASTING, Outlasting

Role = Literal["faulty", "good", "hopeless"]
# A faulty candidate answers when it is asked again.
SITUATIONS: Mapping[str, tuple[Role, ...]] = {
    "alone": ("faulty",),
    "before a good one": ("faulty", "good"),
    "both": ("faulty", "faulty"),
    "beside a hopeless one": ("hopeless", "faulty"),
}
_HOPELESS: JsonObject = {"status": 401}


@dataclass(frozen=True)
class Candidate:
    """A candidate of a cell's own: what its models did elsewhere is nothing to any other cell."""

    provider: str
    model: str
    role: Role

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, repr=False)
class Tried:
    """A line of a turn's trail; `error` is "" where the call was answered."""

    in_pass: int
    candidate: str
    error: str = ""
    reason: Reason | None = None
    hopeless: bool = False

    def __repr__(self) -> str:
        why = f"{self.error} {self.reason}{', hopeless' if self.hopeless else ''}" if self.error else "answered"
        return f"<pass {self.in_pass}: {self.candidate[-1]} {why}>"


@dataclass(frozen=True)
class Verdict:
    """What must come of a cell: who answers, or None where the route is exhausted; and the tries up to then."""

    answers: Candidate | None
    tries: tuple[Tried, ...]


@dataclass(frozen=True)
class Cell:
    """One cell."""

    wire: str
    fault: Fault
    situation: str

    def __str__(self) -> str:
        return f"{self.wire} | {self.fault.name} | {self.situation}"

    @property
    def slug(self) -> str:
        """Its name where names are narrow: routes, scripts and models."""
        return re.sub(r"[^a-z0-9]+", "-", str(self).lower())

    @property
    def candidates(self) -> list[Candidate]:
        """Its candidates, in order."""
        behind_a_door = self.fault.greeting is not None
        return [
            Candidate(
                f"door-{self.slug}-{letter}" if behind_a_door and role == "faulty" else self.wire,
                f"{self.slug}-{letter}",
                role,
            )
            for letter, role in zip("ab", SITUATIONS[self.situation], strict=False)
        ]

    @property
    def doors(self) -> list[str]:
        """The providers of its own that it needs."""
        return [candidate.provider for candidate in self.candidates if candidate.provider != self.wire]

    @property
    def refused(self) -> bool:
        """Whether its passes fail until somebody opens a door, be it late: then nobody knows how many there are."""
        greeting = self.fault.greeting
        return greeting is not None and greeting.refused and self.situation != "before a good one"

    def text(self, candidate: Candidate) -> str:
        """Return the whole answer of a candidate, which is no other's."""
        return f"Whole: {candidate.model} 水車 🌾."

    def responses(self, candidate: Candidate) -> list[JsonObject]:
        """Return what a candidate does at each call that reaches the provider."""
        good: JsonObject = {"text": self.text(candidate)}
        if candidate.role == "hopeless":
            return [_HOPELESS]
        if candidate.role == "good" or self.doors:
            return [good]
        return [self.fault.response(self.wire), *([] if self.fault.lasts else [good])]

    def turn(self, total_s: float) -> JsonObject:
        """Return the turn's input."""
        providers = {candidate.provider for candidate in self.candidates}
        return {
            "messages": [{"role": "user", "content": "Hi"}],
            "settings": {"extra": {provider: _asks_for(self.slug, self.wire) for provider in providers}},
            "route": self.slug,
            # No worker is lost here: one that stands still for a moment is not to seem so.
            "limits": {"total_s": total_s, "heartbeat_s": 60, **self.fault.limits},
        }

    def verdict(self, failing_passes: int = 1) -> Verdict:
        """Return what must come of it: the design's rules for a pass, with only one more than those that fail."""
        tries: list[Tried] = []
        excluded: set[str] = set()
        for in_pass in range(1, failing_passes + 2):
            for candidate in self.candidates:
                if candidate.name in excluded:
                    continue
                failed = self._failed(candidate, in_pass) if in_pass <= failing_passes else None
                tries.append(failed or Tried(in_pass, candidate.name))
                if failed is None:
                    return Verdict(candidate, tuple(tries))
                if failed.hopeless:
                    excluded.add(candidate.name)
        return Verdict(None, tuple(tries))

    def reached(self, verdict: Verdict) -> list[str]:
        """Return the models of the tries that get as far as the provider, in order."""
        behind = {candidate.name for candidate in self.candidates if candidate.provider in self.doors}
        tries = [tried for tried in verdict.tries if not (tried.error and tried.candidate in behind)]
        return [tried.candidate.partition("/")[2] for tried in tries]

    def _failed(self, candidate: Candidate, in_pass: int) -> Tried | None:
        fault = self.fault
        if candidate.role == "hopeless":
            return _refused(candidate)
        if candidate.role == "good":
            return None
        return Tried(in_pass, candidate.name, fault.error, fault.reason, fault.hopeless)


def _asks_for(script: str, wire: str) -> JsonObject:
    """Return what a request says to be answered after a script."""
    match wire:
        case "anthropic-messages":
            return {"metadata": {"user_id": f"script:{script}"}}
        case "gemini":
            return {"labels": {"script": script}}
        case _:
            return {"metadata": {"script": script}}


def _refused(candidate: Candidate) -> Tried:
    return Tried(1, candidate.name, "StatusError", Reason.AUTH, hopeless=True)


@dataclass(frozen=True)
class LastCell(Cell):
    """A cell in which the turn's time ends."""

    outlasting: Outlasting
    total_s: ClassVar[float] = 20.0

    @property
    def speaker(self) -> Candidate:
        """The candidate that is asked when the time ends."""
        return next(candidate for candidate in self.candidates if candidate.role == "faulty")

    @property
    def tries(self) -> tuple[Tried, ...]:
        """The trail, where the time ends during the first pass: that candidate's call is no failed one."""
        hopeless = [candidate for candidate in self.candidates if candidate.role == "hopeless"]
        return (*map(_refused, hopeless), Tried(1, self.speaker.name))


CELLS = [Cell(wire, fault, situation) for wire in WIRES for situation in SITUATIONS for fault in FAULTS]
LAST_CELLS = [
    LastCell(wire, outlasting.fault, situation, outlasting)
    for wire in WIRES
    for situation, roles in SITUATIONS.items()
    for outlasting in OUTLASTING
    if outlasting.in_flight or "good" not in roles
]
