"""What goes up and comes down: bounds, order, and what cannot be said."""

import asyncio
import json

from deploy.sandbox.realtime.script import Close, Script, Step
from streaming.duplex.aio.pump import Pump
from streaming.duplex.aio.reconnects import Reconnects
from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.elements import Audio, AudioDropped, StreamElement, Video
from streaming.duplex.errors import (
    CannotSendError,
    SlowConsumerError,
)
from tests.streaming.duplex.aio.raw import saying, serving
from tests.streaming.duplex.aio.talking import (
    SOON,
    answer_of,
    ending_of,
    free_port,
    rest_of,
    until,
    write,
)
from tests.streaming.duplex.toy.server import serve_toy
from tests.streaming.duplex.toy.wire import ToyProvider


async def test_sound_that_waits_is_bounded() -> None:
    """The oldest goes, which is told; words and marks all stay."""
    port = free_port()
    patient = Reconnects(tries=20, first_s=0.05, max_s=0.1)
    provider = ToyProvider(f"ws://127.0.0.1:{port}", resumable=False)
    lost = Step(text="First.", close=Close(when="after_answer", how="reset"))
    second = b"\0\0" * 24_000
    async with serve_toy(Script(steps=[lost]), port=port):
        session = await RealtimeSession(provider, reconnects=patient, max_queued_bytes=2 * len(second)).__aenter__()
        await write(session, "one")
        await answer_of(session)
    await asyncio.sleep(0.1)
    await session.send(StreamElement(text="before"))
    async with asyncio.timeout(1):
        for _ in range(5):
            await session.send(StreamElement(audio=Audio(second, 24_000)))
    await session.send(StreamElement(text="after", end_of_stream=True))
    dropped = [
        element.event.ms
        for element in await until(session, lambda element: isinstance(element.event, AudioDropped))
        if isinstance(element.event, AudioDropped)
    ]
    async with serve_toy(Script(steps=[Step(text="Second.", user_says="")]), port=port) as server:
        heard = list[StreamElement]()
        await answer_of(session, listener=heard.append)
        await session.aclose()

        dropped += [element.event.ms for element in heard if isinstance(element.event, AudioDropped)]
        assert sum(dropped) == 3_000
        assert len(server.journal.audio) == 2 * len(second)
        assert [message["text"] for message in server.journal.received if message["do"] == "text"] == [
            "before",
            "after",
        ]


async def test_an_element_that_cannot_be_said() -> None:
    """It is an error of its own; the session goes on, and it is not tried again."""
    broken = Step(close=Close(when="before_answer", how="reset"))
    async with (
        serve_toy(Script(steps=[broken, Step(text="Yes.")])) as server,
        RealtimeSession(ToyProvider(server.url), reconnects=SOON) as session,
    ):
        await session.send(StreamElement(video=Video(b"x", "video/mp4")))
        seen = await until(session, lambda element: element.error is not None)
        await write(session, "Hello?")
        heard = list[StreamElement]()
        await answer_of(session, listener=heard.append)

        assert isinstance(seen[-1].error, CannotSendError)
        assert not [element for element in heard if element.error]


SOUND = json.dumps({"is": "sound", "data": "AAAA" * 4_000})


async def test_a_consumer_that_takes_nothing() -> None:
    """The reader goes on, sound beyond the bound is dropped, and the rest is all there."""
    messages = ['{"is": "began", "id": "a"}', *[SOUND] * 500, '{"is": "words", "text": "Done."}', '{"is": "done"}']
    async with serving(saying(*messages)) as url:
        pump = Pump(max_audio_bytes=100_000)
        async with RealtimeSession(ToyProvider(url), pump=pump) as session:
            async with asyncio.timeout(10):
                while not session.conversation.finished:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.02)
            await session.aclose()
            rest = await rest_of(session)

    sound = sum(len(element.audio.data) for element in rest if element.audio)
    assert sound <= 100_000
    assert any(isinstance(element.event, AudioDropped) for element in rest)
    assert any(element.end_of_stream for element in rest)


async def test_a_consumer_that_is_too_slow_for_words() -> None:
    """Words are never dropped: the session ends instead, with an error that says so."""
    heard = [json.dumps({"is": "taken", "item": f"{k}" * 50}) for k in range(500)]
    async with (
        serving(saying(*heard)) as url,
        RealtimeSession(ToyProvider(url), pump=Pump(max_other_bytes=4_000)) as session,
    ):
        await asyncio.sleep(0.3)

        assert isinstance(ending_of(await rest_of(session)), SlowConsumerError)
