"""Truth by construction, in CI's measure: `make fidelity` takes ten times as many."""

from concurrent.futures import ProcessPoolExecutor

import pytest

from streaming.providers import WIRES
from tests.fidelity.run import problems

CASES = 10_000


@pytest.mark.timeout(3000)  # it is computing all the time, and waits for nothing: a busy machine takes long
@pytest.mark.parametrize("wire", WIRES)
def test_the_answer_rebuilt_from_a_stream_is_the_unary_one(wire: str) -> None:
    """Whatever was said, in any legal order, with any line ends, keepalives and cuts."""
    with ProcessPoolExecutor() as pool:
        assert list(problems(pool, wire, CASES)) == []
