"""OpenAI Realtime: how connections end, and that the script goes on with the next."""

import asyncio

import orjson
import pytest
from websockets.asyncio.client import connect

from deploy.sandbox.realtime.script import Close, Script, ScriptedCall, Step
from deploy.sandbox.realtime.serving import OPENAI_PATH, serve
from tests.deploy.sandbox_realtime.openai_client import code_of, output_of, talking

WORDS = "aaa bbb ccc ddd"
SAID = {"before_answer": "", "mid_answer": "aaa bbb ", "after_answer": WORDS}


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("when", list(SAID))
async def test_a_connection_ends(when: str, how: str) -> None:
    """It ends at the scripted moment, in the scripted way, and another connection goes on with the next step."""
    close = Close.model_validate({"when": when, "how": how, "code": 1001, "reason": "bye"})
    steps = [Step(text=WORDS, audio_ms=800, close=close), Step(text="Again.")]
    async with serve(Script(steps=steps)) as server:
        async with talking(server) as talk:
            await talk.begin()
            closed = await talk.end()
        async with talking(server) as next_talk:
            await next_talk.ask()

    assert talk.text == SAID[when]
    assert bool(talk.all("response.done")) == (when == "after_answer")
    assert code_of(closed) == (1001 if how == "close" else 1006)
    assert ("bye" in str(closed)) == (how == "close")
    assert next_talk.text == "Again."
    assert [record.closed for record in server.journal.connections] == [1001 if how == "close" else 1006, 1000]
    assert [record.session for record in server.journal.connections] == [0, 0]


async def test_leaving_is_not_announced() -> None:
    """Where the other provider says that it goes away, this one goes."""
    step = Step(text="word " * 50, audio_ms=10_000, speed=1, go_away_s=0.2)
    async with serve(Script(steps=[step])) as server, talking(server) as talk:
        await talk.begin()
        closed = await talk.end()

    assert code_of(closed) == 1001
    assert talk.all("response.created")
    assert not talk.all("error")
    assert not talk.all("response.done")


async def test_every_key_is_a_session() -> None:
    """Two keys play the script each from its beginning."""
    async with serve(Script(steps=[Step(text="First."), Step(text="Second.")])) as server:
        said = []
        for key in ("a", "a", "b"):
            async with talking(server, key) as talk:
                await talk.ask()
            said.append(talk.text)

    assert said == ["First.", "Second.", "First."]
    assert [record.session for record in server.journal.connections] == [0, 0, 1]


async def test_a_tool_exchange_over_two_connections() -> None:
    """A call of a connection that is gone is answered on the next, which is told of it first: that is one result."""
    step = Step(tool_calls=[ScriptedCall(name="clock")], after_tools="Noon.", close=Close(how="reset"))
    async with serve(Script(steps=[step, Step(text="Third."), Step(text="Bye.")])) as server:
        async with talking(server) as talk:
            done = await talk.ask()
            assert code_of(await talk.end()) == 1006
        (call,) = output_of(done)
        call_id = str(call["call_id"])
        for said in ("Noon.", "Third."):
            async with talking(server) as next_talk:
                create = next_talk.connection.conversation.item.create
                await create(item={"type": "function_call", "call_id": call_id, "name": "clock", "arguments": "{}"})
                await create(item={"type": "function_call_output", "call_id": call_id, "output": "12"})
                if said == "Third.":
                    await next_talk.write("and now?")
                await next_talk.connection.response.create()
                await next_talk.until("response.done")
            assert next_talk.text == said

    assert server.journal.tool_results == {call_id: ["12"]}


async def test_a_result_given_twice_is_in_the_journal_twice() -> None:
    """What a client does wrong can be seen."""
    step = Step(tool_calls=[ScriptedCall(name="clock", id="c")])
    async with serve(Script(steps=[step])) as server, talking(server) as talk:
        await talk.ask()
        for output in ("first", "second"):
            await talk.connection.conversation.item.create(
                item={"type": "function_call_output", "call_id": "c", "output": output}
            )
            await talk.until("conversation.item.done")

    assert server.journal.tool_results == {"c": ["first", "second"]}


async def test_nothing_is_kept_where_it_is_not_wanted() -> None:
    """A long demo does not fill the memory."""
    async with serve(journal=False) as server, talking(server) as talk:
        await talk.say(bytes(9600))
        await talk.ask()

    (record,) = server.journal.connections
    assert not record.received
    assert not record.audio
    assert record.sent == len(talk.events)


async def test_a_client_that_does_not_read_keeps_nobody_waiting() -> None:
    """The server ends though its last words are not heard."""
    step = Step(text="word " * 2000, audio_ms=600_000)
    async with asyncio.timeout(60):
        async with serve(Script(steps=[step])) as server:
            address = f"{server.ws_url}{OPENAI_PATH}?model=m"
            deaf = await connect(address, additional_headers={"Authorization": "Bearer k"}, max_queue=1)
            await deaf.send(orjson.dumps({"type": "response.create"}).decode())
            while b"response.output_audio.delta" not in await deaf.recv(decode=False):
                pass
        deaf.transport.abort()
        await deaf.wait_closed()

    assert [record.closed for record in server.journal.connections] == [1006]


async def test_what_the_fake_does_wrong_is_told() -> None:
    """A test does not pass over a fault of the fake itself."""
    failure = ValueError("of the fake")

    with pytest.raises(ExceptionGroup) as raised:
        async with serve() as server:
            server.journal.failures.append(failure)

    assert raised.value.exceptions == (failure,)
