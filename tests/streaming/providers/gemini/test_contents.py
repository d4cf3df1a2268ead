import random

import pytest
from hypothesis import given

from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ProviderItem,
    ReasoningPart,
    RefusalPart,
    ResultPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from streaming.providers import gemini
from streaming.providers.gemini.contents import UNSIGNED, contents, continuation, system_parts
from tests.fidelity.gemini_answers import as_list, as_object, response
from tests.recordings import Recording, recordings
from tests.strategies import texts

_GEMINI = recordings("gemini")
_SIGNED: JsonObject = {"thoughtSignature": "s"}
_IMAGE = ImagePart(media_type="image/png", data="AA==")


def says(role: Role, *parts: Part) -> Message:
    """Return a message."""
    return Message(role=role, parts=list(parts))


def model_parts(*parts: Part) -> JsonValue:
    """Return what goes back to provider "g" for an answer of these parts."""
    turns = contents([says("assistant", *parts)], "g")
    if not turns:
        return []
    (turn,) = turns
    assert isinstance(turn, dict)
    assert turn["role"] == "model"
    return turn["parts"]


def call(provider: str = "g", own: JsonValue = None, **fields: str) -> ToolCallPart:
    """Return a tool call of this provider."""
    named = {"id": "c", "name": "f", "arguments": '{"a":1}'} | fields
    return ToolCallPart(**named, provider_data={provider: {} if own is None else own})


def result(*content: ResultPart | str, call_id: str = "c", is_error: bool = False) -> ToolResultPart:
    """Return a tool result."""
    parts = [TextPart(text=part) if isinstance(part, str) else part for part in content]
    return ToolResultPart(tool_call_id=call_id, content=parts, is_error=is_error)


def function_call(**beside: JsonValue) -> JsonObject:
    """Return a part with a function call."""
    part: JsonObject = {"functionCall": {"name": "f", "args": {"a": 1}}}
    return part | beside


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (TextPart(text="a"), [{"text": "a"}]),
        (TextPart(text="a", annotations=[{"citationMetadata": {}}]), [{"text": "a"}]),
        (TextPart(text="a", provider_data={"g": _SIGNED}), [{"text": "a"} | _SIGNED]),
        (TextPart(text="a", provider_data={"other": _SIGNED}), [{"text": "a"}]),
        (TextPart(text=""), []),
        (TextPart(text="", provider_data={"g": _SIGNED}), [{"text": ""} | _SIGNED]),
        (RefusalPart(text="no"), [{"text": "no"}]),
        (RefusalPart(text=""), []),
        (ReasoningPart(text="t"), []),
        (ReasoningPart(text="t", provider_data={"g": {}}), []),
        (ReasoningPart(text="t", provider_data={"other": _SIGNED}), []),
        (ReasoningPart(text="t", provider_data={"g": _SIGNED}), [{"text": "t", "thought": True} | _SIGNED]),
        (
            ReasoningPart(text="", provider_data={"g": _SIGNED | {"thought": False}}),
            [{"text": "", "thought": False} | _SIGNED],
        ),
        (_IMAGE, [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]),
        (
            ImagePart(media_type="image/png", data="AA==", provider_data={"g": _SIGNED}),
            [{"inlineData": {"mimeType": "image/png", "data": "AA=="}} | _SIGNED],
        ),
        (ProviderItem(kind="toolCall", provider_data={"g": {"toolCall": {}} | _SIGNED}), [{"toolCall": {}} | _SIGNED]),
        (ProviderItem(kind="compaction", provider_data={"other": {"x": 1}}), []),
        (call(), [function_call(thoughtSignature=UNSIGNED)]),
        (call("other"), [{"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": UNSIGNED}]),
        (call(own=_SIGNED), [function_call() | _SIGNED]),
        (
            call(own=_SIGNED | {"functionCall": {"id": "raw"}}),
            [{"functionCall": {"id": "raw", "name": "f", "args": {"a": 1}}} | _SIGNED],
        ),
        (
            call(arguments="{broken"),
            [{"functionCall": {"name": "f", "args": {"INVALID_JSON": "{broken"}}, "thoughtSignature": UNSIGNED}],
        ),
        (call(arguments=""), [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": UNSIGNED}]),
        (call(own={"functionCall": 5}), [function_call(thoughtSignature=UNSIGNED)]),
    ],
    ids=range(24),
)
def test_an_answer_goes_back_as_it_came(part: Part, sent: list[JsonValue]) -> None:
    """Signatures on their parts, thoughts only where signed, nothing of another provider's own."""
    assert model_parts(part) == sent


