"""What the end of a connection means.

When a session has had its time the server may say so in the close only: 1001 with "Your session hit the maximum
duration of 60 minutes." (pollen-robotics/reachy_mini_conversation_app #134).
"""

from streaming.duplex.closes import BROKEN, GOING_AWAY, PROPER, told
from streaming.duplex.errors import (
    ConnectionLostError,
    DuplexError,
    ProviderFaultError,
    SessionEndedError,
    SetupRefusedError,
)
from streaming.duplex.openai_realtime.errors import SESSION_EXPIRED

_INTERNAL = 1011
_EXPIRED = "maximum duration"


def meaning(code: int, reason: str, *, set_up: bool, responding: bool) -> DuplexError:
    """Return the error that a close is.

    Args:
        code: of the close.
        reason: the server's words.
        set_up: the server had taken the setup.
        responding: an answer was on its way, or owed.
    """
    said = told(code, reason)
    if _EXPIRED in reason:
        return ProviderFaultError(said, code=SESSION_EXPIRED, retryable=True)
    if code in BROKEN or code == _INTERNAL or (code == GOING_AWAY and not set_up):
        return ConnectionLostError(said, code=str(code))
    if not set_up:
        return SetupRefusedError(said, code=str(code))
    if code in PROPER:
        return ConnectionLostError(said, code=str(code)) if responding else SessionEndedError()
    return ProviderFaultError(said, code=str(code))
