"""How often a connection is tried, and when a session gives up."""

from deploy.sandbox.realtime.script import Close, Script, Step
from streaming.duplex.aio.reconnects import Reconnects
from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.errors import ConnectionLostError
from tests.streaming.duplex.aio.talking import ending_of, rest_of, write
from tests.streaming.duplex.toy.server import serve_toy
from tests.streaming.duplex.toy.wire import ToyProvider


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
