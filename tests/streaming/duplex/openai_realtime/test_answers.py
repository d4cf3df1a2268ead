import pytest

from streaming.duplex.elements import Heard, ResponseStarted, StreamElement
from streaming.duplex.openai_realtime.answers import Answers
from streaming.duplex.openai_realtime.client_events import ClientEvents
from streaming.jsontext import JsonObject
from streaming.messages import Usage
from tests.streaming.duplex.openai_realtime import server
from tests.streaming.duplex.openai_realtime.official import checked_client_event


class Said:
    """Answers, and what the server is told of them."""

    def __init__(self) -> None:
        self.events = ClientEvents()
        self.answers = Answers(self.events)

    def told(self) -> list[JsonObject]:
        """Return what the server is told."""
        return [checked_client_event(text) for text in self.events.take()]

    def begin(self, response_id: str = "r1", words: str = "Hi there you", ms: float = 100) -> None:
        """Let an answer begin, with these words and so much sound."""
        self.answers.begin(server.begun(response_id))
        assert self.answers.current
        self.answers.current.speak(server.speaking(words, response_id))
        if ms:
            self.answers.current.sound(server.sounding(ms, response_id))

    def finish(self, response_id: str = "r1") -> list[StreamElement]:
        """Let it end."""
        return self.answers.finish(server.done(response_id))


def test_an_answer_is_known_while_it_comes_and_after() -> None:
    """An answer without an id never is."""
    said = Said()
    assert not said.answers.is_known("r1")
    assert said.answers.begin(server.begun()) == [StreamElement(event=ResponseStarted(), response_id="r1")]
    assert said.answers.is_known("r1")
    assert not said.answers.is_over("r1")
    said.finish()
    assert said.answers.is_known("r1")
    assert said.answers.is_over("r1")
    said.answers.begin({})
    assert not said.answers.is_known("")


def test_a_cut_answer_is_truncated_to_what_was_heard() -> None:
    """Then the server closes it, and what it used is told."""
    said = Said()
    said.begin()
    said.answers.heard(60)

    (cut,) = said.answers.cut()
    (closed,) = said.answers.close_cut(
        server.done("r1", "cancelled", reason="turn_detected", usage={"output_tokens": 5})
    )

    assert cut.interrupted
    assert cut.heard == Heard("Hi", 60)
    assert server.said(cut) == "Hi there you"
    assert closed == StreamElement(interrupted_turn_complete=True, response_id="r1", usage=Usage(output_tokens=5))
    (truncation,) = said.told()
    assert (truncation["item_id"], truncation["audio_end_ms"]) == ("m1", 60)
    assert said.answers.current is None


@pytest.mark.parametrize("played_ms", [None, 0.0, -3.0, float("nan")])
def test_a_cut_before_anything_was_heard_leaves_nothing(played_ms: float | None) -> None:
    """Told or not."""
    said = Said()
    said.begin()
    if played_ms is not None:
        said.answers.heard(played_ms)

    assert said.answers.cut()[0].heard == Heard("", 0)
    assert said.told()[0]["audio_end_ms"] == 0


def test_an_answer_without_sound_is_not_truncated() -> None:
    """The server refuses that: "Only model output audio messages can be truncated"."""
    said = Said()
    said.begin(ms=0)

    assert said.answers.cut()[0].interrupted
    assert said.told() == []


def test_an_answer_is_cut_once() -> None:
    """What is heard later is of no answer."""
    said = Said()
    said.begin()
    said.answers.cut()
    said.told()
    said.answers.heard(50)

    assert said.answers.cut() == said.answers.cut_played() == said.answers.break_off() == []
    assert said.told() == []


def test_what_is_made_but_still_played_can_be_cut() -> None:
    """Most barge-ins come then; the whole answer is told again, with what was heard."""
    said = Said()
    said.begin()
    said.finish()
    said.answers.heard(60)

    cut, closed = said.answers.cut_played()

    assert (cut.interrupted, cut.response_id, cut.heard) == (True, "r1", Heard("Hi", 60))
    assert closed == StreamElement(interrupted_turn_complete=True, response_id="r1")
    assert said.told()[0]["audio_end_ms"] == 60
    assert said.answers.cut_played() == []


@pytest.mark.parametrize("played_ms", [None, 99.5, 100.0, 5000.0])
def test_what_was_heard_to_its_end_is_not_cut(played_ms: float | None) -> None:
    """Nor what nobody told anything about: it may never be played, or was written down at once."""
    said = Said()
    said.begin()
    said.finish()
    if played_ms is not None:
        said.answers.heard(played_ms)

    assert said.answers.cut_played() == []
    assert said.told() == []


def test_what_was_heard_is_of_the_newest_answer() -> None:
    """Of one before it nothing is known any more."""
    said = Said()
    said.begin("r1")
    said.finish("r1")
    said.answers.heard(60)
    said.begin("r2")

    assert said.answers.cut_played() == []
    said.answers.heard(30)
    assert said.answers.cut()[0].heard == Heard("Hi", 30)


def test_an_answer_that_breaks_off_says_what_there_is() -> None:
    """And tells the server nothing, for there is none."""
    said = Said()
    said.begin()
    said.answers.heard(60)

    (cut,) = said.answers.break_off()

    assert (cut.interrupted, cut.heard) == (True, Heard("Hi", 60))
    assert said.told() == []
    assert said.answers.break_off() == []


def test_an_answer_that_ended_does_not_break_off() -> None:
    """It was told whole."""
    said = Said()
    said.begin()
    said.finish()

    assert said.answers.break_off() == []


def test_a_cancel_names_the_answer() -> None:
    """Or another one might be stopped; without an answer there is nothing to cancel."""
    said = Said()
    said.answers.cancel()
    said.begin()
    said.answers.cancel()

    assert [event["response_id"] for event in said.told()] == ["r1"]


def test_nothing_ends_where_nothing_began() -> None:
    """A cut that is closed without an answer names none."""
    said = Said()

    assert said.finish() == []
    assert said.answers.cut() == []
    assert said.answers.close_cut({}) == [StreamElement(interrupted_turn_complete=True)]
