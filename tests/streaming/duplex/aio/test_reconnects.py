"""How soon another connection is tried."""

import pytest

from streaming.duplex.aio.reconnects import Reconnects


@pytest.mark.parametrize(("failures", "wait"), [(0, 0), (1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (50, 10), (5_000, 10)])
def test_waits_grow_to_a_bound(failures: int, wait: float) -> None:
    """At once after a loss, and then each time twice as long, about."""
    waits = [Reconnects().delay_s(failures) for _ in range(50)]

    assert all(0.75 * wait <= each <= 1.25 * wait for each in waits)
    assert wait == 0 or len(set(waits)) > 1
