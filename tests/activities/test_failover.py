import pytest

from activities.breakers import Breakers
from activities.failover import Ask, GiveUp, Move, Wait, next_move
from activities.routes import Retries
from activities.trail import Trail
from streaming.contracts import Try, TryError
from streaming.reasons import Reason
from tests.activities.candidates import candidate

A, B, C = candidate("a"), candidate("b"), candidate("c")


def tried(
    model: str,
    *,
    hopeless: bool | None = None,
    provider: str = "p",
    attempt: int = 1,
    retry_after_s: float | None = None,
) -> Try:
    """Return a try, failed unless `hopeless` is None."""
    error = None
    if hopeless is not None:
        error = TryError(type="T", message=f"{model} failed", hopeless=hopeless, retry_after_s=retry_after_s)
    return Try(attempt=attempt, number=1, provider=provider, model=model, seconds=0.5, error=error)


def moved(
    trail: Trail,
    attempt: int = 2,
    breakers: Breakers | None = None,
    retries: Retries | None = None,
    time_left_s: float = 900.0,
) -> Move:
    """Return what is to be done on the route of a, b and c at second 100."""
    before = sum(tried.attempt < attempt for tried in trail.tries)
    return next_move([A, B, C], trail, before, breakers or Breakers(), 100.0, time_left_s=time_left_s, retries=retries)


def down(*models: str, reason: Reason = Reason.SERVER, since: float = 95.0) -> Breakers:
    """Return breakers of which these are open: for 10 s, or 300 where no wait mends the reason."""
    breakers = Breakers()
    for model in models:
        for _ in range(5):
            breakers.of("p", model).failed(reason, since)
    return breakers


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
    """Otherwise the route's own order stands, and each is asked once."""
    asked: list[str] = []
    while isinstance(move := moved(trail), Ask):
        asked.append(move.candidate.model)
        flying = trail.in_flight
        done = trail.finished(tried(move.candidate.model, hopeless=False, attempt=2))
        trail = done.model_copy(update={"in_flight": flying})

    assert list(models) == asked
    assert isinstance(move, Wait if models else GiveUp)


def test_whom_a_breaker_leaves_out_is_not_asked() -> None:
    """The next one is, at once."""
    assert moved(Trail(), breakers=down("a", "b")) == Ask(C)
    assert moved(Trail(tries=[tried("c", hopeless=False, attempt=2)]), breakers=down("a", "b")) == Wait(1.0)


def test_with_everybody_left_out_a_pass_waits_for_the_first_to_come_back() -> None:
    """Nobody is asked before."""
    breakers = down("a", "b", "c")
    breakers.of("p", "b").opened(300.0, Reason.SERVER, 100.0)

    assert moved(Trail(), breakers=breakers) == shut(5.0)


def shut(seconds: float, *reasons: Reason) -> Wait:
    """Return the wait for breakers of a, b and c."""
    why = reasons or (Reason.SERVER,) * 3
    names = zip("abc", why, strict=True)
    return Wait(seconds, asked=True, left_alone=tuple(f"p/{name} ({reason})" for name, reason in names))


@pytest.mark.parametrize(
    ("time_left_s", "trail", "move"),
    [
        (5.1, Trail(), shut(5.0)),
        (5.0, Trail(), Ask(A)),
        (1.0, Trail(tries=[tried("a", hopeless=False)]), Ask(B)),
        (1.0, Trail(tries=[tried("a", hopeless=False, attempt=2)]), Wait(1.0)),
        (1.0, Trail(tries=[tried(name, hopeless=False) for name in "abc"]), shut(5.0)),
        (1.0, Trail(tries=[tried("a")]).started(A, so_far=tried("a")).lost(), Ask(A)),
    ],
    ids=range(6),
)
def test_a_turn_that_ends_before_the_breakers_open_asks_each_candidate_once(
    time_left_s: float, trail: Trail, move: Move
) -> None:
    """It has nothing to wait for; who has failed this very turn is left alone, and who was lost did not fail."""
    assert moved(trail, breakers=down("a", "b", "c"), time_left_s=time_left_s) == move


