"""Checks many seeds of every wire: `python -m tests.fidelity.run --cases 100000`."""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor

from streaming.providers import WIRES
from tests.fidelity.check import example, problem

_BATCH = 250
_SHOWN = 20


def _batch(wire: str, first: int, count: int) -> list[str]:
    found = (problem(wire, seed) for seed in range(first, first + count))
    return [words for words in found if words is not None]


def problems(pool: Executor, wire: str, cases: int, *, progress: bool = False) -> Iterator[str]:
    """Yield what is wrong with the seeds from 0 to `cases`."""
    batches = [pool.submit(_batch, wire, first, min(_BATCH, cases - first)) for first in range(0, cases, _BATCH)]
    for done, batch in enumerate(batches, 1):
        yield from batch.result()
        if progress and sys.stderr.isatty():
            print(f"\r{wire}: {min(done * _BATCH, cases):,} of {cases:,}", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Run from the command line; return 1 if any answer differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="how many seeds of each wire (100000)")
    parser.add_argument("--wire", choices=list(WIRES), action="append", help="only this wire; may be repeated")
    parser.add_argument("--show", type=int, metavar="SEED", help="print one seed's stream, of the first wire named")
    arguments = parser.parse_args()
    wires = arguments.wire or list(WIRES)
    if arguments.show is not None:
        sys.stdout.buffer.write(example(wires[0], arguments.show)[1])
        return 0
    failed = 0
    with ProcessPoolExecutor() as pool:
        for wire in wires:
            started = time.monotonic()
            found = list(problems(pool, wire, arguments.cases, progress=True))
            failed += len(found)
            print(f"\r{wire}: {arguments.cases:,} cases, {len(found)} differ, {time.monotonic() - started:.0f} s")
            for words in found[:_SHOWN]:
                print(f"  {words}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
