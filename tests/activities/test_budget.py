from decimal import Decimal

import pytest

from activities.budget import Budget, estimated_input, estimated_tokens, said_bytes, used
from activities.prices import Price
from streaming.contracts import Limits, TurnInput
from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import BudgetSpent, CannotExpress
from streaming.messages import Message, ReasoningPart, TextPart, ToolCallPart, Usage

PRICE = Price(input=Decimal(1), output=Decimal(10))
NOTHING = Usage()


def budget(
    tokens: int | None = None, usd: float | None = None, spent: Usage = NOTHING, price: Price | None = PRICE
) -> Budget:
    """Return a budget of which this much is spent."""
    return Budget(Limits(max_total_tokens=tokens, max_cost_usd=usd), spent, 0.0, price)


def turn(content: str = "", **fields: object) -> TurnInput:
    """Return a turn with one message."""
    return TurnInput.model_validate({"messages": [{"role": "user", "content": content}], **fields})


@pytest.mark.parametrize(("size", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (400, 100)])
def test_about_four_bytes_are_a_token(size: int, tokens: int) -> None:
    """Something is never nothing."""
    assert estimated_tokens(size) == tokens


def test_all_that_a_model_wrote_counts() -> None:
    """Text, thoughts and arguments, in bytes of UTF-8."""
    call = ToolCallPart(id="1", name="f", arguments="{}")
    message = Message(role="assistant", parts=[TextPart(text="äb"), ReasoningPart(text="c"), call])

    assert said_bytes(message) == 3 + 1 + 2


def test_all_that_is_sent_counts() -> None:
    """The system prompt, tools and their schemas beside the messages."""
    tools = [{"name": "four", "description": "12345678", "input_schema": {"type": "object"}}]

    assert estimated_input(turn("x" * 40)) == 10
    assert estimated_input(turn("x" * 40, system="y" * 40)) == 20
    assert estimated_input(turn("x" * 40, tools=tools)) > 10 + 3


def test_an_unlimited_turn_counts_nothing() -> None:
    """The stream's hot path is spared."""
    assert not budget().limited
    assert budget(tokens=1).limited
    assert budget(usd=0.1).limited


def test_tokens_are_checked_with_those_of_the_tries_before() -> None:
    """The one that reaches the limit is the last."""
    spent = Usage(input_tokens=50, output_tokens=20)
    budget(tokens=100, spent=spent).check(Usage(input_tokens=29))

    with pytest.raises(BudgetSpent, match=r"limits\.max_total_tokens: 100 of 100 are used"):
        budget(tokens=100, spent=spent).check(Usage(input_tokens=30))


def test_costs_are_checked_at_the_candidates_price() -> None:
    """A million input tokens cost a dollar here, and a million of output ten."""
    budget(usd=1.5).check(Usage(input_tokens=1_000_000, output_tokens=0))

    with pytest.raises(BudgetSpent, match=r"limits\.max_cost_usd: 1\.5 of 1\.5 USD are used"):
        budget(usd=1.5).check(Usage(input_tokens=1_000_000, output_tokens=50_000))


def test_a_cost_limit_leaves_out_whose_price_is_not_known() -> None:
    """An unknown price is not nothing."""
    with pytest.raises(CannotExpress, match=r"the price of this model is not known: set it in \[prices\]"):
        budget(usd=1, price=None).check(Usage(input_tokens=1, output_tokens=0))


def test_a_cost_limit_is_not_held_by_hoping() -> None:
    """Where an earlier try's cost is not known, the limit may be over; tokens are another matter."""
    unknown = Budget(Limits(max_cost_usd=1, max_total_tokens=99), NOTHING, None, PRICE)
    with pytest.raises(BudgetSpent, match="nobody knows what an earlier try cost"):
        unknown.check(Usage(input_tokens=1, output_tokens=0))
    Budget(Limits(max_total_tokens=99), NOTHING, None, PRICE).check(Usage(input_tokens=1, output_tokens=0))


def test_what_turns_out_to_be_spent_counts_from_then_on() -> None:
    """A response that was to be read on, and is gone, was paid for."""
    limited = budget(tokens=100, usd=1.0)
    limited.also_spent(Usage(input_tokens=60, output_tokens=20), 0.4)
    limited.check(Usage(input_tokens=19, output_tokens=0))
    with pytest.raises(BudgetSpent, match="max_total_tokens: 100 of 100"):
        limited.check(Usage(input_tokens=20, output_tokens=0))
    limited.also_spent(Usage(), None)
    with pytest.raises(BudgetSpent, match="nobody knows"):
        limited.check(Usage(input_tokens=1, output_tokens=0))


def test_a_stream_is_stopped_when_it_has_said_too_much() -> None:
    """By what it says, since no provider counts while it streams."""
    limited = budget(tokens=20)
    deltas: list[Delta] = [PartStarted(0, "text"), PartAdded(0, "x" * 16)]
    limited.said(deltas, input_tokens=10)

    with pytest.raises(BudgetSpent):
        limited.said(deltas + deltas, input_tokens=10)


@pytest.mark.parametrize(
    ("reported", "whole", "usage", "estimated"),
    [
        (Usage(input_tokens=7, output_tokens=9), True, Usage(input_tokens=7, output_tokens=9), False),
        (Usage(input_tokens=7, output_tokens=9), False, Usage(input_tokens=7, output_tokens=10), True),
        (Usage(input_tokens=7, output_tokens=99), False, Usage(input_tokens=7, output_tokens=99), True),
        (Usage(input_tokens=7), True, Usage(input_tokens=7, output_tokens=10), True),
        (Usage(), True, Usage(input_tokens=5, output_tokens=10), True),
        (Usage(cache_read_tokens=3), False, Usage(input_tokens=5, output_tokens=10, cache_read_tokens=3), True),
    ],
    ids=range(6),
)
def test_what_the_provider_does_not_say_is_estimated_and_marked(
    reported: Usage, whole: bool, usage: Usage, estimated: bool
) -> None:
    """Of a stream that broke off, even what it said at the beginning is only the least it can be."""
    message = Message(role="assistant", parts=[TextPart(text="x" * 40)])

    assert used(5, reported, message, whole=whole) == (usage, estimated)
