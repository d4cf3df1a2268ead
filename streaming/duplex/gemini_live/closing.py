"""What the end of a connection means. Gemini has no error messages: a WebSocket's close code is all it says.

Google closes with 1007 for an invalid argument, 1008 for what its policy refuses, and 1011 for all that gRPC calls
INTERNAL, UNAVAILABLE, DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED; the reason then says which.
"""

from streaming.duplex.closes import BROKEN, GOING_AWAY, PROPER, told
from streaming.duplex.errors import (
    ConnectionLostError,
    DuplexError,
    ProviderFaultError,
    ResumeRefusedError,
    SessionEndedError,
    SetupRefusedError,
)

_INTERNAL = 1011


def meaning(code: int, reason: str, *, configured: bool, resuming: bool, responding: bool) -> DuplexError:
    """Return the error that a close is.

    Args:
        code: of the close.
        reason: Gemini's words.
        configured: the setup had been taken.
        resuming: the setup held a handle.
        responding: an answer was on its way, or owed.
    """
    said = told(code, reason)
    if code in BROKEN or (code == GOING_AWAY and not configured):
        return ConnectionLostError(said, code=str(code))
    if not configured:
        return (ResumeRefusedError if resuming else SetupRefusedError)(said, code=str(code))
    if code in PROPER:
        return ConnectionLostError(said, code=str(code)) if responding else SessionEndedError()
    if code == _INTERNAL and "quota" not in reason.lower():
        return ConnectionLostError(said, code=str(code))
    return ProviderFaultError(said, code=str(code))
