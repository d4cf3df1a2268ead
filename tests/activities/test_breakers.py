import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.breakers import MAX_OPEN_S, OPENING_REASONS, Breaker, Breakers, State
from streaming.reasons import Reason

NOT_SOON = [Reason.QUOTA, Reason.AUTH, Reason.PERMISSION]
UNHEALTHY = sorted(OPENING_REASONS - set(NOT_SOON))
SAYS_NOTHING = sorted(set(Reason) - OPENING_REASONS)


def opened(reason: Reason = Reason.SERVER, now: float = 100.0) -> Breaker:
    """Return a breaker that five failures opened."""
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(reason, now)
    return breaker


def test_what_a_provider_itself_does_wrong_is_what_counts() -> None:
    """A request's own faults are nobody's health."""
    assert UNHEALTHY == ["bad_answer", "connection", "overloaded", "rate_limit", "server", "timeout"]


@pytest.mark.parametrize("reason", UNHEALTHY)
def test_the_fifth_failure_in_a_row_opens_it(reason: Reason) -> None:
    """For ten seconds, in which nobody may call."""
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(reason, 100.0)
    assert breaker.state(100.0) is State.CLOSED
    assert (breaker.reopens_at(100.0), breaker.reason) == (None, None)

    breaker.failed(reason, 100.0)

    assert (breaker.state(109.9), breaker.reopens_at(109.9), breaker.reason) == (State.OPEN, 110.0, reason)
    assert (breaker.state(110.0), breaker.reopens_at(110.0)) == (State.HALF_OPEN, None)


@pytest.mark.parametrize("reason", NOT_SOON)
def test_what_no_wait_of_seconds_mends_opens_it_at_once_and_for_longer(reason: Reason) -> None:
    """An empty account is empty for the next turn too."""
    breaker = Breaker()
    breaker.failed(reason, 100.0)

    assert breaker.reopens_at(100.0) == 100.0 + MAX_OPEN_S


@pytest.mark.parametrize("reason", SAYS_NOTHING)
def test_what_the_request_did_wrong_says_nothing_of_the_provider(reason: Reason) -> None:
    """It neither opens a breaker nor keeps count."""
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(Reason.SERVER, 100.0)
    for _ in range(9):
        breaker.failed(reason, 100.0)
    assert breaker.state(100.0) is State.CLOSED

    breaker.failed(Reason.SERVER, 100.0)
    assert breaker.state(100.0) is State.OPEN


def test_a_success_counts_from_zero_again() -> None:
    """Failures in a row are what counts."""
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(Reason.SERVER, 100.0)
    breaker.succeeded()
    breaker.failed(Reason.SERVER, 100.0)

    assert breaker.state(100.0) is State.CLOSED


@pytest.mark.parametrize("reason", [Reason.RATE_LIMIT, Reason.OVERLOADED])
def test_a_provider_that_says_when_to_come_back_is_left_alone_until_then(reason: Reason) -> None:
    """Its own word beats our count, up to a cap; "now" is no such word."""
    breaker, long, now = Breaker(), Breaker(), Breaker()
    breaker.failed(reason, 100.0, retry_after_s=7)
    long.failed(reason, 100.0, retry_after_s=86_400)
    now.failed(reason, 100.0, retry_after_s=0)

    assert breaker.reopens_at(100.0) == 107.0
    assert long.reopens_at(100.0) == 100.0 + MAX_OPEN_S
    assert now.reopens_at(100.0) is None


# -- half-open


def test_half_open_lets_one_probe_through() -> None:
    """The others wait for what it finds; one that never reports does not block for ever."""
    breaker = opened()
    assert breaker.reopens_at(110.0) is None

    breaker.started(110.0)

    assert breaker.reopens_at(110.0) == 170.0
    assert breaker.reopens_at(170.0) is None


def test_a_probe_decides() -> None:
    """It closes the breaker, or opens it for twice as long, up to a cap."""
    good, bad = opened(), opened()
    good.succeeded(good.started(110.0))
    assert (good.state(110.0), good.reason) == (State.CLOSED, None)

    now, lengths = 110.0, []
    for _ in range(7):
        bad.failed(Reason.SERVER, now, call=bad.started(now))
        reopens = bad.reopens_at(now)
        assert reopens is not None
        lengths.append(reopens - now)
        now = reopens
    assert lengths == [20, 40, 80, 160, 300, 300, 300]


@pytest.mark.parametrize("ending", ["cancelled", "too long for the model"])
def test_a_probe_that_says_nothing_of_the_provider_lets_the_next_one_try(ending: str) -> None:
    """An interrupted call, or a request that was wrong itself, decides nothing."""
    breaker = opened()
    probe = breaker.started(110.0)
    assert breaker.reopens_at(111.0) == 170.0

    if ending == "cancelled":
        breaker.ended(probe)
    else:
        breaker.failed(Reason.CONTEXT, 111.0, call=probe)

    assert (breaker.state(111.0), breaker.reopens_at(111.0)) == (State.HALF_OPEN, None)


def test_only_the_probe_makes_room_for_the_next() -> None:
    """The end of another call that was under way is no news."""
    breaker = Breaker()
    slow = breaker.started(90.0)
    for _ in range(5):
        breaker.failed(Reason.SERVER, 100.0)
    breaker.started(110.0)
    late = breaker.started(111.0)

    breaker.ended(slow)
    breaker.ended(late)

    assert breaker.reopens_at(112.0) == 170.0


# -- calls from before


