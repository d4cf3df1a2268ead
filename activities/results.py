"""What a step comes to, as Temporal keeps it."""

from activities.calling import CandidateCall
from streaming.contracts import StepResult, Try, TurnInput
from streaming.errors import AnswerTooLarge
from streaming.messages import text_sha256
from streaming.providers.wire import Answer

MAX_RESULT_BYTES = 1_572_864  # 1.5 MiB: Temporal ends a run whose result is over 2 MiB, and the answer is lost


def step_result(turn: TurnInput, answer: Answer, call: CandidateCall | None, tries: list[Try]) -> StepResult:
    """Return the durable result of a step.

    Args:
        turn: what was asked.
        answer: what was said, whole or not.
        call: who said it; None where nobody was called.
        tries: all of the step's, the one that gave the answer last.

    Raises:
        AnswerTooLarge: it does not fit into a Temporal result.
    """
    result = StepResult(
        message=answer.message,
        finish_reason=answer.finish_reason,
        provider_finish_reason=answer.provider_finish_reason or None,
        provider=call.candidate.provider if call else None,
        model=answer.model or (call.candidate.model if call else None),
        usage=answer.usage,
        cost_usd=tries[-1].cost_usd if call and tries else None,
        tries=tries,
        sha256=text_sha256(answer.message.text),
        choices=answer.choices if len(answer.choices) > 1 else None,
        raw=call.raw() if call and turn.include_raw else None,
    )
    size = len(result.model_dump_json().encode())
    if size > MAX_RESULT_BYTES:
        raise AnswerTooLarge(size, MAX_RESULT_BYTES)
    return result
