import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.aio import collector as collecting
from streaming.duplex.aio.channel import Channel
from streaming.duplex.aio.collector import ResponseCollector, ResponseCollectorConfig
from streaming.duplex.aio.sending import ToolsCancelledError
from streaming.duplex.aio.waiting import wait_for_response
from streaming.duplex.elements import CallsCancelled, Notice, StreamElement, ToolResponse
from streaming.duplex.errors import (
    CannotSendError,
    ConnectionLostError,
    DuplexError,
    EmptyResponseError,
    NoToolExecutorError,
    ResponseFailedError,
    SessionEndedError,
    ToolRoundsExceededError,
)
from streaming.duplex.responses import ResponseAction, process_response_element
from streaming.duplex.tools import ToolExecutionResult, ToolExecutor, build_tool_response_element
from streaming.messages import TextPart, ToolCallPart
from tests.streaming.duplex.aio.tooling import Giving, Looking, results
from tests.streaming.duplex.said import AUDIO, CUT, CUT_CLOSED, call, called, elements, ended, spoken, tool_message

LOST = ConnectionLostError("the socket broke")


class Session:
    """Both channels of a session, and one exchange on them."""

    def __init__(
        self,
        executor: ToolExecutor | None = None,
        *,
        prefix: str = "here",
        rounds: int = 8,
        last_words_s: float = 20,  # so long that only the tests of it see it end
    ) -> None:
        self.output, self.input = Channel(room=200), Channel(room=200)
        self.heard: list[StreamElement] = []
        self.collector = ResponseCollector(
            ResponseCollectorConfig(executor, prefix, rounds, self.heard.append, last_words_s)
        )
        self.done = self.start()

    def start(self) -> asyncio.Task[StreamElement]:
        """Begin an exchange."""
        return self.collector.start(self.output, self.input)

    async def say(self, *elements: StreamElement) -> None:
        """Have the provider say something, and let it be heard."""
        for element in elements:
            await self.output.send(element)
        await settle()

    def sent(self) -> list[StreamElement]:
        """Return what has been sent up since the last look."""
        sent: list[StreamElement] = []
        try:
            while (element := self.input.receive_nowait()) is not None:
                sent.append(element)
        except SessionEndedError:
            pass
        return sent