@pytest.mark.parametrize("reason", [Reason.RATE_LIMIT, Reason.OVERLOADED])
def test_a_provider_that_asks_for_a_pause_has_it_from_short_turns_too(reason: Reason) -> None:
    """Whom only others' failures shut out is asked instead."""
    asking = down("a", "b", "c", reason=reason)
    asking_but_one = down("a", "c", reason=reason)
    asking_but_one.of("p", "b").opened(105.0, Reason.CONNECTION, 95.0)

    assert moved(Trail(), breakers=asking, time_left_s=1) == shut(5.0, reason, reason, reason)
    assert moved(Trail(), breakers=asking_but_one, time_left_s=1) == Ask(B)


def test_whom_no_wait_mends_is_asked_when_there_is_nobody_else() -> None:
    """A turn is told that the account is empty, and does not wait in silence."""
    breakers = down("a", "b", "c")
    for at, reason in enumerate((Reason.QUOTA, Reason.AUTH, Reason.PERMISSION)):
        breakers.of("p", "b").opened(300.0 + at, reason, 100.0)
        assert moved(Trail(), breakers=breakers) == Ask(B)


@pytest.mark.parametrize(("passes", "wait_s"), [(1, 1), (2, 2), (4, 8), (9, 30), (5000, 30)])
def test_without_a_word_from_the_providers_the_wait_doubles(passes: int, wait_s: float) -> None:
    """With each pass that failed, up to the route's limit."""
    tries = [tried(model, hopeless=False, attempt=1 + at) for at in range(passes) for model in "abc"]

    assert moved(Trail(tries=tries), attempt=passes) == Wait(wait_s)


def test_a_lost_worker_is_no_failed_pass() -> None:
    """Neither our wait nor the route's limit of passes counts it."""
    lost = Trail().started(A, so_far=tried("a")).lost().tries[0]
    tries = [lost, lost.model_copy(update={"attempt": 2})]
    tries += [tried(model, hopeless=False, attempt=3) for model in "abc"]

    assert moved(Trail(tries=tries), attempt=3) == Wait(1.0)
    assert moved(Trail(tries=tries), attempt=3, retries=Retries(passes=2)) == Wait(1.0)


def test_an_attempt_of_a_number_that_was_there_before_asks_again() -> None:
    """After a reset Temporal counts from one again."""
    trail = Trail(tries=[tried(model, hopeless=False, attempt=2) for model in "abc"])

    assert next_move([A, B, C], trail, 3, Breakers(), 100.0) == Ask(A)


def test_jitter_spreads_our_own_waits_only() -> None:
    """What a provider asked for is its own word."""
    ours = Trail(tries=[tried(model, hopeless=False) for model in "abc"])
    theirs = Trail(tries=[tried(model, hopeless=False, retry_after_s=9) for model in "abc"])

    assert next_move([A, B, C], ours, 0, Breakers(), 0.0, jitter=0.75) == Wait(0.75)
    assert next_move([A, B, C], theirs, 0, Breakers(), 0.0, jitter=0.75) == Wait(9, asked=True)


@pytest.mark.parametrize(
    ("tries", "move"),
    [
        ([("a", False, 9.0), ("b", False, 4.0), ("c", False, 7.0)], Wait(4, asked=True)),
        ([("a", False, 9.0), ("b", False, None), ("c", False, 7.0)], Wait(1.0)),
        ([("a", False, 9.0), ("b", True, None), ("c", True, 1.0)], Wait(9, asked=True)),
        ([("a", False, 0.0), ("b", True, None), ("c", True, 1.0)], Wait(1.0)),
        ([("a", True, None), ("b", True, None), ("c", True, None)], GiveUp()),
    ],
    ids=range(5),
)
def test_the_wait_is_the_least_that_anyone_worth_another_try_asks_for(
    tries: list[tuple[str, bool, float | None]], move: Move
) -> None:
    """The hopeless are not asked; who asks for nothing may be called as soon as our own wait is over."""
    trail = Trail(tries=[tried(model, hopeless=hopeless, retry_after_s=wait) for model, hopeless, wait in tries])

    assert moved(trail, attempt=1) == move


def test_a_route_may_limit_its_passes() -> None:
    """And how long it waits between them."""
    tries = [tried(model, hopeless=False, attempt=at) for at in (1, 2, 3) for model in "abc"]

    assert moved(Trail(tries=tries), attempt=3, retries=Retries(passes=4)) == Wait(4.0)
    assert moved(Trail(tries=tries), attempt=3, retries=Retries(passes=3)) == GiveUp(3)
    assert moved(Trail(tries=tries), attempt=3, retries=Retries(max_wait_s=0.5)) == Wait(0.5)
