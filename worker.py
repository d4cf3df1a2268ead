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
from dataclasses import asdict, fields
from datetime import timedelta
from ipaddress import IPv4Address

import structlog
import uvloop
from aiohttp import web
from redis.asyncio import Redis
from temporalio.common import MetricMeter
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import settings
import turns
from activities.attempt import LiveTurn
from activities.generate import Generate
from activities.transport import Transport
from activities.unwatched import UnwatchedTurn
from settings import LiveSettings, Settings, SettingsError
from streaming.live.channels import Channels
from streaming.live.counts import Counts, Measure
from streaming.live.publisher import Publisher
from workflows.turn import Turn

_log = logging.getLogger("worker")

# After a worker's death its sticky queue delays workflow tasks, queries and updates by this much.
_STICKY_TIMEOUT = timedelta(seconds=1)

_EVERY_INTERFACE = str(IPv4Address(0))
_GAUGES = ("turns", "dormant_turns")
_COUNTERS = tuple(name for name in (field.name for field in fields(Counts)) if name not in _GAUGES)


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
    routes, warnings = settings.resolve_routes(loaded, environ)
    for warning in warnings:
        _log.warning(warning)
    redis = settings.connect_redis(environ) if loaded.live.enabled else None
    runtime = _runtime(loaded.worker.metrics_address)
    client = await turns.connect(environ, runtime)
    async with AsyncExitStack() as stack:
        metrics = LiveMetrics(runtime.metric_meter)
        publisher = _publisher(redis, loaded.live, client.namespace, metrics) if redis else None
        if publisher:
            await stack.enter_async_context(publisher)
        transport = await stack.enter_async_context(Transport())
        generate = Generate(routes, transport, publisher.watched if publisher else _unwatched)
        worker = Worker(
            client,
            task_queue=loaded.worker.task_queue,
            workflows=[Turn],
            activities=[generate.generate],
            workflow_runner=SandboxedWorkflowRunner(
                restrictions=SandboxRestrictions.default.with_passthrough_modules("streaming", "pydantic", "orjson")
            ),
            max_concurrent_activities=loaded.worker.max_concurrent_turns,
            graceful_shutdown_timeout=timedelta(seconds=loaded.worker.drain_s),
            sticky_queue_schedule_to_start_timeout=_STICKY_TIMEOUT,
        )
        health = await _serve_health(loaded.worker.health_address, worker, publisher, stack)
        async with worker:
            _log.info("worker ready: task queue %s, routes %s", loaded.worker.task_queue, ", ".join(routes.by_name))
            ready(health)
            await stop.wait()
            _log.info("draining: running turns may finish for %g s", loaded.worker.drain_s)
    # Without this pause the interpreter's exit aborts in some runs while the SDK's threads still log
    # (temporalio/sdk-python#300).
    await asyncio.sleep(0.5)


def _runtime(metrics_address: str) -> Runtime:
    """Return the SDK's runtime, which serves the metrics where there is an address for them.

    Raises:
        SettingsError: they cannot be served there.
    """
    if not metrics_address:
        return Runtime.default()
    host, _, port = metrics_address.rpartition(":")
    config = PrometheusConfig(
        bind_address=f"{host or _EVERY_INTERFACE}:{port}",
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
    )
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=config))
    except ValueError as error:
        raise SettingsError(f"worker.metrics_address {metrics_address}: {error}") from None


class LiveMetrics:
    """Feeds the live view's counts into the metrics of the SDK's runtime, as `millstream_live_...`."""

    def __init__(self, meter: MetricMeter) -> None:
        self._counters = {name: meter.create_counter(f"millstream_live_{name}") for name in _COUNTERS}
        self._gauges = {name: meter.create_gauge(f"millstream_live_{name}") for name in _GAUGES}
        self._told = dict.fromkeys(_COUNTERS, 0)

    def __call__(self, counts: Counts) -> None:
        """Tell the meter how the counts stand."""
        now: dict[str, int] = asdict(counts)
        for name, counter in self._counters.items():
            counter.add(now[name] - self._told[name])
            self._told[name] = now[name]
        for name, gauge in self._gauges.items():
            gauge.set(now[name])


def _publisher(redis: Redis, live: LiveSettings, namespace: str, measure: Measure) -> Publisher:
    return Publisher(
        redis,
        Channels(namespace, live.channel_prefix),
        floor_s=live.flush_floor_ms / 1000,
        dormancy=live.dormancy,
        measure=measure,
    )


@contextmanager
def _unwatched(turn_id: str) -> Iterator[LiveTurn]:
    yield UnwatchedTurn()


async def _serve_health(address: str, worker: Worker, publisher: Publisher | None, stack: AsyncExitStack) -> str:
    """Serve GET /health: 200 while the worker polls, and whether viewers can be reached."""

    async def health(_: web.Request) -> web.Response:
        running = worker.is_running and not worker.is_shutdown
        redis = "off" if publisher is None else "reachable" if publisher.reachable else "unreachable"
        return web.json_response(
            {"worker": "running" if running else "stopping", "redis": redis}, status=200 if running else 503
        )

    app = web.Application()
    app.router.add_get("/health", health)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    host, _, port = address.rpartition(":")
    try:
        site = web.TCPSite(runner, host or None, int(port))
        await site.start()
    except OSError as error:
        raise SettingsError(f"worker.health_address {address}: {error.strerror}") from None
    bound = runner.addresses[0]
    return f"http://{bound[0]}:{bound[1]}/health"


def configure_logs(log_format: str) -> None:
    """Log to stderr with the turn's id in each line: JSON, or for a person where stderr is a terminal."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.ExtraAdder(allow=("temporal_activity", "temporal_workflow")),
    ]
    for_people = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    last: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            last,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every URL


async def _until_signalled(loaded: Settings, environ: Mapping[str, str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await serve(loaded, environ, stop, lambda health: _log.info("health at %s", health))


def main() -> int:
    """Run a worker until it is told to stop; return its exit code."""
    environ = os.environ  # noqa: TID251 - the composition root reads the environment
    configure_logs("auto")
    try:
        loaded = settings.load(environ)
        configure_logs(loaded.worker.log_format)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_signalled(loaded, environ))
    except SettingsError as error:
        _log.error("settings: %s", error)
        return 2
    except turns.CannotReachTemporal as error:
        _log.error("%s", error)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
