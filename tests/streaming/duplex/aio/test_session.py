"""A session as its user has it: barge-in, its end, and cancelling it anywhere."""

import asyncio
import gc
from collections.abc import Sequence
from itertools import pairwise

import pytest
from websockets.asyncio.server import ServerConnection

from deploy.sandbox.realtime.script import Close, Script, Step
from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.elements import Audio, StreamElement
from streaming.duplex.errors import SessionEndedError
from tests.streaming.duplex.aio.raw import READY, serving
from tests.streaming.duplex.aio.talking import (
    SOON,
    answer_of,
    ending_of,
    is_ended,
    rest_of,
    until,
    write,
)
from tests.streaming.duplex.toy.server import serve_toy
from tests.streaming.duplex.toy.wire import ToyProvider


async def test_a_barge_in_is_told_apart() -> None:
    """Whoever plays hears of it beside the elements that wait."""
    cut = Step(text="one two three four", audio_ms=4_000, barge_in_after_ms=2_000, user_says="stop")
    async with (
        serve_toy(Script(steps=[cut, Step(text="Stopped.", audio_ms=0)])) as server,
        RealtimeSession(ToyProvider(server.url)) as session,
    ):
        await write(session, "Count.")
        async with asyncio.timeout(60):
            await session.barge_in()
        await answer_of(session)

        assert [message.role for message in session.conversation.messages(full=True)] == [
            "user",
            "assistant",
            "user",
            "assistant",
        ]


async def test_after_the_end() -> None:
    """Nothing can be sent or received, and closing again does nothing."""
    async with serve_toy(Script()) as server:
        async with RealtimeSession(ToyProvider(server.url)) as session:
            pass
        await session.aclose()

        assert is_ended(ending_of(await rest_of(session)))
        with pytest.raises(SessionEndedError):
            await session.send(StreamElement(text="Hello?"))
        with pytest.raises(SessionEndedError):
            await session.receive()
        with pytest.raises(SessionEndedError):
            session.receive_nowait()


async def test_closing_wakes_who_waits() -> None:
    """A sender that waits for room learns that the session is over, and so does a receiver."""
    over = asyncio.Event()

    async def deaf(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(READY)
        connection.transport.pause_reading()
        await over.wait()
        connection.transport.abort()

    async def flood(session: RealtimeSession) -> None:
        while True:
            await session.send(StreamElement(audio=Audio(b"\0\0" * 50_000, 24_000)))

    async with asyncio.timeout(60), serving(deaf) as url:
        async with RealtimeSession(ToyProvider(url)) as session:
            sender = asyncio.create_task(flood(session))
            await until(session, lambda element: element.event is not None)
            receiver = asyncio.create_task(session.receive())
            await asyncio.sleep(0.2)
            assert not sender.done()
        over.set()
        ended = await asyncio.gather(sender, receiver, return_exceptions=True)

        assert isinstance(ended[0], SessionEndedError)
        received = ended[1]
        assert isinstance(received, StreamElement)
        assert is_ended(received.error)


@pytest.mark.filterwarnings("error::ResourceWarning")
@pytest.mark.parametrize("script", [Script(steps=[Step(close=Close(when="mid_answer", how="reset")), Step()])])
async def test_cancelling_anywhere(script: Script, request: pytest.FixtureRequest) -> None:
    """Wherever a session is cancelled, it leaves no task and no open socket."""

    async def converse(url: str) -> None:
        provider = ToyProvider(url, resumable=False)
        async with RealtimeSession(provider, reconnects=SOON, max_age_s=0.05) as session:
            for _ in range(3):
                await write(session, "Hello?")
                await answer_of(session)
                await asyncio.sleep(0.03)

    gc.collect()
    gc.freeze()  # what was there before need not be looked through again and again
    request.addfinalizer(gc.unfreeze)
    async with serve_toy(script) as server:
        for turns in _points():
            before = _ours()
            task = asyncio.create_task(converse(server.url))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.sleep(0.01)
            gc.collect()
            assert _ours() <= before, f"after {turns} turns of the loop"


def _points() -> Sequence[int]:
    points = [*range(30), *range(30, 300, 9), *range(300, 2_000, 97)]
    assert all(before < after for before, after in pairwise(points))
    return points


def _ours() -> set[str]:
    """Return the tasks that are neither the test's nor the server's."""
    return {
        repr(task.get_coro())
        for task in asyncio.all_tasks()
        if any(word in repr(task.get_coro()) for word in ("Traffic", "RealtimeSession", "Succession", "Event.wait"))
    }
