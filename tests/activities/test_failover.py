import json

import pytest

from activities.failover import Candidacy, Trail, order, trail_of
from streaming.contracts import Try, TryError
from tests.activities.candidates import candidate

A, B, C = candidate("a"), candidate("b"), candidate("c")


def tried(model: str, *, hopeless: bool | None = None, provider: str = "p") -> Try:
    """Return a try, failed unless `hopeless` is None."""
    error = None if hopeless is None else TryError(type="T", message=f"{model} failed", hopeless=hopeless)
    return Try(attempt=1, number=1, provider=provider, model=model, seconds=0.5, error=error)


@pytest.mark.parametrize(
    ("trail", "models"),
    [
        (Trail(), "abc"),
        (Trail(tries=[tried("a", hopeless=False)]), "abc"),
        (Trail(tries=[tried("a", hopeless=True)]), "bc"),
        (Trail(tries=[tried("a", hopeless=True), tried("a", hopeless=False)]), "bc"),
        (Trail(tries=[tried(name, hopeless=True) for name in "abc"]), ""),
        (Trail(tries=[tried("a", hopeless=True, provider="other")]), "abc"),
        (Trail().started(B), "bac"),
        (Trail().started(C), "cab"),
        (Trail().started(candidate("gone")), "abc"),
        (Trail(tries=[tried("b", hopeless=True)]).started(C), "ca"),
        (Trail(tries=[tried("b", hopeless=True)]).started(B), "ac"),
    ],
    ids=range(11),
)
def test_a_pass_leaves_out_the_hopeless_and_begins_where_a_worker_died(trail: Trail, models: str) -> None:
    """Otherwise the route's own order stands."""
    assert list(models) == [one.model for one in order([A, B, C], trail)]


def test_a_call_is_in_flight_until_it_is_over() -> None:
    """Each step leaves the earlier trail as it was."""
    start = Trail()
    flying = start.started(A)
    done = flying.finished(tried("a"))

    assert (None, Candidacy(provider="p", model="a"), None) == (start.in_flight, flying.in_flight, done.in_flight)
    assert [tried("a")] == done.tries
    assert flying.tries == []


@pytest.mark.parametrize(
    ("trail", "attempt", "why"),
    [
        (Trail(), 1, None),
        (Trail(), 2, "worker lost"),
        (Trail().started(A), 2, "worker lost"),
        (Trail(tries=[tried("a", hopeless=False)]).started(B), 2, "worker lost"),
        (Trail(tries=[tried("a", hopeless=False)]), 2, "T: a failed"),
        (Trail(tries=[tried("a", hopeless=False), tried("b", hopeless=True)]), 3, "T: b failed"),
        (Trail(tries=[tried("a")]), 2, None),
    ],
    ids=range(7),
)
def test_the_trail_says_why_another_call_is_made(trail: Trail, attempt: int, why: str | None) -> None:
    """The last failure, or that the last worker was never heard of again."""
    assert why == trail.why(attempt)


def test_the_trail_travels_as_json() -> None:
    """It is what the last attempt's heartbeat left."""
    trail = Trail(tries=[tried("a", hopeless=True)]).started(B)

    assert trail == trail_of([json.loads(trail.model_dump_json())])


@pytest.mark.parametrize("details", [[], [None], ["x"], [5], [{"tries": 5}], [{"other": 1}], [[]]])
def test_details_of_another_version_are_no_trail(details: list[object]) -> None:
    """A pass that starts over is safe."""
    assert Trail() == trail_of(details)