@pytest.mark.parametrize("later", [105.0, 110.0, 1000.0])
def test_a_call_from_before_it_opened_changes_nothing(later: float) -> None:
    """A hundred turns that one outage stalls open it once, and what was being served is no new call."""
    breaker = Breaker()
    failing, succeeding = breaker.started(90.0), breaker.started(90.0)
    for _ in range(5):
        breaker.failed(Reason.SERVER, 100.0)

    breaker.failed(Reason.SERVER, later, call=failing)
    breaker.succeeded(succeeding)

    assert breaker.state(109.9) is State.OPEN
    assert (breaker.state(later), breaker.reopens_at(later)) == (
        (State.OPEN, 110.0) if later == 105.0 else (State.HALF_OPEN, None)
    )


def test_failures_from_before_do_not_open_it_again_once_a_probe_has_closed_it() -> None:
    """They are of the outage that is over."""
    breaker = Breaker()
    stalled = [breaker.started(90.0) for _ in range(20)]
    for call in stalled[:5]:
        breaker.failed(Reason.TIMEOUT, 100.0, call=call)
    breaker.succeeded(breaker.started(110.0))

    for call in stalled[5:]:
        breaker.failed(Reason.TIMEOUT, 111.0, call=call)

    assert breaker.state(111.0) is State.CLOSED


def test_a_call_that_is_made_all_the_same_may_close_it() -> None:
    """Where there was nobody else to ask."""
    breaker = Breaker()
    breaker.failed(Reason.QUOTA, 100.0)
    breaker.failed(Reason.QUOTA, 105.0, call=breaker.started(105.0))
    assert breaker.reopens_at(105.0) == 100.0 + MAX_OPEN_S

    breaker.succeeded(breaker.started(110.0))

    assert breaker.state(110.0) is State.CLOSED


# -- clocks


@pytest.mark.parametrize("set_back_s", [0.5, 3600, 1_700_000_000])
def test_a_clock_that_is_set_back_shuts_nobody_out(set_back_s: float) -> None:
    """An opening, or a probe, from the future is over."""
    breaker = opened(now=1_700_000_000.0)
    now = 1_700_000_000.0 - set_back_s
    assert (breaker.state(now), breaker.reopens_at(now)) == (State.HALF_OPEN, None)

    breaker.started(1_700_000_020.0)
    assert breaker.reopens_at(now) is None


# -- other workers


def test_another_workers_word_opens_it_for_as_long_as_it_says() -> None:
    """And never shortens our own, nor what is heard already."""
    breaker, own = Breaker(), opened()
    breaker.opened(120.0, Reason.QUOTA, 100.0)
    breaker.opened(110.0, Reason.SERVER, 100.0)
    own.opened(109.0, Reason.QUOTA, 100.0)

    assert (breaker.reopens_at(100.0), breaker.reason) == (120.0, Reason.QUOTA)
    assert (own.reopens_at(100.0), own.reason) == (110.0, Reason.SERVER)


@pytest.mark.parametrize("until", [100.0, 99.0, 0.0, -1e300])
def test_a_word_about_the_past_opens_nothing(until: float) -> None:
    """Another's clock may be slow."""
    breaker = Breaker()
    breaker.opened(until, Reason.SERVER, 100.0)

    assert breaker.state(100.0) is State.CLOSED


def test_our_own_probe_knows_better_than_another_worker() -> None:
    """Whatever it finds stands."""
    breaker = opened()
    probe = breaker.started(110.0)
    breaker.opened(120.0, Reason.SERVER, 111.0)
    breaker.succeeded(probe)

    assert breaker.state(112.0) is State.CLOSED


def test_a_word_that_is_taken_back_leaves_a_probe_to_be_made() -> None:
    """Only of what rested on it: what this worker saw itself stands."""
    told, own = Breaker(), opened()
    told.opened(150.0, Reason.SERVER, 100.0)
    told.withdrawn(105.0)
    own.withdrawn(105.0)

    assert (told.state(105.0), told.reopens_at(105.0)) == (State.HALF_OPEN, None)
    assert own.reopens_at(105.0) == 110.0


# -- all of them


def test_each_provider_and_model_has_its_own() -> None:
    """And keeps it."""
    breakers = Breakers()
    breakers.of("a", "m").failed(Reason.QUOTA, 0.0)

    assert breakers.of("a", "m").state(1.0) is State.OPEN
    assert breakers.of("a", "n").state(1.0) is breakers.of("b", "m").state(1.0) is State.CLOSED
    assert [(provider, model) for provider, model, _ in breakers] == [("a", "m"), ("a", "n"), ("b", "m")]


def test_switched_off_none_ever_opens() -> None:
    """Whatever fails."""
    breakers = Breakers(enabled=False)
    breakers.of("a", "m").failed(Reason.QUOTA, 0.0)

    assert breakers.of("a", "m").state(1.0) is State.CLOSED
    assert list(breakers) == []


@given(
    st.lists(
        st.tuples(
            st.floats(-400, 400),
            st.sampled_from(["succeeded", "ended", "heard", "withdrawn", *Reason]),
            st.none() | st.floats(0, 1e6),
            st.integers(0, 20),
        )
    )
)
def test_it_is_never_shut_for_longer_than_its_cap(
    happenings: list[tuple[float, str, float | None, int]],
) -> None:
    """Whatever happens, in whatever order, wherever the clock is set to."""
    breaker, now, calls = Breaker(), 1_700_000_000.0, [0]
    for later, what, seconds, of_call in happenings:
        now += later
        calls.append(breaker.started(now))
        call = calls[of_call % len(calls)]
        match what:
            case "succeeded":
                breaker.succeeded(call)
            case "ended":
                breaker.ended(call)
            case "heard":
                breaker.opened(now + (seconds or 0), Reason.SERVER, now)
            case "withdrawn":
                breaker.withdrawn(now)
            case _:
                breaker.failed(Reason(what), now, seconds, call=call)
        assert (breaker.reopens_at(now) or now) - now <= MAX_OPEN_S + 1e-6
