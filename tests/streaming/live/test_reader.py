"""What one viewer is told, however often or seldom it reads."""

import json

from hypothesis import given
from hypothesis import strategies as st

from streaming.contracts import TurnResult
from streaming.live import frames
from streaming.live.durable import Outcome, Standing
from streaming.live.frames import Failure, Frame, Header
from streaming.live.reader import Event, Reader
from streaming.live.transcript import Transcript
from streaming.live.viewer import Viewer
from streaming.messages import Message, Usage, text_sha256

NOW_MS = 1_800_000_000_000
HEADER = Header("t", "r", 0, 1, 1, "openai", "gpt")
OUTCOME = Outcome(
    "completed",
    TurnResult(
        message=Message(role="assistant", parts=[]),
        finish_reason="stop",
        provider=None,
        model=None,
        usage=Usage(),
        tries=[],
        sha256=text_sha256(""),
    ),
)


def take(viewer: Viewer, data: bytes) -> None:
    """Have the view take a frame."""
    frame = frames.parse(data, NOW_MS)
    assert frame is not None
    viewer.take(frame)


def read(reader: Reader, viewer: Viewer) -> list[Event]:
    """Read with nothing from the durable side."""
    return reader.read(viewer, None, None)


def kinds(events: list[Event]) -> list[str]:
    """Return the kind of each frame."""
    return [event.kind for event in events if isinstance(event, Frame)]


def spoken(text: str = "ab") -> Viewer:
    """Return the view of a try that has said something."""
    viewer = Viewer(join_at_start=False)
    take(viewer, frames.begin(10, HEADER, None))
    take(viewer, frames.delta(10, 1, [[0, "text", text]]))
    return viewer


def test_who_reads_each_time_is_told_each_thing_once() -> None:
    """begin, the additions, the end, and nothing twice."""
    viewer, reader = Viewer(join_at_start=False), Reader()
    take(viewer, frames.begin(10, HEADER, None))
    told = [*read(reader, viewer), *read(reader, viewer)]
    take(viewer, frames.delta(10, 1, [[0, "text", "a"]]))
    told += [*read(reader, viewer), *read(reader, viewer)]
    take(viewer, frames.end(10, 1, "stop", Usage(), text_sha256("a")))
    told += [*read(reader, viewer), *read(reader, viewer)]

    assert kinds(told) == ["begin", "delta", "end"]


def test_who_reads_seldom_is_told_the_same_in_fewer_pieces() -> None:
    """There is no queue: many flushes become one addition."""
    viewer, reader = spoken("a"), Reader()
    for at in range(2, 500):
        take(viewer, frames.delta(10, at, [[0, "text", "b"]]))

    begin, delta = read(reader, viewer)

    assert isinstance(begin, Frame)
    assert isinstance(delta, Frame)
    assert (delta.s, delta.additions) == (499, [[0, "text", "a" + "b" * 498]])


def test_who_missed_whole_tries_is_told_of_the_newest_only() -> None:
    """What was withdrawn meanwhile is never shown."""
    viewer, reader = spoken(), Reader()
    for e in (11, 12, 13):
        take(viewer, frames.begin(e, HEADER, "why"))
    take(viewer, frames.delta(13, 1, [[0, "text", "new"]]))

    told = read(reader, viewer)

    assert kinds(told) == ["begin", "delta"]
    assert all(isinstance(event, Frame) and event.e == 13 for event in told)


def test_failure_is_told_before_the_try_that_follows_it() -> None:
    """Cause before effect, also where both come in one read."""
    viewer, reader = spoken(), Reader()
    read(reader, viewer)
    take(viewer, frames.fail(10, 1, Failure("Cut", "m", next="b")))
    take(viewer, frames.begin(11, HEADER, "Cut: m"))

    assert kinds(read(reader, viewer)) == ["fail", "begin"]


def test_failure_of_the_present_try_comes_after_its_text() -> None:
    """The text was there first."""
    viewer, reader = spoken(), Reader()
    take(viewer, frames.fail(10, 1, Failure("Cut", "m", retry_at=5.0)))

    assert kinds(read(reader, viewer)) == ["begin", "delta", "fail"]


def test_newcomer_is_not_told_of_failures_before_its_time() -> None:
    """Only what concerns the present try concerns who comes now; `why` says the rest."""
    viewer = spoken()
    take(viewer, frames.fail(10, 1, Failure("Cut", "m")))
    take(viewer, frames.begin(11, HEADER, "Cut: m"))

    assert kinds(read(Reader(), viewer)) == ["begin"]


def test_epoch_whose_beginning_was_missed_is_told_by_its_snapshot() -> None:
    """Until the snapshot comes there is nothing to tell; then it has everything, the latest included."""
    viewer, reader = Viewer(join_at_start=True), Reader()
    take(viewer, frames.delta(10, 5, [[0, "text", "?"]]))
    early = read(reader, viewer)
    take(viewer, frames.snap(10, 6, HEADER, [[0, "text", "abc"]]))
    take(viewer, frames.delta(10, 7, [[0, "text", "d"]]))
    (snap,) = read(reader, viewer)

    assert early == []
    assert isinstance(snap, Frame)
    assert (snap.kind, snap.s, snap.additions) == ("snap", 7, [[0, "text", "abcd"]])
    assert snap.body["provider"] == "openai"


