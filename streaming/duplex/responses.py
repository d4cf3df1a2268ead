"""What to do about an element that came from a session: one table, the first row that fits decides. Pure."""

from collections.abc import Callable
from enum import StrEnum

from streaming.duplex.elements import StreamElement
from streaming.duplex.errors import EmptyResponseError
from streaming.messages import Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart


class ResponseAction(StrEnum):
    """What the element asks of whoever waits for an answer."""

    CONTINUE = "continue"
    """It informs: wait on."""
    COMPLETE = "complete"
    """It is the answer."""
    ERROR = "error"
    """The answer failed, or ended with nothing in it."""
    TOOL_CALLS = "tool_calls"
    """Its calls are to be run, and the model goes on when it has their results."""


def process_response_element(element: StreamElement) -> tuple[ResponseAction, Exception | None]:
    """Return what to do about an element, and with `ResponseAction.ERROR` the error.

    Why the answer ended plays no part: one that was too long, or that the provider cancelled, is complete with what
    there is of it, and says so in its `finish_reason`.
    """
    action = next(action for fits, action in ROWS if fits(element))
    return action, (element.error or EmptyResponseError()) if action is ResponseAction.ERROR else None


def _failed(element: StreamElement) -> bool:
    return element.error is not None


def _interrupted(element: StreamElement) -> bool:
    return element.interrupted


def _interrupted_turn_complete(element: StreamElement) -> bool:
    return element.interrupted_turn_complete


def _ended_empty(element: StreamElement) -> bool:
    return element.end_of_stream and not element.calls and not _has_content(element)


def _ended_with_calls(element: StreamElement) -> bool:
    return element.end_of_stream and bool(element.calls)


def _ended(element: StreamElement) -> bool:
    return element.end_of_stream


def _anything_else(_: StreamElement) -> bool:
    return True


def _has_content(element: StreamElement) -> bool:
    parts = element.message.parts if element.message else []
    return element.audio_ms > 0 or any(map(_says_something, parts))


def _says_something(part: Part) -> bool:
    """Whether a user has something of it: a blank is an answer, a thought is none."""
    match part:
        case TextPart() | RefusalPart():
            return bool(part.text)
        case ReasoningPart() | ToolCallPart():
            return False
        case _:
            return True


ROWS: tuple[tuple[Callable[[StreamElement], bool], ResponseAction], ...] = (
    (_failed, ResponseAction.ERROR),
    # What was said by then came with the mark; the answer to wait for is the next one.
    (_interrupted, ResponseAction.CONTINUE),
    (_interrupted_turn_complete, ResponseAction.CONTINUE),
    (_ended_empty, ResponseAction.ERROR),
    (_ended_with_calls, ResponseAction.TOOL_CALLS),
    (_ended, ResponseAction.COMPLETE),
    (_anything_else, ResponseAction.CONTINUE),
)