def test_the_first_call_of_a_turn_is_signed_and_the_others_as_they_came() -> None:
    """With the documented value, where Gemini did not sign it."""
    assert model_parts(call(id="1"), call(id="2")) == [function_call(thoughtSignature=UNSIGNED), function_call()]
    assert model_parts(call(own=_SIGNED), call(id="2")) == [function_call() | _SIGNED, function_call()]
    assert contents([says("assistant", call()), says("user", TextPart(text="x")), says("assistant", call())], "g") == [
        {"role": "model", "parts": [function_call(thoughtSignature=UNSIGNED)]},
        {"role": "user", "parts": [{"text": "x"}]},
        {"role": "model", "parts": [function_call(thoughtSignature=UNSIGNED)]},
    ]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (result("sunny"), {"output": "sunny"}),
        (result("sun", "ny"), {"output": "sunny"}),
        (result('{"sky": "clear"}'), {"sky": "clear"}),
        (result("[1]"), {"output": "[1]"}),
        (result("{broken"), {"output": "{broken"}),
        (result('{"a": [{"$ref": "x"}]}'), {"output": '{"a": [{"$ref": "x"}]}'}),
        (result('{"a": "$ref"}'), {"a": "$ref"}),
        (result('{"sky": "clear"}', is_error=True), {"error": '{"sky": "clear"}'}),
        (result(), {"output": ""}),
    ],
    ids=range(9),
)
def test_a_result_is_an_object(given: ToolResultPart, sent: JsonObject) -> None:
    """Of text, the text; a reference in it would be taken for one to a part."""
    turns = contents([says("assistant", call()), says("tool", given)], "g")

    assert turns[1] == {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": sent}}]}


def test_results_name_their_calls() -> None:
    """By name, and by id where the call had one when it was sent; media comes next to its result."""
    calls = says(
        "assistant", call(id="1"), call("other", id="2", name="h"), call(own={"functionCall": {"id": "raw"}}, id="3")
    )
    results = says("tool", result("b", _IMAGE, call_id="2"), result("a", call_id="1"))

    assert contents(
        [calls, results, says("tool", result("c", call_id="3")), says("user", TextPart(text="go on"))], "g"
    )[1] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "h", "id": "2", "response": {"output": "b"}}},
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
            {"functionResponse": {"name": "f", "response": {"output": "a"}}},
            {"functionResponse": {"name": "f", "id": "raw", "response": {"output": "c"}}},
            {"text": "go on"},
        ],
    }


def test_an_id_that_comes_again_is_its_last_calls() -> None:
    """Some servers number the calls of every answer anew."""
    turns = contents(
        [
            says("assistant", call(name="f")),
            says("tool", result("1")),
            says("assistant", call(name="g")),
            says("tool", result("2")),
        ],
        "g",
    )

    assert [name for name in ("f", "g") if f"'functionResponse': {{'name': '{name}'" in str(turns)] == ["f", "g"]


def test_turns_of_one_role_are_one() -> None:
    """System messages are none, and what has nothing to send is no turn."""
    turns = contents(
        [
            says("user", TextPart(text="a")),
            says("system", TextPart(text="s")),
            says("assistant", ReasoningPart(text="t")),
            says("user", TextPart(text="b")),
            says("assistant", TextPart(text="c")),
            says("assistant", TextPart(text="d")),
        ],
        "g",
    )

    assert turns == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
    ]


def test_system_messages_are_one_instruction() -> None:
    """The call's own first."""
    messages = [says("system", TextPart(text="b"), TextPart(text="c")), says("user", TextPart(text="x"))]

    assert system_parts("a", messages) == [{"text": "a"}, {"text": "b"}, {"text": "c"}]
    assert system_parts(None, []) == []


@pytest.mark.parametrize("part", [_IMAGE, call(), ReasoningPart(text="t")])
def test_a_system_message_is_text(part: Part) -> None:
    """Anything else is refused, and named."""
    with pytest.raises(CannotExpress, match=f"no {part.type} part in a message of role system"):
        system_parts(None, [says("system", part)])


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", call()),
        ("user", result("x")),
        ("user", ReasoningPart(text="t")),
        ("user", RefusalPart(text="no")),
        ("user", ProviderItem(kind="k")),
        ("tool", TextPart(text="x")),
        ("tool", call()),
        ("assistant", result("x")),
    ],
    ids=range(8),
)
def test_a_part_in_the_wrong_place_is_refused(role: Role, part: Part) -> None:
    """And named."""
    with pytest.raises(CannotExpress, match=f"no {part.type} part in a message of role {role}"):
        contents([says("assistant", call()), says(role, part)], "g")


