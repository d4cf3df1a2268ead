import pytest

from streaming.duplex.elements import StreamElement
from streaming.duplex.gemini_live.exchange import Exchange
from streaming.duplex.gemini_live.transitions import Event, State
from streaming.messages import ToolCallPart, Usage
from tests.streaming.duplex.gemini_live.talking import ends


def ready_exchange() -> Exchange:
    """Return one whose setup is done."""
    exchange = Exchange("c1_")
    exchange.happen(Event.OPENED, [])
    exchange.happen(Event.SETUP_COMPLETE, [])
    return exchange


def after(exchange: Exchange, *events: Event) -> list[StreamElement]:
    """Return what is told of these events."""
    out: list[StreamElement] = []
    for event in events:
        exchange.happen(event, out)
    return out


def test_an_answer_names_itself() -> None:
    """Gemini names none; what belongs together has one name."""
    exchange = ready_exchange()

    first = after(exchange, Event.CONTENT, Event.GENERATION_COMPLETE, Event.TURN_COMPLETE)
    second = after(exchange, Event.WORDS, Event.INTERRUPTED, Event.TURN_COMPLETE)

    assert {element.response_id for element in first} == {"c1_answer_1"}
    assert {element.response_id for element in second} == {"c1_answer_2"}


def test_usage_goes_with_the_next_end() -> None:
    """All of it that came until then, and once."""
    exchange = ready_exchange()
    exchange.cost(Usage(input_tokens=1))
    exchange.cost(Usage(input_tokens=2, output_tokens=3))

    (end,) = ends(after(exchange, Event.CONTENT, Event.TURN_COMPLETE))
    (next_end,) = ends(after(exchange, Event.CONTENT, Event.TURN_COMPLETE))

    assert end.usage == Usage(input_tokens=3, output_tokens=3)
    assert next_end.usage is None


def test_what_a_cut_answer_cost_comes_with_its_close() -> None:
    """Where Gemini sends it."""
    exchange = ready_exchange()
    cut = after(exchange, Event.CONTENT, Event.INTERRUPTED)
    exchange.cost(Usage(output_tokens=3))

    assert [e.usage for e in [*cut, *after(exchange, Event.TURN_COMPLETE)]][-2:] == [None, Usage(output_tokens=3)]


@pytest.mark.parametrize(
    ("more", "calls", "text", "ends_it"),
    [
        (False, False, "", True),
        (True, False, "hi", False),
        (False, True, "", False),
        (False, True, "hi", True),
    ],
)
def test_what_the_end_of_a_turn_is(*, more: bool, calls: bool, text: str, ends_it: bool) -> None:
    """The first after calls closes the turn that they were made in, unless words have come since."""
    exchange = ready_exchange()
    if calls:
        exchange.called = [ToolCallPart(id="f1", name="w", arguments="{}")]
        after(exchange, Event.TOOL_CALL)
    after(exchange, Event.CONTENT)
    exchange.answer.say(text)
    first: list[StreamElement] = []
    second: list[StreamElement] = []

    exchange.end_turn(first, more=more)
    exchange.end_turn(second, more=False)

    assert [bool(ends(first)), bool(ends(second))] == [ends_it, True]


def test_an_answer_that_failed_is_no_end_without_an_error() -> None:
    """Its words are kept, and Gemini's word is the code."""
    exchange = ready_exchange()
    out = after(exchange, Event.CONTENT)

    exchange.end_turn(out, more=False, reason="MALFORMED_FUNCTION_CALL")

    (end,) = ends(out)

    assert end.finish_reason == "failed"
    assert "MALFORMED_FUNCTION_CALL" in str(end.error)
    assert exchange.state is State.IDLE
