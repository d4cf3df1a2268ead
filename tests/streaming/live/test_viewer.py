"""A producer and its viewers over a channel that loses, repeats, delays and forges."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streaming.deltas import PartAdded, PartStarted
from streaming.jsontext import JsonValue
from streaming.live import frames
from streaming.live.frames import Failure, Frame, Header
from streaming.live.producer import Producer
from streaming.live.viewer import JOIN_AGAIN_AFTER_S, JOIN_AT_MOST_EVERY_S, UNANSWERED_JOINS, Viewer
from streaming.messages import Usage, text_sha256
from tests.strategies import json_values, texts

NOW_MS = 1_800_000_000_000
HEADER = Header("t", "r", 0, 1, 1, "openai", "gpt")


def parsed(data: bytes) -> Frame:
    """Return a frame that must be one."""
    frame = frames.parse(data, NOW_MS)
    assert frame is not None
    return frame


def synced(e: int = 10, text: str = "") -> Viewer:
    """Return a viewer that has seen `begin`, and one flush if there is text."""
    viewer = Viewer(join_at_start=False)
    assert viewer.take(parsed(frames.begin(e, HEADER, None)))
    if text:
        assert viewer.take(parsed(frames.delta(e, 1, [[0, "text", text]])))
    return viewer


def state(viewer: Viewer) -> tuple[int, int, str, bool]:
    """Epoch, flush number, text, and whether it is known to be right."""
    return viewer.epoch, viewer.flush_number, viewer.text, viewer.synced


def end(e: int, s: int, text: str) -> Frame:
    """Return an `end` with the right fingerprint."""
    return parsed(frames.end(e, s, "stop", Usage(), text_sha256(text)))


@pytest.mark.parametrize(
    ("frame", "shown", "after"),
    [
        (frames.delta(10, 2, [[0, "text", "b"]]), True, (10, 2, "ab", True)),
        (frames.delta(10, 1, [[0, "text", "a"]]), False, (10, 1, "a", True)),
        (frames.delta(10, 3, [[0, "text", "c"]]), False, (10, 1, "a", False)),
        (frames.delta(10, 2, [[0, "text", 5]]), False, (10, 1, "a", False)),
        (frames.delta(9, 2, [[0, "text", "zombie"]]), False, (10, 1, "a", True)),
        (frames.begin(9, HEADER, None), False, (10, 1, "a", True)),
        (frames.begin(10, HEADER, None), False, (10, 1, "a", True)),
        (frames.begin(11, HEADER, "why"), True, (11, 0, "", True)),
        (frames.delta(11, 1, [[0, "text", "b"]]), False, (11, 0, "", False)),
        (frames.beat(11, 0), False, (11, 0, "", False)),
        (frames.snap(9, 5, HEADER, [[0, "text", "zombie"]]), False, (10, 1, "a", True)),
        (frames.snap(10, 0, HEADER, []), False, (10, 1, "a", True)),
        (frames.snap(10, 1, HEADER, [[0, "text", "a"]]), True, (10, 1, "a", True)),
        (frames.snap(10, 7, HEADER, [[0, "text", "abc"]]), True, (10, 7, "abc", True)),
        (frames.snap(10, 7, HEADER, [[0, "text", None]]), False, (10, 1, "a", True)),
        (frames.snap(11, 7, HEADER, [[0, "text", "abc"]]), True, (11, 7, "abc", True)),
        (frames.snap(11, 7, HEADER, [[0, "text", None]]), False, (11, 0, "", False)),
        (frames.beat(10, 1), True, (10, 1, "a", True)),
        (frames.beat(10, 2), False, (10, 1, "a", False)),
        (frames.fail(10, 1, Failure("T", "m")), True, (10, 1, "a", True)),
        (frames.fail(11, 1, Failure("T", "m")), True, (11, 0, "", False)),
        (frames.fail(9, 1, Failure("T", "m")), False, (10, 1, "a", True)),
        (b'{"k":"tool","e":10,"s":1}', True, (10, 1, "a", True)),
    ],
    ids=range(23),
)
def test_a_frame_changes_the_view_as_the_protocol_says(
    frame: bytes, shown: object, after: tuple[int, int, str, bool]
) -> None:
    """By its epoch, its number and its kind."""
    viewer = synced(text="a")

    assert shown == viewer.take(parsed(frame))
    assert after == state(viewer)


@pytest.mark.parametrize(
    ("s", "sha256", "accepted"),
    [(1, text_sha256("a"), True), (1, text_sha256("b"), False), (2, text_sha256("a"), False), (1, "", False)],
)
def test_the_end_is_accepted_with_the_right_fingerprint_only(s: int, sha256: str, accepted: object) -> None:
    """Otherwise something was missed, and the viewer joins again."""
    viewer = synced(text="a")

    assert accepted == viewer.take(parsed(frames.end(10, s, "stop", Usage(), sha256)))
    assert (accepted, accepted) == (viewer.ended, viewer.synced)


def test_an_end_of_another_shape_is_not_accepted() -> None:
    """A fingerprint that is no string is no fingerprint."""
    viewer = synced(text="a")

    assert not viewer.take(Frame("end", 10, 1, {"sha256": 5}))
    assert not viewer.ended


def test_a_new_try_reopens_what_had_ended() -> None:
    """The result was not recorded: the answer is made again."""
    viewer = synced(text="a")
    assert viewer.take(end(10, 1, "a"))
    assert viewer.take(parsed(frames.begin(11, HEADER, "worker lost")))

    assert not viewer.ended
    assert state(viewer) == (11, 0, "", True)


def test_an_unsynced_viewer_waits_for_a_snapshot() -> None:
    """Deltas after a gap are worth nothing, whatever their number."""
    viewer = synced(text="a")
    viewer.lost()
    assert not viewer.take(parsed(frames.delta(10, 2, [[0, "text", "b"]])))
    assert not viewer.take(end(10, 1, "a"))
    assert viewer.take(parsed(frames.snap(10, 2, HEADER, [[0, "text", "ab"]])))

    assert state(viewer) == (10, 2, "ab", True)


def test_joins_are_paced_and_given_up() -> None:
    """At once, again after a second each, and after three without an answer the durable side is asked."""
    viewer = Viewer(join_at_start=True)
    asked: list[bool] = []
    for at in range(UNANSWERED_JOINS):
        assert viewer.join_is_due(at * JOIN_AGAIN_AFTER_S)
        asked.append(viewer.unanswered)
        viewer.joined(at * JOIN_AGAIN_AFTER_S)
        assert not viewer.join_is_due((at + 0.9) * JOIN_AGAIN_AFTER_S)

    asked.append(viewer.unanswered)
    viewer.take(parsed(frames.begin(10, HEADER, None)))
    asked.append(viewer.unanswered)
    assert asked == [False, False, False, True, False]
    assert not viewer.join_is_due(99.0)


def test_gaps_in_a_row_do_not_join_without_end() -> None:
    """An answered join may be followed by the next one 300 ms later, not sooner."""
    viewer = Viewer(join_at_start=True)
    viewer.joined(0.0)
    viewer.take(parsed(frames.snap(10, 1, HEADER, [])))
    viewer.lost()

    assert not viewer.join_is_due(JOIN_AT_MOST_EVERY_S * 0.9)
    assert viewer.join_is_due(JOIN_AT_MOST_EVERY_S)


def test_who_subscribed_before_the_start_has_nothing_to_join() -> None:
    """Such a viewer costs the producer no snapshot."""
    assert not Viewer(join_at_start=False).join_is_due(0.0)


@given(st.lists(st.tuples(st.sampled_from(sorted(frames.KINDS)), st.integers(9, 11), st.integers(0, 3), json_values())))
def test_no_frames_crash_it(given_: list[tuple[str, int, int, JsonValue]]) -> None:
    """Frames of any kind, in any order, with anything in them."""
    viewer = Viewer(join_at_start=True)
    for kind, e, s, additions in given_:
        viewer.take(Frame(kind, e, s, {"p": [[0, "text", additions]], "sha256": additions}))
        viewer.text.encode()


class Channel(RuleBasedStateMachine):
    """One producer over many tries, three viewers, and everything that a channel can do to them.

    `self.said` is what the producer's text was at each flush that it numbered: whoever claims to be synced at
    `(e, s)` must have exactly that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.producer = Producer()
        self.viewers = [Viewer(join_at_start=number > 0) for number in range(3)]
        self.queues: list[list[bytes]] = [[] for _ in self.viewers]
        self.published: list[bytes] = []
        self.epoch = NOW_MS * 1000
        self.text = ""
        self.parts = 0
        self.now = 0.0
        self.failed = False
        self.said: dict[tuple[int, int], str] = {}

    @initialize()
    def start(self) -> None:
        """The worker's subscription stands before the first try."""
        self.producer.subscribed()
        self.begin()

    @rule()
    def begin(self) -> None:
        """A try starts."""
        self.epoch += 1
        self.text, self.parts, self.failed = "", 0, False
        self.producer.begin(self.epoch, HEADER, None)

    def speaking(self) -> bool:
        """Return whether the try may still say something."""
        return not self.producer.ended and not self.failed

    @precondition(speaking)
    @rule(text=texts(3), kind=st.sampled_from(["text", "text", "reasoning", "tool_call"]), new=st.booleans())
    def add(self, text: str, kind: str, *, new: bool) -> None:
        """The message grows, in its last part or in a new one."""
        if new or not self.parts:
            self.producer.add(PartStarted(self.parts, kind, "c", "f"))
            self.kind, self.parts = kind, self.parts + 1
        self.producer.add(PartAdded(self.parts - 1, text))
        self.text += text if self.kind == "text" else ""

    @precondition(speaking)
    @rule()
    def fail(self) -> None:
        """The try fails."""
        self.producer.fail(Failure("T", "m"))
        self.failed = True

    @precondition(speaking)
    @rule()
    def end(self) -> None:
        """The stream is complete."""
        self.producer.end("stop", Usage(), text_sha256(self.text))

    @rule()
    def subscribe_again(self) -> None:
        """The worker's own connection to Redis broke and came back."""
        self.producer.subscribed()

    @rule(reply=st.sampled_from(["true", "late", "dropped"]), advance=st.sampled_from([0.0, 0.5, 2.0]))
    def flush(self, reply: str, advance: float) -> None:
        """Frames go out; the reply is true, is a late 0, or never comes because Redis did not take them."""
        self.now += advance
        out = self.producer.flush(self.now)
        for data in out:
            frame = parsed(data)
            if frame.kind in ("begin", "delta", "snap"):
                self._note(frame)
            self.published.append(data)
            if reply != "dropped":
                for queue in self.queues:
                    queue.append(data)
        if reply == "dropped" and out:
            self.producer.dropped()
        elif out:
            self.producer.received(len(self.viewers) if reply == "true" else 0)

    def _note(self, frame: Frame) -> None:
        before = "" if frame.s == 0 else self.said.get((frame.e, frame.s))
        text = "" if frame.kind == "begin" else self.text
        if frame.kind == "snap":
            view = Viewer(join_at_start=True)
            view.take(frame)
            text = view.text
            if not self.failed:
                assert text == self.text
        if before is not None:
            assert text == before or frame.s == 0
        self.said[frame.e, frame.s] = text

    @rule()
    def deliver(self) -> None:
        """Everyone gets what is under way."""
        for viewer, queue in zip(self.viewers, self.queues, strict=True):
            for data in queue:
                viewer.take(parsed(data))
            queue.clear()

    @precondition(speaking)
    @rule(
        text=st.sampled_from("abc"),
        kind=st.sampled_from(["text", "text", "tool_call"]),
        misses=st.sampled_from([-1, -1, 0, 1, 2]),
        new=st.booleans(),
    )
    def say(self, text: str, kind: str, misses: int, *, new: bool) -> None:
        """The usual course: something is added, flushed and heard, though perhaps not by everyone."""
        self.add(text, kind, new=new)
        self.flush("true", 0.1)
        if misses >= 0:
            self.queues[misses].clear()
        self.deliver()

    @rule(which=st.integers(0, 2), at=st.sampled_from([0, -1]), told=st.booleans())
    def lose(self, which: int, at: int, *, told: bool) -> None:
        """A frame is lost, and the viewer not told; or its connection breaks, with all that was under way."""
        if told:
            self.queues[which].clear()
            self.viewers[which].lost()
        elif self.queues[which]:
            del self.queues[which][at]

    @precondition(lambda self: self.published)
    @rule(which=st.integers(0, 2), data=st.data())
    def repeat_an_old_frame(self, which: int, data: st.DataObject) -> None:
        """A frame comes again, or comes late."""
        self.viewers[which].take(parsed(data.draw(st.sampled_from(self.published[-20:]))))

    @rule(which=st.integers(0, 2), text=texts(3), s=st.integers(0, 4), kind=st.sampled_from(["delta", "snap", "end"]))
    def hear_a_zombie(self, which: int, text: str, s: int, kind: str) -> None:
        """A worker that was given up still speaks."""
        e = self.viewers[which].epoch - 1
        if e > 0:
            self.viewers[which].take(Frame(kind, e, s, {"p": [[0, "text", text]], "sha256": text_sha256(text), "v": 1}))

    @rule(
        which=st.integers(0, 2),
        garbage=json_values(),
        s=st.integers(0, 9),
        kind=st.sampled_from(["delta", "snap", "end"]),
    )
    def hear_a_forgery(self, which: int, garbage: JsonValue, s: int, kind: str) -> None:
        """Someone publishes what no producer would."""
        e = self.epoch
        body = {"k": kind, "e": e, "s": s, "p": [[0, "text", 5], garbage], "sha256": garbage}
        frame = frames.parse(json.dumps(body).encode(), NOW_MS)
        if frame is not None:
            self.viewers[which].take(frame)
        assert frames.parse(json.dumps(body | {"e": (NOW_MS + 4_000_000) * 1000}).encode(), NOW_MS) is None

    @rule(which=st.integers(0, 2))
    def join(self, which: int) -> None:
        """A viewer asks, if it may."""
        if self.viewers[which].join_is_due(self.now):
            self.viewers[which].joined(self.now)
            self.producer.joined()

    @invariant()
    def who_is_synced_is_right(self) -> None:
        """A synced viewer has exactly the text that was said by its flush."""
        for viewer in self.viewers:
            if viewer.synced and viewer.epoch:
                assert self.said[viewer.epoch, viewer.flush_number] == viewer.text
            if viewer.ended and viewer.synced and viewer.epoch == self.epoch:
                assert self.text == viewer.text

    def teardown(self) -> None:
        """A last join and its answer leave everyone with the producer's text."""
        for viewer in self.viewers:
            viewer.lost()
        if not self.failed:
            self.producer.flush(self.now)
            self.producer.joined()
            for data in self.producer.flush(self.now):
                for viewer in self.viewers:
                    viewer.take(parsed(data))
            for viewer in self.viewers:
                if not viewer.synced or viewer.text != self.text:
                    raise AssertionError((viewer.synced, viewer.text, self.text))
                if viewer.ended != self.producer.ended:
                    raise AssertionError("an end was missed")


TestChannel = Channel.TestCase
TestChannel.settings = settings(max_examples=150, stateful_step_count=50)
