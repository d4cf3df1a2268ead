import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.aio.channel import Channel
from streaming.duplex.aio.waiting import Drained, EndedWhileDrainingError, drain_stale_messages, wait_for_response
from streaming.duplex.elements import StreamElement
from streaming.duplex.errors import ResponseFailedError, SessionEndedError
from tests.streaming.duplex.said import call, called, elements, ended, spoken


async def filled(*some: StreamElement) -> Channel:
    """Return a channel that holds these."""
    channel = Channel(room=len(some) + 1)
    for element in some:
        await channel.send(element)
    return channel


async def test_what_is_there_is_taken() -> None:
    """In order, and counted."""
    channel = await filled(StreamElement(text="Hel"), StreamElement(text="lo"), spoken())
    drained = drain_stale_messages(channel)

    assert drained == Drained((StreamElement(text="Hel"), StreamElement(text="lo"), spoken()))
    assert len(drained) == 3
    assert channel.receive_nowait() is None


async def test_an_empty_session_gives_nothing() -> None:
    """And nobody waits."""
    drained = drain_stale_messages(Channel())

    assert (len(drained), drained.errors, drained.calls) == (0, (), ())


async def test_errors_and_calls_are_told_apart() -> None:
    """A stale call is still awaited by the provider, and a stale error is still one."""
    error = ResponseFailedError("x")
    drained = drain_stale_messages(
        await filled(StreamElement(error=error), called("a", "b"), StreamElement(text="x"), ended(call("c")))
    )

    assert drained.errors == (error,)
    assert [one.id for one in drained.calls] == ["a", "b", "c"]


async def test_the_end_is_told_with_what_was_there() -> None:
    """An ending, and not a reason to lose anything."""
    channel = await filled(called("a"))
    channel.close()

    with pytest.raises(SessionEndedError, match=r"^session ended$") as raised:
        drain_stale_messages(channel)
    assert isinstance(raised.value, EndedWhileDrainingError)
    assert raised.value.drained == Drained((called("a"),))


@given(st.lists(elements(), max_size=5), st.booleans())
async def test_nothing_is_lost(some: list[StreamElement], closed: bool) -> None:
    """Every error and every call that was there comes back."""
    channel = await filled(*some)
    if closed:
        channel.close()
    try:
        drained = drain_stale_messages(channel)
    except EndedWhileDrainingError as ended_meanwhile:
        drained = ended_meanwhile.drained

    assert list(drained.elements) == some
    assert list(drained.errors) == [element.error for element in some if element.error]
    assert list(drained.calls) == [one for element in some for one in element.calls]


async def _after(seconds: float, outcome: str | Exception) -> str:
    await asyncio.sleep(seconds)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def test_the_answer_is_waited_for() -> None:
    """It may be there already, or come later."""
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    answer.set_result("now")

    assert await wait_for_response(answer) == "now"
    assert await wait_for_response(asyncio.create_task(_after(0.001, "later"))) == "later"


async def test_the_error_is_raised_itself() -> None:
    """The object that the collector failed with."""
    error = ResponseFailedError("x")

    with pytest.raises(ResponseFailedError) as raised:
        await wait_for_response(asyncio.create_task(_after(0, error)))
    assert raised.value is error


async def test_a_cancelled_collector_is_no_success() -> None:
    """Nor does it look as if the waiting task itself were cancelled."""
    collecting = asyncio.create_task(_after(60, "never"))
    waiting = asyncio.create_task(wait_for_response(collecting))
    await asyncio.sleep(0)
    collecting.cancel()

    with pytest.raises(SessionEndedError, match="cancelled"):
        await waiting


async def test_waiting_no_longer_cancels_nothing() -> None:
    """The collector goes on, and its answer can be asked for again."""
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await wait_for_response(answer)
    answer.set_result("later")
    assert await wait_for_response(answer) == "later"
