from hypothesis import given
from hypothesis import strategies as st

from streaming.live.channels import Channels, epoch
from tests.strategies import texts


def test_both_channels_of_a_turn_are_in_one_slot() -> None:
    """The braces are Redis Cluster's hash tag."""
    channels = Channels("prod")

    assert channels.live("t-1") == "millstream:prod:{t-1}:live"
    assert channels.ask("t-1") == "millstream:prod:{t-1}:ask"
    assert Channels("prod", "mine").live("t-1") == "mine:prod:{t-1}:live"


@given(texts(), texts())
def test_no_id_can_name_the_channel_of_another(one: str, other: str) -> None:
    """Whatever is in an id, its channels are its own, and plain ASCII."""
    channels = Channels("e")

    assert (one == other) == (channels.live(one) == channels.live(other))
    assert channels.live(one) != channels.ask(other)
    inside = channels.live(one).removeprefix("millstream:e:{").removesuffix("}:live")
    assert inside.isascii()
    assert not set(inside) & set("{}:*?[]\\ /")


@given(texts(), texts(), texts(), texts())
def test_each_candidate_has_a_key_of_its_own(one: str, model: str, other: str, other_model: str) -> None:
    """In one slot, plain ASCII, and however it is spelled."""
    channels = Channels("prod", "mine")

    assert channels.breaker("openrouter", "openai/gpt-5.5") == "mine:prod:{breaker}:openrouter/openai%2Fgpt-5.5"
    assert ((one, model) == (other, other_model)) == (
        channels.breaker(one, model) == channels.breaker(other, other_model)
    )
    assert channels.breaker(one, model).isascii()


@given(st.integers(0, 4_000_000_000_000), st.integers(1, 999), st.integers(1, 999))
def test_the_epoch_grows_over_tries_and_attempts_and_fits_any_language(started: int, one: int, other: int) -> None:
    """A later attempt is newer whatever its try; numbers stay exact in JavaScript."""
    assert (one < other) == (epoch(started, one) < epoch(started, other))
    assert epoch(started, one) < epoch(started + 1, other) < 2**53
