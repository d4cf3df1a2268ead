"""The measurements of failover: each gives its samples in milliseconds."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.failover_ground import Asked, Ground
from deploy.sandbox.processes import RunningServer
from deploy.sandbox.provider.journal import Entry
from streaming.jsontext import JsonObject
from streaming.live.hub import WatchedTurn

HEARTBEAT_S = 2.0
CLOCK_S = 1.0
UNWATCHED = "unwatched"
"""The queue of the worker without a live view."""

_POLL_S = 0.02
# Turns that follow each other at once come to wait, 40 ms a task, for Temporal's development server.
_REST_S = 0.3
_ENDLESS: JsonObject = {"tokens": 5000, "pace_s": 0.02}
_STREAMING = 20
"""So many characters on screen, or chunks sent, and a stream is under way."""

FAULTS: dict[str, tuple[str, JsonObject]] = {
    "HTTP 500": ("two", {"status": 500}),
    "cut stream": ("two", {"tokens": 20, "cut_after": 5}),
    "error event": ("two", {"tokens": 20, "error_after": 5, "error": {"message": "busy", "type": "server_error"}}),
    # Nobody can say when a connection was refused: a failure before it begins the time, which then has two switches.
    "HTTP 500, then connection refused": ("refused", {"status": 500}),
}
SILENCES: dict[str, JsonObject] = {
    "first_token_s": {"text": "too late", "headers_after_s": 60},
    "idle_s": {"tokens": 9, "silent_after": 3},
    "stall_s": {"tokens": 9, "ping_after": 3},
}


async def switches(ground: Ground, kind: str, samples: int) -> list[float]:
    """Return the times from the end of the first candidate's failure to the last one's request."""
    route, fault = FAULTS[kind]
    found: list[float] = []
    for _ in range(samples):
        asked = await ground.script(fault, route=route)
        await ground.whole(asked)
        first, last = await ground.requests(asked)
        found.append((last.at - _ended(first)) * 1000)
    return found


async def kills(ground: Ground, serving: RunningServer, samples: int) -> tuple[list[float], RunningServer]:
    """Return the times from SIGKILL to the next attempt's first token on screen, and the worker that is left."""
    found: list[float] = []
    for _ in range(samples):
        asked = await ground.script(_ENDLESS, {"text": "taken over"}, limits={"heartbeat_s": HEARTBEAT_S})
        async with ground.viewed(asked) as watched:
            epoch = await _shown(watched, 0, _STREAMING)
            standby = await ground.worker()
            await _some_of(HEARTBEAT_S)
            killed_at = time.monotonic()
            serving.kill()
            await _shown(watched, epoch, 1)
            found.append((time.monotonic() - killed_at) * 1000)
            serving = standby
            await ground.turns().outcome(asked.id)
    return found, serving


async def silences(ground: Ground, clock: str, samples: int) -> list[float]:
    """Return how long after its clock's time the provider saw each silent stream closed; they run side by side."""

    async def one() -> float:
        asked = await ground.script(SILENCES[clock], route="two", limits={clock: CLOCK_S})
        await ground.whole(asked)
        silent = await _closed(ground, asked)
        since = silent.at if silent.last_chunk_at is None else silent.last_chunk_at
        return (_ended(silent) - since - CLOCK_S) * 1000

    return await asyncio.gather(*(one() for _ in range(samples)))


async def interrupts(ground: Ground, samples: int) -> list[float]:
    """Return the times from a call of `Turns.interrupt` to the provider's closed socket, with the hint over Redis."""
    found: list[float] = []
    for _ in range(samples):
        asked = await ground.script(_ENDLESS)
        async with ground.viewed(asked) as watched:
            await _shown(watched, 0, _STREAMING)
            await _some_of(0.1)
            asked_at = time.time()
            await ground.turns().interrupt(asked.id, watched.interrupt_hint)
            found.append((_ended(await _closed(ground, asked)) - asked_at) * 1000)
    return found


async def unhinted_interrupts(ground: Ground, samples: int) -> list[float]:
    """Return the same times where the worker has no live view; the turns run side by side."""

    async def told() -> None:
        """Nobody would hear it."""

    async def one() -> float:
        asked, mine = await ground.script(_ENDLESS, limits={"heartbeat_s": HEARTBEAT_S}), ground.turns(UNWATCHED)
        await mine.start(asked.id, asked.turn)
        await _first_request(ground, asked, lambda first: first.chunks_sent > _STREAMING)
        await _some_of(HEARTBEAT_S)
        asked_at = time.time()
        await mine.interrupt(asked.id, told)
        return (_ended(await _closed(ground, asked)) - asked_at) * 1000

    return await asyncio.gather(*(one() for _ in range(samples)))


@dataclass(frozen=True)
class Cost:
    """What a turn cost: the time of each sample, and the history of the last."""

    took_ms: list[float]
    events: int
    history_bytes: int


async def cost(ground: Ground, responses: Iterable[JsonObject], route: str, samples: int) -> Cost:
    """Return what turns cost whose first candidate answers like this."""
    took: list[float] = []
    script = list(responses)
    for _ in range(samples):
        asked = await ground.script(*script, route=route)
        await asyncio.sleep(_REST_S)
        began = time.monotonic()
        await ground.whole(asked)
        took.append((time.monotonic() - began) * 1000)
    described = await ground.temporal.get_workflow_handle(asked.id).describe()
    info = described.raw_description.workflow_execution_info
    return Cost(took, info.history_length, info.history_size_bytes)


async def _shown(watched: WatchedTurn, after_epoch: int, characters: int) -> int:
    """Watch until so much is on screen in a later epoch; return the epoch."""
    async for _ in watched.events():
        if watched.viewer.epoch > after_epoch and len(watched.viewer.text) >= characters:
            return watched.viewer.epoch
    raise RuntimeError(f"turn {watched.turn_id} ended too early: {watched.outcome}")


async def _closed(ground: Ground, asked: Asked) -> Entry:
    """Return the turn's first request once the provider has seen its socket closed."""
    first = await _first_request(ground, asked, lambda first: first.ended_at is not None)
    if first.outcome != "client closed":
        raise RuntimeError(f"turn {asked.id}: the stream ended as {first.outcome!r}")
    return first


async def _first_request(ground: Ground, asked: Asked, until: Callable[[Entry], bool]) -> Entry:
    while True:
        for first in (await ground.requests(asked))[:1]:
            if until(first):
                return first
        await asyncio.sleep(_POLL_S)


def _ended(entry: Entry) -> float:
    if entry.ended_at is None:
        raise RuntimeError(f"the request to {entry.model} has not ended")
    return entry.ended_at


async def _some_of(seconds: float) -> None:
    """Wait for a random part of it: what is measured must not keep step with a beat."""
    await asyncio.sleep(random.uniform(0, seconds))
