"""What a worker's calls to providers came to: tries, tokens, cost and circuit breakers, for Prometheus."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Self

from temporalio.common import MetricMeter

from activities.breakers import Breakers, State
from streaming.contracts import Try
from streaming.reasons import Reason

_EVERY_S = 1.0
_OPENNESS = {State.CLOSED: 0.0, State.HALF_OPEN: 0.5, State.OPEN: 1.0}
_KINDS = ("input", "output", "cache_read", "cache_write", "reasoning")
_PER_USD = 1_000_000  # the SDK's counters take whole numbers
_MAX_COUNT = 2**53  # what a provider counts is as foreign as the rest of its answer


class ProviderMetrics:
    """Feeds each try and the breakers' states into the metrics of the SDK's runtime, by provider and model.

    An async context manager: breakers reopen by the mere passing of time, so it looks once a second.
    """

    def __init__(self, meter: MetricMeter, breakers: Breakers) -> None:
        self._breakers = breakers
        self._tries = meter.create_counter("millstream_tries", "Calls to providers, by what they failed for.")
        self._tokens = meter.create_counter("millstream_tokens", "Tokens that were used, estimates included.")
        self._cost = meter.create_counter("millstream_cost_micro_usd", "What tries cost, in millionths of a dollar.")
        self._open = meter.create_gauge_float("millstream_breaker_open", "1 open, 0.5 half-open, 0 closed.")
        self._uncounted: dict[tuple[str, str], float] = defaultdict(float)
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look_forever())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def tried(self, done: Try) -> None:
        """A try has ended: count it, and what it used."""
        labels = {"provider": done.provider, "model": done.model}
        reason = (done.error.reason or Reason.UNKNOWN) if done.error else "none"
        self._tries.add(1, {**labels, "reason": str(reason)})
        for kind in _KINDS:
            count = getattr(done.usage, f"{kind}_tokens", None)
            if count and 0 < count <= _MAX_COUNT:
                self._tokens.add(count, {**labels, "kind": kind})
        self._add_cost((done.provider, done.model), (done.cost_usd or 0.0) * _PER_USD, labels)

    def _add_cost(self, candidate: tuple[str, str], millionths: float, labels: Mapping[str, str]) -> None:
        if not 0 < millionths <= _MAX_COUNT:
            return
        # A fraction waits for others: cheap tries cost less than a millionth.
        whole, self._uncounted[candidate] = divmod(self._uncounted[candidate] + millionths, 1)
        self._cost.add(int(whole), labels)

    async def _look_forever(self) -> None:
        while True:
            now = time.time()
            for provider, model, breaker in self._breakers:
                self._open.set(_OPENNESS[breaker.state(now)], {"provider": provider, "model": model})
            await asyncio.sleep(_EVERY_S)
