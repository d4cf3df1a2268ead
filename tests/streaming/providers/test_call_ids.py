import pytest

from streaming.messages import Message, Part, TextPart, ToolCallPart, ToolResultPart
from streaming.providers.call_ids import CallIds, with_distinct_ids


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a-2", "a-3"]),
        (["a-2", "a", "a", "a"], ["a-2", "a", "a-3", "a-4"]),
        (["a", "a-2", "a", "a-2"], ["a", "a-2", "a-3", "a-2-2"]),
        (["", " ", "x"], ["call_0", "call_1", "x"]),
        (["call_1", ""], ["call_1", "call_1-2"]),
        ([" a "], ["a"]),
    ],
)
def test_ids_tell_calls_apart(given: list[str], made: list[str]) -> None:
    """The first keeps its own; a missing one is the call's place."""
    ids = CallIds()

    assert [ids.take(one) for one in given] == made


def test_many_calls_of_one_id_cost_no_more_than_their_number() -> None:
    """The search for a free number goes on from the last one: this would take an hour otherwise."""
    ids = CallIds()

    assert len({ids.take("a") for _ in range(100_000)}) == 100_000


def _call(name: str) -> Part:
    return ToolCallPart(id=name, name="f", arguments="{}")


def _result(name: str) -> Part:
    return ToolResultPart(tool_call_id=name, content=[])


def test_an_id_that_comes_again_is_another_call() -> None:
    """A server that numbers the calls of each message from 0 is followed by one that wants them distinct."""
    text = TextPart(text="t")
    given = [
        Message(role="assistant", parts=[text, _call("call_0")]),
        Message(role="tool", parts=[_result("call_0")]),
        Message(role="assistant", parts=[_call("call_0"), _call("")]),
        Message(role="tool", parts=[_result("call_0"), _result(""), _result("nobody")]),
    ]

    assert with_distinct_ids(given) == [
        *given[:2],
        Message(role="assistant", parts=[_call("call_0-2"), _call("call_2")]),
        Message(role="tool", parts=[_result("call_0-2"), _result("call_2"), _result("nobody")]),
    ]
