"""What a stream adds to a message, piece by piece: the vocabulary between a wire and the live view.

Plain tuples, because one is made for every chunk of every stream. `part` is the part's place in the message
in order of appearance. How the step ended and what it used is not a delta: it is the step's result.
"""

from typing import NamedTuple

from streaming.messages import Message, ReasoningPart, RefusalPart, TextPart, ToolCallPart


class PartStarted(NamedTuple):
    """A new part of the message; `id` and `name` belong to tool calls."""

    part: int
    type: str
    id: str = ""
    name: str = ""


class PartAdded(NamedTuple):
    """Text to append to a part: text, reasoning, refusal, or a tool call's arguments."""

    part: int
    text: str


Delta = PartStarted | PartAdded


def of_message(message: Message) -> list[Delta]:
    """Return the deltas that amount to a whole message: how a unary answer reaches its viewers."""
    deltas: list[Delta] = []
    for part in message.parts:
        at = len(deltas) // 2
        match part:
            case TextPart() | ReasoningPart() | RefusalPart():
                deltas += [PartStarted(at, part.type), PartAdded(at, part.text)]
            case ToolCallPart():
                deltas += [PartStarted(at, part.type, part.id, part.name), PartAdded(at, part.arguments)]
            case _:
                pass  # media of an answer is shown from the durable result
    return deltas
