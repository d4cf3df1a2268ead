"""Items come when they are due."""

import asyncio
from collections.abc import Iterator

import pytest

from streaming.duplex.aio.paced import paced
from tests.streaming.duplex.aio.virtual_time import in_virtual_time


async def times(items: list[float], spent_s: float = 0.0) -> list[float]:
    """Return when each item came, where an item is how long it lasts and each takes the consumer some time."""
    loop = asyncio.get_running_loop()
    came = []
    async for _ in paced(items, lambda ms: ms):
        came.append(loop.time())
        await asyncio.sleep(spent_s)
    return [*came, loop.time()]


@pytest.mark.parametrize(
    ("items", "spent_s", "expected"),
    [
        ([], 0.0, [0]),
        ([500], 0.0, [0, 0]),
        ([500, 100, 900], 0.0, [0, 0.5, 0.6, 0.6]),
        ([500, 500, 500], 0.4, [0, 0.5, 1.0, 1.4]),
        ([100, 100, 100], 0.3, [0, 0.3, 0.6, 0.9]),
    ],
    ids=["nothing", "one", "own durations", "time spent counts", "too slow to keep up"],
)
def test_each_is_due_when_the_one_before_is_over(items: list[float], spent_s: float, expected: list[float]) -> None:
    """There is no wait before the first, or after the last."""
    assert in_virtual_time(times(items, spent_s)) == pytest.approx(expected)


def test_others_run_even_where_nothing_is_waited_for() -> None:
    """Who is behind still lets others in, so that it can be cancelled."""

    async def main() -> int:
        taken = 0

        def endless() -> Iterator[int]:
            while True:
                yield 0

        async def take() -> None:
            nonlocal taken
            async for _ in paced(endless(), lambda _: 0.0):
                taken += 1

        task = asyncio.create_task(take())
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return taken

    assert 0 < in_virtual_time(main()) <= 10
