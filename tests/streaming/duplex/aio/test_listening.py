"""Sessions whose provider hears by itself when the user speaks: barge-in, and what is lost with a connection."""

import asyncio

import pytest

from deploy.sandbox.realtime.script import Close, Script, Step
from deploy.sandbox.realtime.sound import silence, tone
from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.elements import Audio, Reconnected, StreamElement
from tests.streaming.duplex.aio.rigs import LISTENING, Rig, Serve
from tests.streaming.duplex.aio.talking import SOON, answer_of, listen, shown, until


@pytest.fixture(params=LISTENING)
def serve(request: pytest.FixtureRequest) -> Serve:
    """Each provider that listens."""
    return LISTENING[request.param]


async def _speak(session: RealtimeSession, rig: Rig) -> None:
    """Say something, and fall silent."""
    rate = rig.provider.input_rate
    sound = tone(400, rate=rate) + silence(1_000, rate=rate)
    piece = rate // 50 * 2
    for at in range(0, len(sound), piece):
        await session.send(StreamElement(audio=Audio(sound[at : at + piece], rate)))


WORDS = "one two three four five six seven eight nine ten"


async def test_talking_over_the_answer(serve: Serve) -> None:
    """The signal overtakes the sound; the transcript has what was heard, and the question that cut it."""
    story = " ".join([WORDS] * 10)  # however long the machine stands still, it is not over before it is cut
    long = Step(user_says="count", text=story, audio_ms=80_000, speed=2)
    script = Script(steps=[long, Step(user_says="stop", text="Fine.", audio_ms=200)])
    async with serve(script) as rig, RealtimeSession(rig.provider, reconnects=SOON) as session:
        await _speak(session, rig)
        await listen(session, 2_000)
        session.played(1_500)
        await _speak(session, rig)
        async with asyncio.timeout(60):
            await session.barge_in()
        cut = (await until(session, lambda element: element.interrupted))[-1]
        answer = await answer_of(session)

        assert answer.message is not None
        assert answer.message.text == "Fine."
        assert cut.heard is not None
        assert cut.heard.text
        assert shown(session.conversation.messages()) == [
            "user: count",
            f"assistant: {cut.heard.text}",
            "user: stop",
            "assistant: Fine.",
        ]
        full = session.conversation.messages(full=True)[1].text
        assert len(cut.heard.text) < len(full) <= len(story)


@pytest.mark.parametrize("when", ["before_answer", "mid_answer"])
async def test_what_was_said_is_heard_again(serve: Serve, when: str) -> None:
    """A connection that breaks costs no word: the sound is sent again, and answered there."""
    broken = Close.model_validate({"when": when, "how": "reset"})
    steps = [Step(user_says="hello", text="Hello to you."), Step(text="Lost.", close=broken), Step(user_says="why")]
    async with serve(Script(steps=steps)) as rig, RealtimeSession(rig.provider, reconnects=SOON) as session:
        await _speak(session, rig)
        await answer_of(session)
        session.played(10_000)  # to the end: nobody talks over it
        heard = list[StreamElement]()
        await _speak(session, rig)
        await answer_of(session, listener=heard.append)

        assert len([element for element in heard if isinstance(element.event, Reconnected)]) == 1
        assert shown(session.conversation.messages()) == [
            "user: hello",
            "assistant: Hello to you.",
            "user: why",
            "assistant: Hello, how can I help?",
        ]


async def test_exchanges_of_a_short_life(serve: Serve) -> None:
    """Connections that live a few seconds each carry a conversation without losing a word of it."""
    steps = [Step(user_says=f"question {k}", text="Yes.", audio_ms=100) for k in range(6)]
    script = Script(steps=steps, max_connection_s=3)
    async with serve(script) as rig, RealtimeSession(rig.provider, reconnects=SOON) as session:
        for _ in range(6):
            await _speak(session, rig)
            await answer_of(session)
            session.played(10_000)
            await asyncio.sleep(0.15)

        lines = shown(session.conversation.messages())
        assert lines[1::2] == ["assistant: Yes."] * 6
        assert lines[::2] == sorted(lines[::2])
        assert len(lines) == 12
        assert len(rig.journal.connections) > 1
