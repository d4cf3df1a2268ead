"""What is sent up to a session: tool results, and the end of the user's turn."""

import asyncio
from collections.abc import Sequence

from streaming.duplex.aio.channel import ElementSender
from streaming.duplex.elements import StreamElement
from streaming.duplex.errors import DuplexError, SessionEndedError
from streaming.duplex.tools import ToolExecutionResult, ToolExecutor, build_tool_response_element, settled
from streaming.messages import ToolCallPart


class ToolsCancelledError(DuplexError):
    """The executor was cancelled, and not by whoever waits for it."""

    def __init__(self) -> None:
        super().__init__("the tool was cancelled")


async def send_tool_results(result: ToolExecutionResult | None, input: ElementSender) -> None:
    """Send results, those for the history alone too; None is nothing to send.

    Raises:
        SessionEndedError: the session takes no more; nothing was sent.
    """
    if result is not None:
        await input.send(build_tool_response_element(result))


async def execute_and_send(executor: ToolExecutor | None, calls: Sequence[ToolCallPart], input: ElementSender) -> None:
    """Run calls and send their results: exactly one for each call, whatever the executor gives.

    Without an executor nothing is run or sent: another one answers the calls.

    Raises:
        Exception: what the executor raised, after each call was answered with an error.
        SessionEndedError: the session takes no more; nothing was sent.
    """
    if executor is None:
        return
    result, error = await executed(executor, calls)
    try:
        await send_tool_results(result, input)
    except SessionEndedError:
        if error is None:
            raise
    if error is not None:
        raise error


async def executed(
    executor: ToolExecutor, calls: Sequence[ToolCallPart]
) -> tuple[ToolExecutionResult, Exception | None]:
    """Run calls; return one result for each, and what the executor raised or got wrong."""
    try:
        return settled(calls, await executor.execute(calls)), None
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) and task.cancelling():
            raise
        error: Exception = ToolsCancelledError()  # a task of the executor's own was: the model still waits
    except Exception as raised:
        error = raised
    return settled(calls, error), error


async def send_end_of_stream(input: ElementSender) -> None:
    """Say that the user's turn is over, so that the model answers.

    Raises:
        SessionEndedError: the session takes no more.
    """
    await input.send(StreamElement(end_of_stream=True))


# A turn ends the same way whatever was in it.
send_image_end_of_stream = send_end_of_stream
send_video_end_of_stream = send_end_of_stream
