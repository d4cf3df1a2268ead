"""Where a background response is read on and cancelled.

https://platform.openai.com/docs/guides/background: `GET /responses/{id}` with `stream` and `starting_after` (which
gives the events with a higher `sequence_number`, and up to 5 minutes after the response's creation only:
openai-python #2828), and without them at any time while the response is kept.
"""

from streaming.providers.background import NOTHING_YET, Cursor


def rest_path(cursor: Cursor, *, stream: bool) -> str:
    """Return where the rest of a response is streamed, or the response itself is given."""
    path = f"/responses/{cursor.response}"
    if not stream:
        return path
    return f"{path}?stream=true" + ("" if cursor.event == NOTHING_YET else f"&starting_after={cursor.event}")


def cancel_path(cursor: Cursor) -> str:
    """Return where a response is cancelled."""
    return f"/responses/{cursor.response}/cancel"
