"""`millstream demo` and `millstream sandbox`: the whole stack, shown."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from cli.following import DONE, FAILED, Connections, connections
from cli.screen import Screen
from deploy.sandbox.processes import RunningServer, Servers, running_servers
from deploy.sandbox.stack import Stack, stack
from deploy.sandbox.worker import environment, is_scripted, start_worker
from settings import CONFIG_VARIABLE, DEFAULT_FILE
from streaming.jsontext import JsonObject
from streaming.live.durable import Outcome
from streaming.live.hub import WatchedTurn
from streaming.messages import text_sha256

_QUESTION = "What does a mill have in common with a stream of tokens? Answer in three short paragraphs."
_KILL_AFTER_CHARACTERS = 200
_LAST_FRAMES_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.02


@dataclass(frozen=True)
class _Scene:
    """Everything up, and where to show it."""

    console: Console
    stack: Stack
    servers: Servers
    environ: Mapping[str, str]
    worker: RunningServer


async def demo(environ: Mapping[str, str]) -> int:
    """Stream one turn, then one that survives a SIGKILL; return the exit code."""
    return await _until_interrupted(_demo(environ))


async def sandbox(environ: Mapping[str, str]) -> int:
    """Keep the stack up until Ctrl-C; return the exit code."""
    return await _until_interrupted(_sandbox(environ))


async def _demo(environ: Mapping[str, str]) -> int:
    async with _scene(environ) as scene, connections(scene.environ) as connected:
        scene.console.print(Rule("1 · one durable turn, streamed live"))
        first = await _stream(scene, connected, {}, kill_worker=False)
        scene.console.print(Rule("2 · the same, and its worker is killed (SIGKILL) in the middle"))
        second = await _stream(scene, connected, {"limits": {"heartbeat_s": 3}}, kill_worker=True)
        scene.console.print(
            Text("Next: make dev, and in another terminal: .venv/bin/millstream ask 'Hello'", style="dim")
        )
        return DONE if first and second else FAILED


async def _sandbox(environ: Mapping[str, str]) -> int:
    async with _scene(environ) as scene:
        up = scene.stack
        exports = {name: scene.environ[name] for name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "REDIS_URL")}
        lines = [
            f"Temporal UI   {up.temporal_ui or '(none: the server was given)'}",
            f"Provider      {up.provider_url} (scripted)" if is_scripted(environ) else "Provider      yours",
            f"Logs          {up.log_dir} and {scene.servers.folder} (worker)",
            "",
            "In another terminal:",
            *(f"  export {name}={value}" for name, value in exports.items()),
            "  .venv/bin/millstream ask 'Hello'",
            "",
            "Ctrl-C ends everything.",
        ]
        scene.console.print("\n".join(lines), markup=False, highlight=False)
        code = await scene.worker.ended()
        scene.console.print(f"the worker ended with exit code {code}:\n{scene.worker.last_lines()}", markup=False)
        return FAILED


@asynccontextmanager
async def _scene(environ: Mapping[str, str]) -> AsyncIterator[_Scene]:
    console = Console(highlight=False)
    started = time.monotonic()

    def progress(line: str) -> None:
        console.print(Text(f"  {line}", style="dim"))

    async with stack(environ, progress) as up, running_servers() as servers:
        # Who ends the sandbox does not want to wait for the turns that are running in it.
        pointed = {"MILLSTREAM_WORKER__DRAIN_S": "0"} | _from_anywhere(environment(up, environ))
        worker = await start_worker(servers, pointed)
        progress(f"Worker: ready, {time.monotonic() - started:.1f} s after the start")
        yield _Scene(console, up, servers, pointed, worker)


def _from_anywhere(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the settings file by its whole path: a worker runs in the project's folder."""
    path = Path(environ.get(CONFIG_VARIABLE) or DEFAULT_FILE)
    return {**environ, CONFIG_VARIABLE: str(path.resolve())} if path.is_file() else dict(environ)


async def _stream(scene: _Scene, connected: Connections, extra: JsonObject, *, kill_worker: bool) -> bool:
    """Run a turn on the screen; return whether what the screen showed is the durable result."""
    turn_id = f"demo-{uuid4().hex[:8]}"
    turn: JsonObject = {"messages": [{"role": "user", "content": _QUESTION}]}
    turn |= extra
    screen = Screen(scene.console)
    try:
        async with connected.hub.watch(turn_id, join_at_start=False) as watched:
            await connected.turns.start(turn_id, turn)
            killed = not kill_worker
            async for event in watched.events():
                if isinstance(event, Outcome) and event.result is not None:
                    await _shows_the_end(watched)
                shown = watched.viewer.text
                screen.show(event, watched.viewer)
                if isinstance(event, Outcome):
                    return event.result is not None and event.result.sha256 == text_sha256(shown)
                if not killed and len(shown) > _KILL_AFTER_CHARACTERS:
                    killed = True
                    await _replace_worker(scene)
    finally:
        screen.close()
    return False


async def _shows_the_end(watched: WatchedTurn) -> None:
    """Wait for the last frames, for the result may overtake them; but not for long, because Redis may lose them."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_FRAMES_WITHIN_S):
            while not watched.viewer.ended:  # noqa: ASYNC110 - the outcome was the last of its events
                await asyncio.sleep(_LOOK_EVERY_S)


async def _replace_worker(scene: _Scene) -> None:
    pid = scene.worker.pid
    scene.worker.kill()
    scene.console.print(Text(f"⚡ kill -9 {pid}: the worker is dead; another one starts", style="bold red"))
    await start_worker(scene.servers, scene.environ)


async def _until_interrupted(work: Coroutine[None, None, int]) -> int:
    """Run `work` until it is done or a signal asks to end; everything it started ends either way."""
    running = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, running.cancel)
    try:
        return await running
    except asyncio.CancelledError:
        return DONE
