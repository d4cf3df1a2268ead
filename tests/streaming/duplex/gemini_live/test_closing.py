import pytest

from streaming.duplex.errors import (
    ConnectionLostError,
    ProviderFaultError,
    ResumeRefusedError,
    SessionEndedError,
    SessionError,
    SetupRefusedError,
)
from streaming.duplex.gemini_live.closing import meaning

QUOTA = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("code", "reason", "between", "responding"),
    [
        (1000, "", SessionEndedError, ConnectionLostError),
        (1001, "", SessionEndedError, ConnectionLostError),
        (1005, "", ConnectionLostError, ConnectionLostError),
        (1006, "", ConnectionLostError, ConnectionLostError),
        (1007, "Request contains an invalid argument.", ProviderFaultError, ProviderFaultError),
        (1008, "Operation is not implemented.", ProviderFaultError, ProviderFaultError),
        (1009, "", ProviderFaultError, ProviderFaultError),
        (1011, "Deadline expired before operation could complete.", ConnectionLostError, ConnectionLostError),
        (1011, QUOTA, ProviderFaultError, ProviderFaultError),
        (1012, "", ConnectionLostError, ConnectionLostError),
        (4321, "", ProviderFaultError, ProviderFaultError),
    ],
)
def test_a_session_is_closed(code: int, reason: str, between: type, responding: type) -> None:
    """A proper end between answers is an ending; everything else is a failure."""
    assert type(meaning(code, reason, configured=True, resuming=False, responding=False)) is between
    assert type(meaning(code, reason, configured=True, resuming=True, responding=True)) is responding


@pytest.mark.parametrize("code", [1000, 1007, 1008, 1011])
def test_a_setup_is_refused(code: int) -> None:
    """With a handle it is the handle that was, so that a session without it can be tried."""
    setup = meaning(code, "No.", configured=False, resuming=False, responding=False)
    resume = meaning(code, "No.", configured=False, resuming=True, responding=False)

    assert isinstance(setup, SetupRefusedError)
    assert not setup.retryable
    assert isinstance(resume, ResumeRefusedError)
    assert resume.retryable
    assert (setup.code, str(setup)) == (str(code), f"the connection was closed with {code}: No.")


@pytest.mark.parametrize("code", [1001, 1006, 1012, 1013])
def test_a_connection_that_breaks_before_the_setup_is_taken(code: int) -> None:
    """Nobody refused anything."""
    error = meaning(code, "", configured=False, resuming=True, responding=False)

    assert isinstance(error, ConnectionLostError)


def test_a_reason_is_safe_to_show() -> None:
    """Cut short, and no half of a character in it."""
    error = meaning(1007, "\ud83d" * 10_000, configured=True, resuming=False, responding=False)

    assert isinstance(error, SessionError)
    assert len(str(error)) < 600
    str(error).encode()
