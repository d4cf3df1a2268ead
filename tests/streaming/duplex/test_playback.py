"""Sound may be thrown away, and nothing else; what is handed out keeps its order."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streaming.duplex.elements import (
    Audio,
    AudioDropped,
    GenerationComplete,
    ResponseStarted,
    StreamElement,
    Transcript,
)
from streaming.duplex.errors import DuplexError, SessionEndedError, SlowConsumerError
from streaming.duplex.playback import Playback
from streaming.duplex.weight import weight
from streaming.messages import Message

RATE = 24_000
STARTED = ResponseStarted()
END = StreamElement(end_of_stream=True, message=Message.model_validate({"role": "assistant", "content": "said"}))


def sound(ms: float = 20, response_id: str = "r1", text: str | None = None) -> StreamElement:
    """Return so much sound."""
    audio = Audio(bytes(2 * round(RATE * ms / 1000)), RATE)
    return StreamElement(audio=audio, response_id=response_id, text=text)


def words(text: str, response_id: str = "r1") -> StreamElement:
    """Return a piece of text."""
    return StreamElement(text=text, response_id=response_id)


def heard(text: str) -> StreamElement:
    """Return a piece of transcript: it waits as one element, whatever comes before."""
    return StreamElement(transcript=Transcript("assistant", text), response_id="r1")


def cut(response_id: str = "r1") -> StreamElement:
    """Return a barge-in."""
    return StreamElement(interrupted=True, response_id=response_id)


def filled(*elements: StreamElement, max_audio_bytes: int = 10**6, max_other_bytes: int = 10**6) -> Playback:
    """Return a queue into which all of these were put."""
    playback = Playback(max_audio_bytes, max_other_bytes)
    for element in elements:
        playback.put(element)
    return playback


def taken(playback: Playback) -> list[StreamElement]:
    """Take everything that waits."""
    elements = []
    while (element := playback.take()) is not None:
        elements.append(element)
    return elements


def test_elements_come_out_as_they_went_in() -> None:
    """The same ones, in order, those with sound and words too."""
    elements = [heard("a"), sound(), sound(text="both"), words("b"), sound(), END, StreamElement()]

    assert elements == taken(filled(*elements))


def test_nothing_waits_at_first() -> None:
    """And nothing is made up."""
    playback = Playback()

    assert playback.empty
    assert playback.take() is None


# -- barge-in


def test_a_barge_in_throws_waiting_sound_away() -> None:
    """All of it, and nothing else; what has words too keeps them."""
    playback = filled(heard("a"), sound(), sound(text="both"), END, sound(response_id="r0"), cut())

    assert taken(playback) == [heard("a"), words("both"), END, cut()]
    assert playback.audio_bytes == playback.other_bytes == 0


def test_sound_on_the_barge_in_itself_is_thrown_away() -> None:
    """It is of the answer that is cut."""
    assert taken(filled(replace(sound(), interrupted=True))) == [cut()]


@pytest.mark.parametrize("answer", ["r1", ""], ids=["named", "nameless"])
def test_late_sound_of_the_cut_answer_is_thrown_away(answer: str) -> None:
    """Whatever comes between, the provider's closing of the turn too; words and control stay."""
    closed = StreamElement(interrupted_turn_complete=True, response_id=answer)
    late = [sound(response_id=answer, text="both"), closed, END, sound(response_id=answer)]
    playback = filled(sound(response_id=answer), cut(answer), sound(response_id=answer), *late)

    assert taken(playback) == [cut(answer), words("both", answer), closed, END]


@pytest.mark.parametrize(
    ("answer", "start"),
    [
        ("r1", StreamElement(event=STARTED, response_id="r2")),
        ("r1", StreamElement(event=STARTED)),
        ("r1", words("next", "r2")),
        ("", StreamElement(event=STARTED)),
        ("", words("next", "r2")),
        ("r1", StreamElement(event=STARTED, response_id="r1")),
    ],
    ids=["event", "nameless event", "another id", "nameless answers", "first id", "ids counted anew"],
)
def test_the_next_answer_is_heard(answer: str, start: StreamElement) -> None:
    """It starts with its event, or under another id."""
    next_sound = sound(response_id=start.response_id)
    playback = filled(sound(response_id=answer), cut(answer), sound(response_id=answer), start, next_sound)

    assert taken(playback) == [cut(answer), start, next_sound]


def test_the_first_sound_under_another_id_is_heard() -> None:
    """It is what starts that answer."""
    assert taken(filled(sound(), cut(), sound(response_id="r2"))) == [cut(), sound(response_id="r2")]


