"""Viewers of turns as a process of their own: `python -m benchmarks.live_viewers '{"turns": [...], "viewers": 1}'`.

Says "watching" once every subscription stands, and after the turns' ends one line of JSON with what was measured.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import uvloop

import settings
import turns
from benchmarks.stamps import Seen, Watch
from streaming.live.channels import Channels
from streaming.live.durable import Outcome
from streaming.live.frames import Frame
from streaming.live.hub import Hub, WatchedTurn
from turns import Turns


@dataclass(frozen=True)
class Viewing:
    """Who watches what.

    Attributes:
        turns: The turns' ids.
        viewers: How many watch each.
        hubs: How many subscriptions to each turn they share, as so many processes' would be.
    """

    turns: list[str]
    viewers: int = 1
    hubs: int = 1


async def _follow(turn: WatchedTurn, watch: Watch) -> bool:
    """Watch to the end; return whether what was on screen is the durable text."""
    async for event in turn.events():
        if isinstance(event, Frame):
            for addition in event.additions:
                match addition:
                    case [_, "text", str(text)]:
                        watch.seen(text)
        elif isinstance(event, Outcome):
            return event.result is not None and event.result.message.text == turn.viewer.text
    return False


async def _view(viewing: Viewing, environ: Mapping[str, str]) -> None:
    client = await turns.connect(environ)
    channels = Channels(client.namespace)
    async with AsyncExitStack() as stack:
        hubs = [
            await stack.enter_async_context(Hub(settings.connect_redis(environ), channels, Turns(client, "")))
            for _ in range(viewing.hubs)
        ]
        places = [(hubs[at % len(hubs)], turn) for turn in viewing.turns for at in range(viewing.viewers)]
        watched = await asyncio.gather(
            *(stack.enter_async_context(hub.watch(turn, join_at_start=False)) for hub, turn in places)
        )
        print("watching", flush=True)
        watches = [Watch() for _ in watched]
        right = await asyncio.gather(*map(_follow, watched, watches))
    Seen.by(watches, right.count(False)).say()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        environment = os.environ  # noqa: TID251 - a process of its own
        runner.run(_view(Viewing(**json.loads(sys.argv[1])), environment))
