import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.aio.channel import Channel
from streaming.duplex.elements import StreamElement
from streaming.duplex.errors import SessionEndedError


def said(number: int) -> StreamElement:
    """Return an element that can be told from others."""
    return StreamElement(text=str(number))


async def settle() -> None:
    """Let every task run up to where it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_elements_come_in_order() -> None:
    """First in, first out."""
    channel = Channel()
    for number in range(3):
        await channel.send(said(number))

    assert [await channel.receive() for _ in range(3)] == [said(0), said(1), said(2)]
    assert channel.receive_nowait() is None


async def test_a_sender_waits_for_room() -> None:
    """Memory is bounded by the reader's pace, and waiting senders keep their order."""
    channel = Channel(room=1)
    sending = [asyncio.create_task(channel.send(said(number))) for number in range(3)]
    await settle()

    assert [task.done() for task in sending] == [True, False, False]
    assert [await channel.receive() for _ in range(3)] == [said(0), said(1), said(2)]
    await asyncio.gather(*sending)


async def test_a_receiver_waits_for_an_element() -> None:
    """And several get one each."""
    channel = Channel()
    receiving = [asyncio.create_task(channel.receive()) for _ in range(2)]
    await settle()
    await channel.send(said(0))
    await channel.send(said(1))

    assert await asyncio.gather(*receiving) == [said(0), said(1)]


@pytest.mark.parametrize("room", [0, -1])
def test_a_channel_without_room_is_refused(room: int) -> None:
    """Every send on it would wait for ever."""
    with pytest.raises(ValueError, match=str(room)):
        Channel(room)


async def test_what_was_sent_before_the_end_is_received() -> None:
    """Then the end is told, as often as it is asked for."""
    channel = Channel()
    await channel.send(said(0))
    channel.close()
    channel.close()

    assert await channel.receive() == said(0)
    with pytest.raises(SessionEndedError):
        await channel.receive()
    with pytest.raises(SessionEndedError):
        channel.receive_nowait()


async def test_nothing_is_sent_after_the_end() -> None:
    """Nor what waited for room when it came: whoever sent it knows that it went nowhere."""
    channel = Channel(room=1)
    await channel.send(said(0))
    waiting = asyncio.create_task(channel.send(said(1)))
    await settle()
    channel.close()

    with pytest.raises(SessionEndedError):
        await waiting
    with pytest.raises(SessionEndedError):
        await channel.send(said(2))
    assert [element async for element in channel] == [said(0)]


async def test_the_end_wakes_receivers() -> None:
    """All of them."""
    channel = Channel()
    receiving = [asyncio.create_task(channel.receive()) for _ in range(2)]
    await settle()
    channel.close()

    outcomes = await asyncio.gather(*receiving, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [SessionEndedError, SessionEndedError]


async def test_a_cancelled_receiver_takes_nothing_along() -> None:
    """Even when it was cancelled in the instant its element came."""
    channel = Channel()
    receiving = asyncio.create_task(channel.receive())
    await settle()
    await channel.send(said(0))
    receiving.cancel()
    await asyncio.wait({receiving})

    assert receiving.cancelled()
    assert channel.receive_nowait() == said(0)


async def test_a_cancelled_sender_leaves_nothing_behind() -> None:
    """And the room it waited for goes to the next."""
    channel = Channel(room=1)
    await channel.send(said(0))
    first, second = (asyncio.create_task(channel.send(said(number))) for number in (1, 2))
    await settle()
    assert channel.receive_nowait() == said(0)
    first.cancel()
    await second

    assert first.cancelled()
    assert channel.receive_nowait() == said(2)
    assert channel.receive_nowait() is None


@given(
    room=st.integers(1, 3),
    sends=st.integers(0, 8),
    pauses=st.lists(st.booleans(), max_size=2),  # for each receiver: whether it takes its time
    script=st.lists(st.integers(-1, 10), max_size=8),  # -1: close; else: cancel that task
)
async def test_closing_amid_sends_loses_nothing(room: int, sends: int, pauses: list[bool], script: list[int]) -> None:
    """Whenever it closes and whoever is cancelled: what `send` took is received once, and what it refused never."""
    channel = Channel(room)
    received: list[str | None] = []

    async def receive(pausing: bool) -> None:
        async for element in channel:
            received.append(element.text)
            if pausing:
                await asyncio.sleep(0)

    senders = [asyncio.create_task(channel.send(said(number))) for number in range(sends)]
    everyone = senders + [asyncio.create_task(receive(pausing)) for pausing in pauses]
    for step in script:
        if step < 0:
            channel.close()
        elif step < len(everyone):
            everyone[step].cancel()
        await asyncio.sleep(0)
    channel.close()
    outcomes = await asyncio.gather(*everyone, return_exceptions=True)
    received += [element.text async for element in channel]

    taken = [str(number) for number, outcome in enumerate(outcomes[:sends]) if outcome is None]
    assert sorted(received, key=str) == taken
    assert all(isinstance(outcome, SessionEndedError | asyncio.CancelledError | None) for outcome in outcomes)