def test_a_barge_in_without_an_id_cuts_the_newest_answer() -> None:
    """Late sound under that answer's id is thrown away, also after the next one has started."""
    playback = filled(sound(), cut(""), sound(), sound(response_id="r2"), sound())

    assert taken(playback) == [cut(""), sound(response_id="r2")]


def test_late_sound_of_earlier_cuts_is_thrown_away() -> None:
    """Between the answers that followed."""
    playback = filled(sound(), cut(), sound(response_id="r2"), cut("r2"), sound(), sound(response_id="r3"), sound())

    assert taken(playback) == [cut(), cut("r2"), sound(response_id="r3")]


def test_sound_of_another_answer_than_the_cut_one_is_heard() -> None:
    """Even if it was under way before."""
    playback = filled(sound(), sound(response_id="r2"), cut("r1"), sound(), sound(response_id="r2"))

    assert taken(playback) == [cut("r1"), sound(response_id="r2")]


def test_a_barge_in_after_the_answers_end_still_counts() -> None:
    """All of an answer may have come while its sound has hardly begun to be played (D8)."""
    playback = filled(sound(), END)
    assert taken(playback) == [sound(), END]
    for late in (cut(), sound()):
        playback.put(late)

    assert taken(playback) == [cut()]


def test_throwing_away_costs_nothing_for_what_stays() -> None:
    """A thousand barge-ins over a hundred thousand waiting elements do not walk over them."""
    playback = filled(*[heard("x"), sound(1)] * 50_000, max_audio_bytes=10**9, max_other_bytes=10**9)
    began = time.thread_time()
    for number in range(2000):
        playback.put(cut(f"r{number}"))
        playback.put(sound(1, f"r{number + 1}"))

    assert time.thread_time() - began < 30  # walking over them would take minutes
    assert len(taken(playback)) == 50_000 + 2000 + 1


# -- words


def test_words_that_nobody_takes_become_one_piece() -> None:
    """Of one answer, and only where nothing came between."""
    playback = filled(
        *[words("a"), words("b"), words("c"), words("d", "r2"), words("e", "r2"), END, words("f"), words("g")],
        *[sound(), words("h"), words("i"), heard("j"), words("k")],
    )

    assert taken(playback) == [
        *[words("abc"), words("de", "r2"), END, words("fg"), sound(), words("hi"), heard("j"), words("k")],
    ]
    assert playback.other_bytes == 0


def test_words_that_are_taken_stay_as_they_came() -> None:
    """A consumer that keeps up sees every piece."""
    playback = Playback()
    pieces = []
    for text in "abc":
        playback.put(words(text))
        pieces.append(playback.take())

    assert pieces == [words("a"), words("b"), words("c")]


# -- bounds

ONE = weight(sound())


def test_sound_beyond_its_bound_goes_the_oldest_first() -> None:
    """One event in its place says how much it was."""
    playback = filled(
        *[heard("a"), sound(), heard("b"), sound(), sound(), heard("c"), sound(), sound()], max_audio_bytes=2 * ONE
    )

    dropped = StreamElement(event=AudioDropped(60, "received"))
    assert taken(playback) == [heard("a"), dropped, heard("b"), heard("c"), sound(), sound()]
    assert playback.empty


def test_an_event_that_was_taken_is_followed_by_another() -> None:
    """It tells of what was lost since."""
    playback = filled(sound(), sound(), sound(), max_audio_bytes=2 * ONE)
    first = playback.take()
    for late in (sound(), heard("x"), sound(40)):
        playback.put(late)

    assert first == StreamElement(event=AudioDropped(20, "received"))
    assert taken(playback) == [StreamElement(event=AudioDropped(60, "received")), heard("x"), sound(40)]


def test_words_of_lost_sound_stay() -> None:
    """After the event that tells of it."""
    playback = filled(sound(text="both"), sound(), max_audio_bytes=ONE)

    assert taken(playback) == [StreamElement(event=AudioDropped(20, "received")), words("both"), sound()]


def test_a_barge_in_does_not_hide_what_was_lost_before() -> None:
    """It was lost for another reason."""
    playback = filled(sound(), sound(), cut(), max_audio_bytes=ONE)

    assert taken(playback) == [StreamElement(event=AudioDropped(20, "received")), cut()]


def test_sound_in_small_pieces_is_bounded_too() -> None:
    """Two bytes of sound hold hundreds in memory."""
    playback = filled(*[sound(1 / 24)] * 10_000, max_audio_bytes=100_000)

    assert playback.audio_bytes <= 100_000
    assert len(taken(playback)) < 500


