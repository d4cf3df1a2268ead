import pytest

from streaming.jsontext import JsonValue
from streaming.providers.values import count, details_of, objects, streamed_error, string, word
from streaming.reasons import Reason


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), ("\ud83d\ude00", "😀"), ("\ud83d", "\ufffd"), (5, ""), (None, ""), (["a"], "")]
)
def test_a_string_is_one_that_can_be_passed_on(value: JsonValue, text: str) -> None:
    """Anything else is none."""
    assert string(value) == text


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (429, "429"), (0.5, "0.5"), (True, ""), (None, ""), ({}, "")])
def test_a_word_may_be_a_number(value: JsonValue, text: str) -> None:
    """Servers send ids and codes either way."""
    assert word(value) == text


@pytest.mark.parametrize(
    ("holder", "told"),
    [({"n": 3}, 3), ({"n": -1}, None), ({"n": True}, None), ({"n": "3"}, None), ({}, None), (None, None), ([3], None)],
)
def test_a_count_is_an_integer(holder: JsonValue, told: int | None) -> None:
    """Whatever its holder is."""
    assert count(holder, "n") == told


def test_only_the_objects_of_a_list_count() -> None:
    """What is no list has none."""
    assert objects([{"a": 1}, 5, None, {}]) == [{"a": 1}, {}]
    assert objects({"a": 1}) == []


def test_the_words_of_an_error_are_cut_short() -> None:
    """All of them go into the turn's history."""
    details = details_of("m" * 5000, "k" * 500, "c" * 500)

    assert [len(details.message), len(details.kind), len(details.code)] == [1000, 100, 100]


def test_an_error_object_becomes_a_failure_that_says_the_same() -> None:
    """Its reason and the wait that it asks for among it; where it has no message, ours stands there."""
    failure = streamed_error(details_of(None, "overloaded_error", 529, 2.5), unsaid="nothing said")

    assert (failure.kind, failure.code, failure.retry_after_s) == ("overloaded_error", "529", 2.5)
    assert failure.reason is Reason.OVERLOADED
    assert str(failure).endswith(": nothing said")
