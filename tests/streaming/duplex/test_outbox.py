"""What waits, what is said again, and what is dropped."""

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.duplex.elements import Audio, Image, StreamElement, ToolResponse
from streaming.duplex.outbox import Outbox, media_bytes


def _text(text: str) -> StreamElement:
    return StreamElement(text=text)


def _sound(size: int = 480, **more: bool) -> StreamElement:
    return StreamElement(audio=Audio(b"\0" * size, 24_000), end_of_stream=more.get("end", False))


def _taken(outbox: Outbox) -> list[StreamElement]:
    return list(iter(outbox.take, None))


def test_it_is_a_queue() -> None:
    """First in, first out, and each once."""
    outbox = Outbox()
    elements = [_text("a"), _sound(), _text("b")]
    for element in elements:
        assert outbox.put(element) == 0

    assert (outbox.waiting, outbox.waiting_bytes) == (3, 480)
    assert _taken(outbox) == elements
    assert (outbox.waiting, outbox.waiting_bytes) == (0, 0)
    assert outbox.take() is None


def test_what_has_no_answer_is_said_again() -> None:
    """Before what waits, in order."""
    outbox = Outbox()
    outbox.put(_text("a"))
    outbox.take()
    outbox.put(_text("b"))

    assert outbox.rewind() == 0
    assert _taken(outbox) == [_text("a"), _text("b")]


def test_what_was_answered_is_not() -> None:
    """What was sent after the answer began belongs to the next one, and is."""
    outbox = Outbox()
    outbox.put(_text("question"))
    _taken(outbox)
    outbox.answering()
    outbox.put(_text("next question"))
    _taken(outbox)
    outbox.answered()
    outbox.rewind()

    assert _taken(outbox) == [_text("next question")]


TURNS = [StreamElement(text=word, end_of_stream=True) for word in ("one", "two", "three")]
RESULT = StreamElement(tool_responses=(ToolResponse("c", "look", "seen"),))
END = StreamElement(end_of_stream=True)
PICTURE = StreamElement(image=Image(b"x", "image/png"))


@pytest.mark.parametrize(
    ("sent", "later", "unanswered", "kept"),
    [
        (TURNS, [], 0, []),
        (TURNS, [], 1, TURNS[2:]),
        (TURNS, [], 2, TURNS[1:]),
        (TURNS[:2], TURNS[2:], 0, TURNS[2:]),
        (TURNS[:2], TURNS[2:], 1, TURNS[2:]),
        (TURNS[:2], TURNS[2:], 2, TURNS[1:]),
        ([_text("a"), *TURNS[:1]], TURNS[1:], 2, TURNS[1:]),
        ([RESULT, _text("a"), *TURNS[:1]], [], 1, [_text("a"), *TURNS[:1]]),
        ([*TURNS[:2], RESULT], [], 1, [TURNS[1], RESULT]),
        ([_sound()], TURNS[:1], 1, TURNS[:1]),
        ([_sound()], [_sound()], 1, [_sound()]),
        ([], [_sound(end=True)], 1, [_sound(end=True)]),
        ([_sound(), TURNS[0]], [], 1, [_sound(), TURNS[0]]),
        ([_sound(), TURNS[0], _sound()], [], 2, [_sound(), TURNS[0], _sound()]),
        ([_sound(), _text("a"), _sound()], [], 1, [_sound(), _text("a"), _sound()]),
        ([*TURNS[:2], END], [], 1, [TURNS[1], END]),
        ([TURNS[0], END, TURNS[1]], [], 1, [TURNS[1]]),
        ([*TURNS[:2], _text("a")], [END], 1, [TURNS[1], _text("a"), END]),
        ([TURNS[0], PICTURE, END, END], [], 1, [PICTURE, END, END]),
    ],
)
def test_a_turn_that_the_answer_was_not_to(
    sent: list[StreamElement], later: list[StreamElement], unanswered: int, kept: list[StreamElement]
) -> None:
    """It is said again, though it was sent before the answer began; where nothing marks turns, what came later is.

    Where only the turn that was answered has no mark it is said twice; the end of nothing is the mark of no turn.
    """
    outbox = Outbox()
    for element in sent:
        outbox.put(element)
    _taken(outbox)
    outbox.answering()
    for element in later:
        outbox.put(element)
    _taken(outbox)
    outbox.answered(unanswered)
    outbox.rewind()

    assert _taken(outbox) == kept


def test_a_turn_that_was_not_answered_is_by_the_next_answer() -> None:
    """Then nothing is said again."""
    outbox = Outbox()
    for element in TURNS:
        outbox.put(element)
    _taken(outbox)
    for unanswered in (2, 0):
        outbox.answering()
        outbox.answered(unanswered)
    outbox.rewind()

    assert _taken(outbox) == []


def test_what_was_answered_takes_no_room() -> None:
    """A session may last for hours, with fifty pieces of sound a second."""
    outbox = Outbox()
    piece = _sound()
    tracemalloc.start()
    try:
        for _ in range(200):
            for _ in range(100):
                outbox.put(piece)
                outbox.take()
            outbox.answering()
            outbox.answered()
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert grown < 20_000


