"""What goes up and comes down: bounds, order, and what cannot be said."""

import asyncio
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection

from deploy.sandbox.realtime.script import Close, Script, Step
from streaming.duplex.aio.pump import Pump
from streaming.duplex.aio.reconnects import Reconnects
from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.aio.traffic import Traffic
from streaming.duplex.aio.websocket import MAX_MESSAGE_BYTES
from streaming.duplex.conversation import Conversation
from streaming.duplex.elements import (
    Audio,
    AudioDropped,
    Image,
    ResponseStarted,
    StreamElement,
    ToolResponse,
    UtteranceTaken,
    Video,
)
from streaming.duplex.errors import CannotSendError, ResponseFailedError, SlowConsumerError
from streaming.duplex.outbox import Outbox
from streaming.messages import Message, ToolCallPart
from tests.streaming.duplex.aio.raw import READY, saying, serving, silence
from tests.streaming.duplex.aio.talking import (
    SOON,
    answer_of,
    ending_of,
    eventually,
    rest_of,
    until,
    write,
)
from tests.streaming.duplex.toy.server import serve_toy
from tests.streaming.duplex.toy.wire import NOWHERE, RATE, ToyProvider


async def test_sound_that_waits_is_bounded() -> None:
    """The oldest goes, which is told; words and marks all stay."""
    patient = Reconnects(tries=1_000, first_s=0.05, max_s=0.1)
    lost = Step(text="First.", close=Close(when="after_answer", how="reset"))
    second = b"\0\0" * 24_000
    async with serve_toy(Script(steps=[lost])) as server:
        provider = ToyProvider(server.url, resumable=False)
        session = await RealtimeSession(provider, reconnects=patient, max_queued_bytes=2 * len(second)).__aenter__()
        await write(session, "one")
        provider.url = NOWHERE
        await answer_of(session)
    await asyncio.sleep(0.1)
    await session.send(StreamElement(text="before"))
    async with asyncio.timeout(60):
        for _ in range(5):
            await session.send(StreamElement(audio=Audio(second, 24_000)))
    await session.send(StreamElement(text="after", end_of_stream=True))
    dropped = [
        element.event
        for element in await until(session, lambda element: isinstance(element.event, AudioDropped))
        if isinstance(element.event, AudioDropped)
    ]
    async with serve_toy(Script(steps=[Step(text="Second.", user_says="")])) as server:
        provider.url = server.url
        heard = list[StreamElement]()
        await answer_of(session, listener=heard.append)
        await session.aclose()

        dropped += [element.event for element in heard if isinstance(element.event, AudioDropped)]
        assert sum(event.ms for event in dropped) == 3_000
        assert {event.which for event in dropped} == {"sent"}
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


async def test_an_answer_that_takes_the_place_of_another() -> None:
    """Its question is asked again, though the answer before it never had an end."""
    asked: list[list[str]] = []

    async def next_question(socket: ServerConnection) -> None:
        async for message in socket:
            told = json.loads(message)
            if told["do"] == "text":
                asked[-1].append(told["text"])
            if told["do"] == "end":
                return

    async def talk(socket: ServerConnection) -> None:
        asked.append([])
        await socket.recv()
        await socket.send(READY)
        await next_question(socket)
        await socket.send('{"is": "began", "id": "a"}')
        if len(asked) == 1:
            await next_question(socket)
            await socket.send('{"is": "began", "id": "b"}')
            await socket.send('{"is": "words", "text": "Well,"}')
            socket.transport.abort()
        else:
            await socket.send('{"is": "done"}')
            await silence(socket)

    async with (
        serving(talk) as url,
        RealtimeSession(ToyProvider(url, resumable=False), reconnects=SOON) as session,
    ):
        await write(session, "one")
        await until(session, lambda element: element.response_id == "a")
        await write(session, "two")
        await until(session, lambda element: element.end_of_stream)

    assert asked == [["one", "two"], ["two"]]


END = StreamElement(end_of_stream=True)
_ANSWER = Message(role="assistant", parts="Yes.")
_CALL = ToolCallPart(id="a", name="look", arguments="{}")
_BEGUN = StreamElement(event=ResponseStarted())
_UP: dict[str, tuple[StreamElement, ...]] = {
    "sound": (StreamElement(audio=Audio(b"\0\0", RATE)),),
    "picture": (StreamElement(image=Image(b"x", "image/png")), END),
    "end": (END,),
    "result": (StreamElement(tool_responses=(ToolResponse("a", "look", "seen"),)),),
}
_ENDS = [
    StreamElement(end_of_stream=True, message=_ANSWER),
    StreamElement(end_of_stream=True, message=_ANSWER, tool_calls=(_CALL,)),
    StreamElement(error=ResponseFailedError("no")),
]
_TURN = st.lists(st.sampled_from(["turn", "turn", "word", "utterance", *_UP]), max_size=4)


