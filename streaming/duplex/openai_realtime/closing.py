"""What the end of a connection means.

The codes: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1, and those above 2999 are the server's own. When a
session has had its time the server may say so in the close only: 1001 with "Your session hit the maximum duration of
60 minutes." (pollen-robotics/reachy_mini_conversation_app #134).
"""

from streaming.duplex.errors import (
    ConnectionLostError,
    DuplexError,
    ProviderFaultError,
    SessionEndedError,
    SetupRefusedError,
)
from streaming.duplex.openai_realtime.errors import SESSION_EXPIRED
from streaming.jsontext import pair_surrogates

_GOING_AWAY = 1001
_PROPER = frozenset({1000, _GOING_AWAY})
_BROKEN = frozenset({1005, 1006, 1011, 1012, 1013, 1014, 1015})
_EXPIRED = "maximum duration"
_MAX_REASON = 500


def meaning(code: int, reason: str, *, set_up: bool, responding: bool) -> DuplexError:
    """Return the error that a close is.

    Args:
        code: of the close.
        reason: the server's words.
        set_up: the server had taken the setup.
        responding: an answer was on its way, or owed.
    """
    said = f"the connection was closed with {code}" + (f": {pair_surrogates(reason[:_MAX_REASON])}" if reason else "")
    if _EXPIRED in reason:
        return ProviderFaultError(said, code=SESSION_EXPIRED, retryable=True)
    if code in _BROKEN or (code == _GOING_AWAY and not set_up):
        return ConnectionLostError(said, code=str(code))
    if not set_up:
        return SetupRefusedError(said, code=str(code))
    if code in _PROPER:
        return ConnectionLostError(said, code=str(code)) if responding else SessionEndedError()
    return ProviderFaultError(said, code=str(code))
