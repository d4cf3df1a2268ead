"""Executors for tests."""

import asyncio
from collections.abc import Sequence

from streaming.duplex.elements import ToolResponse
from streaming.duplex.tools import ToolExecutionResult
from streaming.messages import ToolCallPart
from tests.streaming.duplex.said import tool_message


def results(*call_ids: str) -> ToolExecutionResult:
    """Return both halves of these calls' results."""
    return ToolExecutionResult(
        tuple(ToolResponse(call_id, "look", f"seen {call_id}") for call_id in call_ids),
        tuple(tool_message(call_id, f"seen {call_id}") for call_id in call_ids),
    )


class Looking:
    """Sees each thing at once, or when it is told that it may."""

    def __init__(self, *, waits: bool = False) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.cancelled: list[tuple[str, ...]] = []
        self.may_end = asyncio.Event()
        if not waits:
            self.may_end.set()

    async def execute(self, calls: Sequence[ToolCallPart]) -> ToolExecutionResult:
        """Return a result for each call."""
        ids = tuple(call.id for call in calls)
        self.asked.append(ids)
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled.append(ids)
            raise
        return results(*ids)


class Giving:
    """Gives or raises what it was made with."""

    def __init__(self, outcome: ToolExecutionResult | BaseException | None) -> None:
        self._outcome = outcome

    async def execute(self, _: Sequence[ToolCallPart]) -> ToolExecutionResult | None:
        """Return or raise it."""
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome
