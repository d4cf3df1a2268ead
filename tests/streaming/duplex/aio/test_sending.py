import asyncio
from collections.abc import Awaitable, Callable

import pytest

from streaming.duplex.aio.channel import Channel, ElementSender
from streaming.duplex.aio.sending import (
    ToolsCancelledError,
    execute_and_send,
    executed,
    send_end_of_stream,
    send_image_end_of_stream,
    send_tool_results,
    send_video_end_of_stream,
)
from streaming.duplex.elements import StreamElement, ToolResponse
from streaming.duplex.errors import SessionEndedError
from streaming.duplex.tools import ToolExecutionResult, build_tool_response_element
from streaming.messages import ToolCallPart
from tests.streaming.duplex.aio.tooling import Giving, Looking, results
from tests.streaming.duplex.said import call, tool_message

CALLS = [call("a"), call("b")]
Send = Callable[[ElementSender], Awaitable[None]]
SENDS: dict[str, Send] = {
    "results": lambda channel: send_tool_results(results("a"), channel),
    "run results": lambda channel: execute_and_send(Looking(), CALLS, channel),
    "end of stream": send_end_of_stream,
    "images' end": send_image_end_of_stream,
    "videos' end": send_video_end_of_stream,
}


def failed(words: str) -> StreamElement:
    """Return the element that answers both calls with an error."""
    return StreamElement(
        tool_responses=tuple(ToolResponse(one.id, "look", words, is_error=True) for one in CALLS),
        tool_result_messages=tuple(tool_message(one.id, words, is_error=True) for one in CALLS),
    )


async def test_results_are_one_element() -> None:
    """Both halves together, so that neither is sent without the other."""
    channel = Channel()
    await send_tool_results(results("a", "b"), channel)

    assert channel.receive_nowait() == build_tool_response_element(results("a", "b"))
    assert channel.receive_nowait() is None


async def test_no_results_are_not_sent() -> None:
    """Nothing ran, nothing to tell."""
    channel = Channel()
    await send_tool_results(None, channel)

    assert channel.receive_nowait() is None


async def test_results_for_the_history_alone_are_sent() -> None:
    """The provider needs none of it; the history does."""
    channel = Channel()
    kept = ToolExecutionResult(messages=(tool_message("a", "1"),))
    await send_tool_results(kept, channel)

    assert channel.receive_nowait() == StreamElement(tool_result_messages=kept.messages)


@pytest.mark.parametrize("send", SENDS.values(), ids=list(SENDS))
async def test_a_closed_session_takes_nothing(send: Send) -> None:
    """Whoever sends learns it."""
    channel = Channel()
    channel.close()

    with pytest.raises(SessionEndedError):
        await send(channel)


@pytest.mark.parametrize("send", SENDS.values(), ids=list(SENDS))
async def test_a_session_that_closes_meanwhile_takes_nothing(send: Send) -> None:
    """The element waited for room, and there will be none."""
    channel = Channel(room=1)
    await channel.send(StreamElement())
    sending = asyncio.ensure_future(send(channel))
    await asyncio.sleep(0)
    channel.close()

    with pytest.raises(SessionEndedError):
        await sending
    assert [element async for element in channel] == [StreamElement()]


@pytest.mark.parametrize("send", SENDS.values(), ids=list(SENDS))
async def test_a_send_can_be_cancelled(send: Send) -> None:
    """A full session holds nobody, and nothing of the element is sent."""
    channel = Channel(room=1)
    await channel.send(StreamElement())

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await send(channel)
    assert channel.receive_nowait() == StreamElement()
    assert channel.receive_nowait() is None


@pytest.mark.parametrize("end", ["end of stream", "images' end", "videos' end"])
async def test_the_end_of_a_turn_is_a_mark_alone(end: str) -> None:
    """Whatever the turn was made of."""
    channel = Channel()
    await SENDS[end](channel)

    assert channel.receive_nowait() == StreamElement(end_of_stream=True)
    assert channel.receive_nowait() is None


async def test_calls_are_run_and_answered() -> None:
    """In one go."""
    channel, executor = Channel(), Looking()
    await execute_and_send(executor, CALLS, channel)

    assert executor.asked == [("a", "b")]
    assert channel.receive_nowait() == build_tool_response_element(results("a", "b"))


async def test_without_an_executor_nothing_happens() -> None:
    """Somebody else answers the calls."""
    channel = Channel()
    await execute_and_send(None, CALLS, channel)

    assert channel.receive_nowait() is None


async def test_a_history_only_result_answers_the_provider_too() -> None:
    """It waits for a result of each call."""
    channel = Channel()
    await execute_and_send(Giving(ToolExecutionResult(messages=results("a", "b").messages)), CALLS, channel)

    assert channel.receive_nowait() == build_tool_response_element(results("a", "b"))


@pytest.mark.parametrize("outcome", [None, ToolExecutionResult()])
async def test_an_executor_with_nothing_still_answers(outcome: ToolExecutionResult | None) -> None:
    """With an error for each call."""
    channel = Channel()
    await execute_and_send(Giving(outcome), CALLS, channel)

    assert channel.receive_nowait() == failed("the tool gave no result")


async def test_an_executors_error_surfaces_after_the_answers() -> None:
    """The object itself, and its words stay with us: they may hold a key."""
    channel, error = Channel(), ValueError("key=secret")

    with pytest.raises(ValueError, match="secret") as raised:
        await execute_and_send(Giving(error), CALLS, channel)
    assert raised.value is error
    assert channel.receive_nowait() == failed("ValueError: the tool failed")
    assert channel.receive_nowait() is None


async def test_an_executors_error_surfaces_from_a_closed_session() -> None:
    """That the session is over is no news beside it."""
    channel = Channel()
    channel.close()

    with pytest.raises(ValueError, match="v"):
        await execute_and_send(Giving(ValueError("v")), CALLS, channel)


async def test_what_is_no_result_is_the_executors_error() -> None:
    """It may be written without types; the model does not wait for its repair."""
    channel = Channel()
    wrong = ToolExecutionResult((ToolResponse("a", "look", 5),))  # type: ignore[arg-type]

    with pytest.raises(AttributeError):
        await execute_and_send(Giving(wrong), CALLS, channel)
    assert channel.receive_nowait() == failed("AttributeError: the tool failed")


async def test_an_executor_that_is_cancelled_from_within_fails() -> None:
    """A task of its own was cancelled; the model, and whoever waits, hear of an error."""
    result, error = await executed(Giving(asyncio.CancelledError()), CALLS)

    assert isinstance(error, ToolsCancelledError)
    assert build_tool_response_element(result) == failed("the tool was cancelled")


async def test_cancelling_cancels_the_executor() -> None:
    """And nothing is sent: whoever cancelled it ends the exchange."""
    channel, executor = Channel(), Looking(waits=True)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await execute_and_send(executor, CALLS, channel)
    assert executor.cancelled == [("a", "b")]
    assert channel.receive_nowait() is None


async def test_the_executor_sees_the_calls_themselves() -> None:
    """Names and arguments as the model wrote them."""

    class Keeping(Giving):
        async def execute(self, calls: object) -> None:
            seen.append(calls)

    seen: list[object] = []
    calls = [ToolCallPart(id="a", name="look", arguments='{"at": "sky"')]
    await execute_and_send(Keeping(None), calls, Channel())

    assert seen == [calls]
