"""Viewers of turns, as a process of their own: `python -m benchmarks.live_viewers JSON`, with `Viewing`'s fields.

Like `millstream ask`, it subscribes, starts the turns, and watches them. At the end it says what was measured.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass

import uvloop

import connection
import settings
from benchmarks.stamps import Seen, Watch
from streaming.jsontext import JsonObject
from streaming.live.channels import Channels
from streaming.live.durable import Outcome
from streaming.live.frames import Frame
from streaming.live.hub import Hub, WatchedTurn
from turns import Turns


@dataclass(frozen=True)
class Viewing:
    """Turns, and who watches them.

    Attributes:
        turns: Their ids.
        turn: The input of each.
        task_queue: Where they are started.
        viewers: How many watch each; none only wait for the results.
        hubs: How many subscriptions to each turn the viewers share, as if in so many processes.
    """

    turns: list[str]
    turn: JsonObject
    task_queue: str
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


async def _view(viewing: Viewing, environ: Mapping[str, str]) -> Seen | None:
    client = await connection.connect(environ)
    channels, ours = Channels(client.namespace), Turns(client, viewing.task_queue)
    async with AsyncExitStack() as stack:
        hubs = [
            await stack.enter_async_context(Hub(settings.connect_redis(environ), channels, ours))
            for _ in range(viewing.hubs)
        ]
        places = [(hubs[at % len(hubs)], turn) for turn in viewing.turns for at in range(viewing.viewers)]
        watched = await asyncio.gather(
            *(stack.enter_async_context(hub.watch(turn, join_at_start=False)) for hub, turn in places)
        )
        await asyncio.gather(*(ours.start(turn, viewing.turn) for turn in viewing.turns))
        watches = [Watch() for _ in watched]
        right = await asyncio.gather(*map(_follow, watched, watches))
        await ours.outcome(viewing.turns[0])
    return Seen.by(watches, right.count(False)) if watches else None


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        environment = os.environ  # noqa: TID251 - a process of its own
        seen = runner.run(_view(Viewing(**json.loads(sys.argv[1])), environment))
    print(json.dumps(seen and asdict(seen)))
