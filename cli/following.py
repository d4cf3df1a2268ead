"""Following one turn to its end, with Ctrl-C as people expect it: once detaches, twice stops the turn."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

import settings
import turns
from cli.displays import Display
from settings import Settings
from streaming.jsontext import JsonObject
from streaming.live.channels import Channels
from streaming.live.durable import Outcome
from streaming.live.subscriber import Subscription
from streaming.live.viewer import Viewer
from turns import Turns

DONE, FAILED, USAGE, NO_SUCH_TURN, UNREACHABLE, DETACHED = 0, 1, 2, 4, 5, 130
_SECOND_CTRL_C_WITHIN_S = 1.5


@dataclass(frozen=True)
class Connections:
    """What following a turn needs."""

    turns: Turns
    redis: Redis
    channels: Channels

    def subscription(self, turn_id: str, *, join_at_start: bool) -> Subscription:
        """Return a subscription to a turn's live view, yet to be entered."""
        return Subscription(self.redis, self.channels, turn_id, Viewer(join_at_start=join_at_start))


@asynccontextmanager
async def connections(environ: Mapping[str, str]) -> AsyncIterator[Connections]:
    """Connect to Temporal and Redis as the environment says.

    Raises:
        SettingsError: the settings cannot be used.
        CannotReachTemporal: no server answers.
    """
    loaded: Settings = settings.load(environ)
    redis = settings.connect_redis(environ)
    client = await turns.connect(environ)
    try:
        yield Connections(
            Turns(client, loaded.worker.task_queue), redis, Channels(client.namespace, loaded.live.channel_prefix)
        )
    finally:
        await redis.aclose()


async def ask(environ: Mapping[str, str], turn_id: str, turn: JsonObject, new_display: Callable[[], Display]) -> int:
    """Start a turn, or attach to it where it exists, and follow it; return the exit code.

    Raises:
        TurnRefused: the server does not take it.
    """
    async with (
        connections(environ) as connected,
        connected.subscription(turn_id, join_at_start=False) as subscription,
    ):
        if not await connected.turns.start(turn_id, turn):
            subscription.viewer.lost()
            _tell(f"turn {turn_id} exists: attached to it")
        else:
            _tell(f"turn {turn_id}")
        return await _follow(connected, subscription, new_display())


async def watch(environ: Mapping[str, str], turn_id: str, new_display: Callable[[], Display]) -> int:
    """Follow a turn that someone started; return the exit code.

    Raises:
        TurnNotFound: there is none.
    """
    async with (
        connections(environ) as connected,
        connected.subscription(turn_id, join_at_start=True) as subscription,
    ):
        return await _follow(connected, subscription, new_display())


async def stop(environ: Mapping[str, str], turn_id: str, display: Display) -> int:
    """Interrupt a turn and show what it had said; return the exit code.

    Raises:
        TurnNotFound: there is none.
        TurnRefused: it has ended.
    """
    async with connections(environ) as connected:
        subscription = connected.subscription(turn_id, join_at_start=True)
        result = await connected.turns.interrupt(turn_id, subscription.interrupt_hint)
        display.show(Outcome("completed", result=result), subscription.viewer)
        return DONE


async def _follow(connected: Connections, subscription: Subscription, display: Display) -> int:
    if not subscription.connected:
        _tell("Redis is unreachable: no live text until it is back; the result will come from Temporal")
    presses: asyncio.Queue[None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, presses.put_nowait, None)
    showing = asyncio.create_task(_show(connected, subscription, display))
    pressed = asyncio.create_task(presses.get())
    try:
        await asyncio.wait({showing, pressed}, return_when=asyncio.FIRST_COMPLETED)
        if showing.done():
            return _exit_code(showing.result())
        display.close()
        _tell(f"detached; the turn goes on: millstream watch {subscription.turn_id} (Ctrl-C again stops it)")
        if not await _pressed_again(presses):
            return DETACHED
        await connected.turns.interrupt(subscription.turn_id, subscription.interrupt_hint)
        _tell("stopped")
        return _exit_code(await showing)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        display.close()
        for task in (showing, pressed):
            task.cancel()
        await asyncio.gather(showing, pressed, return_exceptions=True)


async def _show(connected: Connections, subscription: Subscription, display: Display) -> Outcome:
    async for event in subscription.events(connected.turns):
        display.show(event, subscription.viewer)
        if isinstance(event, Outcome):
            return event
    raise RuntimeError("a turn's events end with its outcome")


async def _pressed_again(presses: asyncio.Queue[None]) -> bool:
    try:
        async with asyncio.timeout(_SECOND_CTRL_C_WITHIN_S):
            await presses.get()
    except TimeoutError:
        return False
    return True


def _exit_code(outcome: Outcome) -> int:
    return DONE if outcome.result is not None else FAILED


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
