"""The whole laptop stack: Temporal, Redis and the scripted provider, up together and down together."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.sandbox.commands import Progress
from deploy.sandbox.processes import RunningServer, Servers, running_servers
from deploy.sandbox.redis import RedisServer, find_redis, given_redis, start_redis
from deploy.sandbox.scripted_provider import COMMAND, ProviderServer, start_provider
from deploy.sandbox.temporal import TemporalServer, given_temporal, start_temporal, wanted_namespace
from deploy.sandbox.temporal_cli import find_temporal


@dataclass(frozen=True)
class Stack:
    """Where the servers are, and the processes of those that are ours."""

    temporal_address: str
    temporal_namespace: str
    temporal_ui: str | None
    redis_url: str
    provider_url: str
    log_dir: Path
    processes: Mapping[str, RunningServer] = field(default_factory=dict)


@asynccontextmanager
async def stack(
    environ: Mapping[str, str], progress: Progress, provider: Sequence[str] = COMMAND
) -> AsyncIterator[Stack]:
    """Bring the stack up, and take down what was started whatever happens.

    A server the environment names is used, and left as it is.

    Args:
        environ: The environment: what it names, and where to look for programs.
        progress: Shows one line.
        provider: How the scripted provider is started.

    Yields:
        The serving stack.

    Raises:
        SandboxError: A server could not be found or started.
    """
    async with running_servers() as servers:
        temporal, redis, scripted = await _all_up(servers, environ, progress, provider)
        ours = {"temporal": temporal.process, "redis": redis.process, "provider": scripted.process}
        yield Stack(
            temporal_address=temporal.address,
            temporal_namespace=temporal.namespace,
            temporal_ui=temporal.ui,
            redis_url=redis.url,
            provider_url=scripted.url,
            log_dir=servers.folder,
            processes={name: process for name, process in ours.items() if process},
        )


async def _all_up(
    servers: Servers, environ: Mapping[str, str], say: Progress, provider: Sequence[str]
) -> tuple[TemporalServer, RedisServer, ProviderServer]:
    try:
        async with asyncio.TaskGroup() as starting:
            temporal = starting.create_task(_temporal_up(servers, environ, say))
            redis = starting.create_task(_redis_up(servers, environ, say))
            scripted = starting.create_task(start_provider(servers, environ, provider))
    except ExceptionGroup as failures:
        # The first failure cancelled the others: it is the one to tell.
        raise failures.exceptions[0] from None
    return temporal.result(), redis.result(), scripted.result()


async def _temporal_up(servers: Servers, environ: Mapping[str, str], say: Progress) -> TemporalServer:
    given = await given_temporal(environ)
    if given:
        say(f"Temporal: using {given.address}")
        return given
    program = await find_temporal(servers, environ, say)
    started = await start_temporal(servers, program, wanted_namespace(environ))
    say(f"Temporal: serving at {started.address}")
    return started


async def _redis_up(servers: Servers, environ: Mapping[str, str], say: Progress) -> RedisServer:
    given = await given_redis(environ)
    if given:
        say("Redis: using the server in REDIS_URL")
        return given
    program = await find_redis(servers, environ, say)
    started = await start_redis(servers, program)
    say(f"Redis: serving at {started.url}")
    return started
