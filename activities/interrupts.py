"""The fast way to an interrupt: Redis hints, Temporal knows.

Temporal's own cancellation comes with a heartbeat's reply, which takes most of the heartbeat timeout.
"""

import asyncio

from temporalio import activity
from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.live_turn import LiveTurn
from streaming.contracts import TurnState

_HINTS_AT_MOST_EVERY_S = 0.2


class Interrupts:
    """Whether this attempt's turn was interrupted, as far as a hint led us to ask."""

    def __init__(self, live: LiveTurn, info: activity.Info) -> None:
        self.confirmed = False
        self._live = live
        self._info = info

    async def heed(self, task: "asyncio.Task[object] | None") -> None:
        """Cancel the attempt's task when a hint comes and the workflow confirms it."""
        info = self._info
        handle = activity.client().get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
        while True:
            await self._live.interrupt_hinted.wait()
            self._live.interrupt_hinted.clear()
            try:
                state = await handle.query("state", result_type=TurnState)
            except WorkflowQueryFailedError:
                pass
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    self._live.interrupt_hinted.set()  # nobody answered: a hint comes once, so the question stands
            else:
                if state.status == "interrupting" and task is not None:
                    self.confirmed = True
                    task.cancel()
                    return
            await asyncio.sleep(_HINTS_AT_MOST_EVERY_S)