def test_a_result_needs_its_call_before_it() -> None:
    """Its name is the only one that Gemini goes by."""
    with pytest.raises(CannotExpress, match="'c' answers no tool_call"):
        contents([says("tool", result("x")), says("assistant", call())], "g")


@pytest.mark.parametrize(
    "part", [ImagePart(url="https://x.example/a.png"), AudioPart(object="o"), FilePart(url="https://x.example/f")]
)
def test_media_is_sent_by_value(part: Part) -> None:
    """Who calls fetches it before."""
    with pytest.raises(CannotExpress, match=f"{part.type} part has not been fetched"):
        contents([says("user", part)], "g")


@pytest.mark.parametrize(
    "part",
    [
        _IMAGE,
        AudioPart(media_type="audio/wav", data="AA=="),
        FilePart(media_type="text/csv", data="AA==", filename="a.csv"),
    ],
)
def test_a_user_sends_media_of_every_kind(part: Part) -> None:
    """As inline data."""
    (turn,) = contents([says("user", part)], "g")

    assert turn == {
        "role": "user",
        "parts": [{"inlineData": {"mimeType": part.model_dump()["media_type"], "data": "AA=="}}],
    }


def test_a_paused_answer_is_left_to_its_token() -> None:
    """Those that went on from it too; the token of the last one counts. Another provider's is no token."""
    asked = says("user", TextPart(text="a"))
    first = says("assistant", TextPart(text="b", provider_data={"g": {"continuationToken": "1"}}))
    second = says("assistant", TextPart(text="c", provider_data={"g": {"continuationToken": "2"}}))

    assert continuation([asked, first, second], "g") == ([asked], "2")
    assert continuation([asked, first, asked], "g") == ([asked, first, asked], "")
    assert continuation([asked, first], "other") == ([asked, first], "")
    assert continuation([], "g") == ([], "")
    assert continuation([says("assistant"), says("user", result("x"))], "g")[1] == ""
    assert contents([asked, first], "g")[1] == {"role": "model", "parts": [{"text": "b"}]}


@pytest.mark.parametrize("recording", _GEMINI.values(), ids=_GEMINI)
def test_everything_gemini_said_goes_back_to_it(recording: Recording) -> None:
    """Each part of a recorded answer as it came, but thoughts without a signature."""
    message = gemini.answer(recording.unary, "g").message

    assert _without_marks(model_parts(*message.parts)) == _without_marks(_spoken(recording.unary))


@pytest.mark.parametrize("seed", range(200))
def test_everything_gemini_could_say_goes_back_to_it(seed: int) -> None:
    """The same for generated answers, but for signatures alone."""
    unary = response(random.Random(seed))
    message = gemini.answer(unary, "g").message

    if message.parts:
        assert _without_marks(model_parts(*message.parts)) == _without_marks(_spoken(unary))


def _spoken(unary: JsonObject) -> list[JsonValue]:
    """Return the parts of the first candidate, but thoughts without a signature."""
    first = as_object((as_list(unary.get("candidates")) or [{}])[0])
    parts = as_list(as_object(first.get("content", {})).get("parts"))
    return [part for part in parts if not _is_unsigned_thought(as_object(part))]


def _is_unsigned_thought(part: JsonObject) -> bool:
    return "text" in part and part.get("thought") is True and "thoughtSignature" not in part


def _without_marks(parts: JsonValue) -> list[JsonValue]:
    """Return the parts without what need not be the same: the value for unsigned calls, and defaults."""
    cleaned: list[JsonValue] = []
    for part in as_list(parts):
        kept = {key: value for key, value in as_object(part).items() if value not in (UNSIGNED, False)}
        call_made = kept.get("functionCall")
        if isinstance(call_made, dict):
            kept["functionCall"] = {"args": {}} | call_made
        blob = kept.get("inlineData")
        if isinstance(blob, dict):
            kept["inlineData"] = {key: value for key, value in blob.items() if key != "displayName"}
        cleaned.append(kept)
    return cleaned


@given(texts())
def test_any_result_is_an_object(text: str) -> None:
    """Whatever the tool wrote."""
    (turn,) = contents([says("assistant", call()), says("tool", result(text))], "g")[1:]
    assert isinstance(turn, dict)
    assert isinstance(turn["parts"], list)
