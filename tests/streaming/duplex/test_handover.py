"""When a connection that works is given up."""

import pytest

from streaming.duplex.handover import HandOver


def test_a_young_connection() -> None:
    """It is kept until it is old, and then until there is a quiet moment."""
    plan = HandOver(100, 50)

    assert not plan.due(149)
    assert plan.wait_s(140) == 10
    assert plan.due(150)
    assert not plan.overdue(1_000)
    assert not plan.announced
    assert plan.why == "the connection is 50 s old"


def test_one_that_never_ages() -> None:
    """Nothing happens by itself."""
    plan = HandOver(100, None)

    assert not plan.due(1e9)
    assert plan.wait_s(0) is None


@pytest.mark.parametrize(("left", "must"), [(50, 48), (10, 8), (3, 1.5), (0.4, 0.2), (0, 0)])
def test_a_provider_that_goes_away(left: float, must: float) -> None:
    """Any quiet moment from now on is right, and there is a last one."""
    plan = HandOver(0, 3_000)
    plan.going_away(left, 100)

    assert plan.due(100)
    assert plan.announced
    assert plan.overdue(100 + must)
    assert must == 0 or not plan.overdue(100 + must - 0.01)


def test_a_connection_that_goes_away_at_once() -> None:
    """The next one may do the same: they are not changed in a circle, as fast as can be."""
    plan = HandOver(100, None)
    plan.going_away(50, 100)

    assert not plan.due(100.5)
    assert plan.wait_s(100) == 1
    assert plan.due(101)


def test_waiting_for_words() -> None:
    """A transcript is waited for, but not for ever."""
    plan = HandOver(0, 10)

    assert not plan.patient(20)
    assert plan.patient(11)
    assert plan.wait_s(11) == 2


def test_putting_it_off() -> None:
    """What failed is tried again later."""
    plan = HandOver(0, 10)
    plan.put_off(5, 10)

    assert not plan.due(14)
    assert plan.due(15)
