"""What it costs to read a stream, beside the official SDKs and bare decoders: see README.md here.

python -m benchmarks.decode [--quick]
"""

import gc
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks.decode_readers import OURS, SDK, check, readers
from benchmarks.decode_streams import CHUNKINGS, Stream, anthropic_messages, openai_chat
from benchmarks.tables import table
from streaming.providers import WIRES
from streaming.providers.reader import StreamReader
from streaming.providers.wire import Quirks

BAR = 25
"""How many times less CPU than the official SDK a chunk must cost, however many events come at a time."""
_PART = 8
_LINEAR = 32
"""How many times longer eight times the input may take: in proportion it takes 8 times as long, by its square 64 times.

Between the two is room for the caches, which the smaller one fits into, and for a machine that is busy.
"""
# Byte by byte, everybody pays for the bytes: told, not judged.
_JUDGED = ("event by event", "whole", "1 KiB")
_LONG_ENOUGH_S = 0.1
_MIB = 1 << 20


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    chunks: int = 5000
    rounds: int = 5
    scale: int = 1
    """By how much the extremes are made smaller."""


QUICK = Plan(chunks=1000, rounds=3, scale=2)


def cpu_s(work: Callable[[], object]) -> float:
    """Return the CPU seconds that `work` takes: the mean over as many times as fill a tenth of a second."""
    times, spent = 0, 0.0
    while spent < _LONG_ENOUGH_S:
        began = time.process_time()
        work()
        spent += time.process_time() - began
        times += 1
    return spent / times


def compared(stream: Stream, rounds: int) -> dict[str, dict[str, float]]:
    """Return for each chunking and reader the CPU microseconds per chunk: medians of interleaved rounds."""
    check(stream)
    found: dict[str, dict[str, float]] = {}
    for chunking in CHUNKINGS:
        pieces = stream.delivered(chunking)
        works = {name: partial(read, pieces) for name, read in readers(stream.wire).items()}
        taken = [{name: cpu_s(work) for name, work in works.items()} for _ in range(rounds)]
        found[chunking] = {name: median(one[name] for one in taken) / stream.chunks * 1e6 for name in works}
    return found


def comparison(stream: Stream, found: dict[str, dict[str, float]]) -> str:
    """Return the table of one wire."""
    per_chunk = len(stream.body) / stream.chunks
    rows: list[list[object]] = []
    for name in readers(stream.wire):
        figures = [(found[chunking][name], found[chunking][OURS]) for chunking in CHUNKINGS]
        rows.append([name, *(f"{us:.2f} us, {per_chunk / us:.0f} MB/s, {us / ours:.1f}x" for us, ours in figures)])
    return table([f"{stream.wire}, {per_chunk:.0f} bytes a chunk", *CHUNKINGS], rows)


# -- extremes


def _read(pieces: list[bytes]) -> None:
    reader = StreamReader(WIRES["openai-chat"], Quirks())
    for piece in pieces:
        reader.feed(piece)
    reader.final()


def _one_event(size: int) -> list[bytes]:
    content = b"x" * (size - 200)
    event = b'data: {"choices":[{"index":0,"delta":{"content":"' + content + b'"},"finish_reason":"stop"}]}\n\n'
    return [event[at : at + 65_536] for at in range(0, len(event), 65_536)]


def _single_bytes(count: int) -> list[bytes]:
    return [byte.to_bytes() for byte in b"".join(_one_event(count))]


def _deltas(count: int) -> list[bytes]:
    return openai_chat(count).events


_EXTREMES: dict[str, tuple[Callable[[int], list[bytes]], int]] = {
    "one event of 64 MiB, in chunks of 64 KiB": (_one_event, 64 * _MIB),
    "one event of a million bytes, in chunks of one": (_single_bytes, 1_000_000),
    "200,000 deltas, each in a chunk": (_deltas, 200_000),
}


def extremes(plan: Plan) -> list[tuple[str, float, float]]:
    """Return for each extreme its CPU seconds, and how many times those of an eighth of it."""
    found: list[tuple[str, float, float]] = []
    for name, (make, size) in _EXTREMES.items():
        whole, eighth = make(size // plan.scale), make(size // plan.scale // _PART)
        rounds = [(cpu_s(partial(_read, whole)), cpu_s(partial(_read, eighth))) for _ in range(3)]
        taken, eighth_taken = (min(times) for times in zip(*rounds, strict=True))
        found.append((name, taken, taken / eighth_taken))
    return found


def main() -> int:
    """Measure and print; return 1 if a bar is missed."""
    plan = QUICK if "--quick" in sys.argv else Plan()
    missed: list[str] = []
    gc.collect()
    gc.freeze()  # the modules that everybody has loaded are not to be looked through while somebody is measured
    for stream in (openai_chat(plan.chunks), anthropic_messages(plan.chunks)):
        found = compared(stream, plan.rounds)
        print(comparison(stream, found) + "\n")
        for chunking in _JUDGED:
            ratio = found[chunking][SDK] / found[chunking][OURS]
            if ratio < BAR:
                missed.append(f"{stream.wire}, {chunking}: the SDK takes {ratio:.1f} times our CPU, the bar is {BAR}")
    measured = extremes(plan)
    part = ", half of each" if plan is QUICK else ""
    print(
        table(
            [f"extremes{part}", "CPU s", "times an eighth of it"],
            [[name, f"{seconds:.2f}", f"{growth:.2f}"] for name, seconds, growth in measured],
        )
    )
    missed += [
        f"{name}: {_PART} times the input took {growth:.2f} times as long"
        for name, _, growth in measured
        if growth > _LINEAR
    ]
    print("\n" + "\n".join(missed or ["Every bar is met."]))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
