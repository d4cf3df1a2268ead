"""The plan of a run, wholly made from its seed: the turns, what their provider does, who watches, what breaks. Pure."""

from dataclasses import dataclass
from random import Random

from streaming.jsontext import JsonObject
from tests.e2e.chaos.responses import HOPELESS, PASSING, Response, a_response
from tests.e2e.test_wires import NAMES as WIRES

TURNS_A_SECOND = 2.5
HEARTBEAT_S = 2.0
CLOCKS = {"first_token_s": 2.0, "idle_s": 1.2, "stall_s": 1.5}
LIMITS: JsonObject = {"connect_s": 3, **CLOCKS, "try_s": 20, "total_s": 240, "heartbeat_s": HEARTBEAT_S}
WORKERS = 3
FAULTS = (
    "kill subscriptions",
    "restart Redis",
    "black-hole Redis",
    "cut the link",
    "kill a worker",
    "stop a worker",
    "restart Temporal",
)
_QUIET_S = 8.0
"""After everything has broken once: only then does a time tell of one thing."""
_GOOD_RESPONSES = 5
_MAX_PEOPLE = 5
_INTERRUPTED = 0.2


@dataclass(frozen=True)
class Visit:
    """One look at a turn: when it begins after the turn or the last visit, and how long it is; None to the end."""

    after_s: float
    stay_s: float | None


@dataclass(frozen=True)
class Person:
    """Somebody who watches a turn, through the hub all share or one of their own."""

    shares_hub: bool
    visits: tuple[Visit, ...]

    @property
    def planned_s(self) -> float:
        """How long all but the last look take by themselves."""
        return sum(visit.after_s + (visit.stay_s or 0) for visit in self.visits)

    def __str__(self) -> str:
        looks = " ".join(f"+{visit.after_s}:{visit.stay_s or 'end'}" for visit in self.visits)
        return f"{'shared' if self.shares_hub else 'own'} {looks}"


@dataclass(frozen=True)
class PlannedInterrupt:
    """When somebody stops the turn, after its start, and whether they hint at it over Redis too."""

    after_s: float
    hinted: bool


@dataclass(frozen=True)
class PlannedTurn:
    """A turn: `number` is in every word of its answers. Its first viewer, if `awaited`, is there before it starts."""

    number: int
    at_s: float
    route: str
    responses: tuple[Response, ...]
    awaited: bool
    people: tuple[Person, ...]
    interrupt: PlannedInterrupt | None

    def __str__(self) -> str:
        said = ", ".join(str(response) for response in self.responses)
        looks = "; ".join(str(person) for person in self.people)
        return (
            f"turn {self.number} at {self.at_s} s, {self.route}, awaited {self.awaited}, {self.interrupt}: "
            f"[{said}] watched [{looks}]"
        )


@dataclass(frozen=True)
class PlannedFault:
    """What breaks, when, for how long, and which worker it hurts if it hurts one."""

    at_s: float
    kind: str
    lasts_s: float
    worker: int


@dataclass(frozen=True)
class Plan:
    """A whole run."""

    seed: int
    turns: tuple[PlannedTurn, ...]
    faults: tuple[PlannedFault, ...]


def plan(turns: int, seed: int) -> Plan:
    """Return the plan of a seed: the same one each time."""
    random = Random(seed)
    last_s = turns / TURNS_A_SECOND
    starts = sorted(round(random.uniform(0, last_s), 2) for _ in range(turns))
    planned = tuple(_turn(random, number, at_s) for number, at_s in enumerate(starts))
    return Plan(seed, planned, tuple(_faults(random, last_s)))


def _turn(random: Random, number: int, at_s: float) -> PlannedTurn:
    wires = [random.choice(WIRES) for _ in range(random.randint(1, 2))]
    faults = random.choice([0, 0, 0, 1, 1, 2])
    responses = []
    for position in range(faults + _GOOD_RESPONSES):
        # Only the first candidate of two may fail for good: no turn is without hope.
        hopeless = (HOPELESS,) if position == 0 and len(wires) > 1 else ()
        which = (*PASSING, *hopeless) if position < faults else ()
        responses.append(a_response(random, f"{number}.{position}", which))
    return PlannedTurn(
        number,
        at_s,
        "-then-".join(wires),
        tuple(responses),
        awaited=random.random() < 0.5,
        people=tuple(_person(random) for _ in range(random.randint(1, _MAX_PEOPLE))),
        interrupt=_interrupt(random) if random.random() < _INTERRUPTED else None,
    )


def _person(random: Random) -> Person:
    looks = random.choice([1, 1, 2, 3])
    visits = [Visit(_seconds(random, 0, 2.5), _seconds(random, 0.05, 2)) for _ in range(looks - 1)]
    visits.append(Visit(_seconds(random, 0, 3), None))
    return Person(random.random() < 0.6, tuple(visits))


def _interrupt(random: Random) -> PlannedInterrupt:
    return PlannedInterrupt(_seconds(random, 0, 4), random.random() < 0.6)


def _faults(random: Random, last_s: float) -> list[PlannedFault]:
    faults: list[PlannedFault] = []
    at_s = 1.0
    while at_s < last_s:
        for kind in random.sample(FAULTS, len(FAULTS)):
            lasts_s, worker = _seconds(random, 0.2, 4.5), random.randrange(WORKERS)
            faults.append(PlannedFault(round(at_s, 2), kind, lasts_s, worker))
            at_s += random.uniform(1, 3.5)
        at_s += _QUIET_S
    return faults


def _seconds(random: Random, least: float, most: float) -> float:
    return round(random.uniform(least, most), 2)
