import pytest

from activities.routes import Routes
from streaming.contracts import Limits
from streaming.errors import UnknownRoute
from tests.activities.candidates import KEY, candidate


def test_a_candidate_overrides_the_turns_clocks_by_name() -> None:
    """And leaves the others as the turn has them."""
    turn = Limits(idle_s=3, stall_s=4)

    assert Limits(idle_s=3, stall_s=9, first_token_s=1) == candidate(stall_s=9, first_token_s=1).limits(turn)
    assert turn == candidate().limits(turn)


def test_a_candidate_is_named_without_its_secrets() -> None:
    """Its name goes into messages, and its repr into logs."""
    one = candidate("gpt", "openai")

    assert one.name == "openai/gpt"
    assert KEY not in repr(one)


def test_a_route_is_its_candidates_in_order() -> None:
    """As the settings list them."""
    first, second = candidate("a"), candidate("b")

    assert Routes({"r": [first, second]}).candidates("r") == [first, second]


def test_an_unknown_route_is_refused_with_the_known_ones() -> None:
    """So that a typing error explains itself."""
    with pytest.raises(UnknownRoute, match="no route 'x' in this worker's settings; it has a, b"):
        Routes({"b": [], "a": []}).candidates("x")
