"""What every end-to-end test stands on: a real stack, real worker processes, a scripted provider."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from temporalio.client import Client, WorkflowHandle

from connection import connect
from deploy.sandbox.processes import LOOPBACK, RunningServer, Servers, running_servers
from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.journal import Entry
from deploy.sandbox.redis import find_redis, start_redis
from deploy.sandbox.stack import Stack, stack
from deploy.sandbox.worker import start_worker
from streaming.jsontext import JsonObject, JsonValue
from streaming.live.channels import Channels
from streaming.live.hub import Hub, WatchedTurn
from streaming.live.link import TIMEOUT_S, connect_redis
from turns import Turns

SECRET = "sk-secret-that-must-not-leak"
ROUTES = {
    "default": [("scripted", "model-a", "")],
    "pair": [("scripted", "model-a", ""), ("scripted", "model-b", "")],
    "dead-first": [("dead", "model-a", ""), ("scripted", "model-b", "")],
    "dead": [("dead", "model-a", "")],
    "unary": [("scripted", "model-a", "stream = false")],
    "accept-empty": [("scripted", "model-a", 'on_empty = "accept"')],
    "patient": [("scripted", "model-a", "first_token_s = 30")],
}
_T = TypeVar("_T")


@dataclass
class Rig:
    """One stack, and what tests do with it."""

    stack: Stack
    servers: Servers
    environ: Mapping[str, str]
    client: Client
    provider: ScriptedProvider
    redis: Redis
    """What tests ask of Redis themselves; viewers have clients of their own."""
    channels: Channels
    config: Path
    """The settings of its workers. Never written again: one of them may be reading."""
    nobody: str
    """An address of this machine at which every connection is refused, for as long as the rig is up."""
    queue: str = field(default_factory=lambda: f"queue-{uuid4().hex[:8]}")

    async def worker(self, queue: str | None = None, **variables: str) -> RunningServer:
        """Start a worker process and wait until it polls."""
        return await start_worker(self.servers, self.worker_environ(queue, **variables))

    def worker_environ(self, queue: str | None = None, **variables: str) -> dict[str, str]:
        """Return the environment of a worker of this stack."""
        return {
            **self.environ,
            "MILLSTREAM_CONFIG": str(self.config),
            "MILLSTREAM_WORKER__TASK_QUEUE": queue or self.queue,
            "SCRIPTED_KEY": SECRET,
            # The tests of one worker fail its candidates on purpose, and must not leave each other out.
            "MILLSTREAM_BREAKERS__ENABLED": "false",
            **variables,
        }

    def turns(self, queue: str | None = None) -> Turns:
        """Return the client side of turns on a queue."""
        return Turns(self.client, queue or self.queue)

    async def script(self, *responses: JsonObject, model: str | None = None, name: str | None = None) -> str:
        """Teach the provider a script of its own; return the script's name."""
        name = name or f"script-{uuid4().hex[:8]}"
        await self.provider.put(name, list(responses), model=model)
        return name

    async def start(
        self, turn: JsonObject, *, queue: str | None = None, turn_id: str | None = None
    ) -> WorkflowHandle[object, JsonObject]:
        """Start a turn as anyone would: by type name, with JSON."""
        return await self.client.start_workflow(
            "Turn", turn, id=turn_id or f"turn-{uuid4().hex[:8]}", task_queue=queue or self.queue, result_type=dict
        )

    async def run(self, turn: JsonObject, *, queue: str | None = None) -> JsonObject:
        """Run a turn and return its result."""
        result: JsonObject = await (await self.start(turn, queue=queue)).result()
        return result

    @asynccontextmanager
    async def viewer(self, turn_id: str, *, join_at_start: bool = False) -> AsyncIterator[WatchedTurn]:
        """Watch a turn from a process' hub of its own: by default as `millstream ask` does before it starts one."""
        async with (
            aclosing(connect_redis(self.environ["REDIS_URL"])) as redis,
            Hub(redis, self.channels, self.turns()) as hub,
            hub.watch(turn_id, join_at_start=join_at_start) as watched,
        ):
            yield watched

    async def requests(self, script: str) -> list[Entry]:
        """Return what the provider was asked under a script."""
        return await self.provider.requests(script)