def test_a_stop_is_not_said_again() -> None:
    """What it stopped is over; one that waits is not dropped."""
    outbox = Outbox()
    stop = StreamElement(interrupted=True)
    outbox.put(stop)
    _taken(outbox)
    outbox.put(_text("a"))
    outbox.put(stop)
    outbox.rewind()

    assert _taken(outbox) == [_text("a"), stop]


def test_what_cannot_be_sent_is_not_tried_again() -> None:
    """The element taken last, and no other."""
    outbox = Outbox()
    outbox.put(_text("a"))
    outbox.put(_text("b"))
    outbox.take()
    outbox.take()
    outbox.refused()
    outbox.rewind()

    assert _taken(outbox) == [_text("a")]


def test_what_cannot_be_sent_takes_no_room() -> None:
    """Sound that is kept later has all of it, and on the next connection nobody waits for it to be sent."""
    outbox = Outbox(3 * 480)
    for _ in range(10):
        outbox.put(_sound())
        outbox.take()
        outbox.refused()

    assert [outbox.put(_sound()) for _ in range(3)] == [0, 0, 0]
    _taken(outbox)
    outbox.rewind()
    assert outbox.waiting_bytes == 3 * 480
    assert len(_taken(outbox)) == 3
    assert outbox.waiting_bytes == 0


def test_words_that_come_with_a_mark_outlive_it() -> None:
    """What need not be said again is left out of an element, and nothing else of it."""
    outbox = Outbox()
    result = ToolResponse("c", "look", "seen")
    outbox.put(StreamElement(interrupted=True, text="Stop. What is it?", end_of_stream=True))
    outbox.put(StreamElement(tool_responses=(result,), text="Here."))
    _taken(outbox)
    outbox.drop_tool_responses(outbox.end)
    outbox.rewind()

    assert _taken(outbox) == [StreamElement(text="Stop. What is it?", end_of_stream=True), _text("Here.")]


def test_results_that_were_told_otherwise() -> None:
    """Those queued before a place go, sent or not; those after it stay."""
    outbox = Outbox()
    result = StreamElement(tool_responses=(ToolResponse("c", "look", "seen"),))
    outbox.put(result)
    outbox.take()
    outbox.put(result)
    place = outbox.end
    outbox.put(result)
    outbox.drop_tool_responses(place)
    outbox.rewind()

    assert _taken(outbox) == [result]


def test_the_oldest_sound_is_dropped() -> None:
    """First of what was sent already, which is told when it is missed; then of what waits, which is told at once."""
    outbox = Outbox(3 * 480)
    for _ in range(2):
        outbox.put(_sound())
    _taken(outbox)
    assert [outbox.put(_sound()) for _ in range(4)] == [0, 0, 0, 10]
    assert outbox.rewind() == 20
    assert len(_taken(outbox)) == 3
    assert outbox.rewind() == 0


def test_words_and_marks_are_never_dropped() -> None:
    """Nor are those that come with sound, in their place."""
    outbox = Outbox(480)
    outbox.put(_text("a"))
    outbox.put(_sound(end=True))
    outbox.put(_text("b"))
    assert outbox.put(_sound()) == 10

    assert _taken(outbox) == [_text("a"), StreamElement(end_of_stream=True), _text("b"), _sound()]


def test_one_that_is_too_large_alone_is_kept() -> None:
    """A picture over the bound pushes out the others, and is sent."""
    outbox = Outbox(480)
    picture = StreamElement(image=Image(b"x" * 1_000, "image/png"))
    outbox.put(_sound())
    assert outbox.put(picture) == 10

    assert _taken(outbox) == [picture]


_DEEDS: dict[str, Callable[[Outbox], object]] = {
    "take": Outbox.take,
    "answering": Outbox.answering,
    "answered": Outbox.answered,
    "answered in part": lambda outbox: outbox.answered(1),
    "rewind": Outbox.rewind,
}


@given(st.lists(st.sampled_from([*_DEEDS, "text", "sound"]), max_size=60))
def test_whatever_happens(deeds: list[str]) -> None:
    """Bytes are bounded and counted right, and words come in order and never vanish unanswered."""
    outbox, number, sent = Outbox(1_000), 0, list[int]()
    for deed in deeds:
        if deed == "sound":
            outbox.put(_sound(400))
        elif deed == "text":
            outbox.put(_text(str(number)))
            number += 1
        elif deed == "take":
            element = outbox.take()
            if element is not None and element.text:
                sent.append(int(element.text))
        else:
            _DEEDS[deed](outbox)
        assert outbox.waiting_bytes <= 1_000
        assert outbox.waiting >= 0
    rest = _taken(outbox)
    assert outbox.waiting_bytes == 0
    assert sum(media_bytes(element) for element in rest) <= 1_000
    words = [int(element.text) for element in rest if element.text]
    assert words == sorted(words)
    assert {*sent, *words} == {*range(number)}


@pytest.mark.parametrize("count", [20_000])
def test_a_long_silence_is_cheap(count: int) -> None:
    """Hours of sound that nobody answers take no more memory, and no more time each."""
    outbox = Outbox(480 * 50)
    for _ in range(count):
        outbox.put(_sound())
        outbox.take()
    outbox.rewind()

    assert len(_taken(outbox)) == 50
