"""THE streaming activity: one pass over the route, one whole model response as its durable result.

It reads the provider's stream under its clocks, shows every delta to whoever watches, and never waits for them.
A candidate that fails is followed by the next at once; when all have failed the attempt fails, and Temporal's
retry policy decides when another pass comes, on any worker.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

from structlog.contextvars import bound_contextvars
from temporalio import activity

from activities import failures
from activities.attachments import Sources
from activities.attempt import Attempt
from activities.breakers import Breakers
from activities.live_turn import LiveTurn
from activities.routes import Routes
from activities.transport import Transport
from activities.tries import Measure, unmeasured
from streaming.contracts import GenerateInput, StepResult
from streaming.errors import TurnError
from streaming.live.frames import Failure


class Generate:
    """The activity with what it needs of its worker."""

    def __init__(
        self,
        routes: Routes,
        transport: Transport,
        sources: Sources,
        breakers: Breakers,
        watched: Callable[[str], AbstractContextManager[LiveTurn]],
        measure: Measure = unmeasured,
    ) -> None:
        self._routes = routes
        self._transport = transport
        self._sources = sources
        self._breakers = breakers
        self._watched = watched
        self._measure = measure

    @activity.defn(name="generate")
    async def generate(self, step: GenerateInput) -> StepResult:
        """Return one model response.

        Raises:
            ApplicationError: see `failures`.
        """
        turn_id = activity.info().workflow_id or ""
        with self._watched(turn_id) as live, bound_contextvars(turn=turn_id, attempt=activity.info().attempt):
            attempt = Attempt(step, self._transport, self._sources, self._breakers, live, self._measure)
            interrupts = asyncio.create_task(attempt.interrupts.heed(asyncio.current_task()))
            try:
                try:
                    route = step.turn.route
                    candidates = self._routes.candidates(route)
                    if step.turn.dry_run:
                        return await attempt.rehearse(candidates, self._routes.left_out(route))
                    return await attempt.run(candidates, self._routes.retries(route))
                except asyncio.CancelledError:
                    return attempt.cancelled()
            except TurnError as error:
                live.fail(Failure(type(error).__name__, str(error), final=True))
                raise failures.stopped(error) from None  # what led to it may name hosts, and goes into history
            finally:
                interrupts.cancel()
