"""The plan of a run, wholly made from its seed: the turns, what their provider does, who watches, what breaks. Pure."""

from dataclasses import dataclass
from random import Random

from deploy.sandbox.provider.answers import tokens
from streaming.jsontext import JsonObject

TURNS_A_SECOND = 2.5
LIMITS: JsonObject = {
    "connect_s": 3,
    "first_token_s": 2,
    "idle_s": 1.2,
    "stall_s": 1.5,
    "try_s": 20,
    "total_s": 120,
    "heartbeat_s": 2,
}
WORKERS = 3
FAULTS = ("kill subscriptions", "restart Redis", "black-hole Redis", "cut the link", "kill a worker", "stop a worker")
_GOOD_RESPONSES = 5
_MAX_PEOPLE = 5


@dataclass(frozen=True)
class Response:
    """One response of the provider: a text of its own, and the fault it ends in, if any."""

    text: str
    pace_s: float
    fault: str = ""
    after: int = 0

    @property
    def sent(self) -> str:
        """What the provider really sends of the text."""
        return "".join(tokens(self.text)[: self.after]) if self.fault else self.text

    def script(self) -> JsonObject:
        """Return it as the provider is told it."""
        if self.fault == "status":
            return {"status": 500}
        said: JsonObject = {"text": self.text, "pace_s": self.pace_s}
        faults: dict[str, JsonObject] = {
            "": {},
            "cut": {"cut_after": self.after},
            "reset": {"cut_after": self.after, "cut": "reset"},
            "eof": {"cut_after": self.after, "cut": "eof"},
            "error": {"error_after": self.after, "error": {"message": "overloaded", "type": "server_error"}},
            "silence": {"silent_after": self.after},
            "pings": {"ping_after": self.after},
        }
        return said | faults[self.fault]


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


@dataclass(frozen=True)
class PlannedTurn:
    """A turn: `number` is in every word of its answers. Its first viewer, if `awaited`, is there before it starts."""

    number: int
    at_s: float
    route: str
    responses: tuple[Response, ...]
    awaited: bool
    people: tuple[Person, ...]

    def __str__(self) -> str:
        said = ", ".join(
            f"{r.fault}@{r.after}" if r.fault else f"ok {len(r.text)} x {r.pace_s} s" for r in self.responses
        )
        looks = "; ".join(
            f"{'shared' if person.shares_hub else 'own'} "
            + " ".join(f"+{visit.after_s}:{visit.stay_s or 'end'}" for visit in person.visits)
            for person in self.people
        )
        return f"turn {self.number} at {self.at_s} s, {self.route}, awaited {self.awaited}: [{said}] watched [{looks}]"


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
    faults = random.choice([0, 0, 0, 1, 1, 2])
    responses = [_response(random, f"{number}.{k}", faulty=k < faults) for k in range(faults + _GOOD_RESPONSES)]
    people = tuple(_person(random) for _ in range(random.randint(1, _MAX_PEOPLE)))
    return PlannedTurn(
        number, at_s, random.choice(["default", "pair"]), tuple(responses), random.random() < 0.5, people
    )


def _response(random: Random, tag: str, *, faulty: bool) -> Response:
    text = "".join(f" {tag}.{word:03d}" for word in range(random.randint(10, 60)))
    count = len(tokens(text))
    pace_s = round(random.uniform(1, 4) / count, 4)
    if not faulty:
        return Response(text, pace_s)
    fault = random.choice(["cut", "reset", "eof", "error", "silence", "pings", "status"])
    return Response(text, pace_s, fault, 0 if fault == "status" else random.randint(0, count - 1))


def _person(random: Random) -> Person:
    looks = random.choice([1, 1, 2, 3])
    visits = [Visit(_seconds(random, 0, 2.5), _seconds(random, 0.05, 2)) for _ in range(looks - 1)]
    visits.append(Visit(_seconds(random, 0, 3), None))
    return Person(random.random() < 0.6, tuple(visits))


def _faults(random: Random, last_s: float) -> list[PlannedFault]:
    faults: list[PlannedFault] = []
    deck: list[str] = []
    at_s = 1.0
    while at_s < last_s + 2:
        if not deck:
            deck = random.sample(FAULTS, len(FAULTS))
        faults.append(PlannedFault(round(at_s, 2), deck.pop(), _seconds(random, 0.2, 4.5), random.randrange(WORKERS)))
        at_s += random.uniform(1, 3.5)
    return faults


def _seconds(random: Random, least: float, most: float) -> float:
    return round(random.uniform(least, most), 2)
