from collections import deque
from decimal import Decimal
from itertools import repeat

import pytest

from activities.budget import Budget, estimated_input, estimated_tokens, said_bytes, used
from activities.prices import Price
from streaming.contracts import Limits, Try, TurnInput
from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import BudgetSpent, CannotExpress
from streaming.messages import Message, ReasoningPart, TextPart, ToolCallPart, Usage

PRICE = Price(input=Decimal(1), output=Decimal(10))
NOTHING = Usage()


def budget(
    tokens: int | None = None,
    usd: float | None = None,
    spent: Usage = NOTHING,
    price: Price | None = PRICE,
    prompt: int = 0,
) -> Budget:
    """Return the budget of a call, for which the tries before left this much."""
    return Budget(Limits(max_total_tokens=tokens, max_cost_usd=usd), spent, 0.0, price, prompt)


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
    """The stream's hot path is spared: what shows is not even wrapped."""
    shown: list[list[Delta]] = []

    assert budget(price=None).holding(shown.append) == shown.append
    assert budget(tokens=1).holding(shown.append) != shown.append
    assert budget(usd=0.1).holding(shown.append) != shown.append


def test_tokens_are_checked_with_those_of_the_tries_before() -> None:
    """The one that reaches the limit is the last."""
    spent = Usage(input_tokens=50, output_tokens=20)
    budget(tokens=100, spent=spent, prompt=29).check()

    with pytest.raises(BudgetSpent, match=r"limits\.max_total_tokens: 100 of 100 are used"):
        budget(tokens=100, spent=spent, prompt=30).check()


def test_costs_are_checked_at_the_candidates_price() -> None:
    """A million input tokens cost a dollar here."""
    budget(usd=1.5, prompt=1_499_999).check()

    with pytest.raises(BudgetSpent, match=r"limits\.max_cost_usd: 1\.5 of 1\.5 USD are used"):
        budget(usd=1.5, prompt=1_500_000).check()


def test_a_cost_limit_leaves_out_whose_price_is_not_known() -> None:
    """An unknown price is not nothing."""
    with pytest.raises(CannotExpress, match=r"the price of this model is not known: set it in \[prices\]"):
        budget(usd=1, price=None).check()


def test_a_cost_limit_is_not_held_by_hoping() -> None:
    """Where an earlier try's cost is not known, the limit may be over; tokens are another matter."""
    unknown = Budget(Limits(max_cost_usd=1, max_total_tokens=99), NOTHING, None, PRICE, 1)
    with pytest.raises(BudgetSpent, match="nobody knows what an earlier try cost"):
        unknown.check()
    Budget(Limits(max_total_tokens=99), NOTHING, None, PRICE, 1).check()


def lost(tokens: int, usd: float | None) -> Try:
    """Return a try that used so much."""
    return Try(attempt=1, number=1, provider="p", model="m", seconds=1, usage=Usage(input_tokens=tokens), cost_usd=usd)


def test_what_turns_out_to_be_spent_counts_from_then_on() -> None:
    """A response that was to be read on, and is gone, was paid for."""
    budget(tokens=100, usd=1.0, prompt=19).also_spent(lost(80, 0.4))
    with pytest.raises(BudgetSpent, match="max_total_tokens: 100 of 100"):
        budget(tokens=100, usd=1.0, prompt=20).also_spent(lost(80, 0.4))
    with pytest.raises(BudgetSpent, match="max_cost_usd: 1 of 1 USD"):
        budget(tokens=100, usd=1.0).also_spent(lost(80, 1.0))
    with pytest.raises(BudgetSpent, match="nobody knows"):
        budget(usd=1.0).also_spent(lost(1, None))
    budget(usd=1.0).also_spent(lost(1, None).model_copy(update={"usage": None}))


def test_what_turns_out_to_be_spent_ends_a_stream_sooner() -> None:
    """It was begun with more to spend."""
    limited = budget(tokens=100)
    show = limited.holding(lambda _: None)
    show([PartAdded(0, "x" * 4)])
    limited.also_spent(lost(90, None))
    show([PartAdded(0, "x" * 32)])

    with pytest.raises(BudgetSpent, match="100 of 100"):
        show([PartAdded(0, "x")])


@pytest.mark.parametrize("chunk", ["x", "xyz", "\N{SNOWMAN}", "x" * 9, "x" * 101])
@pytest.mark.parametrize(
    ("tokens", "usd", "output"), [(120, None, 110), (None, 0.00071, 70), (None, 0.000715, 71), (120, 0.00071, 70)]
)
def test_a_stream_is_stopped_when_it_has_said_too_much(
    chunk: str, tokens: int | None, usd: float | None, output: int
) -> None:
    """By what it says, since no provider counts while it streams: at once, and not before; the last words are shown."""
    shown: list[list[Delta]] = []
    show = budget(tokens=tokens, usd=usd, prompt=10).holding(shown.append)
    deltas: list[Delta] = [PartStarted(0, "text"), PartAdded(0, chunk)]
    with pytest.raises(BudgetSpent):
        deque(map(show, repeat(deltas, 1000)))

    size = len(chunk.encode())
    assert estimated_tokens(size * len(shown)) >= output
    assert estimated_tokens(size * (len(shown) - 1)) < output


def test_what_costs_nothing_has_no_end() -> None:
    """A free model's words use up no money."""
    free = Price(input=Decimal(1), output=Decimal(0))
    show = budget(usd=0.001, price=free, prompt=10).holding(lambda _: None)

    for _ in range(10):
        show([PartAdded(0, "x" * 10_000)])


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
