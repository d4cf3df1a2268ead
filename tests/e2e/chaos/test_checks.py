"""The checks of chaos themselves: what must not be is seen, and times are told right."""

import os
import socket

import pytest

from deploy.sandbox.provider.journal import Entry
from streaming.contracts import Try, TurnResult
from streaming.messages import Message, TextPart, Usage
from tests.e2e.chaos.accounts import misaccounted
from tests.e2e.chaos.descriptors import descriptors
from tests.e2e.chaos.responses import Response
from tests.e2e.chaos.screens import Truth
from tests.e2e.chaos.timings import AFTER_KILL, HINTED, KILL, STALL, UNHINTED, Incident, Interrupt, Timings, Wanted

ONE = Response(" 0.0.000 0.0.001", 0.1)
CUT = Response(" 0.1.000 0.1.001", 0.1, "cut", 2)
SILENT = Response(" 0.2.000 0.2.001", 0.1, "silence", 1)


def entry(
    at: float, ended_at: float, chunks: int, outcome: str = "client closed", last_at: float | None = None
) -> Entry:
    """Return a request of the journal."""
    fields = {"path": "/", "script": "s", "model": "m", "stream": True, "body": {}, "headers": {}}
    times = {"at": at, "ended_at": ended_at, "last_chunk_at": last_at}
    return Entry.model_validate({**fields, **times, "chunks_sent": chunks, "outcome": outcome})


def test_a_screen_may_not_mix_two_responses() -> None:
    """Not even where each text it showed is the beginning of some response."""
    truth = Truth([ONE, CUT])

    assert truth.explains(1, " 0.0.0")
    assert not truth.explains(1, " 0.1.0")
    assert truth.explains(2, " 0.1.0")
    assert not truth.explains(2, ONE.text + " 0.1")


def test_an_answer_is_one_only_when_it_was_asked_for_and_sent_whole() -> None:
    """A response that nobody got, and one that was cut, are none."""
    truth = Truth([CUT, ONE])
    cut = entry(0, 1, 2, "cut")

    assert truth.answers([cut]) == []
    assert truth.answers([cut, entry(2, 3, len(ONE.tokens), "complete")]) == [ONE.text]
    assert truth.answers([cut, entry(2, 3, 1)]) == []
    assert truth.beginnings([cut, entry(2, 3, 0)]) == [CUT.sent, ONE.tokens[0]]


@pytest.mark.parametrize(
    ("entries", "responses", "interrupt", "wanted", "seconds"),
    [
        ([entry(99, 100.01, 3), entry(103.0, 104, 9, "complete")], [ONE, ONE], None, AFTER_KILL, 3.0),
        ([entry(40, 43.3, 1, last_at=42.0)], [SILENT], None, STALL, 0.1),
        ([entry(40, 45.0, 3)], [ONE], Interrupt(44.5, hinted=True), HINTED, 0.5),
        ([entry(40, 45.0, 3)], [ONE], Interrupt(44.0, hinted=False), UNHINTED, 1.0),
    ],
    ids=["kill", "stall", "hinted", "unhinted"],
)
def test_a_time_is_told_and_held_to_what_is_wanted(
    entries: list[Entry], responses: list[Response], interrupt: Interrupt | None, wanted: Wanted, seconds: float
) -> None:
    """By the journal, of what broke at a known time; what broke besides makes it no calm one."""
    kill = Incident(KILL, 100.0, 101.0)
    calm, disturbed = Timings([kill]), Timings([kill, Incident("restart Temporal", 41, 102)])

    for timings in (calm, disturbed):
        timings.take(entries, responses, interrupt)

    assert calm.calm(wanted) == [pytest.approx(seconds)]
    assert disturbed.calm(wanted) == []
    assert bool(calm.missed(0)) == (seconds > wanted.at_most_s)


def accounted(*tries: tuple[int, int], total: int | None = None, text: str = "") -> TurnResult:
    """Return a result whose tries are of these attempts and numbers, and used five tokens each."""
    used = Usage(input_tokens=5)
    return TurnResult(
        message=Message(role="assistant", parts=[TextPart(text=text)] if text else []),
        finish_reason="stop",
        provider=None,
        model=None,
        usage=Usage(),
        tries=[
            Try(attempt=attempt, number=number, provider="p", model="m", seconds=1, usage=used)
            for attempt, number in tries
        ],
        sha256="",
        total_usage=Usage(input_tokens=total),
    )


@pytest.mark.parametrize(
    ("result", "requests", "wrong"),
    [
        (accounted((1, 1), (1, 2), (2, 1), total=15, text="a"), 4, []),
        (accounted(), 2, []),
        (accounted((1, 1), (1, 1), total=10), 2, ["try 1 of attempt 1 is told twice"]),
        (accounted((2, 1), (1, 1), total=10), 2, ["the tries are not in order: [2, 1]"]),
        (accounted((1, 1), (2, 1), total=10), 1, ["2 tries used something, and the provider was asked 1 times"]),
        (accounted(text="a"), 1, ["no try gave the message"]),
    ],
    ids=range(6),
)
def test_a_wrong_account_is_seen(result: TurnResult, requests: int, wrong: list[str]) -> None:
    """By the tries themselves, and by how often the provider was asked."""
    assert list(misaccounted(result, [entry(at, at + 1, 1) for at in range(requests)])) == wrong


def test_a_wrong_total_is_seen() -> None:
    """It is not what the tries have."""
    [wrong] = misaccounted(accounted((1, 1), total=6), [entry(0, 1, 1)])

    assert "the total is" in wrong


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system has no /proc")
def test_a_socket_left_open_is_seen_with_whom_it_leads_to() -> None:
    """By the name of its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        before = descriptors(os.getpid(), {port: "the mill"})
        with socket.create_connection(("127.0.0.1", port)):
            more = descriptors(os.getpid(), {port: "the mill"}) - before

    assert more["socket to the mill"] == 1  # others of this process open sockets, too
