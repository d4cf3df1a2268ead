import pytest

from streaming.duplex.errors import (
    ConnectionLostError,
    ProviderFaultError,
    SessionEndedError,
    SessionError,
    SetupRefusedError,
)
from streaming.duplex.openai_realtime.closing import meaning

BROKEN = (1005, 1006, 1011, 1012, 1013, 1014, 1015)


@pytest.mark.parametrize("code", [1000, 1001])
def test_a_proper_close_between_answers_is_an_end(code: int) -> None:
    """In the middle of one it is a loss, for a half answer is not an answer."""
    assert isinstance(meaning(code, "", set_up=True, responding=False), SessionEndedError)
    assert isinstance(meaning(code, "", set_up=True, responding=True), ConnectionLostError)


@pytest.mark.parametrize("set_up", [True, False])
@pytest.mark.parametrize("code", BROKEN)
def test_a_broken_socket_is_a_loss(code: int, set_up: bool) -> None:
    """Whatever was going on; another connection may fare better."""
    error = meaning(code, "", set_up=set_up, responding=False)

    assert isinstance(error, ConnectionLostError)
    assert error.retryable
    assert error.code == str(code)


@pytest.mark.parametrize("code", [1000, 1007, 1008, 3000, 4004])
def test_a_close_instead_of_a_setup_refuses_it(code: int) -> None:
    """A server that restarts does not."""
    assert isinstance(meaning(code, "no such model", set_up=False, responding=False), SetupRefusedError)
    assert isinstance(meaning(1001, "", set_up=False, responding=False), ConnectionLostError)


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1008, 1009, 3000, 4004])
def test_any_other_close_is_the_providers_fault(code: int) -> None:
    """It has its reason, and would have it again."""
    error = meaning(code, "because", set_up=True, responding=True)

    assert isinstance(error, ProviderFaultError)
    assert not error.retryable
    assert "because" in str(error)


@pytest.mark.parametrize("code", [1000, 1001, 4000])
@pytest.mark.parametrize("responding", [True, False])
def test_a_session_that_had_its_time_can_be_had_again(code: int, responding: bool) -> None:
    """The close may be all that says so."""
    error = meaning(code, "Your session hit the maximum duration of 60 minutes.", set_up=True, responding=responding)

    assert isinstance(error, SessionError)
    assert error.code == "session_expired"
    assert error.retryable


def test_a_reason_is_quoted_in_bounds() -> None:
    """And whole characters."""
    assert len(str(meaning(4000, "x" * 100_000, set_up=True, responding=False))) < 600
    str(meaning(4000, "\ud83d", set_up=True, responding=False)).encode()
