import asyncio
import contextlib
from itertools import pairwise

import pytest

from activities.clocks import Clocks
from activities.pulse import BEAT_EVERY_S, Pulse
from streaming.contracts import Limits
from streaming.errors import ClockRanOut, ConnectionLost

HEARTBEAT_S = 10.0


def clocks(**limits: float) -> Clocks:
    """Return clocks that start now, of one minute each unless named."""
    minute = {"first_token_s": 60.0, "idle_s": 60.0, "stall_s": 60.0, "try_s": 60.0}
    return Clocks(Limits.model_validate(minute | limits), asyncio.get_running_loop().time())


class Beats(list[float]):
    """When the beats came, in the loop's time."""

    def __call__(self) -> None:
        """One more, now."""
        self.append(asyncio.get_running_loop().time())


@pytest.mark.parametrize("clock", ["first_token_s", "try_s"])
async def test_a_clock_that_runs_out_ends_the_block_under_its_name(clock: str) -> None:
    """With how long it was, and no beat from then on."""
    beats = Beats()
    with pytest.raises(ClockRanOut) as ran_out:
        async with Pulse(clocks(**{clock: 0.05}), beats, HEARTBEAT_S):
            await asyncio.sleep(60)
    so_far = len(beats)
    await asyncio.sleep(BEAT_EVERY_S + 0.2)

    assert (clock, 0.05) == (ran_out.value.clock, ran_out.value.seconds)
    assert so_far == len(beats) <= 1


@pytest.mark.parametrize(("clock", "keepalives"), [("idle_s", 0), ("stall_s", 100)])
async def test_clocks_after_the_first_content_end_the_block_too(clock: str, keepalives: int) -> None:
    """Silence, or keepalives with nothing in them."""
    running = clocks(**{clock: 0.1})
    now = asyncio.get_running_loop().time
    running.content(now())

    async def block() -> None:
        async with Pulse(running, Beats(), HEARTBEAT_S):
            for _ in range(keepalives):
                running.byte(now())
                await asyncio.sleep(0.02)
            await asyncio.sleep(60)

    with pytest.raises(ClockRanOut, match=clock):
        await block()


async def test_a_stream_inside_its_clocks_goes_on() -> None:
    """Each byte and each content moves what it should: nothing runs out that would have, without them."""
    running = clocks(idle_s=5, stall_s=5)
    now = asyncio.get_running_loop().time
    almost = now() - 4.5
    running.byte(almost)
    running.content(almost)
    async with Pulse(running, Beats(), HEARTBEAT_S):
        running.byte(now())
        running.content(now())
        await asyncio.sleep(1)


async def test_beats_come_at_most_about_once_a_second() -> None:
    """The first at once; a busy stream gets no more of them than a quiet one."""
    beats = Beats()
    running = clocks()
    now = asyncio.get_running_loop().time
    began = now()
    async with Pulse(running, beats, HEARTBEAT_S), asyncio.timeout(30):
        at_once = len(beats)
        while len(beats) < 3:
            running.byte(now())
            running.content(now())
            await asyncio.sleep(0.005)

    assert at_once == 1
    assert now() - began >= 2 * BEAT_EVERY_S


async def test_a_beat_waits_for_something_to_tell() -> None:
    """And is looked for often: a look that had nothing to tell was no beat, after which the next is far off."""
    beats, looks = Beats(), Beats()

    def telling() -> bool:
        looks()
        return len(looks) > 3

    async with Pulse(clocks(), beats, HEARTBEAT_S, telling), asyncio.timeout(30):
        while not beats:  # noqa: ASYNC110 - a beat sets no event
            await asyncio.sleep(0.01)

    assert beats[0] >= looks[3]
    assert min(later - earlier for earlier, later in pairwise(looks)) < BEAT_EVERY_S / 2


async def test_a_cancellation_from_outside_stays_one() -> None:
    """Even where a clock runs out while it is being heeded."""
    running = clocks(first_token_s=0.2)
    began = asyncio.Event()

    async def block() -> None:
        async with Pulse(running, Beats(), HEARTBEAT_S):
            began.set()
            try:
                await asyncio.sleep(60)
            finally:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.4)
                    await asyncio.sleep(0.4)

    task = asyncio.create_task(block())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_before_the_clock_stays_one() -> None:
    """And leaves no timer behind that would strike later."""
    task = asyncio.current_task()
    assert task is not None

    async def block() -> None:
        async with Pulse(clocks(first_token_s=0.1), Beats(), HEARTBEAT_S):
            task.cancel()
            await asyncio.sleep(60)

    with pytest.raises(asyncio.CancelledError):
        await block()
    task.uncancel()
    await asyncio.sleep(0.2)


async def test_cleaning_up_that_hangs_gets_no_more_beats() -> None:
    """Temporal then hears nothing, and its heartbeat timeout does what this block cannot."""
    beats = Beats()
    so_far: list[int] = []

    async def block() -> None:
        async with Pulse(clocks(first_token_s=0.05), beats, HEARTBEAT_S):
            try:
                await asyncio.sleep(60)
            finally:
                so_far.append(len(beats))
                await asyncio.sleep(BEAT_EVERY_S + 0.5)

    with pytest.raises(ClockRanOut):
        await block()

    assert so_far == [len(beats)]


async def test_a_failure_of_the_block_is_its_own() -> None:
    """Also after a clock ran out."""

    async def block() -> None:
        async with Pulse(clocks(first_token_s=0.05), Beats(), HEARTBEAT_S):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                raise ConnectionLost("mine") from None

    with pytest.raises(ConnectionLost, match="mine"):
        async with Pulse(clocks(), Beats(), HEARTBEAT_S):
            raise ConnectionLost("mine")
    with pytest.raises(ConnectionLost, match="mine"):
        await block()


async def test_the_task_goes_on_after_a_clock_ran_out() -> None:
    """The next candidate is called from the same task."""
    task = asyncio.current_task()
    assert task is not None
    for _ in range(3):
        with pytest.raises(ClockRanOut):
            async with Pulse(clocks(first_token_s=0.02), Beats(), HEARTBEAT_S):
                await asyncio.sleep(60)
        await asyncio.sleep(0)

    assert task.cancelling() == 0


async def test_beats_come_as_often_as_the_heartbeat_timeout_wants() -> None:
    """One a second would be too late for a timeout of one second."""
    beats = Beats()
    async with Pulse(clocks(), beats, heartbeat_s=1), asyncio.timeout(30):
        while len(beats) < 6:  # noqa: ASYNC110 - a beat sets no event
            await asyncio.sleep(0.01)

    # A machine that stalls delays some of them: not all.
    assert min(later - earlier for earlier, later in pairwise(beats)) < BEAT_EVERY_S / 2
