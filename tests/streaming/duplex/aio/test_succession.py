"""What comes after a connection: its loss, its age, its end."""

import asyncio
import json
from dataclasses import dataclass, field

from websockets.asyncio.server import ServerConnection

from deploy.sandbox.realtime.script import Close, Script, Step
from streaming.duplex.aio.reconnects import Reconnects
from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.elements import Reconnected, ResponseStarted, StreamElement
from streaming.duplex.provider import Target
from tests.streaming.duplex.aio.raw import READY, serving, silence
from tests.streaming.duplex.aio.talking import (
    SOON,
    answer_of,
    eventually,
    shown,
    until,
    write,
)
from tests.streaming.duplex.toy.server import serve_toy
from tests.streaming.duplex.toy.wire import NOWHERE, ToyProvider


async def test_a_server_that_is_gone_for_a_while() -> None:
    """What was sent meanwhile waits, in order, and is answered by the next one."""
    patient = Reconnects(tries=1_000, first_s=0.05, max_s=0.1)
    lost = Step(text="First.", close=Close(when="after_answer", how="reset"))
    async with serve_toy(Script(steps=[lost])) as server:
        provider = ToyProvider(server.url, resumable=False)
        session = await RealtimeSession(provider, reconnects=patient).__aenter__()
        await write(session, "one")
        provider.url = NOWHERE
        await answer_of(session)
    for word in ("two", "three", "four"):
        await session.send(StreamElement(text=word))
    await session.send(StreamElement(end_of_stream=True))
    await asyncio.sleep(0.3)
    async with serve_toy(Script(steps=[Step(text="Second.")])) as server:
        provider.url = server.url
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
        assert server.journal.connections[0].closed == 1000
        # Another may have been opened since, and a slow machine opens one before the first word.
        (second,) = [each for each in server.journal.connections if {"do": "text", "text": "two"} in each.received]
        assert "one" in str(second.received[0])
        assert shown(session.conversation.messages()) == [
            "user: one",
            "assistant: Yes.",
            "user: two",
            "assistant: Yes.",
        ]


async def test_an_old_connection_is_not_left_in_the_middle() -> None:
    """The hand-over waits for the answer's end, and for the result of a tool."""
    async with (
        serve_toy(Script(steps=[Step(text="A long answer.", audio_ms=1_000, speed=1)])) as server,
        RealtimeSession(ToyProvider(server.url, resumable=False), max_age_s=0.5, reconnects=SOON) as session,
    ):
        await write(session, "one")
        await until(session, lambda element: isinstance(element.event, ResponseStarted))
        heard = list[StreamElement]()
        await answer_of(session, listener=heard.append)

        assert not [element for element in heard if isinstance(element.event, Reconnected)]
        await until(session, lambda element: isinstance(element.event, Reconnected))
        assert shown(session.conversation.messages()) == ["user: one", "assistant: A long answer."]


@dataclass
class _OnceOnly(ToyProvider):
    """Its server is there for the first connection only."""

    then: str = NOWHERE
    targets: list[Target] = field(default_factory=list)

    def target(self) -> Target:
        """Return where to connect."""
        self.targets.append(super().target())
        return self.targets[0] if len(self.targets) == 1 else Target(self.then)


async def _still_there(provider: _OnceOnly) -> None:
    async with RealtimeSession(provider, max_age_s=0.1, reconnects=SOON, connect_timeout_s=60) as session:
        await eventually(lambda: len(provider.targets) > 1)
        await write(session, "Still there?")
        await answer_of(session)


async def test_a_hand_over_that_fails() -> None:
    """The old connection is as good as before."""
    async with serve_toy(Script(steps=[Step(text="Yes.")])) as server:
        await _still_there(_OnceOnly(server.url, resumable=False))

        assert len(server.journal.connections) == 1


async def test_a_hand_over_that_takes_long() -> None:
    """Nobody waits for it: what is said meanwhile is said on the old connection."""

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    over = asyncio.Event()
    slow = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with slow, serve_toy(Script(steps=[Step(text="Yes.")])) as server:
        then = f"ws://127.0.0.1:{slow.sockets[0].getsockname()[1]}"
        await _still_there(_OnceOnly(server.url, resumable=False, then=then))
        over.set()

        assert len(server.journal.connections) == 1


async def test_a_hand_over_is_no_loss() -> None:
    """One who wants no other connection after a loss still has one after a planned end."""

    async def offer(socket: ServerConnection) -> None:
        asked.append(json.loads(await socket.recv())["resume"])
        await socket.send('{"is": "handle", "handle": "h"}')  # known before any time passes on the connection
        await socket.send(READY)
        await silence(socket)

    asked: list[str | None] = []
    async with (
        serving(offer) as url,
        RealtimeSession(ToyProvider(url), max_age_s=0.2, reconnects=Reconnects(tries=0)) as session,
    ):
        seen = await until(session, lambda element: isinstance(element.event, Reconnected) or bool(element.error))

        assert seen[-1].event == Reconnected("resumed", "the connection is 0.2 s old")
        assert asked[:2] == [None, "h"]


async def test_a_server_that_goes_away_before_it_is_ready() -> None:
    """What it said by then counts too."""

    async def leave(socket: ServerConnection) -> None:
        await socket.recv()
        if not connections:
            await socket.send('{"is": "going", "s": 0.2}')
        connections.append(socket)
        await socket.send(READY)
        await silence(socket)

    connections: list[ServerConnection] = []
    async with serving(leave) as url, RealtimeSession(ToyProvider(url), reconnects=SOON) as session:
        seen = await until(session, lambda element: isinstance(element.event, Reconnected))

        assert seen[-1].event == Reconnected("seeded", "the provider closes the connection")


async def test_no_time_for_a_quiet_moment() -> None:
    """Shortly before the provider closes the answer is cut, and asked for again."""
    closed: list[int | None] = []

    async def talk(socket: ServerConnection) -> None:
        number = len(closed)
        closed.append(None)
        async for message in socket:
            if json.loads(message)["do"] == "setup":
                await socket.send(READY)
            elif json.loads(message)["do"] == "end":
                await socket.send('{"is": "began"}')
                await socket.send(f'{{"is": "words", "text": "Answer {number}."}}')
                # It never comes to the end it announces: who closes is no matter of who is faster.
                await socket.send('{"is": "done"}' if number else '{"is": "going", "s": 1}')
        closed[number] = socket.close_code

    async with (
        serving(talk) as url,
        RealtimeSession(ToyProvider(url, resumable=False), reconnects=SOON) as session,
    ):
        await write(session, "Tell me.")
        heard = list[StreamElement]()
        await answer_of(session, listener=heard.append)
        await eventually(lambda: closed[0] is not None)

        assert any(element.interrupted for element in heard)
        assert shown(session.conversation.messages()) == ["user: Tell me.", "assistant: Answer 1."]
        assert closed == [1000, None]
