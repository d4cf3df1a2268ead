import json

import pytest

from streaming.duplex.elements import ToolResponse
from streaming.duplex.gemini_live.history import Seed
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    ProviderItem,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from tests.streaming.duplex.gemini_live.talking import MODEL, OLDER, client


def user(text: str) -> Message:
    """Return what the user said."""
    return Message(role="user", parts=[TextPart(text=text)])


def model(text: str) -> Message:
    """Return what the model said."""
    return Message(role="assistant", parts=[TextPart(text=text)])


def told(messages: list[Message], *, name: str = MODEL, ask: bool = False, manual: bool = False) -> list[JsonObject]:
    """Return a history's messages, after the official types have taken them."""
    seed = Seed(messages, model=name, ask=ask, manual=manual)
    assert seed.announced == (name == MODEL and any("clientContent" in message for message in seed.messages))
    return [client(message) for message in seed.messages]


def history(*turns: tuple[str, str], complete: bool) -> JsonObject:
    """Return the message of a history of texts."""
    told: list[JsonValue] = [{"role": role, "parts": [{"text": text}]} for role, text in turns]
    return {"clientContent": {"turns": told, "turnComplete": complete}}


TALK = [user("hi"), model("hello"), user("how are you?")]


@pytest.mark.parametrize("name", [MODEL, OLDER])
def test_no_history(name: str) -> None:
    """Nothing is told, and nothing announced."""
    assert told([], name=name) == []


def test_a_history_that_was_announced() -> None:
    """`turnComplete` ends it; the question is realtime input, in an activity where turns are manual."""
    said = [("user", "hi"), ("model", "hello")]
    question: JsonObject = {"realtimeInput": {"text": "how are you?"}}

    assert told(TALK[:2]) == [history(*said, complete=True)]
    assert told(TALK, ask=True) == [history(*said, complete=True), question]
    assert told(TALK, ask=True, manual=True) == [
        history(*said, complete=True),
        {"realtimeInput": {"activityStart": {}}},
        question,
        {"realtimeInput": {"activityEnd": {}}},
    ]
    assert told(TALK[:1], ask=True) == [{"realtimeInput": {"text": "hi"}}]


def test_a_history_for_2_5() -> None:
    """`turnComplete` asks; the user's turn has to be the last."""
    said = [("user", "hi"), ("model", "hello")]

    assert told(TALK, name=OLDER, ask=True) == [history(*said, ("user", "how are you?"), complete=True)]
    assert told(TALK, name=OLDER) == [history(*said, ("user", "how are you?"), complete=False)]
    assert told(TALK[:2], name=OLDER) == [history(*said, ("user", " "), complete=False)]


def test_tool_calls_are_told_as_text() -> None:
    """Function parts are refused in a history; results come with the user's turn, and can be the question."""
    called = Message(role="assistant", parts=[ToolCallPart(id="c1", name="weather", arguments='{"city":"Ulm"}')])
    results = [
        ToolResultPart(tool_call_id="c1", content=[TextPart(text="12 °C")]),
        ToolResultPart(tool_call_id="c1", content=[TextPart(text="no")], is_error=True),
    ]
    given = Message(role="tool", parts=[*results])

    asked = told([user("weather?"), called, given], ask=True)

    assert asked == [
        history(("user", "weather?"), ("model", '[called the tool weather with {"city":"Ulm"}]'), complete=True),
        {"realtimeInput": {"text": "[the tool weather returned: 12 °C]\n[the tool weather failed with: no]"}},
    ]


def test_parts_of_all_kinds() -> None:
    """Pictures go along, speech as its words; what only its provider understands stays out."""
    message = Message(
        role="user",
        parts=[
            TextPart(text="look"),
            TextPart(text=""),
            ImagePart(media_type="image/png", data="AAAA"),
            ImagePart(url="https://example.com/a.png"),
            AudioPart(media_type="audio/wav", data="AAAA", transcript="a word"),
            AudioPart(media_type="audio/wav", data="AAAA"),
            FilePart(media_type="application/pdf", data="AAAA"),
        ],
    )
    answer = Message(
        role="assistant",
        parts=[ReasoningPart(text="hm"), RefusalPart(text="no"), ProviderItem(kind="x")],
    )

    (message_told,) = told([message, answer])

    assert message_told["clientContent"] == {
        "turns": [
            {
                "role": "user",
                "parts": [
                    {"text": "look"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                    {"text": "[image]"},
                    {"text": "a word"},
                    {"text": "[audio]"},
                    {"text": "[file]"},
                ],
            },
            {"role": "model", "parts": [{"text": "no"}]},
        ],
        "turnComplete": True,
    }


def test_a_question_that_is_a_picture() -> None:
    """The picture is told, and an answer asked for."""
    picture = Message(role="user", parts=[ImagePart(media_type="image/png", data="AAAA")])

    asked = told([picture], ask=True)

    assert asked[1:] == [{"realtimeInput": {"text": " "}}]
    assert "inlineData" in json.dumps(asked[0])


def test_asking_where_the_model_spoke_last() -> None:
    """It is to go on."""
    assert told(TALK[:2], ask=True)[1:] == [{"realtimeInput": {"text": " "}}]


@pytest.mark.parametrize(("messages", "asks"), [([], False), (TALK, True)])
def test_an_answer_is_to_come_only_where_something_was_asked(messages: list[Message], *, asks: bool) -> None:
    """Nothing asks for nothing."""
    assert Seed(messages, model=OLDER, ask=True, manual=False).asks == asks


def test_results_that_come_after_the_history() -> None:
    """Calls without a result in it are owed one: told in words, when all are there, and each once."""
    called = [ToolCallPart(id=id_, name=f"tool_{id_}", arguments="{}") for id_ in ("a", "b", "c")]
    answered = ToolResultPart(tool_call_id="c", content="done")
    before = [user("hi"), Message(role="assistant", parts=[*called]), Message(role="tool", parts=[answered])]
    seed = Seed(before, model=MODEL, ask=False, manual=False)

    owed = [seed.owed]
    assert seed.late_results((ToolResponse("b", "tool_b", "no", is_error=True), ToolResponse("z", "other", "x"))) == ""
    assert seed.late_results((ToolResponse("a", "tool_a", "sunny"),)) == (
        "[the tool tool_b failed with: no]\n[the tool tool_a returned: sunny]"
    )
    assert [*owed, seed.owed] == [True, False]
    assert seed.late_results((ToolResponse("a", "tool_a", "again"),)) == ""
