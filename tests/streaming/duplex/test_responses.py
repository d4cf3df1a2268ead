from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given

from streaming.duplex.elements import FinishReason, StreamElement
from streaming.duplex.errors import EmptyResponseError, ResponseFailedError
from streaming.duplex.responses import ROWS, ResponseAction, process_response_element
from streaming.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ProviderItem,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Usage,
)
from tests.streaming.duplex.said import AUDIO, CUT, CUT_CLOSED, call, called, elements, ended, spoken

ERROR = ResponseFailedError("the provider failed")
FAILED = StreamElement(error=ERROR)
EMPTY = StreamElement(end_of_stream=True, finish_reason="stop")
CHUNK = StreamElement(text="Do", audio=AUDIO)

CONTINUE, COMPLETE, FAILS, CALLS = ResponseAction


def test_actions_are_words() -> None:
    """What a log shows of one is its word."""
    assert [str(action) for action in ResponseAction] == ["continue", "complete", "error", "tool_calls"]


@pytest.mark.parametrize(
    ("element", "action"),
    [
        (FAILED, FAILS),
        (CUT, CONTINUE),
        (CUT_CLOSED, CONTINUE),
        (EMPTY, FAILS),
        (called("a"), CALLS),
        (spoken(), COMPLETE),
        (CHUNK, CONTINUE),
    ],
    ids=["error", "cut", "cut turn closed", "ended empty", "ended with calls", "ended with content", "else"],
)
def test_each_row(element: StreamElement, action: ResponseAction) -> None:
    """Each row of the table decides about its plainest element."""
    decided, error = process_response_element(element)

    assert decided is action
    assert (error is None) == (action is not FAILS)


def _both(first: StreamElement, second: StreamElement) -> StreamElement:
    """Return an element that is both; where they contradict each other, `second` wins."""
    nothing = StreamElement()
    fields = {
        name: value
        for element in (first, second)
        for name in StreamElement.__slots__
        if (value := getattr(element, name)) != getattr(nothing, name)
    }
    return StreamElement(**fields)


MARKS = {"error": FAILED, "cut": CUT, "cut closed": CUT_CLOSED}
ENDS = {"empty": EMPTY, "calls": called("a"), "content": spoken(), "chunk": CHUNK}
PAIRS = [
    *combinations(MARKS, 2),
    *((mark, end) for mark in MARKS for end in ENDS),
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_mark_decides_before_what_follows_it(first: str, second: str) -> None:
    """An error counts although the answer ended too; a cut turn's end is no end of the answer, even an empty one."""
    winner, loser = MARKS[first], (MARKS | ENDS)[second]

    assert process_response_element(_both(winner, loser)) == process_response_element(winner)
    assert process_response_element(_both(loser, winner)) == process_response_element(winner)


def test_calls_decide_before_words() -> None:
    """What was said beside a call is not the answer yet."""
    assert process_response_element(ended(TextPart(text="One moment."), call())) == (CALLS, None)


def test_calls_decide_before_an_empty_message() -> None:
    """Calls of the element are enough: it needs no message."""
    assert process_response_element(StreamElement(end_of_stream=True, tool_calls=(call(),))) == (CALLS, None)


def test_calls_of_the_message_count() -> None:
    """A wire may leave them there."""
    element = StreamElement(end_of_stream=True, message=Message(role="assistant", parts=[call()]))

    assert process_response_element(element) == (CALLS, None)


def test_calls_wait_for_the_end() -> None:
    """A call before the end of the answer may not be whole."""
    assert process_response_element(StreamElement(tool_calls=(call(),))) == (CONTINUE, None)


def test_the_error_is_the_elements_own() -> None:
    """Whoever handles it gets the object, not its words."""
    assert process_response_element(FAILED)[1] is ERROR


@pytest.mark.parametrize(
    "part",
    [
        TextPart(text="yes"),
        TextPart(text=" "),
        RefusalPart(text="no"),
        ImagePart(url="u"),
        AudioPart(url="u"),
        FilePart(url="u"),
        ProviderItem(kind="search"),
    ],
    ids=["text", "blank", "refusal", "image", "sound", "file", "provider's own"],
)
def test_content_completes(part: Part) -> None:
    """Anything a user has something of is an answer, a blank included."""
    assert process_response_element(ended(ReasoningPart(text="hm"), part)) == (COMPLETE, None)


def test_sound_completes() -> None:
    """An answer that nobody wrote down was heard all the same."""
    assert process_response_element(StreamElement(end_of_stream=True, audio_ms=20.0)) == (COMPLETE, None)


@pytest.mark.parametrize(
    "element",
    [
        EMPTY,
        ended(),
        ended(TextPart(text="")),
        ended(RefusalPart(text="")),
        ended(ReasoningPart(text="hm")),
        StreamElement(end_of_stream=True, usage=Usage(output_tokens=9)),
    ],
    ids=["no message", "no parts", "no text", "no refusal", "thoughts only", "usage only"],
)
def test_nothing_for_the_user_is_an_empty_answer(element: StreamElement) -> None:
    """Thoughts and a bill are no answer."""
    action, error = process_response_element(element)

    assert action is FAILS
    assert isinstance(error, EmptyResponseError)
    assert str(error) == "empty response, likely interrupted"


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter", "cancelled", "failed", None])
def test_the_finish_reason_is_not_looked_at(reason: FinishReason | None) -> None:
    """A failure is an error of its own; of all others there is what there is."""
    message = Message(role="assistant", parts="Well")

    assert process_response_element(StreamElement(end_of_stream=True, message=message, finish_reason=reason)) == (
        COMPLETE,
        None,
    )


def test_the_last_row_takes_everything() -> None:
    """So no element is without an action."""
    assert ROWS[-1][0](StreamElement())


@given(elements())
def test_any_element_has_its_action(element: StreamElement) -> None:
    """Never an unhandled state, a lost error, a call that is missed, or an end of a cut turn that ends the exchange."""
    action, error = process_response_element(element)

    assert (action is FAILS) == (error is not None)
    if element.error is not None:
        assert error is element.error
    elif element.interrupted or element.interrupted_turn_complete:
        assert action is CONTINUE
    else:
        assert (action is CONTINUE) == (not element.end_of_stream)
        assert (action is CALLS) == (element.end_of_stream and bool(element.calls))


@given(elements())
def test_what_comes_along_decides_nothing(element: StreamElement) -> None:
    """Only marks, the error, calls and the whole answer do."""
    decided, error = process_response_element(element)
    bare = replace(element, text=None, audio=None, transcript=None, event=None, usage=None, tool_result_messages=())
    again, another = process_response_element(bare)

    assert (again, type(another)) == (decided, type(error))
