"""A session's tool calls: who runs them, and exactly one result for each, whatever that gave. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from streaming.duplex.elements import StreamElement, ToolResponse
from streaming.duplex.errors import DuplexError
from streaming.jsontext import pair_surrogates
from streaming.messages import Message, TextPart, ToolCallPart, ToolResultPart

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ToolExecutionResult:
    """What the calls gave, twice: the provider takes text, the history everything."""

    responses: tuple[ToolResponse, ...] = ()
    """For the provider."""
    messages: tuple[Message, ...] = ()
    """For the history: the role is "tool", as after a text turn."""


class ToolExecutor(Protocol):
    """Who runs tools."""

    async def execute(self, calls: Sequence[ToolCallPart]) -> ToolExecutionResult | None:
        """Run the calls of one answer.

        It may be called again before it has returned: the user can talk, and the model call, while tools run. It is
        cancelled when the exchange fails or is cancelled; work that must not be cut is the executor's to shield.

        Returns:
            The results, in any order; one half of a result (a response, or a message) stands for the other. A failure
            of one tool is a result with `is_error`. A call without any result, and with None every call, is answered
            with an error.

        Raises:
            Exception: every call is answered with an error, and then this one surfaces.
        """


class NoResultError(DuplexError):
    """The executor gave nothing for a call."""

    def __init__(self) -> None:
        super().__init__("the tool gave no result")


def settled(calls: Iterable[ToolCallPart], outcome: ToolExecutionResult | BaseException | None) -> ToolExecutionResult:
    """Return exactly one response and one message for each call, in the order of the calls.

    Of several results of one call the first stands; results of other calls are left out.

    Args:
        calls: what the model asked for.
        outcome: what the executor gave, or why it gave nothing.
    """
    given = outcome if isinstance(outcome, ToolExecutionResult) else ToolExecutionResult()
    error = outcome if isinstance(outcome, BaseException) else NoResultError()
    responses = _first_of_each((response.call_id, response) for response in given.responses)
    parts = _first_of_each((part.tool_call_id, part) for part in _result_parts(given.messages))
    results = [
        _both_halves(call, responses.get(call.id), parts.get(call.id), error)
        for call in _first_of_each((call.id, call) for call in calls).values()
    ]
    return ToolExecutionResult(
        responses=tuple(response for response, _ in results),
        messages=tuple(Message(role="tool", parts=[part]) for _, part in results),
    )


def unanswered(messages: Iterable[Message]) -> list[ToolCallPart]:
    """Return the calls that have no result yet, in order."""
    parts = [part for message in messages for part in message.parts]
    answered = {part.tool_call_id for part in parts if isinstance(part, ToolResultPart)}
    return [part for part in parts if isinstance(part, ToolCallPart) and part.id not in answered]


def without(result: ToolExecutionResult, cancelled: Collection[str]) -> ToolExecutionResult:
    """Return the result as it is sent when the provider waits no longer for some calls; the history keeps theirs."""
    awaited = tuple(response for response in result.responses if response.call_id not in cancelled)
    return replace(result, responses=awaited)


def build_tool_response_element(result: ToolExecutionResult) -> StreamElement:
    """Return the element that carries results up: responses to the provider, messages to the history."""
    return StreamElement(tool_responses=result.responses, tool_result_messages=result.messages)


def _first_of_each(pairs: Iterable[tuple[str, _T]]) -> dict[str, _T]:
    first: dict[str, _T] = {}
    for key, value in pairs:
        first.setdefault(key, value)
    return first


def _result_parts(messages: Iterable[Message]) -> Iterator[ToolResultPart]:
    return (part for message in messages for part in message.parts if isinstance(part, ToolResultPart))


def _both_halves(
    call: ToolCallPart, response: ToolResponse | None, part: ToolResultPart | None, error: BaseException
) -> tuple[ToolResponse, ToolResultPart]:
    if response is None:
        response = _in_text(part) if part else ToolResponse(call.id, call.name, _words_of(error), is_error=True)
    response = replace(response, name=call.name, output=pair_surrogates(response.output))
    return response, part or ToolResultPart(tool_call_id=call.id, content=response.output, is_error=response.is_error)


def _in_text(part: ToolResultPart) -> ToolResponse:
    """Say in text what the history holds: no realtime provider takes anything else from a tool."""
    words = (item.text if isinstance(item, TextPart) else f"[{item.type}]" for item in part.content)
    return ToolResponse(part.tool_call_id, "", "".join(words), part.is_error)


def _words_of(error: BaseException) -> str:
    """Say what went wrong; a stranger's error may quote a key or a URL, so only its type is told."""
    return str(error) if isinstance(error, DuplexError) else f"{type(error).__name__}: the tool failed"