@pytest.mark.parametrize(
    "element",
    [heard("x" * 1000), words("x" * 1000), END, StreamElement(), StreamElement(event=GenerationComplete())],
    ids=["transcript", "text", "message", "empty", "event"],
)
def test_all_else_beyond_its_bound_ends_the_queue(element: StreamElement) -> None:
    """What waits is still handed out, then the error, and nothing that came after."""
    playback = Playback(max_other_bytes=50_000)
    count = 0
    while not playback.closed:
        assert playback.other_bytes <= 50_000
        playback.put(element)
        count += 1
    assert count < 500
    playback.put(heard("after"))
    playback.put(sound())
    *before, last = taken(playback)

    assert isinstance(last.error, SlowConsumerError)
    assert "50000 bytes" in str(last.error)
    assert len("".join(each.text for each in before if each.text)) == 1000 * (count - 1) or before == [element] * (
        count - 1
    )
    assert playback.empty


def test_nothing_of_the_element_that_is_too_much_is_handed_out() -> None:
    """Its sound would come after the last element."""
    playback = filled(heard("a"), sound(text="both"), max_other_bytes=weight(heard("a")))

    first, last = taken(playback)
    assert first == heard("a")
    assert isinstance(last.error, SlowConsumerError)


def test_one_big_element_is_no_slow_consumer() -> None:
    """Whoever keeps up gets it, whatever the bound."""
    playback = Playback(max_other_bytes=1000)
    big = heard("x" * 10_000)
    for _ in range(3):
        playback.put(big)
        assert playback.take() == big

    assert not playback.closed


# -- the end


def test_the_error_it_is_closed_with_comes_last() -> None:
    """After all that waits, and once."""
    playback = filled(heard("a"), sound())
    error = DuplexError("over")
    playback.close(error)
    playback.close(SessionEndedError())
    playback.put(heard("late"))

    assert taken(playback) == [heard("a"), sound(), StreamElement(error=error)]
    assert playback.closed


# -- what was handed out


def test_the_newest_answers_sound_is_counted_when_it_is_handed_out() -> None:
    """Not when it comes, and not that of an earlier one."""
    playback = filled(sound(20, "r1"), sound(30, "r1"), sound(50, "r1"))
    counts = [playback.handed_ms]
    for _ in range(2):
        playback.take()
        counts.append(playback.handed_ms)
    playback.put(sound(70, "r2"))
    counts.append(playback.handed_ms)
    for _ in range(2):
        playback.take()
        counts.append(playback.handed_ms)

    assert counts == [0, 20, 50, 0, 0, 70]
    assert (playback.answer, playback.answer_id) == (2, "r2")


def test_a_cut_answers_count_stays() -> None:
    """Until the next one starts; late words of it start nothing."""
    playback = filled(sound(20), sound(30), max_audio_bytes=10**6)
    playback.take()
    for late in (cut(), sound(), words("late")):
        playback.put(late)
    taken(playback)
    before = playback.handed_ms
    playback.put(StreamElement(event=STARTED))

    assert (before, playback.handed_ms) == (20, 0)


def test_late_words_of_a_cut_answer_do_not_take_the_place_of_the_next() -> None:
    """What was handed out of the next one stays counted."""
    playback = filled(sound(), cut(), sound(30, "r2"))
    taken(playback)
    playback.put(StreamElement(interrupted_turn_complete=True, response_id="r1"))

    assert (playback.handed_ms, playback.answer_id) == (30, "r2")


# -- all of it at once

IDS = ["", "r1", "r2", "r3"]
MAX_AUDIO = 6000
Operation = tuple[str, str, int]

operations = st.lists(
    st.tuples(
        st.sampled_from(["sound", "sound", "sound", "both", "words", "heard", "start", "cut", "closed", "take"]),
        st.sampled_from(IDS),
        st.integers(1, 30),
    ),
    max_size=60,
)


def elements_of(drawn: list[Operation]) -> Iterator[StreamElement | None]:
    """Return each operation's element, which no other is equal to; None where one is taken."""
    for number, (kind, id_, ms) in enumerate(drawn):
        audio = Audio(number.to_bytes(2, "big") * (24 * ms), RATE)
        yield {
            "sound": StreamElement(audio=audio, response_id=id_),
            "both": StreamElement(audio=audio, response_id=id_, text=f"<{number}>"),
            "words": StreamElement(text=f"<{number}>", response_id=id_),
            "heard": StreamElement(transcript=Transcript("assistant", f"<{number}>"), response_id=id_),
            "start": StreamElement(event=STARTED, response_id=id_, usage=None, audio_ms=number),
            "cut": StreamElement(interrupted=True, response_id=id_, audio_ms=number),
            "closed": StreamElement(interrupted_turn_complete=True, response_id=id_, audio_ms=number),
            "take": None,
        }[kind]


