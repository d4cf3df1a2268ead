"""The places of a conversation, each by itself."""

import pytest

from streaming.duplex.elements import Heard, ToolResponse, Transcript
from streaming.duplex.entries import CANCELLED, Answered, Results, Said
from streaming.messages import Message, ReasoningPart, TextPart, ToolCallPart
from tests.streaming.duplex.said import tool_message


def test_words_come_in_pieces() -> None:
    """The final ones take their place."""
    said = Said()
    said.take(Transcript("user", " hel"))
    said.take(Transcript("user", "lo"))
    assert said.messages() == [Message(role="user", parts="hello")]

    said.take(Transcript("user", "Hello.", final=True))
    assert said.messages() == [Message(role="user", parts="Hello.")]


def test_a_turn_without_words() -> None:
    """It is left out."""
    assert Said(spoken=True, ended=True).messages() == []


def test_written_and_spoken() -> None:
    """One turn of both is one message."""
    said = Said(written=["Look:"])
    said.take(Transcript("user", "my cat"))

    assert said.messages() == [Message(role="user", parts=[TextPart(text="Look:"), TextPart(text="my cat")])]


SAID = Message(role="assistant", parts=[ReasoningPart(text="hm"), TextPart(text="one two three")])


@pytest.mark.parametrize(
    ("answer", "full", "texts"),
    [
        (Answered(message=SAID), False, ["one two three"]),
        (Answered(message=SAID, heard=Heard("one", 300)), False, ["one"]),
        (Answered(message=SAID, heard=Heard("one", 300)), True, ["one two three"]),
        (Answered(message=SAID, heard=Heard("", 0)), False, []),
        (Answered(message=SAID, heard=Heard("", 0)), True, ["one two three"]),
        (Answered(message=None), True, []),
        (Answered(message=Message(role="assistant", parts=[])), False, []),
    ],
)
def test_an_answer(answer: Answered, *, full: bool, texts: list[str]) -> None:
    """It is what was heard of it, or all of it; nothing heard is nothing said."""
    assert [message.text for message in answer.messages(full=full)] == texts


def test_what_a_tool_gave() -> None:
    """The history's message is preferred to the provider's words; each call has one result."""
    results = Results(("a", "b", "c", "d"), cancelled={"c"})
    results.respond(ToolResponse("a", "look", "short"))
    results.respond(ToolResponse("b", "look", "no", is_error=True))
    results.respond(ToolResponse("b", "look", "twice"))
    results.tell(tool_message("a", "long"))
    results.tell(tool_message("a", "twice"))

    assert results.messages() == [
        tool_message("a", "long"),
        tool_message("b", "no", is_error=True),
        tool_message("c", CANCELLED, is_error=True),
    ]
    assert not results.complete
    results.respond(ToolResponse("d", "look", "yes"))
    assert results.complete


def test_calls_that_were_all_cancelled() -> None:
    """Nobody waits for them."""
    assert not Results(("a",), cancelled={"a"}).pending
    assert Results(("a", "b"), cancelled={"a"}).pending


def test_a_cut_answer_has_no_calls_to_be_answered() -> None:
    """What is cut keeps what it held beside words only with words that were heard."""
    cut = Message(role="assistant", parts=[ToolCallPart(id="a", name="look", arguments="{}")])

    assert Answered(message=cut, heard=Heard("", 0)).messages(full=False) == []