async def settle() -> None:
    """Let every task run up to where it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


def refused(words: str, *call_ids: str) -> StreamElement:
    """Return the element that answers calls with an error."""
    return StreamElement(
        tool_responses=tuple(ToolResponse(call_id, "look", words, is_error=True) for call_id in call_ids),
        tool_result_messages=tuple(tool_message(call_id, words, is_error=True) for call_id in call_ids),
    )


def answered(*call_ids: str) -> StreamElement:
    """Return the element that answers calls."""
    return build_tool_response_element(results(*call_ids))


@pytest_asyncio.fixture(autouse=True)
async def _no_task_is_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    assert not {task for task in asyncio.all_tasks() - before if not task.done()} - {asyncio.current_task()}


# -- one outcome


async def test_an_answer_completes() -> None:
    """Its last element is the outcome, and what comes after it is left to the next exchange."""
    session = Session()
    await session.say(StreamElement(text="Do", audio=AUDIO), StreamElement(text="ne."), spoken(), CUT)

    assert await session.done == spoken()
    assert session.heard == [StreamElement(text="Do", audio=AUDIO), StreamElement(text="ne."), spoken()]
    assert session.output.receive_nowait() == CUT
    assert session.sent() == []


async def test_a_cut_answer_is_not_the_answer() -> None:
    """Nor is the end of its turn: the next one is."""
    session = Session()
    await session.say(CUT, CUT_CLOSED)

    assert not session.done.done()
    await session.say(spoken())
    assert await session.done == spoken()


async def test_an_elements_error_is_the_outcome() -> None:
    """The object itself, though the answer ended too."""
    session = Session()
    await session.say(StreamElement(error=LOST, end_of_stream=True))

    with pytest.raises(ConnectionLostError) as raised:
        await session.done
    assert raised.value is LOST
    assert session.heard == [StreamElement(error=LOST, end_of_stream=True)]


async def test_an_empty_answer_is_an_error() -> None:
    """Likely it was interrupted, and nobody said so."""
    session = Session()
    await session.say(ended())

    with pytest.raises(EmptyResponseError):
        await session.done


@pytest.mark.parametrize(("prefix", "words"), [("here", "here: "), ("", "ResponseCollector: ")])
async def test_a_session_that_is_over_is_an_ending(prefix: str, words: str) -> None:
    """The words say who waited; whoever handles it goes by its type."""
    session = Session(prefix=prefix)
    await session.say(StreamElement(text="Do"))
    session.output.close()

    with pytest.raises(SessionEndedError, match=rf"^{words}session ended$") as raised:
        await session.done
    assert isinstance(raised.value.__cause__, SessionEndedError)


async def test_a_session_that_was_over_before_is_an_ending() -> None:
    """And no error is raised where the exchange is started."""
    session = Session()
    session.output.close()

    with pytest.raises(SessionEndedError):
        await session.done


async def test_it_can_be_cancelled() -> None:
    """Nothing is read any more."""
    session = Session()
    await settle()
    session.done.cancel()
    await asyncio.wait({session.done})
    await session.say(spoken())

    assert session.done.cancelled()
    assert session.output.receive_nowait() == spoken()
    with pytest.raises(SessionEndedError):
        await wait_for_response(session.done)


async def test_it_can_be_cancelled_before_it_began() -> None:
    """A task that never ran leaves nothing behind."""
    session = Session()
    session.done.cancel()
    await asyncio.wait({session.done})

    assert session.done.cancelled()


async def test_what_the_listener_raises_is_the_outcome() -> None:
    """A screen that broke is not passed over."""

    def broken(_: StreamElement) -> None:
        raise ZeroDivisionError

    output = Channel()
    done = ResponseCollector(ResponseCollectorConfig(listener=broken)).start(output, Channel())
    await output.send(spoken())

    with pytest.raises(ZeroDivisionError):
        await done


async def test_a_reader_that_is_cancelled_is_over() -> None:
    """By whatever it calls, and not by whoever waits: no outcome can come any more."""

    def cancelled(_: StreamElement) -> None:
        raise asyncio.CancelledError

    output = Channel()
    done = ResponseCollector(ResponseCollectorConfig(listener=cancelled)).start(output, Channel())
    await output.send(spoken())

    async with asyncio.timeout(20):
        with pytest.raises(SessionEndedError):
            await wait_for_response(done)


async def test_a_round_that_is_cancelled_is_over() -> None:
    """By somebody who cancels all tasks there are, say; its calls are answered."""
    session = Session(Looking(waits=True))
    await settle()
    before = asyncio.all_tasks()
    await session.say(called("a"))
    (running,) = asyncio.all_tasks() - before
    running.cancel()

    async with asyncio.timeout(20):
        with pytest.raises(SessionEndedError):
            await wait_for_response(session.done)
    assert [response.call_id for element in session.sent() for response in element.tool_responses] == ["a"]


async def test_exchanges_of_one_collector_share_nothing() -> None:
    """Calls of one are not taken for those of the other, nor its rounds counted."""
    session = Session(Looking(), rounds=1)
    other = session.start()
    for done in (session.done, other):
        await session.say(called("a"))
        await session.say(spoken())
        assert await done == spoken()

    assert session.sent() == [answered("a"), answered("a")]


@pytest.mark.parametrize(
    ("element", "kind"),
    [
        (None, SessionEndedError),
        (ended(), EmptyResponseError),
        (StreamElement(error=LOST), ConnectionLostError),
        (called("a"), NoToolExecutorError),
    ],
    ids=["over", "empty", "lost", "no executor"],
)
async def test_every_failure_has_a_type(element: StreamElement | None, kind: type[Exception]) -> None:
    """So that a retry can be decided by it, and not by words."""
    session = Session()
    await (session.say(element) if element else settle())
    session.output.close()

    with pytest.raises(DuplexError) as raised:
        await session.done
    assert type(raised.value) is kind


# -- tools


async def test_calls_are_answered_and_the_answer_follows() -> None:
    """Two rounds, the second with two calls."""
    executor = Looking()
    session = Session(executor)
    await session.say(ended(TextPart(text="One moment."), call("a")))
    assert session.sent() == [answered("a")]

    await session.say(called("b", "c"))
    assert session.sent() == [answered("b", "c")]
    assert not session.done.done()

    await session.say(spoken())
    assert await session.done == spoken()
    assert executor.asked == [("a",), ("b", "c")]


async def test_calls_are_not_run_before_their_end() -> None:
    """They may not be whole, and the user may cut in."""
    executor = Looking()
    session = Session(executor)
    await session.say(StreamElement(tool_calls=(call("a"),)), CUT, CUT_CLOSED, spoken())

    assert await session.done == spoken()
    assert executor.asked == []


async def test_calls_without_an_executor_are_an_error() -> None:
    """The provider hears of it first: it would wait for ever in a session that goes on."""
    session = Session()
    await session.say(called("a", "b"))

    with pytest.raises(NoToolExecutorError) as raised:
        await session.done
    assert raised.value.names == ["look", "look"]
    assert session.sent() == [refused(str(raised.value), "a", "b")]


async def test_an_executors_error_is_the_outcome() -> None:
    """The object itself, after each call was answered."""
    error = ValueError("key=secret")
    session = Session(Giving(error))
    await session.say(called("a", "b"))

    with pytest.raises(ValueError, match="secret") as raised:
        await session.done
    assert raised.value is error
    assert session.sent() == [refused("ValueError: the tool failed", "a", "b")]


async def test_a_history_only_result_is_not_lost() -> None:
    """Nor does the provider wait for ever."""
    session = Session(Giving(ToolExecutionResult(messages=results("a").messages)))
    await session.say(called("a"))

    assert session.sent() == [answered("a")]
    await session.say(spoken())
    assert await session.done == spoken()


async def test_rounds_are_counted() -> None:
    """A model that calls for ever is stopped, and its last call is answered all the same."""
    executor = Looking()
    session = Session(executor, rounds=2)
    await session.say(called("a"))
    await session.say(called("b"))
    assert not session.done.done()
    session.sent()
    await session.say(called("c"))

    with pytest.raises(ToolRoundsExceededError) as raised:
        await session.done
    assert raised.value.limit == 2
    assert session.sent() == [refused(str(raised.value), "c")]
    assert executor.asked == [("a",), ("b",)]


async def test_reading_goes_on_while_a_tool_runs() -> None:
    """Sound is played, interruptions are noticed."""
    executor = Looking(waits=True)
    session = Session(executor)
    await session.say(called("a"), StreamElement(audio=AUDIO), CUT)

    assert session.heard == [called("a"), StreamElement(audio=AUDIO), CUT]
    assert session.sent() == []
    executor.may_end.set()
    await session.say(CUT_CLOSED, spoken())
    assert await session.done == spoken()
    assert session.sent() == [answered("a")]


async def test_reading_goes_on_while_results_wait_for_room() -> None:
    """Else a session that is full both ways would stand still."""
    session = Session(Looking())
    for _ in range(200):
        await session.input.send(StreamElement(audio=AUDIO))
    await session.say(called("a"), StreamElement(text="so"))

    assert session.heard[-1] == StreamElement(text="so")
    session.sent()
    await session.say(spoken())
    assert await session.done == spoken()
    assert session.sent() == [answered("a")]


async def test_an_answer_while_a_tool_runs_is_not_the_last() -> None:
    """The user spoke meanwhile; the model will still answer the result."""
    executor = Looking(waits=True)
    session = Session(executor)
    await session.say(called("a"), spoken("Still looking."))
    assert not session.done.done()

    executor.may_end.set()
    await settle()
    assert session.sent() == [answered("a")]
    assert not session.done.done()
    await session.say(spoken("Seen."))
    assert await session.done == spoken("Seen.")


async def test_rounds_run_side_by_side() -> None:
    """A call made while another's tool runs does not wait for it."""
    executor = Looking(waits=True)
    session = Session(executor)
    await session.say(called("a"), called("b"))
    assert executor.asked == [("a",), ("b",)]

    executor.may_end.set()
    await session.say()
    assert session.sent() == [answered("a"), answered("b")]
    await session.say(spoken())
    assert await session.done == spoken()


