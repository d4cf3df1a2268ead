import re
import time

import pytest

from cli import words
from streaming.live.durable import Standing
from streaming.live.frames import Failure
from streaming.messages import Message, RefusalPart, TextPart, ToolCallPart
from tests.cli.events import begin, fail, result


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        (Standing("queued"), "queued: no worker has taken it yet"),
        (Standing("running", 2), "attempt 2 is running, its worker is silent"),
        (Standing("backing off", 3, "HTTP 503", 0.0), "attempt 3 in 0.0 s, after: HTTP 503"),
        (Standing("unreachable"), "Temporal does not answer: asking again"),
        (Standing("not found"), "not found"),
    ],
)
def test_a_standing_says_what_is_waited_for(standing: Standing, told: str) -> None:
    """Who watches a silent turn learns why it is silent."""
    assert words.of_standing(standing) == told


def test_a_wait_counts_down() -> None:
    """The seconds shown are those still to come."""
    at = time.time() + 3000
    standing = words.of_standing(Standing("backing off", 2, "x", at))
    failure = words.of_failure(fail(Failure("Lost", "gone", retry_at=at)))

    in_time = r"in (2\d\d\d|3000)\.\d s"
    assert re.fullmatch(f"attempt 2 {in_time}, after: x", standing)
    assert re.fullmatch(f"Lost: gone; next attempt {in_time}", failure)


def test_a_failure_names_the_next_candidate_where_there_is_one() -> None:
    """A switch and an end read differently."""
    assert words.of_failure(fail(Failure("Lost", "gone", next="b/x"))) == "Lost: gone; next: b/x"
    assert words.of_failure(fail(Failure("Lost", "gone", final=True))) == "Lost: gone"


def test_a_speaker_is_told_with_its_try_only_after_a_switch() -> None:
    """The first try of an attempt needs no number."""
    assert words.of_speaker(begin(attempt=2)) == "mill/wheel-1 · attempt 2"
    assert words.of_speaker(begin(attempt=2, try_=3)) == "mill/wheel-1 · attempt 2 · try 3"


def test_a_refusal_and_tool_calls_are_told_although_they_are_no_text() -> None:
    """An answer without text does not look like no answer."""
    parts = [TextPart(text="x"), RefusalPart(text="I cannot."), ToolCallPart(id="1", name="grind", arguments='{"a":1}')]

    assert words.beside_text(Message(role="assistant", parts=[*parts])) == [
        "the model declined: I cannot.",
        'the model calls grind({"a":1})',
    ]


def test_facts_hold_what_is_known_and_no_more() -> None:
    """A turn stopped before anyone answered has no provider, tokens or times."""
    assert words.facts(result("x"), 0.256) == "mill/wheel-1 · stop · attempt 1 · 3 tokens out · first token 0.26 s"
    assert words.facts(result("", "interrupted", provider=None, tries=[], usage={}), None) == "interrupted"


def test_the_proof_compares_the_screen_with_the_durable_text() -> None:
    """Only equal bytes count as the same; a screen that showed nothing was not wrong."""
    durable = result("flour")

    assert words.proof(durable, "flour") == (
        True,
        f"✓ durable result, sha256 {durable.sha256[:16]}…: the text on screen is it",
    )
    assert words.proof(durable, "") == (True, f"✓ durable result, sha256 {durable.sha256[:16]}…")
    assert words.proof(durable, "flou")[0] is False
    assert words.proof(result("flour", sha256="0" * 64), "flour")[0] is False


def test_usage_is_said_as_far_as_it_is_known() -> None:
    """What went in, came out, and was read from a cache; nothing that the provider did not say."""
    usage = {"input_tokens": 5, "output_tokens": 233, "cache_read_tokens": 4}

    assert "· 5 tokens in, 233 out, 4 cached ·" in words.facts(result("x", usage=usage), 0.1)
    assert "tokens" not in words.facts(result("x", usage={}), None)
