"""Time and money: what a turn may spend, what it is told to have spent, and that nothing paid for is thrown away."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from streaming.contracts import TurnResult
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import text_sha256
from tests.e2e.rig import SECRET, Rig, eventually, turn
from tests.e2e.test_faults import failure_of
from tests.tables import candidate, provider, table

QUEUE = f"spending-{uuid4().hex[:8]}"
COUNTED: JsonObject = {"prompt_tokens": 30, "completion_tokens": 12}


@pytest.fixture(scope="module", autouse=True)
async def spender(rig: Rig) -> AsyncIterator[None]:
    """A worker with prices, two of whose candidates lead to the scripted provider."""
    file = rig.stack.log_dir / "spending.toml"
    file.write_text(_settings(rig.stack.provider_url))
    worker = await rig.worker(QUEUE, MILLSTREAM_CONFIG=str(file), SCRIPTED_KEY=SECRET)
    yield
    worker.kill()


def _settings(url: str) -> str:
    return "".join(
        [
            provider("scripted", url),
            provider("keyless", url, key="A_KEY_THAT_NOBODY_SET"),
            table("prices", "scripted/priced", input=1000, output=1000),
            candidate("default", "scripted", "priced"),
            candidate("default", "scripted", "unpriced"),
            candidate("default", "keyless", "priced"),
            candidate("choosy", "scripted", "priced", on_refusal="next"),
            candidate("choosy", "scripted", "unpriced"),
            candidate("limited", "scripted", "priced"),
            table("retries", "limited", passes=2, max_wait_s=0.1),
            candidate("once", "scripted", "priced"),
            candidate("once", "scripted", "unpriced"),
            table("retries", "once", passes=1),
        ]
    )


async def result_of(rig: Rig, script: str, **fields: JsonValue) -> TurnResult:
    """Run a turn on the spender and return its result."""
    return TurnResult.model_validate(await rig.run(turn(script, **fields), queue=QUEUE))


async def test_every_try_is_accounted_for_and_the_total_is_their_sum(rig: Rig) -> None:
    """The failed one too: by our estimate, marked so, where its provider could not say any more."""
    script = await rig.script({"tokens": 40, "cut_after": 20, "cut": "eof"}, model="priced")
    await rig.script({"text": "done", "usage": COUNTED}, model="unpriced", name=script)

    result = await result_of(rig, script)

    failed, answered = result.tries
    assert failed.usage is not None
    assert (failed.estimated, failed.usage.input_tokens, failed.usage.output_tokens) == (True, 1, 30)  # 20 x " 00000"
    assert failed.cost_usd == pytest.approx(0.031)
    assert (answered.estimated, answered.cost_usd) == (False, None)
    assert (result.total_usage.input_tokens, result.total_usage.output_tokens) == (1 + 30, 30 + 12)
    assert (result.cost_usd, result.total_cost_usd) == (None, None)  # one of them has no price


async def test_a_priced_answer_has_its_cost(rig: Rig) -> None:
    """By the provider's own counts."""
    result = await result_of(rig, await rig.script({"text": "done", "usage": COUNTED}))

    assert result.cost_usd == result.total_cost_usd == pytest.approx(0.042)


async def test_a_turn_out_of_time_keeps_what_was_said(rig: Rig) -> None:
    """The paid partial is the durable result, and the provider is left."""
    script = await rig.script({"tokens": 1000, "pace_s": 0.05})

    async with rig.viewer(script) as viewing:
        handle = await rig.start(turn(script, limits={"total_s": 15}), queue=QUEUE, turn_id=script)
        events = [event async for event in viewing.events()]
        result = TurnResult.model_validate(await handle.result())

        async def shown() -> bool:
            return viewing.viewer.text == result.message.text

        await eventually(shown)  # the result may overtake its last frames

    assert events
    assert result.finish_reason == "deadline"
    assert result.message.text.startswith(" 00000 00001 00002")
    assert result.sha256 == text_sha256(result.message.text)
    (only,) = result.tries
    assert (only.estimated, only.error) == (True, None)


async def test_a_turn_out_of_time_with_nothing_said_fails(rig: Rig) -> None:
    """There is nothing to keep."""
    script = await rig.script({"headers_after_s": 30})
    failure = await failure_of(await rig.start(turn(script, limits={"total_s": 2}), queue=QUEUE))

    assert failure.type == "DeadlineExceeded"
    assert "limits.total_s (2 s)" in failure.message