@pytest.mark.parametrize("answer_first", [True, False])
async def test_a_cancelled_call_is_not_answered_and_not_forgotten(answer_first: bool) -> None:
    """Its tool may be booking a table: it runs to its end, and the answer waits for that; its message is kept."""
    executor = Looking(waits=True)
    session = Session(executor)
    cancelled = StreamElement(event=CallsCancelled(("a",)))
    await session.say(called("a"), CUT, cancelled, *([spoken()] if answer_first else []))
    assert not session.done.done()

    executor.may_end.set()
    await settle()
    assert session.sent() == [StreamElement(tool_result_messages=results("a").messages)]
    assert executor.cancelled == []
    if not answer_first:
        await session.say(spoken())
    assert await session.done == spoken()


async def test_other_calls_of_the_answer_are_still_awaited() -> None:
    """Only one of two was cancelled."""
    executor = Looking(waits=True)
    session = Session(executor)
    await session.say(called("a", "b"), StreamElement(event=CallsCancelled(("b",))), spoken("Hm?"))
    executor.may_end.set()
    await settle()

    both = results("a", "b")
    assert session.sent() == [build_tool_response_element(ToolExecutionResult(both.responses[:1], both.messages))]
    assert not session.done.done()
    await session.say(spoken())
    assert await session.done == spoken()


