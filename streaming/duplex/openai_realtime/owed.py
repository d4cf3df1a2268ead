"""The calls whose results the model waits for. Pure."""

from collections.abc import Mapping


class OwedCalls:
    """Calls by the answer that made them; the model goes on when it has the results of all calls of one answer."""

    def __init__(self) -> None:
        # Call id -> the id that the server knows it by, and all open calls of the same answer.
        self._open: dict[str, tuple[str, set[str]]] = {}

    def __bool__(self) -> bool:
        """Whether a result is awaited."""
        return bool(self._open)

    def made(self, calls: Mapping[str, str]) -> None:
        """An answer has made these calls: by id, the id that the server knows each by."""
        answer = set(calls)
        self._open |= {call_id: (known_as, answer) for call_id, known_as in calls.items()}

    def name_of(self, call_id: str) -> str | None:
        """Return the id that the server knows a call by; None where it awaits no result of it."""
        known_as, _ = self._open.get(call_id, (None, None))
        return known_as

    def answered(self, call_id: str) -> bool:
        """A call has its result; return whether its answer has all of its results now."""
        _, answer = self._open.pop(call_id)
        answer.discard(call_id)
        return not answer
