"""A viewer who is told the end of a turn only when all of it is on screen."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress

from redis.asyncio import Redis

from streaming.live.durable import Durable, Outcome, Standing
from streaming.live.hub import Hub, WatchedTurn
from streaming.live.link import connect_redis
from streaming.live.viewer import Viewer
from tests.e2e.rig import Rig, eventually

_PATIENCE_S = 60.0


class ShownFirst:
    """A durable side that holds a result back until its text is on screen.

    The text comes over Redis and the result over Temporal: which is first, the machine decides.
    """

    def __init__(self, durable: Durable) -> None:
        self.screen: Viewer | None = None
        self._durable = durable

    async def outcome(self, turn_id: str) -> Outcome:
        """See `Durable`."""
        outcome = await self._durable.outcome(turn_id)

        async def shown() -> bool:
            if self.screen is None or outcome.result is None:
                return True
            return self.screen.ended and self.screen.text == outcome.result.message.text

        with suppress(AssertionError):  # the test says better what it misses
            await eventually(shown, within_s=_PATIENCE_S)
        return outcome

    async def standing(self, turn_id: str) -> Standing:
        """See `Durable`."""
        return await self._durable.standing(turn_id)


def connect_patiently(url: str) -> Redis:
    """Return our client, but one for which a Redis that stands still for a second is there all the same."""
    redis = connect_redis(url)
    redis.connection_pool.connection_kwargs |= {"socket_timeout": _PATIENCE_S, "socket_connect_timeout": _PATIENCE_S}
    return redis


@asynccontextmanager
async def sees_all(rig: Rig, turn_id: str, *, join_at_start: bool = False) -> AsyncIterator[WatchedTurn]:
    """Watch a turn as `Rig.viewer` does, surely subscribed from the start, and to the last word."""
    durable = ShownFirst(rig.turns())
    async with (
        aclosing(connect_patiently(rig.environ["REDIS_URL"])) as redis,
        Hub(redis, rig.channels, durable) as hub,
        hub.watch(turn_id, join_at_start=join_at_start) as watched,
    ):
        durable.screen = watched.viewer

        async def subscribed() -> bool:
            return watched.is_subscribed

        await eventually(subscribed)
        yield watched
