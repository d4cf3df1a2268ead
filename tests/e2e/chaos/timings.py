"""How soon what broke was noticed, as the provider's journal tells it. Pure.

A time counts as calm where nothing else broke meanwhile, or shortly before: only such times tell of one thing.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from deploy.sandbox.provider.journal import Entry
from tests.e2e.chaos.plan import CLOCKS, HEARTBEAT_S
from tests.e2e.chaos.responses import Response, played

KILL = "kill a worker"
STOP = "stop a worker"
_DURABLE = frozenset({KILL, STOP, "restart Temporal"})
_SHORTLY_S = 3.0
_AT_ONCE_S = 0.15
_EARLY_S = 0.05
"""Ended so much before its clock, a call ended for another reason."""


@dataclass
class Incident:
    """What broke, from when to when, in Unix seconds."""

    kind: str
    began: float
    ended: float = math.inf


@dataclass(frozen=True)
class Wanted:
    """A time that is to be short: what it is, and its 99th percentile at most."""

    what: str
    at_most_s: float


AFTER_KILL = Wanted("SIGKILL to the next attempt's first token", HEARTBEAT_S + 1.5)
STALL = Wanted("a stall noticed, after its clock", 0.2)
HINTED = Wanted("interrupt to closed provider socket, with Redis", 0.05)
UNHINTED = Wanted("interrupt to closed provider socket, without", HEARTBEAT_S)
WANTED = (AFTER_KILL, STALL, HINTED, UNHINTED)


@dataclass
class Timing:
    """The times of one kind."""

    calm: list[float] = field(default_factory=list)
    others: int = 0

    def p99(self) -> float:
        """Return the 99th percentile of the calm ones, by nearest rank; 0 where there are none."""
        ordered = sorted(self.calm)
        return ordered[math.ceil(0.99 * len(ordered)) - 1] if ordered else 0.0

    def median(self) -> float:
        """Return the median of the calm ones; 0 where there are none."""
        ordered = sorted(self.calm)
        return ordered[(len(ordered) - 1) // 2] if ordered else 0.0


@dataclass(frozen=True)
class Interrupt:
    """An interrupt that ended a turn: when it was asked for, and whether with a hint over Redis."""

    asked_at: float
    hinted: bool


class Timings:
    """All times of a run."""

    def __init__(self, incidents: Sequence[Incident]) -> None:
        self._incidents = incidents
        self._times = {wanted: Timing() for wanted in WANTED}

    def take(self, entries: Sequence[Entry], responses: Sequence[Response], interrupt: Interrupt | None) -> None:
        """Take what a turn's journal tells, the requests in the order of their responses."""
        self._after_kills(entries)
        for entry, response in played(entries, responses):
            self._stall(entry, response)
        if interrupt is not None:
            self._interrupt(entries, interrupt)

    def _after_kills(self, entries: Sequence[Entry]) -> None:
        for lost, following in pairwise(entries):
            kill = self._killed_by(lost)
            if kill is not None and following.chunks_sent:
                # The scripted provider says its first token at once.
                self._note(AFTER_KILL, kill.began, following.at, besides=kill)

    def _killed_by(self, entry: Entry) -> Incident | None:
        if entry.outcome != "client closed" or entry.ended_at is None:
            return None
        ended = entry.ended_at
        kills = (incident for incident in self._incidents if incident.kind == KILL)
        return next((kill for kill in kills if 0 <= ended - kill.began < _AT_ONCE_S), None)

    def _stall(self, entry: Entry, response: Response) -> None:
        clock = response.silenced_by()
        if clock is None or entry.outcome != "client closed" or entry.ended_at is None:
            return
        since = entry.at if entry.last_chunk_at is None else entry.last_chunk_at
        ran_out = since + CLOCKS[clock]
        if entry.ended_at > ran_out - _EARLY_S and self._killed_by(entry) is None:
            self._note(STALL, ran_out, entry.ended_at)

    def _interrupt(self, entries: Sequence[Entry], interrupt: Interrupt) -> None:
        asked, wanted = interrupt.asked_at, HINTED if interrupt.hinted else UNHINTED
        for entry in entries:
            if entry.outcome == "client closed" and entry.ended_at is not None and entry.at < asked < entry.ended_at:
                self._note(wanted, asked, entry.ended_at)

    def _note(self, wanted: Wanted, began: float, ended: float, besides: Incident | None = None) -> None:
        kinds = None if wanted is HINTED else _DURABLE
        timing = self._times[wanted]
        if any(
            incident.began < ended and incident.ended > began - _SHORTLY_S
            for incident in self._incidents
            if incident is not besides and (kinds is None or incident.kind in kinds)
        ):
            timing.others += 1
        else:
            timing.calm.append(ended - began)

    def calm(self, wanted: Wanted) -> list[float]:
        """Return the times of one kind that count."""
        return self._times[wanted].calm

    def missed(self, slack_s: float) -> list[str]:
        """Return what took longer than is wanted, and by more than a slack."""
        late = (wanted for wanted, timing in self._times.items() if timing.p99() > wanted.at_most_s + slack_s)
        return [self._line(wanted) for wanted in late]

    def __iter__(self) -> Iterator[str]:
        return (self._line(wanted) for wanted in WANTED)

    def _line(self, wanted: Wanted) -> str:
        timing = self._times[wanted]
        told = f"{wanted.what}: {len(timing.calm)} times in calm, {timing.others} others"
        if not timing.calm:
            return told
        held = "held" if timing.p99() <= wanted.at_most_s else "MISSED"
        return (
            f"{told}; p50 {timing.median():.3f} s, p99 {timing.p99():.3f} s, "
            f"at most {wanted.at_most_s:g} s wanted: {held}"
        )
