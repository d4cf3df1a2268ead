"""What the close codes of a WebSocket mean whichever provider sends them. Pure.

https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1; codes above 2999 are the provider's own.
"""

from streaming.jsontext import pair_surrogates

GOING_AWAY = 1001
"""The server goes away, and not only the session: no refusal of anything."""
PROPER = frozenset({1000, GOING_AWAY})
BROKEN = frozenset({1005, 1006, 1012, 1013, 1014, 1015})
"""The socket broke, or the server is about to start again: another connection may fare better."""

_MAX_REASON = 500


def told(code: int, reason: str) -> str:
    """Return a close in words: the reason cut short, with no half of a character in it."""
    return f"the connection was closed with {code}" + (f": {pair_surrogates(reason[:_MAX_REASON])}" if reason else "")
