"""The estimate is near what Python really holds."""

import tracemalloc
from collections.abc import Callable

import pytest

from streaming.duplex.elements import Audio, Image, Notice, StreamElement, Transcript
from streaming.duplex.weight import weight
from streaming.jsontext import loads
from streaming.messages import Message, ToolCallPart

COUNT = 300


def notice(details: bytes) -> StreamElement:
    """Return an event that holds what a provider sent."""
    return StreamElement(event=Notice("x", details={"a": loads(details)}))


def end(text: str) -> StreamElement:
    """Return the end of an answer."""
    message = Message.model_validate({"role": "assistant", "content": text})
    return StreamElement(end_of_stream=True, message=message)


def call(number: int) -> ToolCallPart:
    """Return a call that no other is equal to."""
    return ToolCallPart(id=f"c{number}", name=f"t{number}", arguments=f"[{number}]" * 100)


MADE: dict[str, Callable[[int], StreamElement]] = {
    "empty": lambda _: StreamElement(),
    "text": lambda n: StreamElement(text=f"word {n}", response_id="r"),
    "long text": lambda n: StreamElement(text=f"{n} " * 5000),
    "wide text": lambda n: StreamElement(text=f"{n} \N{GRINNING FACE}" * 1000),
    "sound": lambda n: StreamElement(audio=Audio(bytes(960 + n), 24_000)),
    "image": lambda n: StreamElement(image=Image(bytes(5000 + n), "image/jpeg", n)),
    "transcript": lambda n: StreamElement(transcript=Transcript("user", f"words {n}" * 10, item_id=f"item {n}")),
    "calls": lambda n: StreamElement(tool_calls=(call(n),)),
    "end": lambda n: end(f"words {n} " * 50),
    "lists": lambda n: notice(b"[" + b"[%d]," % n * 200 + b"{}]"),
    "objects": lambda _: notice(b"[" + b'{"a":1},' * 200 + b"{}]"),
}


@pytest.mark.parametrize("kind", MADE)
def test_it_is_near_the_truth(kind: str) -> None:
    """Never far below it, for a bound on memory is made of it."""
    make = MADE[kind]
    make(0)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [make(1000 + number) for number in range(COUNT)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    held = (after - before) / COUNT

    assert 0.9 * held < weight(kept[0]) < 1.6 * held + 300


def test_nesting_is_no_recursion() -> None:
    """What JSON allows is weighed."""
    assert weight(notice(b"[" * 128 + b"]" * 128)) > 128 * 56