async def test_other_events_cancel_nothing() -> None:
    """They inform."""
    session = Session(Looking())
    await session.say(StreamElement(event=Notice("a")), called("a"))
    await session.say(spoken())

    assert await session.done == spoken()
    assert session.sent() == [answered("a")]


async def test_calls_after_a_cut_are_run_once() -> None:
    """An answer of calls alone is no end of the cut turn; told again with the next words, they are not run again."""
    executor = Looking()
    session = Session(executor)
    await session.say(CUT, called("a"), CUT_CLOSED)
    assert session.sent() == [answered("a")]

    await session.say(ended(TextPart(text="Seen."), call("a")))
    assert await session.done == StreamElement(
        end_of_stream=True, message=spoken("Seen.").message, finish_reason="tool_calls"
    )
    assert executor.asked == [("a",)]
    assert session.sent() == []


async def test_calls_that_are_told_again_are_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    """And those that are new among them are run."""
    executor = Looking()
    session = Session(executor)
    await session.say(called("a"), called("a"), StreamElement(end_of_stream=True, tool_calls=(call("a"),)))
    await session.say(called("a", "b", "b"))

    assert executor.asked == [("a",), ("b",)]
    assert caplog.messages == ["here: the provider repeats calls that were taken already"] * 2
    await session.say(spoken())
    assert await session.done == spoken()
    assert session.sent() == [answered("a"), answered("b")]


# -- the end, while tools run


async def test_an_error_is_not_held_up_by_a_tool() -> None:
    """The tool is cancelled; the session may go on, so its call is answered."""
    executor = Looking(waits=True)
    session = Session(executor)
    error = ResponseFailedError("x")
    await session.say(called("a"), StreamElement(error=error))

    with pytest.raises(ResponseFailedError):
        await session.done
    assert executor.cancelled == [("a",)]
    assert session.sent() == [refused("x", "a")]


async def test_one_failed_round_ends_the_others() -> None:
    """Each call is answered once, and the first error is the outcome."""
    running = Looking(waits=True)

    class Second:
        async def execute(self, calls: Sequence[ToolCallPart]) -> ToolExecutionResult | None:
            tool = Giving(ValueError("v")) if running.asked else running
            return await tool.execute(calls)

    session = Session(Second())
    await session.say(called("a"), called("b"))

    with pytest.raises(ValueError, match="v"):
        await session.done
    assert running.cancelled == [("a",)]
    words = "ValueError: the tool failed"
    assert session.sent() == [refused(words, "a"), refused(words, "b")]


async def test_cancelling_cancels_tools() -> None:
    """None runs when the task is done, and the provider does not wait for them."""
    executor = Looking(waits=True)
    session = Session(executor)
    await session.say(called("a"), StreamElement(event=CallsCancelled(("b",))), called("b"))
    session.done.cancel()
    await asyncio.wait({session.done})

    assert session.done.cancelled()
    assert executor.cancelled == [("a",), ("b",)]
    words = "CancelledError: the tool failed"
    withheld = StreamElement(tool_result_messages=(tool_message("b", words, is_error=True),))
    assert session.sent() == [refused(words, "a"), withheld]


