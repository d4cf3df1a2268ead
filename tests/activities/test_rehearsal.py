import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from pydantic import JsonValue

from activities.prices import Price
from activities.pulse import BEAT_EVERY_S
from activities.rehearsal import check_schemas, rehearse
from activities.routes import LeftOut
from streaming.contracts import TurnInput
from streaming.errors import BadAttachment, InvalidTurn
from streaming.messages import Message, Usage
from streaming.reasons import Reason
from tests.activities.candidates import candidate

A, B = candidate("a"), candidate("b")


def turn(**fields: JsonValue) -> TurnInput:
    """Return a dry run."""
    asked: Mapping[str, JsonValue] = {"messages": [{"role": "user", "content": "Hi"}], "dry_run": True}
    return TurnInput.model_validate({**asked, **fields})


async def as_they_are(messages: list[Message], _by_url: frozenset[str]) -> list[Message]:
    """Load nothing: there are no attachments."""
    return messages


def beat() -> None:
    """Tell nobody."""


async def test_it_looks_like_a_result_and_names_who_would_be_asked() -> None:
    """With nothing said, nothing used, and no cost."""
    result = await rehearse(turn(), [A, B], [], as_they_are, 1, beat)

    assert (result.finish_reason, result.provider, result.model) == ("dry_run", "p", "a")
    assert (result.message.parts, result.usage, result.cost_usd) == ([], Usage(), None)
    assert [(tried.number, tried.model, tried.error, tried.usage) for tried in result.tries] == [
        (1, "a", None, None),
        (2, "b", None, None),
    ]


async def test_a_candidate_that_could_not_be_asked_says_why() -> None:
    """What its wire has no words for, or that its key is missing."""
    missing = LeftOut("q", "c", "Q_KEY is not set")
    result = await rehearse(turn(settings={"top_k": 3}), [A], [missing], as_they_are, 1, beat)

    refused, keyless = result.tries
    assert (result.provider, result.model) == (None, None)
    assert refused.error is not None
    assert refused.error.type == "CannotExpress"
    assert "top_k" in refused.error.message
    assert keyless.error is not None
    assert (keyless.error.type, keyless.error.reason) == ("NoKey", Reason.AUTH)
    assert keyless.error.message == "Q_KEY is not set"


async def test_a_candidate_over_the_budget_or_without_a_price_would_not_be_asked() -> None:
    """As in the turn itself."""
    priced = replace(A, price=Price(input=Decimal(1_000_000), output=Decimal(0)))
    result = await rehearse(turn(limits={"max_cost_usd": 0.5}), [priced, B], [], as_they_are, 1, beat)

    assert result.provider is None
    assert [tried.error.type for tried in result.tries if tried.error] == ["BudgetSpent", "CannotExpress"]


async def test_slow_attachments_are_waited_for_with_beats() -> None:
    """A worker that says nothing meanwhile would be taken for a dead one."""
    beats: list[float] = []

    async def slow(messages: list[Message], _by_url: frozenset[str]) -> list[Message]:
        while len(beats) < 4:  # noqa: ASYNC110 - a beat sets no event
            await asyncio.sleep(0.01)
        return messages

    async with asyncio.timeout(60):
        await rehearse(turn(limits={"heartbeat_s": 1}), [A], [], slow, 1, lambda: beats.append(time.monotonic()))

    # One a second would be too late for that timeout; a machine that stalls delays some of them.
    assert min(later - earlier for earlier, later in pairwise(beats)) < BEAT_EVERY_S / 2


async def test_slow_attachments_are_waited_for_under_the_clocks() -> None:
    """As in the turn itself."""

    async def never(_messages: list[Message], _by_url: frozenset[str]) -> list[Message]:
        await asyncio.sleep(60)
        return []

    result = await rehearse(turn(limits={"first_token_s": 0.1}), [A], [], never, 1, beat)

    (tried,) = result.tries
    assert tried.error is not None
    assert (tried.error.type, tried.error.reason) == ("ClockRanOut", Reason.TIMEOUT)


async def test_a_bad_attachment_fails_it_as_it_would_the_turn() -> None:
    """Nobody could be asked."""

    async def missing(_messages: list[Message], _by_url: frozenset[str]) -> list[Message]:
        raise BadAttachment("messages.0.parts.0: no such object")

    with pytest.raises(BadAttachment):
        await rehearse(turn(), [A], [], missing, 1, beat)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"output_schema": {"type": "nonsense"}}, "output_schema.type"),
        ({"output_schema": {"type": "object", "properties": []}}, "output_schema.properties"),
        ({"tools": [{"name": "a"}, {"name": "b", "input_schema": {"required": "x"}}]}, "tools.1.input_schema.required"),
    ],
)
def test_a_schema_that_is_none_is_named(fields: dict[str, JsonValue], problem: str) -> None:
    """Where it stands, and where in it."""
    with pytest.raises(InvalidTurn) as refused:
        check_schemas(turn(**fields))

    assert [field for field, _ in refused.value.problems] == [problem]


def test_good_schemas_pass() -> None:
    """None at all, too."""
    check_schemas(turn())
    check_schemas(
        turn(output_schema={"type": "object", "properties": {"a": {"type": "string"}}}, tools=[{"name": "t"}])
    )
