"""What happened in a run."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.e2e.chaos.plan import Plan, PlannedTurn
from tests.e2e.chaos.timings import Incident, Timings


@dataclass
class Report:
    """What happened, and what must not have."""

    plan: Plan
    incidents: Sequence[Incident]
    timings: Timings
    say: Callable[[str], None]
    """Told of each problem at once: a run may last for an hour."""
    turns: int = 0
    interrupted: int = 0
    attempts: int = 0
    tries: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """Of tries, by the error's type."""
    visits: int = 0
    stayed: int = 0
    """Visits to the end."""
    live: int = 0
    """Those of them that began before the result."""
    complete: int = 0
    """Those of them whose screen was complete before the result came."""
    slowest_end_s: float = 0.0
    """From the result, or a visit's beginning, to its last word."""
    problems: list[str] = field(default_factory=list)

    def problem(self, what: str, planned: PlannedTurn | None = None) -> None:
        """Note what must not be, with all that is needed to see it again."""
        of = f": {planned}" if planned else ""
        self.problems.append(f"seed {self.plan.seed}, {len(self.plan.turns)} turns: {what}{of}")
        self.say(self.problems[-1])

    @property
    def faults(self) -> Counter[str]:
        """What broke, how often."""
        return Counter(incident.kind for incident in self.incidents)

    def __str__(self) -> str:
        return "\n  ".join(
            [
                f"seed {self.plan.seed}: {self.turns} of {len(self.plan.turns)} turns ended once, "
                f"{self.interrupted} of them interrupted ({self.attempts} attempts, {self.tries} tries)",
                f"failed tries: {_listed(self.failures)}",
                f"{self.visits} visits, {self.stayed} to the end, {self.live} of them from before the result, "
                f"{self.complete} of those complete before it; last word at most {self.slowest_end_s:.2f} s late",
                f"faults: {_listed(self.faults)}",
                *self.timings,
                f"{len(self.problems)} problems",
            ]
        )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) or "none"
