"""What the end of a connection means. Gemini has no error messages: a WebSocket's close code is all it says.

The codes: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1. Google closes with 1007 for an invalid argument,
1008 for what its policy refuses, and 1011 for all that gRPC calls INTERNAL, UNAVAILABLE, DEADLINE_EXCEEDED and
RESOURCE_EXHAUSTED; the reason then says which.
"""

from streaming.duplex.errors import (
    ConnectionLostError,
    DuplexError,
    ProviderFaultError,
    ResumeRefusedError,
    SessionEndedError,
    SetupRefusedError,
)
from streaming.jsontext import pair_surrogates

_PROPER = frozenset({1000, 1001})
_BROKEN = frozenset({1005, 1006, 1012, 1013, 1014, 1015})
_INTERNAL = 1011
_MAX_REASON = 500


def meaning(code: int, reason: str, *, configured: bool, resuming: bool, responding: bool) -> DuplexError:
    """Return the error that a close is.

    Args:
        code: of the close.
        reason: Gemini's words.
        configured: the setup had been taken.
        resuming: the setup held a handle.
        responding: an answer was on its way, or owed.
    """
    said = f"the connection was closed with {code}" + (f": {pair_surrogates(reason[:_MAX_REASON])}" if reason else "")
    if code in _BROKEN or (code == 1001 and not configured):
        return ConnectionLostError(said, code=str(code))
    if not configured:
        return (ResumeRefusedError if resuming else SetupRefusedError)(said, code=str(code))
    if code in _PROPER:
        return ConnectionLostError(said, code=str(code)) if responding else SessionEndedError()
    if code == _INTERNAL and "quota" not in reason.lower():
        return ConnectionLostError(said, code=str(code))
    return ProviderFaultError(said, code=str(code))