class Rules:
    """The rules once more, slowly: which sound is to come out, and what is told to be lost."""

    def __init__(self) -> None:
        self.waiting: list[StreamElement] = []
        self.lost_ms = 0.0
        self.cut: set[str] = set()
        self.muted = False
        self.newest = ""

    def put(self, element: StreamElement) -> None:
        """Follow the element."""
        starts = isinstance(element.event, ResponseStarted)
        if starts:
            self.cut.discard(element.response_id)
        if starts or (element.response_id not in ("", self.newest) and element.response_id not in self.cut):
            self.newest, self.muted = element.response_id, False
        if element.interrupted:
            self.waiting, self.muted = [], True
            self.cut |= {element.response_id or self.newest} - {""}
        silenced = element.response_id in self.cut if element.response_id else self.muted
        if element.audio is not None and not silenced:
            self.waiting.append(element)
        while sum(map(weight, self.waiting)) > MAX_AUDIO:
            self.lost_ms += ms_of(self.waiting.pop(0))


def ms_of(element: StreamElement) -> float:
    """Return how long an element sounds."""
    return element.audio.ms if element.audio is not None else 0.0


def lost_ms(elements: Iterable[StreamElement]) -> float:
    """Return how much the elements say was lost."""
    return sum(each.event.ms for each in elements if isinstance(each.event, AudioDropped))


def beside_sound(elements: Iterable[StreamElement]) -> list[tuple[str, StreamElement]]:
    """Return all that is no sound and was not made up, in order: words that follow each other as one."""
    found: list[tuple[str, StreamElement]] = []
    for each in elements:
        bare = replace(each, audio=None, text=None)
        only_sound = each.text is None and bare == StreamElement(response_id=each.response_id)
        if only_sound or isinstance(each.event, AudioDropped):
            continue
        if found and each.text and found[-1][0] and found[-1][1] == bare:
            found[-1] = (found[-1][0] + each.text, bare)
        else:
            found.append((each.text or "", bare))
    return found


@given(operations)
@example([("both", "r1", 1), ("words", "r1", 1)])
@example([("cut", "r1", 1), ("cut", "", 1), ("start", "r1", 1), ("sound", "r1", 1)])
def test_nothing_but_sound_is_lost_and_only_by_the_rules(drawn: list[Operation]) -> None:
    """Order is kept, the bound holds, and what was lost is told to the millisecond."""
    playback, rules = Playback(max_audio_bytes=MAX_AUDIO), Rules()
    came, went = [], []
    for element in elements_of(drawn):
        if element is not None:
            came.append(element)
            playback.put(element)
            rules.put(element)
            assert playback.audio_bytes <= MAX_AUDIO
        elif (out := playback.take()) is not None:
            went.append(out)
            if out.audio is not None:
                assert rules.waiting.pop(0) == out
    rest = taken(playback)
    went += rest

    assert [each for each in rest if each.audio] == rules.waiting
    assert lost_ms(went) == pytest.approx(rules.lost_ms)
    assert beside_sound(came) == beside_sound(went)
    assert playback.audio_bytes == playback.other_bytes == 0


@given(operations)
def test_sound_keeps_its_place_among_the_rest(drawn: list[Operation]) -> None:
    """What went out is what came in, with some sound left out and nothing moved."""
    playback = Playback(max_audio_bytes=MAX_AUDIO)
    came = [element for element in elements_of(drawn) if element is not None and element.text is None]
    for element in came:
        playback.put(element)
    places = [came.index(each) for each in taken(playback) if not isinstance(each.event, AudioDropped)]

    assert places == sorted(places)


@given(operations)
def test_no_sound_of_a_cut_answer_is_ever_handed_out(drawn: list[Operation]) -> None:
    """Unless the provider starts another answer under the same id."""
    playback = Playback()
    cut_ids: set[str] = set()
    for element in elements_of(drawn):
        if element is None:
            out = playback.take()
            assert out is None or out.audio is None or out.response_id not in cut_ids
            continue
        playback.put(element)
        if element.interrupted and element.response_id:
            cut_ids.add(element.response_id)
        if isinstance(element.event, ResponseStarted):
            cut_ids.discard(element.response_id)
