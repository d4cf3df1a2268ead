"""What every measurement of failover stands on: a stack, workers, and turns whose provider follows a script."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

from temporalio.client import Client

import connection
from deploy.sandbox.processes import RunningServer, Servers, free_port, running_servers
from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.journal import Entry
from deploy.sandbox.stack import Stack, stack
from deploy.sandbox.worker import environment, start_worker
from streaming.jsontext import JsonObject
from streaming.live.channels import Channels
from streaming.live.durable import Outcome
from streaming.live.hub import Hub, WatchedTurn
from streaming.live.link import connect_redis
from turns import Turns

QUEUE = "failover"
# A worker leaves a model alone that failed a few times in a row. Models take turns, so none fails so often.
_MODELS = 200
_ROUTES = {
    "one": (("scripted", "first"),),
    "two": (("scripted", "first"), ("scripted", "second")),
    "refused": (("scripted", "first"), ("dead", "refused"), ("scripted", "second")),
}


@dataclass(frozen=True)
class Asked:
    """A turn that is to be started, and the script its provider follows: the turn's id is the script's name."""

    id: str
    turn: JsonObject


@dataclass(frozen=True)
class Ground:
    """A running stack without workers."""

    provider: ScriptedProvider
    temporal: Client
    hub: Hub
    _servers: Servers
    _environ: Mapping[str, str]
    _numbers: Iterator[int] = field(default_factory=count)

    async def worker(self, queue: str = QUEUE, *, live: bool = True) -> RunningServer:
        """Start a worker, and wait until it polls."""
        variables = {"MILLSTREAM_WORKER__TASK_QUEUE": queue, "MILLSTREAM_LIVE__ENABLED": str(live).lower()}
        return await start_worker(self._servers, {**self._environ, **variables})

    def turns(self, queue: str = QUEUE) -> Turns:
        """Return the client side of the turns of a queue."""
        return Turns(self.temporal, queue)

    async def script(self, *responses: JsonObject, route: str = "one", limits: JsonObject | None = None) -> Asked:
        """Teach the provider what the route's first candidate answers; any other answers well."""
        number, name = next(self._numbers) % _MODELS, f"turn-{uuid4().hex[:12]}"
        await self.provider.put(name, list(responses), model=f"first-{number}")
        await self.provider.put(name, [{"text": "whole at last"}])
        scripted: JsonObject = {"metadata": {"script": name}}
        turn: JsonObject = {
            "messages": [{"role": "user", "content": "Hi"}],
            "route": f"{route}-{number}",
            "settings": {"extra": {"scripted": scripted}},
            "limits": limits or {},
        }
        return Asked(name, turn)

    async def requests(self, asked: Asked) -> list[Entry]:
        """Return what the provider was asked in a turn, oldest first."""
        return await self.provider.requests(asked.id)

    async def whole(self, asked: Asked) -> Outcome:
        """Run a turn to its end.

        Raises:
            RuntimeError: it has no result: nothing was measured.
        """
        mine = self.turns()
        await mine.start(asked.id, asked.turn)
        outcome = await mine.outcome(asked.id)
        if outcome.result is None:
            raise RuntimeError(f"turn {asked.id} {outcome.status}: {outcome.failure}")
        return outcome

    @asynccontextmanager
    async def viewed(self, asked: Asked) -> AsyncIterator[WatchedTurn]:
        """Start a turn that is watched from its beginning."""
        async with self.hub.watch(asked.id, join_at_start=False) as watched:
            await self.turns().start(asked.id, asked.turn)
            yield watched


@asynccontextmanager
async def ground(environ: Mapping[str, str]) -> AsyncIterator[Ground]:
    """Bring a stack up, without a worker."""
    async with stack(environ, lambda _: None) as up, running_servers() as servers:
        pointed = environment(up, environ) | {"MILLSTREAM_CONFIG": _config(up)}
        client, redis = await connection.connect(pointed), connect_redis(up.redis_url)
        async with (
            ScriptedProvider(up.provider_url) as provider,
            Hub(redis, Channels(client.namespace), Turns(client, QUEUE)) as hub,
        ):
            yield Ground(provider, client, hub, servers, pointed)
        await redis.aclose()


def _config(up: Stack) -> str:
    """Write the workers' settings; return the file's path."""
    lines: list[str] = []
    for name, url in {"scripted": up.provider_url, "dead": f"http://127.0.0.1:{free_port()}/v1"}.items():
        lines += [
            f"[providers.{name}]",
            'wire = "openai-chat"',
            f'base_url = "{url}"',
            'api_key_env = "SCRIPTED_API_KEY"',
        ]
    for number in range(_MODELS):
        for route, candidates in _ROUTES.items():
            for provider, model in candidates:
                lines += [f'[[routes."{route}-{number}"]]', f'provider = "{provider}"', f'model = "{model}-{number}"']
    path = up.log_dir / "failover.toml"
    path.write_text("\n".join(lines))
    return str(path)
