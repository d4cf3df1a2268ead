from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from activities.presets import DEFAULT_ROUTE
from activities.prices import Price, cost_usd, price_of, shipped
from streaming.messages import Usage

PRICE = Price(
    input=Decimal(4),
    output=Decimal(20),
    cache_read=Decimal("0.2"),
    cache_write=Decimal(5),
    cache_write_1h=Decimal(8),
    up_to_input_tokens=2_000_000,
)
PLAIN = Price(input=Decimal(4), output=Decimal(20))
MILLION = 1_000_000


def usage(prompt: int | None, output: int | None, read: int | None = None, written: int | None = None) -> Usage:
    """Return counts in the order in which they are paid."""
    return Usage(input_tokens=prompt, output_tokens=output, cache_read_tokens=read, cache_write_tokens=written)


@pytest.mark.parametrize(
    ("counts", "price", "caching", "usd"),
    [
        (usage(MILLION, MILLION), PRICE, None, 24.0),
        (usage(0, 0), PRICE, None, 0.0),
        (usage(MILLION, 0, MILLION), PRICE, None, 0.2),
        (usage(MILLION, 0, 500_000, 250_000), PRICE, None, 1.0 + 0.1 + 1.25),
        (usage(MILLION, 0, 500_000, 250_000), PRICE, "5m", 1.0 + 0.1 + 1.25),
        (usage(MILLION, 0, 500_000, 250_000), PRICE, "1h", 1.0 + 0.1 + 2.0),
        (usage(1, 1), PRICE, None, 0.000024),
        (usage(1, 0, 1), PRICE, None, 0.0000002),
        (usage(3, 0, 0, 0), PLAIN, "1h", 0.000012),
        (usage(2 * MILLION, 0), PRICE, None, 8.0),
    ],
    ids=range(10),
)
def test_an_answer_costs_what_its_tokens_do(counts: Usage, price: Price, caching: str | None, usd: float) -> None:
    """Cached tokens are part of the prompt and cost their own price, an hour in the cache another."""
    assert cost_usd(counts, price, caching) == usd


@pytest.mark.parametrize(
    ("counts", "price", "caching"),
    [
        (usage(1, 1), None, None),
        (usage(None, 1), PRICE, None),
        (usage(1, None), PRICE, None),
        (usage(2, 1, 1), PLAIN, None),
        (usage(2, 1, 0, 1), PLAIN, None),
        (usage(2, 1, 0, 1), PRICE.model_copy(update={"cache_write_1h": None}), "1h"),
        (usage(2 * MILLION + 1, 1), PRICE, None),
        (usage(1, 1, 2), PRICE, None),
        (usage(-1, 1), PRICE, None),
        (usage(1, -1), PRICE, None),
        (usage(1, 10**400), PRICE, None),
    ],
    ids=range(11),
)
def test_a_sum_that_needs_what_is_not_known_is_none(counts: Usage, price: Price | None, caching: str | None) -> None:
    """No estimate: no price, no count, no price for the cache, a prompt beyond the price, or counts that cannot be."""
    assert cost_usd(counts, price, caching) is None


_COUNTS = st.none() | st.integers(-10, 10**20)


@given(st.builds(usage, _COUNTS, _COUNTS, _COUNTS, _COUNTS), st.sampled_from([PRICE, PLAIN]))
def test_no_count_of_a_providers_breaks_the_sum(counts: Usage, price: Price) -> None:
    """It is a number of dollars, or none."""
    usd = cost_usd(counts, price)

    assert usd is None or usd >= 0


PRICES = {
    "mill/wheel": Price(input=1, output=1, snapshots=["2026-01-02", "20260103"]),
    "list/wheel": Price(input=2, output=2),
    "list/stone": Price(input=3, output=3),
    "stone": Price(input=4, output=4),
    "oat": Price(input=5, output=5),
}


@pytest.mark.parametrize(
    ("provider", "price_list", "model", "found"),
    [
        ("mill", "list", "wheel", "mill/wheel"),
        ("other", "list", "wheel", "list/wheel"),
        ("mill", "list", "stone", "list/stone"),
        ("mill", "", "stone", "stone"),
        ("mill", "list", "oat", "oat"),
        ("mill", "", "wheel-2026-01-02", "mill/wheel"),
        ("mill", "", "wheel-20260103", "mill/wheel"),
        ("mill", "", "wheel-2026-01-03", None),
        ("other", "list", "wheel-2026-01-02", None),
        ("mill", "", "wheel-mini", None),
        ("mill", "", "whee", None),
        ("other", "", "wheel", None),
    ],
    ids=range(12),
)
def test_a_price_is_found_by_its_whole_name(provider: str, price_list: str, model: str, found: str | None) -> None:
    """The provider's own, its price list's, anyone's; a dated name only where the entry lists the date."""
    assert price_of(PRICES, provider, price_list, model) == (PRICES[found] if found else None)


@pytest.mark.parametrize(
    "given",
    [
        {"input": 1},
        {"input": -1, "output": 1},
        {"input": "nan", "output": 1},
        {"input": 1, "output": 1, "cached": 1},
        {"input": 1, "output": 1, "up_to_input_tokens": 0},
    ],
    ids=range(5),
)
def test_a_price_that_makes_no_sense_is_refused(given: dict[str, object]) -> None:
    """Whoever wrote it hears of it when a process starts."""
    with pytest.raises(ValidationError):
        Price.model_validate(given)


def test_what_is_shipped_is_exact_and_knows_the_default_route() -> None:
    """Digits as written, and a cached token never costs more than a fresh one."""
    prices = shipped()

    assert prices.keys() >= {f"{entry['provider']}/{entry['model']}" for entry in DEFAULT_ROUTE}
    assert prices["openai/gpt-5.4-mini"].cache_read == Decimal("0.075")
    for price in prices.values():
        assert (price.cache_read or 0) < price.input < price.output
        assert price.cache_write is None or price.input < price.cache_write < (price.cache_write_1h or price.output)
