"""What comes after a connection: its loss, its age, its end."""

import asyncio
from dataclasses import dataclass, field

from deploy.sandbox.realtime.script import Close, Script, Step
from streaming.duplex.aio.reconnects import Reconnects
from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.elements import Reconnected, StreamElement
from streaming.duplex.errors import (
    ConnectionLostError,
)
from streaming.duplex.provider import Target
from tests.streaming.duplex.aio.talking import (
    SOON,
    answer_of,
    ending_of,
    free_port,
    rest_of,
    shown,
    until,
    write,
)
from tests.streaming.duplex.toy.server import serve_toy
from tests.streaming.duplex.toy.wire import ToyProvider


async def test_a_server_that_is_gone_for_a_while() -> None:
    """What was sent meanwhile waits, in order, and is answered by the next one."""
    port = free_port()
    patient = Reconnects(tries=20, first_s=0.05, max_s=0.1)
    provider = ToyProvider(f"ws://127.0.0.1:{port}", resumable=False)
    lost = Step(text="First.", close=Close(when="after_answer", how="reset"))
    async with serve_toy(Script(steps=[lost]), port=port):
        session = await RealtimeSession(provider, reconnects=patient).__aenter__()
        await write(session, "one")
        await answer_of(session)
    for word in ("two", "three", "four"):
        await session.send(StreamElement(text=word))
    await session.send(StreamElement(end_of_stream=True))
    await asyncio.sleep(0.3)
    async with serve_toy(Script(steps=[Step(text="Second.")]), port=port) as server:
        await answer_of(session)
        await session.aclose()

        said = [message for message in server.journal.received if message["do"] != "setup"]
        assert [message.get("text") for message in said] == ["two", "three", "four", None]
    assert shown(session.conversation.messages()) == [
        "user: one",
        "assistant: First.",
        "user: two three four",
        "assistant: Second.",
    ]


async def test_a_server_that_never_comes_back() -> None:
    """The session ends with the loss, after the tries, and the partial answer stays."""
    broken = Step(text="It was a dark night.", close=Close(when="mid_answer", how="reset"))
    async with serve_toy(Script(steps=[broken])) as server:
        session = await RealtimeSession(
            ToyProvider(server.url), reconnects=Reconnects(tries=0, first_s=0.02)
        ).__aenter__()
        await write(session, "Tell me.")
        rest = await rest_of(session)
    await session.aclose()

    assert isinstance(ending_of(rest), ConnectionLostError)
    assert [element.interrupted for element in rest[-2:]] == [True, False]
    assert [message.role for message in session.conversation.messages(full=True)] == ["user", "assistant"]


async def test_a_connection_that_always_breaks() -> None:
    """The same words that kill each connection are not sent for ever."""
    script = Script(steps=[Step(close=Close(when="before_answer", how="reset"))])
    async with (
        serve_toy(script) as server,
        RealtimeSession(ToyProvider(server.url), reconnects=Reconnects(tries=3, first_s=0.01)) as session,
    ):
        await write(session, "Boom.")

        assert isinstance(ending_of(await rest_of(session)), ConnectionLostError)
        assert len(server.journal.connections) == 4


async def test_a_proper_close_that_owes_an_answer() -> None:
    """A user's turn that was not answered is not the end."""
    script = Script(steps=[Step(close=Close(when="before_answer", code=1000)), Step(text="Here.")])
    async with (
        serve_toy(script) as server,
        RealtimeSession(ToyProvider(server.url), reconnects=SOON) as session,
    ):
        await write(session, "Anyone?")
        await answer_of(session)

        assert shown(session.conversation.messages()) == ["user: Anyone?", "assistant: Here."]


async def test_a_connection_that_is_old() -> None:
    """Where there is no handle the next one is open before the old one is closed, and knows what was said."""
    async with (
        serve_toy(Script(steps=[Step(text="Yes.")])) as server,
        RealtimeSession(ToyProvider(server.url, resumable=False), max_age_s=0.3, reconnects=SOON) as session,
    ):
        await write(session, "one")
        await answer_of(session)
        seen = await until(session, lambda element: isinstance(element.event, Reconnected))
        await write(session, "two")
        await answer_of(session)

        assert seen[-1].event == Reconnected("seeded", "the connection is 0.3 s old")
        assert not any(element.interrupted for element in seen)
        old, new = server.journal.connections[:2]
        assert old.closed == 1000
        assert "one" in str(new.received[0])
        assert shown(session.conversation.messages()) == [
            "user: one",
            "assistant: Yes.",
            "user: two",
            "assistant: Yes.",
        ]


async def test_an_old_connection_is_not_left_in_the_middle() -> None:
    """The hand-over waits for the answer's end, and for the result of a tool."""
    async with (
        serve_toy(Script(steps=[Step(text="A long answer.", audio_ms=600, speed=1)])) as server,
        RealtimeSession(ToyProvider(server.url, resumable=False), max_age_s=0.2, reconnects=SOON) as session,
    ):
        await write(session, "one")
        heard = list[StreamElement]()
        await answer_of(session, listener=heard.append)

        assert not [element for element in heard if isinstance(element.event, Reconnected)]
        await until(session, lambda element: isinstance(element.event, Reconnected))
        assert shown(session.conversation.messages()) == ["user: one", "assistant: A long answer."]


@dataclass(frozen=True)
class _OnceOnly(ToyProvider):
    """Its server is there for the first connection only."""

    targets: list[Target] = field(default_factory=list)

    def target(self) -> Target:
        """Return where to connect."""
        self.targets.append(super().target())
        return self.targets[0] if len(self.targets) == 1 else Target("ws://127.0.0.1:1/")


async def test_a_hand_over_that_fails() -> None:
    """The old connection is as good as before."""
    async with serve_toy(Script(steps=[Step(text="Yes.")])) as server:
        provider = _OnceOnly(server.url, resumable=False)
        async with RealtimeSession(provider, max_age_s=0.1, reconnects=SOON) as session:
            await asyncio.sleep(0.3)
            await write(session, "Still there?")
            await answer_of(session)

            assert len(provider.targets) > 1
            assert len(server.journal.connections) == 1


async def test_no_time_for_a_quiet_moment() -> None:
    """Shortly before the provider closes the answer is cut, and asked for again."""
    cut = Step(text="A very long answer.", audio_ms=5_000, speed=1, go_away_s=0.4)
    async with (
        serve_toy(Script(steps=[cut, Step(text="A short one.")])) as server,
        RealtimeSession(ToyProvider(server.url), reconnects=SOON) as session,
    ):
        await write(session, "Tell me.")
        heard = list[StreamElement]()
        await answer_of(session, listener=heard.append)

        assert any(element.interrupted for element in heard)
        assert shown(session.conversation.messages()) == ["user: Tell me.", "assistant: A short one."]
        assert server.journal.connections[0].closed == 1000