_YES = _ENDS[0]


@example(
    [([], ["utterance"], _YES, False), (["turn", "turn", "sound"], ["end"], _YES, True), ([], [], _YES, True)]
)  # the end of sound whose answer had begun
@example(
    [([], ["utterance"], _YES, True), (["turn", "word"], ["end", "sound"], _YES, True), (["end"], [], _YES, True)]
)  # the end of a word whose answer had begun, which was not to it
@given(st.lists(st.tuples(_TURN, _TURN, st.sampled_from([*_ENDS, *_ENDS[:1]]), st.booleans()), max_size=4))
def test_turns_are_settled_or_said_again(rounds: list[tuple[list[str], list[str], StreamElement, bool]]) -> None:
    """Whenever the connection breaks, and however turns are marked, answered and put off: none are lost."""
    traffic, words = Traffic(Conversation(), Outbox(), Pump()), list[str]()

    def say(deed: str) -> None:
        if deed == "utterance":
            traffic.tell(StreamElement(event=UtteranceTaken("u")))
            return
        if deed not in _UP:
            words.append(f"({len(words)})")
        for element in _UP.get(deed) or (StreamElement(text=words[-1], end_of_stream=deed == "turn"),):
            traffic.outbox.put(element)
            traffic.outbox.take()
            traffic.conversation.given(element)
            traffic.conversation.sent(element)

    for before, amid, end, owed in rounds:
        for deed in before:
            say(deed)
        traffic.tell(_BEGUN)
        for deed in amid:
            say(deed)
        traffic.tell(end, owed=owed)
    traffic.rewind(None)
    settled = "".join(message.text for message in traffic.conversation.messages())
    again = [element.text for element in iter(traffic.outbox.take, None)]

    assert [word for word in words if word not in settled and word not in again] == []


SOUND = json.dumps({"is": "sound", "data": "AAAA" * 4_000})


async def test_a_consumer_that_takes_nothing() -> None:
    """The reader goes on, sound beyond the bound is dropped, and the rest is all there."""
    messages = ['{"is": "began", "id": "a"}', *[SOUND] * 500, '{"is": "words", "text": "Done."}', '{"is": "done"}']
    async with serving(saying(*messages)) as url:
        pump = Pump(max_audio_bytes=100_000)
        async with RealtimeSession(ToyProvider(url), pump=pump) as session:
            await eventually(lambda: session.conversation.finished > 0)
            await session.aclose()
            rest = await rest_of(session)

    sound = sum(len(element.audio.data) for element in rest if element.audio)
    assert sound <= 100_000
    assert any(isinstance(element.event, AudioDropped) for element in rest)
    assert any(element.end_of_stream for element in rest)


async def test_a_storm_of_the_largest_messages() -> None:
    """A consumer that takes nothing costs no more than the bound, and what comes after the storm comes through."""
    largest = json.dumps({"is": "sound", "data": "AAAA" * (4 * 2**20 - 100)})
    messages = ['{"is": "began", "id": "a"}', *[largest] * 5, '{"is": "words", "text": "Done."}', '{"is": "done"}']
    assert MAX_MESSAGE_BYTES - 1_000 < len(largest) <= MAX_MESSAGE_BYTES
    async with serving(saying(*messages)) as url, RealtimeSession(ToyProvider(url)) as session:
        await eventually(lambda: session.conversation.finished > 0)
        await session.aclose()
        rest = await rest_of(session)

    sizes = [len(element.audio.data) for element in rest if element.audio]
    dropped = [element.event.ms for element in rest if isinstance(element.event, AudioDropped)]
    assert len(sizes) == 1  # of 12 MiB: two are over the bound
    assert sum(dropped) == pytest.approx(4 * sizes[0] / 2 / RATE * 1000)
    assert [element.message.text for element in rest if element.message] == ["Done."]


async def test_a_consumer_that_is_too_slow_for_words() -> None:
    """Words are never dropped: the session ends instead, with an error that says so."""
    heard = [json.dumps({"is": "taken", "item": f"{k}" * 50}) for k in range(500)]
    pump = Pump(max_other_bytes=4_000)
    async with serving(saying(*heard)) as url, RealtimeSession(ToyProvider(url), pump=pump) as session:
        await eventually(lambda: pump.closed)

        assert isinstance(ending_of(await rest_of(session)), SlowConsumerError)
