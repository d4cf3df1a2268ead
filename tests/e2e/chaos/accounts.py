"""Whether a turn's account of its tries can be right, by what its provider was asked. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence

from deploy.sandbox.provider.journal import Entry
from streaming.contracts import TurnResult
from streaming.messages import Usage


def misaccounted(result: TurnResult, entries: Sequence[Entry]) -> Iterator[str]:
    """Tell what is wrong with the tries of a result.

    A call may be missing, where its worker died before its first beat; none may be there twice, or made up.
    """
    calls = Counter((tried.attempt, tried.number) for tried in result.tries)
    yield from (f"try {number} of attempt {attempt} is told twice" for (attempt, number), n in calls.items() if n > 1)
    if (attempts := [tried.attempt for tried in result.tries]) != sorted(attempts):
        yield f"the tries are not in order: {attempts}"
    asked = sum(tried.usage is not None for tried in result.tries)
    if asked > len(entries):
        yield f"{asked} tries used something, and the provider was asked {len(entries)} times"
    total = Usage()
    for tried in result.tries:
        total = total.plus(tried.usage or Usage())
    if total != result.total_usage:
        yield f"the total is {result.total_usage}, and the tries have {total}"
    if result.message.parts and not any(tried.usage and not tried.error for tried in result.tries):
        yield "no try gave the message"
