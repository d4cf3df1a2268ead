"""Following one turn to its end, with Ctrl-C as people expect it: once detaches, twice stops the turn."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from temporalio.runtime import Runtime, TelemetryConfig

import connection
import settings
from cli.displays import Display
from cli.standard_streams import tell
from settings import Settings
from streaming.contracts import TurnResult
from streaming.jsontext import JsonObject
from streaming.live.channels import Channels
from streaming.live.durable import Outcome
from streaming.live.hub import Hub, WatchedTurn
from streaming.live.viewer import Viewer
from turns import TurnRefused, Turns

DONE, FAILED, USAGE, NO_SUCH_TURN, UNREACHABLE, DETACHED = 0, 1, 2, 4, 5, 130
_SECOND_CTRL_C_WITHIN_S = 1.5


@dataclass(frozen=True)
class Connections:
    """What following a turn needs."""

    turns: Turns
    hub: Hub


@asynccontextmanager
async def connections(environ: Mapping[str, str]) -> AsyncIterator[Connections]:
    """Connect to Temporal and Redis as the environment says.

    Raises:
        SettingsError: the settings cannot be used.
        CannotReachTemporal: no server answers.
    """
    loaded: Settings = settings.load(environ)
    redis = settings.connect_redis(environ)
    # The SDK's core would log to standard output, which is the answer's.
    client = await connection.connect(environ, Runtime(telemetry=TelemetryConfig(logging=None)))
    durable = Turns(client, loaded.worker.task_queue)
    channels = Channels(client.namespace, loaded.live.channel_prefix)
    async with contextlib.aclosing(redis), Hub(redis, channels, durable) as hub:
        yield Connections(durable, hub)


async def ask(environ: Mapping[str, str], turn_id: str, turn: JsonObject, new_display: Callable[[], Display]) -> int:
    """Start a turn, or attach to it where it exists, and follow it; return the exit code.

    Raises:
        TurnRefused: the id is another turn's, or the server does not take the input.
    """
    async with (
        connections(environ) as connected,
        connected.hub.watch(turn_id, join_at_start=False) as watched,
    ):
        is_new = await connected.turns.start(turn_id, turn)
        if not is_new:
            watched.viewer.lost()
        greeting = f"turn {turn_id}" if is_new else f"turn {turn_id} exists: attached to it"
        return await _follow(connected, watched, new_display, greeting)


async def watch(environ: Mapping[str, str], turn_id: str, new_display: Callable[[], Display]) -> int:
    """Follow a turn that someone started; return the exit code.

    Raises:
        TurnNotFound: there is none.
    """
    async with (
        connections(environ) as connected,
        connected.hub.watch(turn_id) as watched,
    ):
        return await _follow(connected, watched, new_display)


async def stop(environ: Mapping[str, str], turn_id: str, display: Display) -> int:
    """Interrupt a turn and show what it had said; return the exit code.

    Raises:
        TurnNotFound: there is none.
        TurnRefused: it has ended.
    """
    async with connections(environ) as connected:
        result = await connected.turns.interrupt(turn_id, lambda: connected.hub.hint_interrupt(turn_id))
        display.show(Outcome("completed", result=result), Viewer(join_at_start=True))
        return DONE


async def _follow(
    connected: Connections, watched: WatchedTurn, new_display: Callable[[], Display], greeting: str = ""
) -> int:
    presses: asyncio.Queue[None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, presses.put_nowait, None)
    if greeting:
        tell(greeting)
    if not watched.is_subscribed:
        tell("Redis is unreachable: no live text until it is back; the result will come from Temporal")
    display = new_display()
    showing = asyncio.create_task(_show(connected, watched, display))
    try:
        if not await _pressed_before(showing, presses):
            return _exit_code(showing.result())
        display.close()
        tell(f"detached; the turn goes on: millstream watch {watched.turn_id} (Ctrl-C again stops it)")
        if await _pressed_before(showing, presses, within_s=_SECOND_CTRL_C_WITHIN_S):
            return await _stop(connected, watched, showing, presses)
        return _exit_code(showing.result()) if showing.done() else DETACHED
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        display.close()
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)


async def _stop(
    connected: Connections, watched: WatchedTurn, showing: asyncio.Task[Outcome], presses: asyncio.Queue[None]
) -> int:
    """Interrupt the turn and wait for its end, unless Ctrl-C asks for the third time."""
    stopping = asyncio.create_task(connected.turns.interrupt(watched.turn_id, watched.interrupt_hint))
    try:
        if await _pressed_before(stopping, presses):
            tell("left; the turn was asked to stop")
            return DETACHED
        with contextlib.suppress(TurnRefused):  # it ended by itself meanwhile
            await stopping
        tell("stopped")
        return _exit_code(await showing)
    finally:
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)


async def _pressed_before(
    task: asyncio.Task[Outcome] | asyncio.Task[TurnResult],
    presses: asyncio.Queue[None],
    within_s: float | None = None,
) -> bool:
    """Return whether Ctrl-C is pressed before `task` is done, and in time."""
    pressed = asyncio.create_task(presses.get())
    try:
        await asyncio.wait({task, pressed}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        return pressed.done() and not task.done()
    finally:
        pressed.cancel()


async def _show(connected: Connections, watched: WatchedTurn, display: Display) -> Outcome:
    async for event in watched.events():
        display.show(event, watched.viewer)
        if isinstance(event, Outcome):
            return event
    raise RuntimeError("a turn's events end with its outcome")


def _exit_code(outcome: Outcome) -> int:
    return DONE if outcome.result is not None else FAILED
