"""Tool call ids that tell calls apart: within a message as it comes, and along a conversation that goes back.

The Messages API refuses a conversation in which an id stands twice (opencode #1279), and a result names one call
only. Ids of other servers repeat all the same: within a message, or in every message that numbers its calls from 0.
"""

from collections.abc import Callable

from streaming.messages import Message, Part, ToolCallPart, ToolResultPart


class CallIds:
    """Makes ids unique, one after the other; the same ids in the same order always become the same ones.

    Args:
        made_up: what the id of a call that has none begins with; its place follows.
    """

    def __init__(self, made_up: str = "call") -> None:
        self._made_up = made_up
        self._taken: set[str] = set()
        self._repeats: dict[str, int] = {}

    def take(self, given: str, place: int | None = None) -> str:
        """Return `given` if it is free, else with the next free number behind it.

        Args:
            given: the provider's id, blank where it sent none.
            place: of the call; in order of asking unless told.
        """
        wanted = given.strip() or f"{self._made_up}_{len(self._taken) if place is None else place}"
        unique = wanted
        # The number goes on from where it stood, or many repeats of one id would cost the square of their number.
        number = self._repeats.get(wanted, 1)
        while unique in self._taken:
            number += 1
            unique = f"{wanted}-{number}"
        self._repeats[wanted] = number
        self._taken.add(unique)
        return unique


def with_distinct_ids(messages: list[Message]) -> list[Message]:
    """Return the messages with every tool call id its own; a result stays with the last call before it."""
    ids = CallIds()
    latest: dict[str, str] = {}

    def distinct(given: str) -> str:
        latest[given] = ids.take(given)
        return latest[given]

    return with_ids(messages, distinct, lambda given: latest.get(given, given))


def with_ids(messages: list[Message], of_call: Callable[[str], str], of_result: Callable[[str], str]) -> list[Message]:
    """Return the messages with the ids of their tool calls, and those that results name, put through these."""

    def rewritten(part: Part) -> Part:
        match part:
            case ToolCallPart():
                return part.model_copy(update={"id": of_call(part.id)})
            case ToolResultPart():
                return part.model_copy(update={"tool_call_id": of_result(part.tool_call_id)})
            case _:
                return part

    return [message.model_copy(update={"parts": [rewritten(part) for part in message.parts]}) for message in messages]
