"""What a session adds to sound on its way, in both directions: see README.md here.

python -m benchmarks.duplex [--quick]
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import orjson
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.duplex_provider import CONTROL_PATH, PIECE_BYTES, PIECE_MS, RATE, age_ms, stamped
from benchmarks.tables import table
from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.elements import Audio, SpeechStarted, StreamElement
from streaming.duplex.openai_realtime import OpenAIRealtime
from streaming.duplex.pacing import Cadence, interval_ms
from streaming.duplex.setup import SessionSetup

_SESSIONS = (1, 50)
_DRIFT_BAR_MS = 5
_TEN_MINUTES_S = 600


@dataclass(frozen=True)
class Plan:
    """How long is measured."""

    seconds: float = 10
    barge_ins: int = 20


QUICK = Plan(seconds=2, barge_ins=3)


@dataclass
class Ages:
    """How late sound and silence came, in milliseconds."""

    up: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)
    silence: list[float] = field(default_factory=list)


def percentiles(ages: list[float]) -> tuple[float, float]:
    """Return p50 and p99."""
    cuts = quantiles(ages, n=100, method="inclusive")
    return cuts[49], cuts[98]


@asynccontextmanager
async def provider() -> AsyncIterator[str]:
    """Run the stamping provider on the second core, and ourselves on the first."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.duplex_provider", stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
    )
    try:
        cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
        if len(cores) > 1:
            os.sched_setaffinity(process.pid, {cores[1]})
            os.sched_setaffinity(0, {cores[0]})
        announced = await process.stdout.readline() if process.stdout else b""
        yield announced.decode().strip()
    finally:
        process.kill()
        await process.wait()


async def measured(url: str, sessions: int, plan: Plan) -> Ages:
    """Run sessions that speak and listen at the same time, and are barged into."""
    ages = Ages()
    setup = SessionSetup(model="m", turn_detection=None)
    async with AsyncExitStack() as stack, connect(url.replace("http", "ws", 1) + CONTROL_PATH) as control:
        ours = [
            await stack.enter_async_context(RealtimeSession(OpenAIRealtime("bench", f"{url}/v1", setup)))
            for _ in range(sessions)
        ]
        listening = [asyncio.create_task(_listen(session, ages)) for session in ours]
        speaking = [asyncio.create_task(_speak(session, at / sessions)) for at, session in enumerate(ours)]
        for session in ours:
            await session.send(StreamElement(text="go", end_of_stream=True))
        await asyncio.sleep(1)
        ages.down.clear()
        await _told(control, "ages")
        await asyncio.sleep(plan.seconds)
        ages.up, down = await _told(control, "ages"), list(ages.down)
        for _ in range(plan.barge_ins):
            await _told(control, "barge in")
            await asyncio.sleep(0.2)
            for session in ours:
                await session.send(StreamElement(text="go", end_of_stream=True))
            await asyncio.sleep(0.2)
        for task in (*listening, *speaking):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    ages.down = down
    return ages


async def _told(control: ClientConnection, command: str) -> list[float]:
    await control.send(command)
    told: list[float] = orjson.loads(await control.recv())
    return told


async def _listen(session: RealtimeSession, ages: Ages) -> None:
    barged_in_at = 0
    async for element in session:
        if element.audio:
            ages.down.append(age_ms(element.audio.data))
        if isinstance(element.event, SpeechStarted):
            barged_in_at = int(element.event.item_id)
        if element.interrupted:
            ages.silence.append((time.monotonic_ns() - barged_in_at) / 1e6)


async def _speak(session: RealtimeSession, phase: float) -> None:
    due = time.monotonic() + phase * PIECE_MS / 1000
    while True:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await session.send(StreamElement(audio=Audio(stamped(PIECE_BYTES), RATE)))
        due += PIECE_MS / 1000


def drift_ms(seconds: float) -> float:
    """Return by how much the pacing of so much sound ends late, on a clock that wakes everybody 1 ms too late."""
    cadence, now, piece_ms = Cadence(0.0), 0.0, interval_ms()
    pieces = round(seconds * 1000 / piece_ms)
    for _ in range(pieces):
        wait_s = cadence.wait_s(now)
        now += wait_s + 0.001 if wait_s else 0.0
        cadence.advance(piece_ms)
    return (now - (pieces - 1) * piece_ms / 1000) * 1000


async def benchmark(plan: Plan) -> bool:
    """Measure and print; return whether the bar of the pacing is held."""
    rows: list[list[object]] = []
    async with provider() as url:
        for sessions in _SESSIONS:
            ages = await measured(url, sessions, plan)
            for what, taken in (
                ("sound up: `send` to the provider's socket", ages.up),
                ("sound down: the provider's socket to the consumer", ages.down),
                ("barge-in: the provider's word to `interrupted`", ages.silence),
            ):
                p50, p99 = percentiles(taken)
                rows.append([sessions, what, len(taken), f"{p50:.2f}", f"{p99:.2f}"])
    print(table(["sessions", "what", "samples", "p50 ms", "p99 ms"], rows))
    drift = drift_ms(_TEN_MINUTES_S)
    print(f"\nPacing: {drift:.3f} ms late after 10 simulated minutes (bar: {_DRIFT_BAR_MS} ms)")
    return abs(drift) < _DRIFT_BAR_MS


def main() -> None:
    """Read the command line and measure."""
    sys.exit(not uvloop.run(benchmark(QUICK if "--quick" in sys.argv[1:] else Plan())))


if __name__ == "__main__":
    main()
