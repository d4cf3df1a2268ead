"""What a turn may spend, and what it has: the provider's own counts, or estimates where it does not say. Pure."""

from collections.abc import Callable
from math import inf

from activities.prices import PER, Price, cost_usd
from streaming.contracts import Limits, Try, TurnInput
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
        prompt_tokens: what is asked, as `estimated_input` has it.
    """

    def __init__(
        self, limits: Limits, spent: Usage, spent_usd: float | None, price: Price | None, prompt_tokens: int
    ) -> None:
        self._max_tokens = limits.max_total_tokens
        self._max_usd = limits.max_cost_usd
        self._spent = spent
        self._spent_usd = spent_usd
        self._price = price
        self._prompt_tokens = prompt_tokens
        self._said_bytes = 0
        self._check_at_bytes = 0.0

    def holding(self, show: Callable[[list[Delta]], None]) -> Callable[[list[Delta]], None]:
        """Return `show` held to the limits: what reaches one is still shown, and then raises.

        Raises:
            BudgetSpent, CannotExpress: as `check`, before anything is said.
        """
        if self._max_tokens is None and self._max_usd is None:
            return show
        self.check()

        def held(deltas: list[Delta]) -> None:
            show(deltas)
            self._said_bytes += _size(deltas)
            if self._said_bytes > self._check_at_bytes:
                self.check()

        return held

    def check(self) -> None:
        """Check what the tries before and this call, as far as it has come, have used.

        Raises:
            BudgetSpent: it is as much as the turn may use.
                Or nobody knows how much that is: a limit that may be over already is not held.
            CannotExpress: a cost is limited, and nobody knows this candidate's price.
        """
        said_tokens = estimated_tokens(self._said_bytes)
        call = Usage(input_tokens=self._prompt_tokens, output_tokens=said_tokens)
        left = min(self._tokens_left(call), self._affordable(call))
        # Checking costs more than reading a chunk, so it is not done before it can matter.
        self._check_at_bytes = (said_tokens + left - 1) * _BYTES_PER_TOKEN

    def also_spent(self, done: Try) -> None:
        """Count a try that turned out to be over.

        Raises:
            BudgetSpent: with it, that is as much as the turn may use.
        """
        if done.usage is not None:
            self._spent = self._spent.plus(done.usage)
            if self._spent_usd is not None:
                self._spent_usd = None if done.cost_usd is None else self._spent_usd + done.cost_usd
            self.check()

    def _tokens_left(self, call: Usage) -> float:
        if self._max_tokens is None:
            return inf
        tokens = self._spent.plus(call).total_tokens
        if tokens >= self._max_tokens:
            raise BudgetSpent(f"limits.max_total_tokens: {tokens:,} of {self._max_tokens:,} are used")
        return self._max_tokens - tokens

    def _affordable(self, call: Usage) -> float:
        """Return for how many more tokens of output the money is enough."""
        if self._max_usd is None:
            return inf
        if self._spent_usd is None:
            raise BudgetSpent("limits.max_cost_usd: nobody knows what an earlier try cost: [prices] lacks a price")
        cost = cost_usd(call, self._price)
        if self._price is None or cost is None:
            raise CannotExpress("limits.max_cost_usd: the price of this model is not known: set it in [prices]")
        left_usd = self._max_usd - self._spent_usd - cost
        if left_usd <= 0:
            raise BudgetSpent(f"limits.max_cost_usd: {self._spent_usd + cost:.6g} of {self._max_usd:.6g} USD are used")
        return left_usd * PER / float(self._price.output) if self._price.output else inf
