"""From the user's last word to the answer's: reads the session, runs tools meanwhile, and ends in one way."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace

from streaming.duplex.aio.channel import ElementReceiver, ElementSender
from streaming.duplex.aio.sending import executed, send_tool_results
from streaming.duplex.elements import CallsCancelled, StreamElement
from streaming.duplex.errors import NoToolExecutorError, SessionEndedError, ToolRoundsExceededError
from streaming.duplex.responses import ResponseAction, process_response_element
from streaming.duplex.tools import ToolExecutionResult, ToolExecutor, settled, without
from streaming.messages import ToolCallPart

_log = logging.getLogger(__name__)

_LOG_PREFIX = "ResponseCollector"


def _unheard(_: StreamElement) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class ResponseCollectorConfig:
    """How answers are collected."""

    executor: ToolExecutor | None = None
    """Who runs tools; without one a tool call is an error, after the provider was told so."""
    log_prefix: str = _LOG_PREFIX
    """Begins each line in the log, and the words of an ending."""
    max_tool_rounds: int = 8
    """How often in one exchange the model may call tools."""
    listener: Callable[[StreamElement], None] = _unheard
    """Given every element as it is read, the last one too; must not block, and what it raises ends the exchange."""
    last_words_s: float = 1.0
    """How long an exchange that failed may take to answer the calls that it took, and a session to say why it ended."""


class ResponseCollector:
    """Collects answers of sessions; holds nothing of any of them."""

    def __init__(self, config: ResponseCollectorConfig | None = None) -> None:
        self._config = config or ResponseCollectorConfig()

    def start(self, output: ElementReceiver, input: ElementSender) -> asyncio.Task[StreamElement]:
        """Read `output` up to the end of the answer; send the results of tools to `input`.

        Tools run while reading goes on, and every call that the model makes is answered once, however the exchange
        ends. An answer that comes while a tool runs is the last one only if the tool's result asks for no other.

        Returns:
            A task with one outcome: the answer's last element; the error of `process_response_element`, of a tool's
            executor, `NoToolExecutorError` or `ToolRoundsExceededError`; `SessionEndedError` where the session is
            over before the answer is; or cancellation, after which no tool runs any more.
        """
        return asyncio.create_task(_Exchange(self._config, output, input).run())


@dataclass(eq=False, slots=True)
class _Round:
    """The calls of one answer, until the session has taken their results."""

    calls: tuple[ToolCallPart, ...]
    result: ToolExecutionResult | None = None


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The executor of calls that are not run."""

    why: Exception

    async def execute(self, _: Sequence[ToolCallPart]) -> ToolExecutionResult:
        raise self.why


class _Exchange:
    def __init__(self, config: ResponseCollectorConfig, output: ElementReceiver, input: ElementSender) -> None:
        self._config = config
        self._prefix = config.log_prefix or _LOG_PREFIX
        self._output = output
        self._input = input
        self._outcome: asyncio.Future[StreamElement] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []
        self._rounds: list[_Round] = []
        self._rounds_begun = 0
        self._calls_begun: set[str] = set()
        self._calls_cancelled: set[str] = set()
        self._answer: StreamElement | None = None

    async def run(self) -> StreamElement:
        self._begin(self._read())
        try:
            answer = await self._outcome
        except (Exception, asyncio.CancelledError) as error:
            await _uncut(self._answer_the_rest(error))
            raise
        await _uncut(self._stop())
        return answer

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._outcome.cancel()  # unless there is one already: by somebody else, and no other can come
        elif isinstance(error := task.exception(), Exception):
            self._fail(error)

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- the session's elements

    async def _read(self) -> None:
        while not self._outcome.done():
            try:
                element = await self._output.receive()
            except SessionEndedError as ended:
                raise self._over(ended) from ended
            self._take(element)

    def _take(self, element: StreamElement) -> None:
        self._config.listener(element)
        if isinstance(element.event, CallsCancelled):
            self._calls_cancelled.update(element.event.call_ids)
        action, error = process_response_element(element)
        if error is not None:
            self._fail(error)
        elif action is ResponseAction.TOOL_CALLS:
            self._call_tools(element)
        elif action is ResponseAction.COMPLETE:
            self._complete(element)

    # -- the tools

    def _call_tools(self, element: StreamElement) -> None:
        calls = tuple({call.id: call for call in element.calls if call.id not in self._calls_begun}.values())
        if not calls:
            self._take_repeated(element)
            return
        self._calls_begun.update(call.id for call in calls)
        self._rounds_begun += 1
        names = [call.name for call in calls]
        _log.debug("%s: round %d calls %s", self._prefix, self._rounds_begun, names)
        one = _Round(calls)
        self._rounds.append(one)
        self._begin(self._run(one, self._executor(names)))

    def _take_repeated(self, element: StreamElement) -> None:
        """Each call is run once, though its provider tells of it again with what it says next."""
        _log.warning("%s: the provider repeats calls that were taken already", self._prefix)
        rest = _without_calls(element)
        if process_response_element(rest)[0] is ResponseAction.COMPLETE:
            self._complete(rest)

    def _executor(self, names: list[str]) -> ToolExecutor:
        if self._config.executor is None:
            return _Refusal(NoToolExecutorError(names))
        if self._rounds_begun > self._config.max_tool_rounds:
            return _Refusal(ToolRoundsExceededError(self._config.max_tool_rounds))
        return self._config.executor

    async def _run(self, one: _Round, executor: ToolExecutor) -> None:
        one.result, error = await executed(executor, one.calls)
        if error is not None:
            raise error
        told = without(one.result, self._calls_cancelled)
        if told.responses:
            self._answer = None  # what the model has said meanwhile is not its last word: it will answer these
        try:
            await send_tool_results(told, self._input)
        except SessionEndedError as ended:
            # The session may be about to say why.
            await asyncio.wait({self._outcome}, timeout=self._config.last_words_s)
            raise self._over(ended) from ended
        self._rounds.remove(one)
        self._settle()

    async def _answer_the_rest(self, error: Exception | asyncio.CancelledError) -> None:
        """The session may outlive this exchange, and no call of the model may stay without a result."""
        await self._stop()
        try:
            async with asyncio.timeout(self._config.last_words_s):
                for one in self._rounds:
                    result = one.result or settled(one.calls, error)
                    await send_tool_results(without(result, self._calls_cancelled), self._input)
        except Exception as lost:
            _log.warning("%s: results were not taken: %s", self._prefix, type(lost).__name__)

    # -- the outcome: the first one stands

    def _complete(self, element: StreamElement) -> None:
        self._answer = element
        self._settle()

    def _settle(self) -> None:
        if self._answer is not None and not self._rounds and not self._outcome.done():
            self._outcome.set_result(self._answer)

    def _fail(self, error: Exception) -> None:
        if self._outcome.done():
            _log.warning("%s: after its end: %s", self._prefix, type(error).__name__)
        else:
            self._outcome.set_exception(error)

    def _over(self, ended: SessionEndedError) -> SessionEndedError:
        return SessionEndedError(f"{self._prefix}: {ended}")


async def _uncut(ending: Coroutine[object, object, None]) -> None:
    """The outcome stands already, so a cancellation changes nothing any more; only a second one cuts the ending."""
    task = asyncio.create_task(ending)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.shield(task)
    await task


def _without_calls(element: StreamElement) -> StreamElement:
    message = element.message
    if message is not None:
        said = [part for part in message.parts if not isinstance(part, ToolCallPart)]
        message = message.model_copy(update={"parts": said})
    return replace(element, tool_calls=(), message=message)
