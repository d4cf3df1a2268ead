"""What was measured, as Markdown tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.stamps import Seen


@dataclass(frozen=True)
class Measured:
    """One run of a number of streams, each with a number of viewers."""

    streams: int
    viewers: int
    subscriptions: int
    seen: Seen | None
    events: int
    history_bytes: int
    commands: dict[str, int] = field(default_factory=dict)
    cores: dict[str, float] = field(default_factory=dict)

    @property
    def p50_ms(self) -> float:
        """The median latency."""
        return self.seen.p50_ms if self.seen else float("nan")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table, its columns aligned for a terminal."""
    cells = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def latencies(runs: Sequence[Measured], chunks: int) -> str:
    """Return latencies, what came of the chunks, and what the processes needed."""
    watched = [(run, run.seen) for run in runs if run.seen]
    processes = list(watched[0][0].cores)
    head = ["streams", "viewers of each", "subscriptions", "p50 ms", "p99 ms", "chunks seen", "wrong texts"]
    rows = [
        [
            run.streams,
            run.viewers,
            run.subscriptions,
            f"{seen.p50_ms:.2f}",
            f"{seen.p99_ms:.2f}",
            f"{seen.chunks:,} of {run.streams * run.viewers * chunks:,}",
            seen.wrong,
            *(f"{run.cores[process]:.2f}" for process in processes),
        ]
        for run, seen in watched
    ]
    return table([*head, *(f"{process}: cores" for process in processes)], rows)


def commands(runs: Sequence[Measured]) -> str:
    """Return the Redis commands of a turn."""
    told = ("publish", "ping", "pubsub")
    rows = [
        [
            run.viewers,
            run.subscriptions,
            sum(run.commands.values()),
            *(run.commands.get(name, 0) for name in told),
            sum(count for name, count in run.commands.items() if name not in told),
        ]
        for run in runs
        if run.streams == 1
    ]
    return table(["viewers", "subscriptions", "Redis commands", *(name.upper() for name in told), "other"], rows)


def beside(ours: Sequence[Measured], theirs: Sequence[Measured]) -> str:
    """Return a turn of ours beside one of `workflow_streams`."""
    alone = [run for run in ours if run.streams == 1]
    rows = [["Millstream", *_one(run, None)] for run in alone]
    own = next(run.p50_ms for run in alone if run.seen)
    rows += [["workflow_streams", *_one(run, run.p50_ms / own)] for run in theirs]
    return table(["", "viewers", "p50 ms", "p99 ms", "p50 ratio", "history events", "history KB"], rows)


def _one(run: Measured, ratio: float | None) -> list[object]:
    seen = [f"{run.seen.p50_ms:.2f}", f"{run.seen.p99_ms:.2f}"] if run.seen else ["", ""]
    return [run.viewers, *seen, f"{ratio:.0f}x" if ratio else "", run.events, f"{run.history_bytes / 1000:.1f}"]