@pytest.mark.parametrize(("times", "outcome"), [(1, ConnectionLostError), (2, asyncio.CancelledError)])
async def test_cancelling_amid_the_ending(times: int, outcome: type[BaseException]) -> None:
    """The outcome stands already, and the call is still answered; whoever insists does not wait for the tool."""
    tidied = asyncio.Event()

    class Tidying:
        async def execute(self, _: object) -> ToolExecutionResult:
            try:
                await asyncio.Event().wait()
            finally:
                await tidied.wait()
            return results()

    session = Session(Tidying())
    await session.say(called("a"), StreamElement(error=LOST))
    for _ in range(times):
        session.done.cancel()
        await settle()
    assert session.done.done() == (times == 2)

    tidied.set()
    with pytest.raises(outcome):
        await session.done
    await settle()
    assert session.sent() == ([refused("the socket broke", "a")] if times == 1 else [])


async def test_a_result_that_waited_for_room_is_kept() -> None:
    """The tool has done its work: a failure afterwards does not make it an error."""
    session = Session(Looking())
    for _ in range(200):
        await session.input.send(StreamElement(audio=AUDIO))
    await session.say(called("a"), StreamElement(error=LOST))
    assert not session.done.done()
    session.sent()

    with pytest.raises(ConnectionLostError):
        await session.done
    assert session.sent() == [answered("a")]


async def test_an_error_does_not_wait_for_a_full_session(caplog: pytest.LogCaptureFixture) -> None:
    """The last words of a failed exchange have a limit, and the log says that they were not taken."""
    session = Session(Looking(waits=True), last_words_s=0.01)
    for _ in range(200):
        await session.input.send(StreamElement(audio=AUDIO))
    await session.say(called("a"), StreamElement(error=LOST))

    with pytest.raises(ConnectionLostError):
        await session.done
    assert "here: results were not taken: TimeoutError" in caplog.text


@pytest.mark.parametrize("waits", [True, False])
async def test_a_session_that_ends_meanwhile_is_an_ending(waits: bool) -> None:
    """Nobody takes the results any more."""
    executor = Looking(waits=waits)
    session = Session(executor)
    session.input.close()
    await session.say(called("a"))
    session.output.close()

    with pytest.raises(SessionEndedError, match=r"^here: "):
        await session.done
    assert executor.cancelled == ([("a",)] if waits else [])


async def test_a_session_that_takes_nothing_is_over() -> None:
    """It does not say so, and nobody waits long for it."""
    session = Session(Looking(), last_words_s=0.01)
    session.input.close()
    await session.say(called("a"), spoken())

    with pytest.raises(SessionEndedError, match=r"^here: session ended$"):
        await session.done


async def test_why_a_session_ended_is_not_lost() -> None:
    """It takes no results any more, and will soon say why: that counts."""
    executor = Looking(waits=True)
    session = Session(executor)
    await session.say(called("a"))
    session.input.close()
    executor.may_end.set()
    await settle()
    assert not session.done.done()
    await session.say(StreamElement(text="so"), spoken(), StreamElement(error=LOST))

    with pytest.raises(ConnectionLostError):
        await session.done


async def test_results_that_cannot_be_said_are_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """Trying once more changes neither that nor the outcome."""

    class Mute(Channel):
        async def send(self, element: StreamElement) -> None:
            raise CannotSendError(f"no words for {len(element.tool_responses)} results")

    output = Channel()
    done = ResponseCollector(ResponseCollectorConfig(Looking())).start(output, Mute())
    await output.send(called("a"))

    with pytest.raises(CannotSendError, match="no words for 1"):
        await done
    assert "ResponseCollector: results were not taken: CannotSendError" in caplog.text


async def test_an_executors_error_outlives_the_session() -> None:
    """That results were not taken is no news beside it."""
    session = Session(Giving(ValueError("v")))
    session.input.close()
    await session.say(called("a"))

    with pytest.raises(ValueError, match="v"):
        await session.done


async def test_a_second_error_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """There is one outcome; by its type only, for a stranger's words may hold a key."""

    class Stubborn:
        async def execute(self, _: object) -> ToolExecutionResult:
            try:
                await asyncio.Event().wait()
            finally:
                raise ValueError("key=secret")

    session = Session(Stubborn())
    await session.say(called("a"), StreamElement(error=LOST))

    with pytest.raises(ConnectionLostError):
        await session.done
    assert "here: after its end: ValueError" in caplog.text
    assert "secret" not in caplog.text
    assert session.sent() == [refused("ValueError: the tool failed", "a")]


async def test_the_log_names_tools_and_tells_no_arguments(caplog: pytest.LogCaptureFixture) -> None:
    """They are the user's."""
    with caplog.at_level(logging.DEBUG, collecting.__name__):
        session = Session(Looking())
        await session.say(called("a"), spoken())
        await session.say(spoken())
        await session.done

    assert caplog.messages == ["here: round 1 calls ['look']"]


