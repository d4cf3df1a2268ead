import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.elements import StreamElement, ToolResponse
from streaming.duplex.errors import NoToolExecutorError
from streaming.duplex.tools import (
    ToolExecutionResult,
    build_tool_response_element,
    settled,
    unanswered,
    without,
)
from streaming.messages import ImagePart, Message, TextPart, ToolCallPart, ToolResultPart
from tests.streaming.duplex.said import IDS, call, tool_message

A, B = call("a"), call("b", "book")


def response(call_id: str, output: str = "1", name: str = "look", *, is_error: bool = False) -> ToolResponse:
    """Return what a provider is told."""
    return ToolResponse(call_id, name, output, is_error)


def test_an_element_carries_both_halves() -> None:
    """They are not swapped, an error stays one, and nothing else is set."""
    failed = response("b", "no", is_error=True)
    result = ToolExecutionResult((response("a"), failed), (tool_message("a", "1"),))

    assert build_tool_response_element(result) == StreamElement(
        tool_responses=(response("a"), failed), tool_result_messages=(tool_message("a", "1"),)
    )


def test_whole_results_stay_as_they_are() -> None:
    """The history is a text turn's: one message for each call."""
    whole = ToolExecutionResult(
        (response("a"), response("b", "no", "book", is_error=True)),
        (tool_message("a", "one"), tool_message("b", "no", is_error=True)),
    )

    assert settled([A, B], whole) == whole


def test_results_come_in_the_order_of_the_calls() -> None:
    """However the executor ordered them, and in however many messages they were."""
    parts = [part for call_id in "ba" for part in tool_message(call_id, call_id).parts]
    result = settled([A, B], ToolExecutionResult((response("b"), response("a")), (Message(role="tool", parts=parts),)))

    assert [each.call_id for each in result.responses] == ["a", "b"]
    assert result.messages == (tool_message("a", "a"), tool_message("b", "b"))


def test_a_response_stands_for_its_message() -> None:
    """An executor may think of the provider only."""
    result = settled([A], ToolExecutionResult(responses=(response("a", "gone", is_error=True),)))

    assert result.messages == (tool_message("a", "gone", is_error=True),)


def test_a_message_stands_for_its_response() -> None:
    """An executor may think of the history only; the provider would wait for ever. It takes text and nothing else."""
    part = ToolResultPart(
        tool_call_id="a", content=[TextPart(text="Two:"), ImagePart(url="u"), TextPart(text=".")], is_error=True
    )
    kept = Message(role="tool", parts=[part])

    assert settled([A], ToolExecutionResult(messages=(kept,))) == ToolExecutionResult(
        (response("a", "Two:[image].", is_error=True),), (kept,)
    )


@pytest.mark.parametrize("outcome", [None, ToolExecutionResult(), ToolExecutionResult((response("z"),))])
def test_a_call_without_a_result_gets_an_error(outcome: ToolExecutionResult | None) -> None:
    """The provider waits for every one; results that nobody asked for are left out."""
    words = "the tool gave no result"

    assert settled([A], outcome) == ToolExecutionResult(
        (response("a", words, is_error=True),), (tool_message("a", words, is_error=True),)
    )


def test_only_the_missing_one_gets_an_error() -> None:
    """What the executor did give stands."""
    result = settled([A, B], ToolExecutionResult((response("b", "yes"),)))

    assert [(each.call_id, each.name, each.is_error) for each in result.responses] == [
        ("a", "look", True),
        ("b", "book", False),
    ]


def test_of_two_results_the_first_stands() -> None:
    """A provider takes one; the later one is perhaps of a second run."""
    twice = ToolExecutionResult(
        (response("a", "first"), response("a", "second")), (tool_message("a", "one"), tool_message("a", "two"))
    )

    assert settled([A], twice) == ToolExecutionResult((response("a", "first"),), (tool_message("a", "one"),))


def test_a_call_made_twice_is_one_call() -> None:
    """The id is what a result answers."""
    result = settled([A, B, call("a", "other")], ToolExecutionResult((response("a"),)))

    assert [(each.call_id, each.name) for each in result.responses] == [("a", "look"), ("b", "book")]


def test_the_name_is_the_calls() -> None:
    """One provider matches results by it too."""
    result = settled([B], ToolExecutionResult((response("b", name="anything"),)))

    assert result.responses == (response("b", name="book"),)


def test_half_characters_are_mended() -> None:
    """No socket takes them."""
    result = settled([A], ToolExecutionResult((response("a", "x\ud83d"),)))

    assert result == ToolExecutionResult((response("a", "x\ufffd"),), (tool_message("a", "x\ufffd"),))


def test_a_strangers_error_is_named_and_not_quoted() -> None:
    """Its words may hold a key; the model would say them aloud."""
    result = settled([A], ValueError("https://host/?key=secret"))

    assert result.responses == (response("a", "ValueError: the tool failed", is_error=True),)
    assert result.messages == (tool_message("a", "ValueError: the tool failed", is_error=True),)


def test_our_own_errors_are_quoted() -> None:
    """They are safe to show, and say what to do."""
    error = NoToolExecutorError(["look"])

    assert settled([A], error).responses == (response("a", str(error), is_error=True),)


def test_a_cancelled_calls_response_is_withheld() -> None:
    """The provider takes none; what the tool did still belongs to the history."""
    result = settled([A, B], ToolExecutionResult((response("a"), response("b"))))

    assert without(result, {"a", "z"}) == ToolExecutionResult(result.responses[1:], result.messages)


RESULTS = st.builds(
    ToolExecutionResult,
    responses=st.lists(
        st.builds(ToolResponse, st.sampled_from([*IDS, "z"]), st.just("n"), st.just("o"), st.booleans())
    ).map(tuple),
    messages=st.lists(st.builds(tool_message, st.sampled_from([*IDS, "z"]), st.just("m"))).map(tuple),
)


@given(
    st.lists(st.builds(call, st.sampled_from(IDS))),
    st.one_of(st.none(), RESULTS, st.sampled_from([ValueError("v"), KeyboardInterrupt()])),
)
def test_one_result_for_each_call(
    calls: list[ToolCallPart], outcome: ToolExecutionResult | BaseException | None
) -> None:
    """Whatever the executor gave: one response and one message, in the order of the calls, and stable when repeated."""
    result = settled(calls, outcome)
    asked = list(dict.fromkeys(one.id for one in calls))

    assert [each.call_id for each in result.responses] == asked
    assert [part.tool_call_id for message in result.messages for part in message.parts] == asked  # type: ignore[union-attr]
    assert {message.role for message in result.messages} <= {"tool"}
    assert settled(calls, result) == result


def test_calls_without_a_result_are_unanswered() -> None:
    """In order."""
    third = call("c")
    history = [Message(role="assistant", parts=[A, B, third]), tool_message("b", "x")]

    assert unanswered(history) == [A, third]
    assert unanswered([]) == []
