import pytest

from activities.calling import CandidateCall
from activities.results import MAX_RESULT_BYTES, step_result
from streaming.contracts import Try, TurnInput
from streaming.errors import AnswerTooLarge
from streaming.messages import Message, TextPart, Usage, text_sha256
from streaming.providers.wire import Answer
from tests.activities.candidates import candidate

TURN = TurnInput.model_validate({"messages": [{"role": "user", "content": "Hi"}]})
RAW = TURN.model_copy(update={"include_raw": True})
TRIES = [Try(attempt=1, number=at, provider="p", model="m", seconds=1, cost_usd=0.5 * at) for at in (1, 2)]


def said(*texts: str, model: str | None = None) -> Answer:
    """Return an answer with as many choices."""
    messages = [Message(role="assistant", parts=[TextPart(text=text)] if text else []) for text in texts]
    return Answer(messages, "stop", "end_turn", model, Usage(output_tokens=3))


def test_a_result_says_what_was_said_and_by_whom() -> None:
    """The model is the one the provider says it used, and the cost that of the last try."""
    call = CandidateCall(candidate("m"), TURN)
    result = step_result(TURN, said("hello", model="m-2026"), call, TRIES)

    assert (result.message.text, result.finish_reason, result.provider_finish_reason) == ("hello", "stop", "end_turn")
    assert (result.provider, result.model, result.usage) == ("p", "m-2026", Usage(output_tokens=3))
    assert (result.tries, result.cost_usd, result.sha256) == (TRIES, 1.0, text_sha256("hello"))
    assert (result.choices, result.raw) == (None, None)
    assert step_result(TURN, said("hello"), call, TRIES).model == "m"


def test_choices_and_the_raw_object_are_there_where_they_were_asked_for() -> None:
    """One choice is the message itself."""
    result = step_result(RAW, said("a", "b"), CandidateCall(candidate("m"), RAW), TRIES)

    assert result.choices is not None
    assert [choice.text for choice in result.choices] == ["a", "b"]
    assert result.raw is not None


def test_where_nobody_was_called_in_this_attempt_nobody_is_named() -> None:
    """What earlier attempts tried, and paid for, is told all the same."""
    result = step_result(RAW, said(""), None, TRIES)

    assert (result.provider, result.model, result.cost_usd, result.raw) == (None, None, None, None)
    assert result.tries == TRIES


def test_a_result_that_temporal_would_not_take_is_an_error() -> None:
    """By its size as JSON, in bytes."""
    call = CandidateCall(candidate("m"), TURN)
    assert step_result(TURN, said("x" * (MAX_RESULT_BYTES - 2000)), call, TRIES)

    with pytest.raises(AnswerTooLarge, match="a durable result may hold 1,572,864"):
        step_result(TURN, said("ä" * (MAX_RESULT_BYTES // 2)), call, TRIES)
