import asyncio
import time
from collections.abc import Mapping

import pytest
from temporalio.common import MetricMeter
from temporalio.runtime import BufferedMetricUpdate, MetricBuffer, Runtime, TelemetryConfig

from activities.breakers import Breakers
from streaming.contracts import Try, TryError
from streaming.messages import Usage
from streaming.reasons import Reason
from telemetry.providers import ProviderMetrics


class Metered:
    """A meter of the SDK's own runtime, and what it has been told."""

    def __init__(self) -> None:
        self._buffer = MetricBuffer(1000)
        self._runtime = Runtime(telemetry=TelemetryConfig(metrics=self._buffer))
        self._sums: dict[str, float] = {}

    @property
    def meter(self) -> MetricMeter:
        """The meter."""
        return self._runtime.metric_meter

    def samples(self) -> dict[str, float]:
        """Return each sample by its name and labels: a counter's sum, a gauge's last value."""
        for update in self._buffer.retrieve_updates():
            name = _name(update)
            if name.startswith("millstream_"):
                before = 0 if "breaker_open" in name else self._sums.get(name, 0)
                self._sums[name] = before + update.value
        return self._sums


def _name(update: BufferedMetricUpdate) -> str:
    labels: Mapping[str, object] = {k: v for k, v in update.attributes.items() if k != "service_name"}
    return f"{update.metric.name}{{{','.join(f'{key}={labels[key]}' for key in sorted(labels))}}}"


def tried(
    *,
    usage: Usage | None = None,
    cost_usd: float | None = None,
    reason: Reason | None = None,
    model: str = "m",
) -> Try:
    """Return a try that has ended."""
    error = TryError(type="StatusError", reason=reason, message="no", hopeless=False) if reason else None
    return Try(attempt=1, number=1, provider="p", model=model, seconds=0.1, error=error, usage=usage, cost_usd=cost_usd)


def test_tries_are_counted_by_what_they_failed_for() -> None:
    """`none` for those that did not."""
    metered = Metered()
    metrics = ProviderMetrics(metered.meter, Breakers())
    for done in [tried(), tried(), tried(reason=Reason.RATE_LIMIT), tried(reason=Reason.SERVER, model="n")]:
        metrics.tried(done)

    assert metered.samples() == {
        "millstream_tries{model=m,provider=p,reason=none}": 2,
        "millstream_tries{model=m,provider=p,reason=rate_limit}": 1,
        "millstream_tries{model=n,provider=p,reason=server}": 1,
    }


@pytest.mark.parametrize("reason", [None, Reason.TIMEOUT])
def test_tokens_and_cost_are_counted_of_failed_tries_too(reason: Reason | None) -> None:
    """By kind; what nobody knows is not counted."""
    metered = Metered()
    metrics = ProviderMetrics(metered.meter, Breakers())
    usage = Usage(input_tokens=100, output_tokens=20, reasoning_tokens=5, cache_read_tokens=0)
    for _ in range(2):
        metrics.tried(tried(usage=usage, cost_usd=0.25, reason=reason))

    assert metered.samples() == {
        f"millstream_tries{{model=m,provider=p,reason={reason or 'none'}}}": 2,
        "millstream_tokens{kind=input,model=m,provider=p}": 200,
        "millstream_tokens{kind=output,model=m,provider=p}": 40,
        "millstream_tokens{kind=reasoning,model=m,provider=p}": 10,
        "millstream_cost_micro_usd{model=m,provider=p}": 500_000,
    }


def test_what_costs_next_to_nothing_adds_up() -> None:
    """A thousand tries of a tenth of a millionth of a dollar are a hundred millionths."""
    metered = Metered()
    metrics = ProviderMetrics(metered.meter, Breakers())
    for at in range(1000):
        metrics.tried(tried(cost_usd=1e-7))
        if at % 100 == 99:
            metered.samples()  # the buffer is small

    assert metered.samples()["millstream_cost_micro_usd{model=m,provider=p}"] == pytest.approx(100, abs=1)


@pytest.mark.parametrize("count", [-1, 2**53 + 1, 2**64, 10**400])
def test_a_count_that_cannot_be_is_left_out(count: int) -> None:
    """Counts come from providers, and no counter of ours takes them all."""
    metered = Metered()
    usage = Usage.model_construct(output_tokens=count)
    ProviderMetrics(metered.meter, Breakers()).tried(tried(usage=usage, cost_usd=min(count, 2**900) * 1e30))

    assert metered.samples() == {"millstream_tries{model=m,provider=p,reason=none}": 1}


async def test_breakers_show_where_they_stand() -> None:
    """Also when nobody has called for a while."""
    metered, breakers, now = Metered(), Breakers(), time.time()
    breakers.of("p", "closed")
    breakers.of("p", "open").failed(Reason.QUOTA, now)
    breakers.of("p", "half-open").failed(Reason.QUOTA, now - 1000)

    async with ProviderMetrics(metered.meter, breakers):
        await asyncio.sleep(0.1)
        shown = dict(metered.samples())
        breakers.of("p", "open").succeeded()
        await asyncio.sleep(1.2)

    assert shown == {
        "millstream_breaker_open{model=closed,provider=p}": 0,
        "millstream_breaker_open{model=half-open,provider=p}": 0.5,
        "millstream_breaker_open{model=open,provider=p}": 1,
    }
    assert metered.samples()["millstream_breaker_open{model=open,provider=p}"] == 0
