"""A dry run: everything is checked as far as it can be without asking a provider anything."""

import asyncio
import time
from collections.abc import Callable, Sequence

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from activities.attachments import ByValue
from activities.budget import Budget, estimated_input
from activities.calling import CandidateCall
from activities.clocks import Clocks
from activities.failures import Verdict, verdict
from activities.pulse import Pulse
from activities.routes import Candidate, LeftOut
from streaming.contracts import StepResult, Try, TryError, TurnInput
from streaming.errors import BudgetSpent, InvalidTurn, ProviderError
from streaming.messages import Message, Usage, text_sha256
from streaming.reasons import Reason

_MAX_REASON = 300


async def rehearse(
    turn: TurnInput,
    candidates: Sequence[Candidate],
    left_out: Sequence[LeftOut],
    by_value: ByValue,
    attempt: int,
    beat: Callable[[], None],
) -> StepResult:
    """Return what a turn's result would look like: an empty message, and a try for each candidate of the route.

    A try's error is what would keep this candidate from being asked; `provider` and `model` are those of the
    first one that would be.

    Args:
        turn: what would be asked.
        candidates: whom.
        left_out: whom not, for want of a key.
        by_value: loads the attachments.
        attempt: the activity's.
        beat: tells Temporal that this worker lives, however long attachments take.

    Raises:
        InvalidTurn: a schema is none.
        BadAttachment: the messages hold media that nobody could be sent.
    """
    check_schemas(turn)
    tries: list[Try] = []
    for number, candidate in enumerate(candidates, 1):
        started = time.monotonic()
        error = await _hindrance(turn, candidate, by_value, beat)
        tries.append(
            Try(
                attempt=attempt,
                number=number,
                provider=candidate.provider,
                model=candidate.model,
                seconds=round(time.monotonic() - started, 3),
                error=error,
            )
        )
    ready = next((tried for tried in tries if tried.error is None), None)
    tries += [_left_out(one, attempt, at) for at, one in enumerate(left_out, len(tries) + 1)]
    return StepResult(
        message=Message(role="assistant", parts=[]),
        finish_reason="dry_run",
        provider=ready.provider if ready else None,
        model=ready.model if ready else None,
        usage=Usage(),
        tries=tries,
        sha256=text_sha256(""),
    )


def check_schemas(turn: TurnInput) -> None:
    """Check that every JSON Schema of a turn is one.

    Raises:
        InvalidTurn: names each that is not, and where.
    """
    schemas = [(f"tools.{at}.input_schema", tool.input_schema) for at, tool in enumerate(turn.tools)]
    schemas += [("output_schema", turn.output_schema)] if turn.output_schema is not None else []
    problems: list[tuple[str, str]] = []
    for field, schema in schemas:
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            path = ".".join([field, *map(str, error.absolute_path)])
            problems.append((path, error.message[:_MAX_REASON]))
    if problems:
        raise InvalidTurn(problems)


async def _hindrance(
    turn: TurnInput, candidate: Candidate, by_value: ByValue, beat: Callable[[], None]
) -> TryError | None:
    """Return what would keep a candidate from being asked, under the clocks that a call of it has."""
    limits = candidate.limits(turn.limits)
    clocks = Clocks(limits, asyncio.get_running_loop().time())
    try:
        Budget(turn.limits, Usage(), 0.0, candidate.price, estimated_input(turn)).check()
        async with Pulse(clocks, beat, limits.heartbeat_s):
            await CandidateCall(candidate, turn).body(by_value)
    except (ProviderError, BudgetSpent) as error:
        return TryError(
            type=type(error).__name__,
            reason=error.reason if isinstance(error, ProviderError) else None,
            message=str(error),
            hopeless=verdict(error) is Verdict.HOPELESS,
        )
    return None


def _left_out(one: LeftOut, attempt: int, number: int) -> Try:
    error = TryError(type="NoKey", reason=Reason.AUTH, message=one.why, hopeless=True)
    return Try(attempt=attempt, number=number, provider=one.provider, model=one.model, seconds=0, error=error)