@pytest.mark.parametrize("limits", [{"max_total_tokens": 60}, {"max_cost_usd": 0.06}], ids=["tokens", "cost"])
async def test_a_stream_over_its_budget_is_cut_and_kept(rig: Rig, limits: JsonObject) -> None:
    """About as much as was allowed: what is read at once is kept whole."""
    script = await rig.script({"tokens": 400, "pace_s": 0.05})

    result = await result_of(rig, script, limits=limits)

    assert result.finish_reason == "budget"
    assert result.total_usage.output_tokens is not None
    assert 50 <= result.total_usage.output_tokens < 350
    assert len(result.message.text) == pytest.approx(result.total_usage.output_tokens * 4, abs=4)
    (request,) = await rig.requests(script)
    assert request.outcome != "complete"


async def test_no_call_is_made_that_the_budget_cannot_pay(rig: Rig) -> None:
    """A failed try has used it up; the next candidate is not asked."""
    script = await rig.script({"tokens": 40, "cut_after": 20, "cut": "eof"})
    failure = await failure_of(await rig.start(turn(script, limits={"max_total_tokens": 32}), queue=QUEUE))

    assert failure.type == "BudgetSpent"
    assert "limits.max_total_tokens: " in failure.message
    assert len(await rig.requests(script)) == 1


async def test_a_cost_limit_leaves_out_whose_price_is_not_known(rig: Rig) -> None:
    """It is told so, and never asked."""
    script = await rig.script({"status": 500}, model="priced")
    await rig.script({"text": "for free?"}, model="unpriced", name=script)
    request = turn(script, route="once", limits={"max_cost_usd": 1})
    failure = await failure_of(await rig.start(request, queue=QUEUE))

    assert "limits.max_cost_usd: the price of this model is not known" in failure.message
    assert {entry.model for entry in await rig.requests(script)} == {"priced"}


async def test_a_refusal_is_a_result_or_the_next_candidates_question(rig: Rig) -> None:
    """As the route says."""
    script = await rig.script({"message": {"content": None, "refusal": "No."}, "usage": COUNTED}, model="priced")
    await rig.script({"text": "Of course."}, model="unpriced", name=script)

    kept, asked_on = await result_of(rig, script), await result_of(rig, script, route="choosy")

    assert (kept.finish_reason, kept.model) == ("refusal", "priced")
    assert (asked_on.finish_reason, asked_on.message.text) == ("stop", "Of course.")
    refused = asked_on.tries[0]
    assert refused.error is not None
    assert (refused.error.type, refused.error.hopeless, refused.estimated) == ("Refused", True, False)
    assert refused.cost_usd == pytest.approx(0.042)


async def test_a_route_gives_up_after_its_passes(rig: Rig) -> None:
    """A turn does not knock at a dead door for a quarter of an hour."""
    script = await rig.script({"status": 500})
    failure = await failure_of(await rig.start(turn(script, route="limited"), queue=QUEUE))

    assert failure.type == "RetriesExhausted"
    assert failure.message.startswith("the route was tried 2 times: scripted/priced: HTTP 500")
    assert len(await rig.requests(script)) == 2


async def test_a_dry_run_checks_everything_and_asks_nobody(rig: Rig) -> None:
    """The same shape of result, with nothing said and nothing paid."""
    script = await rig.script({"text": "never asked"})

    result = await result_of(rig, script, dry_run=True)

    assert (result.finish_reason, result.model, result.message.parts) == ("dry_run", "priced", [])
    assert [(tried.model, tried.error.type if tried.error else None) for tried in result.tries] == [
        ("priced", None),
        ("unpriced", None),
        ("priced", "NoKey"),
    ]
    assert result.total_cost_usd == 0
    assert await rig.requests(script) == []


async def test_a_dry_run_finds_what_would_fail(rig: Rig) -> None:
    """By its field's name."""
    script = await rig.script({"text": "never asked"})
    wrong = turn(script, dry_run=True, output_schema={"type": "nonsense"})
    failure = await failure_of(await rig.start(wrong, queue=QUEUE))

    assert failure.type == "InvalidTurn"
    assert failure.message.startswith("output_schema.type: ")
