"""Metrics for Prometheus, by the Temporal SDK's own runtime: its metrics and ours on one endpoint."""

from dataclasses import asdict, fields
from ipaddress import IPv4Address

from temporalio.common import MetricMeter
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from settings import SettingsError
from streaming.live.counts import Counts
from telemetry import logs

_EVERY_INTERFACE = str(IPv4Address(0))
_GAUGES = ("turns", "dormant_turns")
_COUNTERS = tuple(name for name in (field.name for field in fields(Counts)) if name not in _GAUGES)


def runtime(metrics_address: str) -> Runtime:
    """Return the SDK's runtime, which serves the metrics where there is an address for them.

    Raises:
        SettingsError: they cannot be served there.
    """
    if not metrics_address:
        return Runtime(telemetry=TelemetryConfig(logging=logs.CORE))
    host, _, port = metrics_address.rpartition(":")
    config = PrometheusConfig(
        bind_address=f"{host or _EVERY_INTERFACE}:{port}",
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
    )
    try:
        return Runtime(telemetry=TelemetryConfig(logging=logs.CORE, metrics=config))
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
