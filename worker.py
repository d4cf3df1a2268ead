"""The worker process: settings, clients and the worker, composed. `millstream worker`, or `python worker.py`.

SIGTERM and SIGINT drain it: running turns may finish for `worker.drain_s`, the rest are handed to another worker.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import uvloop
from redis.asyncio import Redis
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import connection
import routing
import settings
from activities.attachments import Sources
from activities.breaker_hints import SharedBreakers
from activities.breakers import Breakers
from activities.destinations import Destinations
from activities.fetching import Fetcher
from activities.generate import Generate
from activities.live_turn import LiveTurn
from activities.routes import Routes
from activities.store import Store
from activities.tally import tally
from activities.transport import Transport
from activities.unwatched import UnwatchedTurn
from settings import AttachmentSettings, LiveSettings, Settings, SettingsError
from streaming.live.channels import Channels
from streaming.live.counts import Measure
from streaming.live.exchange import Exchange
from streaming.live.publisher import Publisher
from telemetry import logs, metrics
from telemetry.health import serve_health
from telemetry.providers import ProviderMetrics
from workflows.turn import Turn

_log = logging.getLogger("worker")

# After a worker's death its sticky queue delays workflow tasks, queries and updates by this much.
_STICKY_TIMEOUT = timedelta(seconds=1)


async def serve(
    loaded: Settings, environ: Mapping[str, str], stop: asyncio.Event, ready: Callable[[str], None]
) -> None:
    """Run a worker until `stop` is set, then drain it.

    Args:
        loaded: the settings.
        environ: where the settings' keys and the servers' addresses are.
        stop: ends the worker.
        ready: told the health endpoint's address once the worker polls.

    Raises:
        SettingsError: the settings cannot be used.
        CannotReachTemporal: no server answers.
    """
    routes, warnings = routing.resolve_routes(loaded, environ)
    for warning in warnings:
        _log.warning(warning)
    redis = settings.connect_redis(environ) if loaded.live.enabled else None
    runtime = metrics.runtime(loaded.worker.metrics_address)
    client = await connection.connect(environ, runtime)
    async with AsyncExitStack() as stack:
        measure = metrics.LiveMetrics(runtime.metric_meter)
        publisher = _publisher(redis, loaded.live, client.namespace, measure) if redis else None
        if publisher:
            await stack.enter_async_context(publisher)
        transport = await stack.enter_async_context(Transport())
        sources = await _sources(loaded.attachments, stack)
        breakers = Breakers(enabled=loaded.breakers.enabled)
        if redis and loaded.breakers.enabled and loaded.breakers.share:
            await stack.enter_async_context(_exchange(redis, loaded.live, client, breakers, routes))
        counting = await stack.enter_async_context(ProviderMetrics(runtime.metric_meter, breakers))
        watched = publisher.watched if publisher else _unwatched
        generate = Generate(routes, transport, sources, breakers, watched, counting.tried)
        worker = Worker(
            client,
            task_queue=loaded.worker.task_queue,
            workflows=[Turn],
            activities=[generate.generate, tally],
            workflow_runner=SandboxedWorkflowRunner(
                restrictions=SandboxRestrictions.default.with_passthrough_modules("streaming", "pydantic", "orjson")
            ),
            max_concurrent_activities=loaded.worker.max_concurrent_turns,
            graceful_shutdown_timeout=timedelta(seconds=loaded.worker.drain_s),
            sticky_queue_schedule_to_start_timeout=_STICKY_TIMEOUT,
        )
        health = await serve_health(loaded.worker.health_address, worker, publisher, stack)
        async with worker:
            await _until_polling(worker)
            _log.info("worker ready: task queue %s, routes %s", loaded.worker.task_queue, ", ".join(routes.by_name))
            ready(health)
            await stop.wait()
            _log.info("draining: running turns may finish for %g s", loaded.worker.drain_s)
    # Without this pause the interpreter's exit aborts in some runs while the SDK's threads still log
    # (temporalio/sdk-python#300).
    await asyncio.sleep(0.5)


async def _until_polling(worker: Worker) -> None:
    """Wait until the server has accepted the worker, which entering its context only asks for."""
    while not worker.is_running:  # noqa: ASYNC110 - the SDK has no event for it
        await asyncio.sleep(0.01)


def _publisher(redis: Redis, live: LiveSettings, namespace: str, measure: Measure) -> Publisher:
    return Publisher(
        redis,
        Channels(namespace, live.channel_prefix),
        floor_s=live.flush_floor_ms / 1000,
        dormancy=live.dormancy,
        measure=measure,
    )


def _exchange(redis: Redis, live: LiveSettings, client: Client, breakers: Breakers, routes: Routes) -> Exchange:
    candidates = {candidate.key for candidates in routes.by_name.values() for candidate in candidates}
    name = f"{client.identity}/{uuid4().hex[:6]}"  # process ids and host names repeat between containers
    return Exchange(
        redis, SharedBreakers(breakers, candidates, Channels(client.namespace, live.channel_prefix).breaker, name)
    )


async def _sources(given: AttachmentSettings, stack: AsyncExitStack) -> Sources:
    networks = tuple(ip_network(network) for network in given.allow_networks)
    fetcher = await stack.enter_async_context(Fetcher(Destinations(given.allow_http, networks)))
    store = Store(Path(given.directory) if given.directory else None)
    return Sources(fetcher, store, given.max_bytes, given.max_total_bytes, given.load_s)


@contextmanager
def _unwatched(turn_id: str) -> Iterator[LiveTurn]:
    yield UnwatchedTurn()


async def _until_signalled(loaded: Settings, environ: Mapping[str, str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await serve(loaded, environ, stop, lambda health: _log.info("health at %s", health))


def main() -> int:
    """Run a worker until it is told to stop; return its exit code."""
    environ = os.environ  # noqa: TID251 - the composition root reads the environment
    logs.configure_logs("auto")
    try:
        loaded = settings.load(environ)
        logs.configure_logs(loaded.worker.log_format)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_signalled(loaded, environ))
    except SettingsError as error:
        _log.error("settings: %s", error)
        return 2
    except connection.CannotReachTemporal as error:
        _log.error("%s", error)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
