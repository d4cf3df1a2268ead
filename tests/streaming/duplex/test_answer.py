"""One answer while it comes, and what of it was heard when it is cut."""

import pytest

from streaming.duplex.answer import Answer
from streaming.duplex.elements import Audio, Heard
from streaming.messages import ReasoningPart, TextPart, ToolCallPart

SECOND = Audio(bytes(48_000), 24_000)
CALL = ToolCallPart(id="c", name="clock", arguments="{}")


def spoken(text: str, seconds: int) -> Answer:
    """Return an answer that sounds so long."""
    answer = Answer("r")
    answer.say(text)
    for _ in range(seconds):
        answer.sound(SECOND)
    return answer


def test_a_spoken_answer_is_its_words() -> None:
    """What a text turn would have given: thoughts, words and calls, in this order."""
    answer = spoken("It is ", 1)
    answer.think("Let me see.")
    answer.calls.append(CALL)
    answer.say("noon.")

    assert answer.message().role == "assistant"
    assert answer.message().parts == [ReasoningPart(text="Let me see."), TextPart(text="It is noon."), CALL]
    assert answer.audio_ms == 1000


def test_an_emoji_cut_in_two_comes_whole() -> None:
    """The halves of a surrogate pair may come in two pieces; neither is told alone."""
    answer = Answer()

    assert (answer.say("a\ud83d"), answer.say("\ude00")) == ("a", "\N{GRINNING FACE}")
    assert answer.text == "a\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("played_ms", "heard"),
    [
        (0, Heard("", 0)),
        (-5, Heard("", 0)),
        (1000, Heard("one", 1000)),
        (1500, Heard("one", 1500)),
        (2100, Heard("one two", 2100)),
        (4000, Heard("one two three four", 4000)),
        (99_000, Heard("one two three four", 4000)),
    ],
)
def test_heard_is_what_of_the_sound_was_played_to_the_last_whole_word(played_ms: float, heard: Heard) -> None:
    """Words are spread evenly over the sound, and no more was heard than there was."""
    assert spoken("one two three four", 4).heard(played_ms) == heard


def test_an_answer_without_sound_was_read_as_it_came() -> None:
    """Nothing of it waited to be played."""
    assert spoken("all of it", 0).heard(0) == Heard("all of it", 0)


def test_words_without_spaces_are_heard_whole_or_not_at_all() -> None:
    """No place to cut is no word that is whole."""
    assert spoken("東京は晴れです", 2).heard(1000) == Heard("", 1000)
