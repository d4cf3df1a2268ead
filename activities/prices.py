"""What an answer costs: `prices.toml`, which is written as settings are, and the sum.

Rules of this file: an unknown price is no price, and a sum that needs it is None; never an estimate.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from streaming.messages import Usage

_Usd = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(gt=0)]
PER = 1_000_000  # so many tokens is what a price is for
_DIGITS = 12  # of a dollar: the cheapest tokens cost billionths of one
_MAX_COUNT = 2**53  # what a provider counts is as foreign as the rest of its answer
_SNAPSHOT = re.compile(r"(.+)-([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})")


class Price(BaseModel):
    """A model's price in USD per million tokens; None where it is not known, or where there is no such thing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: _Usd
    output: _Usd
    cache_read: _Usd | None = None
    cache_write: _Usd | None = None
    cache_write_1h: _Usd | None = None
    """Where the turn asked for an hour in the cache; the one above is for five minutes, or whatever is usual."""
    up_to_input_tokens: _Count | None = None
    """The longest prompt that this price holds for."""
    snapshots: list[str] = []
    """Dates under which the model is sold at the same price: `model-DATE`."""


def shipped() -> dict[str, Price]:
    """Return the prices this version knows, by `provider/model`."""
    table = tomllib.loads(Path(__file__).with_name("prices.toml").read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, Price]).validate_python(table["prices"])


def price_of(prices: Mapping[str, Price], provider: str, price_list: str, model: str) -> Price | None:
    """Return a model's price: as sold by the provider, else on its price list, else under the bare name.

    A dated name has the price of its model only where that entry lists the date.
    """
    owners = [f"{provider}/", f"{price_list}/", ""]
    return next((price for owner in owners for price in _named(prices, owner + model)), None)


def _named(prices: Mapping[str, Price], name: str) -> Iterator[Price]:
    if name in prices:
        yield prices[name]
    elif (dated := _SNAPSHOT.fullmatch(name)) and dated[1] in prices and dated[2] in prices[dated[1]].snapshots:
        yield prices[dated[1]]


def cost_usd(usage: Usage, price: Price | None, caching: str | None = None) -> float | None:
    """Return what an answer cost, in USD; None where the price, or a count that it needs, is not known.

    Args:
        usage: the answer's; cached tokens are part of the input, and a provider that is silent about them cached
            none. Output includes the reasoning.
        price: the model's.
        caching: the turn's `settings.prompt_caching`.
    """
    prompt, output = usage.input_tokens, usage.output_tokens
    if price is None or prompt is None or output is None or prompt > (price.up_to_input_tokens or prompt):
        return None
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    writing = price.cache_write_1h if caching == "1h" else price.cache_write
    billed = [(prompt - read - written, price.input), (read, price.cache_read), (written, writing)]
    billed.append((output, price.output))
    if any(not 0 <= count <= _MAX_COUNT or (count and usd is None) for count, usd in billed):
        return None
    total = sum((count * usd for count, usd in billed if usd is not None), Decimal(0))
    return round(float(total / PER), _DIGITS)