def turn(script: str, **fields: JsonValue) -> JsonObject:
    """Return a turn's input whose provider follows a script."""
    settings: JsonObject = {"extra": {"scripted": {"metadata": {"script": script}}}}
    request: JsonObject = {"messages": [{"role": "user", "content": "Hi"}], "settings": settings}
    return {**request, **fields}


def text_of(result: JsonObject) -> str:
    """Return the text of a turn's result."""
    message = result["message"]
    assert isinstance(message, dict)
    parts = message["parts"]
    assert isinstance(parts, list)
    return "".join(str(part["text"]) for part in parts if isinstance(part, dict) and part["type"] == "text")


async def eventually(what: Callable[[], Awaitable[_T | None]], within_s: float = 120.0) -> _T:
    """Ask until there is an answer that is neither None nor False."""
    until = time.monotonic() + within_s
    while True:
        if answer := await what():
            return answer
        assert time.monotonic() < until, f"nothing within {within_s} s"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def rig_up(environ: Mapping[str, str]) -> AsyncIterator[Rig]:
    """Bring a stack up, without a worker."""
    async with stack(environ, print) as up, running_servers() as servers:
        pointed = dict(environ) | {"TEMPORAL_ADDRESS": up.temporal_address, "REDIS_URL": up.redis_url}
        client = await connect(pointed)
        config = up.log_dir / "routes.toml"
        with _refusing() as nobody:
            config.write_text(_config(up.provider_url, nobody))
            async with ScriptedProvider(up.provider_url) as provider, _patient(up.redis_url) as redis:
                yield Rig(up, servers, pointed, client, provider, redis, Channels(client.namespace), config, nobody)


@asynccontextmanager
async def redis_of_its_own(rig: Rig) -> AsyncIterator[Rig]:
    """Give a rig whose Redis is another one, so that it may be counted and killed; `queue` is its own too."""
    async with running_servers() as servers:
        program = await find_redis(servers, rig.environ, print)
        own = await start_redis(servers, program)
        assert own.process is not None
        environ = {**rig.environ, "REDIS_URL": own.url}
        async with _patient(own.url) as redis:
            yield replace(
                rig,
                environ=environ,
                redis=redis,
                queue=f"own-redis-{uuid4().hex[:8]}",
                stack=replace(rig.stack, redis_url=own.url, processes={"redis": own.process}),
                servers=servers,
            )


@asynccontextmanager
async def _patient(url: str) -> AsyncIterator[Redis]:
    """Give a client that asks again where ours would give up: a test is no worse for a Redis that stood still."""
    retry = Retry(ConstantBackoff(0.2), 60)
    async with aclosing(Redis.from_url(url, socket_timeout=TIMEOUT_S, protocol=2, retry=retry)) as redis:
        yield redis


@contextmanager
def _refusing() -> Iterator[str]:
    """Hold a port on which nobody listens: a free one could be taken by another process."""
    with socket.socket() as held:
        held.bind((LOOPBACK, 0))
        yield f"{LOOPBACK}:{held.getsockname()[1]}"


def _config(provider_url: str, nobody: str) -> str:
    providers = {"scripted": provider_url, "dead": f"http://{nobody}/v1"}
    lines: list[str] = []
    for name, url in providers.items():
        lines += [f"[providers.{name}]", 'wire = "openai-chat"', f'base_url = "{url}"', 'api_key_env = "SCRIPTED_KEY"']
    for route, candidates in ROUTES.items():
        for provider, model, more in candidates:
            lines += [f'[[routes."{route}"]]', f'provider = "{provider}"', f'model = "{model}"', more]
    return "\n".join(lines)


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which only the sandbox decides: no keys, settings or addresses of the user's."""
    ours = ("MILLSTREAM_", "TEMPORAL_", "OPENAI_", "REDIS_URL")
    return {name: value for name, value in environ.items() if not name.startswith(ours)}


PROJECT = Path(__file__).parents[2]
