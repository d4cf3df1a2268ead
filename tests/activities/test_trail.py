import json

import pytest

from activities.trail import MAX_TRIES, Candidacy, Trail, trail_of
from streaming.contracts import Try, TryError
from streaming.jsontext import JsonObject
from streaming.messages import Usage
from tests.activities.candidates import candidate

A, B = candidate("a"), candidate("b")
SPENT = Usage(input_tokens=3, output_tokens=4)


def tried(
    model: str,
    *,
    failed: bool = False,
    hopeless: bool = False,
    attempt: int = 1,
    usage: Usage | None = None,
    cost_usd: float | None = None,
) -> Try:
    """Return a try."""
    error = TryError(type="T", message=f"{model} failed", hopeless=hopeless) if failed else None
    return Try(
        attempt=attempt,
        number=1,
        provider="p",
        model=model,
        seconds=0.5,
        error=error,
        usage=usage,
        estimated=usage is not None,
        cost_usd=cost_usd,
    )


def test_the_trail_sums_what_was_spent() -> None:
    """Over all attempts; who was not asked costs nothing."""
    first = tried("a", failed=True, usage=SPENT, cost_usd=0.5)
    trail = Trail(tries=[first, tried("c", failed=True), first.model_copy(update={"attempt": 2})])

    assert trail.usage == Usage(input_tokens=6, output_tokens=8)
    assert trail.cost_usd == 1.0
    assert Trail().cost_usd == 0


def test_a_cost_that_nobody_knows_is_not_nothing() -> None:
    """Nobody knows the sum either."""
    known, unknown = tried("a", usage=SPENT, cost_usd=0.5), tried("b", usage=SPENT)

    assert Trail(tries=[known, unknown]).cost_usd is None


def test_a_call_is_in_flight_until_it_is_over() -> None:
    """Each step leaves the earlier trail as it was."""
    start = Trail()
    flying = start.started(A)
    done = flying.finished(tried("a"))

    assert (None, Candidacy(provider="p", model="a"), None) == (start.in_flight, flying.in_flight, done.in_flight)
    assert [tried("a")] == done.tries
    assert flying.tries == []


def test_a_call_whose_worker_was_lost_is_a_try_with_what_it_had_used() -> None:
    """Said safely, after those before it; who it was stays known, and it is told once."""
    before, so_far = tried("b", failed=True), tried("a", usage=SPENT, cost_usd=0.25)
    trail = Trail(tries=[before]).started(A, "resp_1:4", so_far).lost()

    earlier, lost = trail.tries
    assert earlier == before
    assert lost.error is not None
    assert (lost.error.type, lost.error.hopeless, lost.error.reason) == ("WorkerLost", False, None)
    assert "heartbeat" in lost.error.message
    assert lost == so_far.model_copy(update={"error": lost.error})
    assert trail.in_flight == Candidacy(provider="p", model="a")
    assert trail.lost() == trail
    assert trail.failed == [before]
    assert trail.cost_usd == 0.25


@pytest.mark.parametrize("trail", [Trail(), Trail(tries=[tried("a")]), Trail().started(A), Trail().started(A, "r:1")])
def test_of_what_no_beat_told_there_is_no_try(trail: Trail) -> None:
    """Nothing was in flight, or a worker of an older version left no word of what it used."""
    assert trail.lost() == trail


@pytest.mark.parametrize(
    ("trail", "why"),
    [
        (Trail(), None),
        (Trail().started(A), "worker lost"),
        (Trail(tries=[tried("a", failed=True)]).started(B), "worker lost"),
        (Trail().started(B, so_far=tried("b")), "worker lost"),
        (Trail().started(B, so_far=tried("b")).lost(), "worker lost"),
        (Trail(tries=[tried("a", failed=True)]), "T: a failed"),
        (Trail(tries=[tried("a", failed=True), tried("b", failed=True, hopeless=True)]), "T: b failed"),
        (Trail(tries=[tried("a")]), None),
    ],
    ids=range(8),
)
def test_the_trail_says_why_another_call_is_made(trail: Trail, why: str | None) -> None:
    """The last failure, or that the last worker was never heard of again."""
    assert why == trail.why


def test_a_trail_of_many_passes_stays_small() -> None:
    """Temporal ends an activity whose heartbeat details are too large. What was used, and who is hopeless, is kept."""
    free = [tried("a", failed=True, attempt=at).model_copy(update={"number": at}) for at in range(1, 3000)]
    paid = tried("b", failed=True, usage=SPENT, cost_usd=0.5)
    hopeless = tried("c", failed=True, hopeless=True)
    full = Trail(tries=[free[0], paid, hopeless, *free[1:]]).started(B)
    trail = trail_of([json.loads(full.model_dump_json())])

    assert trail is not None
    assert trail.tries == [paid, hopeless, *free[-(MAX_TRIES - 2) :]]
    assert (trail.usage, trail.cost_usd, trail.in_flight) == (full.usage, full.cost_usd, full.in_flight)
    assert trail_of([json.loads(trail.model_dump_json())]) == trail


def test_the_trail_travels_as_json() -> None:
    """It is what the last attempt's heartbeat left."""
    trail = Trail(tries=[tried("a", failed=True)]).started(B, "resp_1:4", tried("b", usage=SPENT))

    assert trail == trail_of([json.loads(trail.model_dump_json())])


def test_details_of_the_version_before_are_read() -> None:
    """They say who was in flight, and not what it had used."""
    old: JsonObject = {"tries": [], "in_flight": {"provider": "p", "model": "a", "resume": "resp_1:4"}}

    assert trail_of([old]) == Trail().started(A, "resp_1:4")


@pytest.mark.parametrize("details", [[None], ["x"], [5], [{"tries": 5}], [{"other": 1}], [[]]])
def test_details_of_another_version_are_no_trail(details: list[object]) -> None:
    """A pass that starts over is safe."""
    assert Trail() == trail_of(details)


def test_no_details_are_no_word() -> None:
    """The attempt before was lost before its first beat."""
    assert trail_of([]) is None
