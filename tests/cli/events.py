"""The events of a turn, made from the bytes that Redis would carry."""

import time

from streaming.contracts import Try, TurnResult
from streaming.jsontext import JsonValue
from streaming.live import frames
from streaming.live.durable import Outcome
from streaming.live.frames import Failure, Frame, Header
from streaming.messages import FinishReason, Message, TextPart, Usage, text_sha256


def parsed(data: bytes) -> Frame:
    """Return a frame as a subscriber hands it on."""
    frame = frames.parse(data, int(time.time() * 1000))
    assert frame is not None
    return frame


def begin(number: int = 1, *, attempt: int = 1, try_: int = 1, why: str | None = None) -> Frame:
    """A try starts; its epoch is its number."""
    header = Header("turn-1", "run-1", 0, attempt, try_, "mill", "wheel-1")
    return parsed(frames.begin(number, header, why))


def delta(text: str, flush: int = 1, *, number: int = 1) -> Frame:
    """Text was added."""
    additions: list[JsonValue] = [[0, "text", text]]
    return parsed(frames.delta(number, flush, additions))


def fail(failure: Failure, *, number: int = 1) -> Frame:
    """A try failed."""
    return parsed(frames.fail(number, 0, failure))


def result(message: Message | str, finish_reason: FinishReason = "stop", **fields: object) -> TurnResult:
    """Return a turn's result."""
    said = message if isinstance(message, Message) else Message(role="assistant", parts=[TextPart(text=message)])
    return TurnResult.model_validate(
        {
            "message": said,
            "finish_reason": finish_reason,
            "provider": "mill",
            "model": "wheel-1",
            "usage": Usage(output_tokens=3),
            "tries": [Try(attempt=1, number=1, provider="mill", model="wheel-1", seconds=0.1)],
            "sha256": text_sha256(said.text),
            **fields,
        }
    )


def completed(message: Message | str, finish_reason: FinishReason = "stop", **fields: object) -> Outcome:
    """The turn ended with a result."""
    return Outcome("completed", result=result(message, finish_reason, **fields))