# -- whatever comes


def _executor(kind: str) -> tuple[ToolExecutor | None, Looking]:
    looking = Looking(waits=kind == "slow")
    others: dict[str, ToolExecutor | None] = {
        "none": None,
        "raises": Giving(ValueError("v")),
        "forgets": Giving(ToolExecutionResult(results("z").responses)),
        "cancelled within": Giving(asyncio.CancelledError()),
    }
    return others.get(kind, looking), looking


@given(
    plan=st.lists(
        st.tuples(
            st.one_of(elements(), st.sampled_from([called("a"), called("b", "c"), CUT, CUT_CLOSED])),
            st.integers(0, 6),  # steps of the loop after it
            st.sampled_from(["", "", "", "tools end", "tools end", "cancelled"]),
        ),
        max_size=12,
    ),
    kind=st.sampled_from(["none", "quick", "slow", "raises", "forgets", "cancelled within"]),
)
async def test_whatever_comes(plan: list[tuple[StreamElement, int, str]], kind: str) -> None:
    """One outcome; the first error is it; each call that was taken has one result; no task is left."""
    before = asyncio.all_tasks()
    executor, looking = _executor(kind)
    session = Session(executor, rounds=3)
    for element, steps, then in plan:
        await session.output.send(element)
        for _ in range(steps):
            await asyncio.sleep(0)
        if then == "tools end":
            looking.may_end.set()
        if then == "cancelled" and not session.done.cancelling():
            session.done.cancel()
    session.output.close()
    await asyncio.wait({session.done}, timeout=20)

    assert session.done.done()
    assert asyncio.all_tasks() <= before
    _each_call_has_one_result(session)
    if not session.done.cancelled():
        _the_outcome_is_told(session)


def _each_call_has_one_result(session: Session) -> None:
    sent = session.sent()
    decided = [(process_response_element(element)[0], element) for element in session.heard]
    taken = {one.id for action, element in decided if action is ResponseAction.TOOL_CALLS for one in element.calls}
    cancelled = {
        call_id
        for element in session.heard
        if isinstance(element.event, CallsCancelled)
        for call_id in element.event.call_ids
    }
    kept = [
        part.tool_call_id  # type: ignore[union-attr]
        for element in sent
        for message in element.tool_result_messages
        for part in message.parts
    ]
    told = [response.call_id for element in sent for response in element.tool_responses]

    assert sorted(kept) == sorted(taken)
    assert len(told) == len(set(told))
    assert taken - cancelled <= set(told) <= taken


def _the_outcome_is_told(session: Session) -> None:
    """An error of an element is the outcome unless a tool's came first; an answer is one by the table."""
    heard = [error for element in session.heard if (error := process_response_element(element)[1])]
    outcome = session.done.exception()

    assert len(heard) <= 1
    if outcome is None:
        assert not heard
        assert process_response_element(session.done.result())[0] is ResponseAction.COMPLETE
    elif heard:
        tools_own = ValueError, NoToolExecutorError, ToolRoundsExceededError, ToolsCancelledError
        assert (type(outcome), str(outcome)) == (type(heard[0]), str(heard[0])) or isinstance(outcome, tools_own)


@given(st.lists(st.integers(0, 4), min_size=4, max_size=4), st.integers(1, 2), st.booleans())
async def test_closing_amid_sends(steps: list[int], room: int, error_first: bool) -> None:
    """Whenever the session closes: one outcome, its own error if it gave one, no task left, no result sent twice."""
    before = asyncio.all_tasks()
    output, up = Channel(), Channel(room)
    done = ResponseCollector(ResponseCollectorConfig(Looking())).start(output, up)

    async def wait(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    await output.send(called("a"))
    await wait(steps[0])
    await output.send(called("b"))
    await wait(steps[1])
    if error_first:
        await output.send(StreamElement(error=LOST))
    up.close()
    await wait(steps[2])
    output.close()
    await wait(steps[3])

    with pytest.raises(ConnectionLostError if error_first else SessionEndedError):
        await done
    sent = [element async for element in up]
    assert len({response.call_id for element in sent for response in element.tool_responses}) == len(sent)
    assert asyncio.all_tasks() <= before
