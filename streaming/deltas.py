"""What a stream adds to a message, piece by piece: the vocabulary between a wire and the live view.

One is made for every chunk of every stream, so they are slotted and not frozen: named tuples take twice as long.
`part` is the part's place in the message in order of appearance. How the step ended and what it used is not a
delta: it is the step's result.
"""

from dataclasses import dataclass

from streaming.messages import Message, ReasoningPart, RefusalPart, TextPart, ToolCallPart


@dataclass(slots=True)
class PartStarted:
    """A new part of the message; `id` and `name` belong to tool calls.

    Of media and provider items nothing more is told: they are shown from the durable result.
    """

    part: int
    type: str
    id: str = ""
    name: str = ""


@dataclass(slots=True)
class PartAdded:
    """Text to append to a part: text, reasoning, refusal, or a tool call's arguments."""

    part: int
    text: str


Delta = PartStarted | PartAdded


def of_message(message: Message) -> list[Delta]:
    """Return the deltas that amount to a whole message: how a unary answer reaches its viewers."""
    deltas: list[Delta] = []
    for at, part in enumerate(message.parts):
        match part:
            case TextPart() | ReasoningPart() | RefusalPart():
                deltas += [PartStarted(at, part.type), PartAdded(at, part.text)]
            case ToolCallPart():
                deltas += [PartStarted(at, part.type, part.id, part.name), PartAdded(at, part.arguments)]
            case _:
                deltas.append(PartStarted(at, part.type))  # only named: it is shown from the durable result
    return deltas