def test_snapshot_after_a_gap_is_told_as_what_it_adds() -> None:
    """A viewer that has half of the text needs the other half only."""
    viewer, reader = spoken("ab"), Reader()
    read(reader, viewer)
    viewer.lost()
    take(viewer, frames.snap(10, 4, HEADER, [[0, "text", "abcd"]]))

    (delta,) = read(reader, viewer)

    assert isinstance(delta, Frame)
    assert (delta.kind, delta.additions) == ("delta", [[0, "text", "cd"]])


def test_standings_are_told_when_they_change_and_the_outcome_last() -> None:
    """The durable side's word ends it."""
    viewer, reader = spoken(), Reader()
    waiting = Standing("backing off", 2, "why", 5.0)

    first = reader.read(viewer, waiting, None)
    second = reader.read(viewer, waiting, None)
    last = reader.read(viewer, waiting, OUTCOME)

    assert first[-1] == waiting
    assert second == []
    assert last == [OUTCOME]


def test_standing_that_comes_again_is_told_again() -> None:
    """A worker that falls silent twice is said to be silent twice."""
    viewer, reader = spoken(), Reader()
    silent, again = Standing("running", 1), Standing("running", 1)

    told = [reader.read(viewer, standing, None)[-1:] for standing in (silent, None, again, again)]

    assert told == [[silent], [], [again], []]


def test_temporal_that_stays_away_is_told_once() -> None:
    """Each piece of text says that the worker moves, and nothing of Temporal."""
    viewer, reader = spoken(), Reader()
    standings = [Standing("unreachable"), None, Standing("unreachable"), Standing("queued"), Standing("unreachable")]

    told = [event for standing in standings for event in reader.read(viewer, standing, None)]

    assert [event.status for event in told if isinstance(event, Standing)] == ["unreachable", "queued", "unreachable"]


def test_end_is_told_once_however_often_it_is_said() -> None:
    """Everyone hears the answer to everyone's join."""
    viewer, reader = spoken("ab"), Reader()
    told: list[Event] = []
    for _ in range(3):
        take(viewer, frames.snap(10, 1, HEADER, [[0, "text", "ab"]]))
        take(viewer, frames.end(10, 1, "stop", Usage(), text_sha256("ab")))
        told += read(reader, viewer)

    assert kinds(told) == ["begin", "delta", "end"]


def test_text_that_was_never_said_is_taken_back() -> None:
    """The fingerprint gives a forgery away, and the snapshot that follows starts every screen over."""
    viewer, reader = spoken("ab"), Reader()
    screen = _applied(Transcript(), read(reader, viewer))
    take(viewer, frames.delta(10, 2, [[0, "text", "forged"]]))
    screen = _applied(screen, read(reader, viewer))
    forged = screen.text
    take(viewer, frames.end(10, 2, "stop", Usage(), text_sha256("abc")))
    take(viewer, frames.snap(10, 2, HEADER, [[0, "text", "abc"]]))
    told = read(reader, viewer)

    assert forged == "abforged"
    assert kinds(told) == ["snap"]
    assert _applied(screen, told).text == "abc" == viewer.text


@given(st.lists(st.tuples(st.sampled_from(["say", "again", "gap", "forged"]), st.booleans()), max_size=40))
def test_what_a_reader_was_told_adds_up_to_the_view(steps: list[tuple[str, bool]]) -> None:
    """Whenever it reads, a viewer that applies what it is told has the process' own text."""
    viewer, reader, screen = Viewer(join_at_start=False), Reader(), Transcript()
    e, s, text = 10, 0, ""
    take(viewer, frames.begin(e, HEADER, None))
    for at, (step, reads) in enumerate(steps):
        if step == "again":
            e, s, text = e + 1, 0, ""
            take(viewer, frames.begin(e, HEADER, "why"))
        elif step == "gap":
            s, text = s + 2, text + f"<{at}>"
            take(viewer, frames.delta(e, s, [[0, "text", "lost"]]))
            take(viewer, frames.snap(e, s, HEADER, [[0, "text", text]]))
        elif step == "forged":
            s, text = s + 1, text + f"[{at}]"
            take(viewer, frames.delta(e, s, [[0, "text", "forged"]]))
            screen = _applied(screen, read(reader, viewer)) if reads else screen
            take(viewer, frames.snap(e, s, HEADER, [[0, "text", text]]))
        else:
            s, text = s + 1, text + f"({at})"
            take(viewer, frames.delta(e, s, [[0, "text", f"({at})"]]))
        if reads:
            screen = _applied(screen, read(reader, viewer))
            assert screen.text == viewer.text

    assert _applied(screen, read(reader, viewer)).text == text


def _applied(screen: Transcript, events: list[Event]) -> Transcript:
    for event in events:
        assert isinstance(event, Frame)
        if event.kind in ("begin", "snap"):
            screen = Transcript()
        assert screen.apply(json.loads(json.dumps(event.additions)))
    return screen
