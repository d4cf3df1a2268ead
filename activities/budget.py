"""What a turn may spend, and what it has: the provider's own counts, or estimates where it does not say. Pure."""

from activities.prices import Price, cost_usd
from streaming.contracts import Limits, TurnInput
from streaming.deltas import Delta, PartAdded, of_message
from streaming.errors import BudgetSpent, CannotExpress
from streaming.jsontext import dumps
from streaming.messages import Message, Usage

# OpenAI's and Anthropic's rule of thumb for English; other scripts have fewer characters to a token.
_BYTES_PER_TOKEN = 4


def estimated_tokens(size: int) -> int:
    """Return about how many tokens so many bytes are; never 0 for something."""
    return -(-size // _BYTES_PER_TOKEN)


def said_bytes(message: Message) -> int:
    """Return the size of what a model wrote: text, reasoning and arguments."""
    return _size(of_message(message))


def estimated_input(turn: TurnInput) -> int:
    """Return about how many tokens a turn's request is; media are not counted."""
    words = [turn.system or "", *(tool.name + tool.description for tool in turn.tools)]
    schemas = [dumps(tool.input_schema) for tool in turn.tools]
    said = sum(said_bytes(message) for message in turn.messages)
    return estimated_tokens(said + sum(map(len, schemas)) + len("".join(words).encode()))


def used(prompt_tokens: int, reported: Usage, message: Message, *, whole: bool) -> tuple[Usage, bool]:
    """Return what a call used, and whether that is an estimate.

    Args:
        prompt_tokens: what was asked, as `estimated_input` has it.
        reported: what the provider said; of a stream that broke off, only its beginning may be right.
        message: what it wrote.
        whole: the answer is, and so are the counts.
    """
    if whole and reported.input_tokens is not None and reported.output_tokens is not None:
        return reported, False
    known_input = reported.input_tokens
    written = estimated_tokens(said_bytes(message))
    counts = {
        "input_tokens": prompt_tokens if known_input is None else known_input,
        "output_tokens": max(reported.output_tokens or 0, written),
    }
    return reported.model_copy(update=counts), True


def _size(deltas: list[Delta]) -> int:
    return sum(len(delta.text.encode()) for delta in deltas if isinstance(delta, PartAdded))


class Budget:
    """What is left of a turn's limits, while one call uses it up.

    Args:
        limits: the turn's.
        spent: by the tries before.
        spent_usd: by the tries before; None where nobody knows what one of them cost.
        price: of the candidate that is called.
    """

    def __init__(self, limits: Limits, spent: Usage, spent_usd: float | None, price: Price | None) -> None:
        self._max_tokens = limits.max_total_tokens
        self._max_usd = limits.max_cost_usd
        self._spent = spent
        self._spent_usd = spent_usd
        self._price = price
        self._said_bytes = 0

    @property
    def limited(self) -> bool:
        """Whether anything has to be counted at all."""
        return self._max_tokens is not None or self._max_usd is not None

    def check(self, call: Usage) -> None:
        """Check what the tries before and this call, as far as it has come, have used.

        Raises:
            BudgetSpent: it is as much as the turn may use.
                Or nobody knows how much that is: a limit that may be over already is not held.
            CannotExpress: a cost is limited, and nobody knows this candidate's price.
        """
        tokens = self._spent.plus(call).total_tokens
        if self._max_tokens is not None and tokens >= self._max_tokens:
            raise BudgetSpent(f"limits.max_total_tokens: {tokens:,} of {self._max_tokens:,} are used")
        if self._max_usd is None:
            return
        if self._spent_usd is None:
            raise BudgetSpent("limits.max_cost_usd: nobody knows what an earlier try cost: [prices] lacks a price")
        cost = cost_usd(call, self._price)
        if cost is None:
            raise CannotExpress("limits.max_cost_usd: the price of this model is not known: set it in [prices]")
        if self._spent_usd + cost >= self._max_usd:
            raise BudgetSpent(f"limits.max_cost_usd: {self._spent_usd + cost:.6g} of {self._max_usd:.6g} USD are used")

    def also_spent(self, usage: Usage, usd: float | None) -> None:
        """Count what turned out to have been spent before."""
        self._spent = self._spent.plus(usage)
        self._spent_usd = None if self._spent_usd is None or usd is None else self._spent_usd + usd

    def said(self, deltas: list[Delta], input_tokens: int) -> None:
        """Count what a stream adds.

        Raises:
            BudgetSpent: that is all the turn may use.
        """
        self._said_bytes += _size(deltas)
        self.check(Usage(input_tokens=input_tokens, output_tokens=estimated_tokens(self._said_bytes)))
