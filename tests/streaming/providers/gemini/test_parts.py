import pytest

from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import AudioPart, FilePart, ImagePart, Part, ProviderItem, ReasoningPart, TextPart, ToolCallPart
from streaming.providers.gemini.parts import call_ids, part_of
from streaming.providers.values import string

_SIGNED: JsonObject = {"thoughtSignature": "s"}


def call(own: JsonValue = None, **fields: str) -> ToolCallPart:
    """Return a neutral call, with what Gemini had beside it."""
    named = {"id": "call_r_2", "name": "f", "arguments": "{}"} | fields
    return ToolCallPart(**named, provider_data={"g": {} if own is None else own})


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        ({"text": "a"}, TextPart(text="a")),
        ({"text": "a", "thought": False} | _SIGNED, TextPart(text="a", provider_data={"g": _SIGNED})),
        ({"text": "a", "partMetadata": {"k": 1}}, TextPart(text="a", provider_data={"g": {"partMetadata": {"k": 1}}})),
        ({"text": "a", "thoughtSignature": None}, TextPart(text="a")),
        ({"text": ""}, None),
        ({"text": None}, None),
        ({}, None),
        ({"thought": True}, None),
        ({"text": "t", "thought": True}, ReasoningPart(text="t")),
        ({"text": "t", "thought": True} | _SIGNED, ReasoningPart(text="t", provider_data={"g": _SIGNED})),
        ({"text": "", "thought": True} | _SIGNED, ReasoningPart(text="", provider_data={"g": _SIGNED})),
        (_SIGNED, ReasoningPart(text="", provider_data={"g": _SIGNED | {"thought": False}})),
        ({"functionCall": {"name": "f"}}, call()),
        ({"functionCall": {"name": "f", "args": {"a": [1]}}}, call(arguments='{"a":[1]}')),
        ({"functionCall": {"name": "f", "args": "x"}}, call(arguments='"x"')),
        ({"functionCall": {"name": "f", "id": "c"}} | _SIGNED, call(_SIGNED | {"functionCall": {"id": "c"}}, id="c")),
        ({"functionCall": {"name": 5, "id": " "}}, call({"functionCall": {"id": " "}}, name="")),
        ({"inlineData": {"mimeType": "image/png", "data": "AA=="}}, ImagePart(media_type="image/png", data="AA==")),
        ({"inlineData": {"mimeType": "audio/wav", "data": "AA=="}}, AudioPart(media_type="audio/wav", data="AA==")),
        (
            {"inlineData": {"mimeType": "text/csv", "data": "AA==", "displayName": "a.csv"}} | _SIGNED,
            FilePart(media_type="text/csv", data="AA==", filename="a.csv", provider_data={"g": _SIGNED}),
        ),
    ],
    ids=range(20),
)
def test_a_part_is_the_neutral_one_with_the_rest_beside_it(raw: JsonObject, part: Part | None) -> None:
    """What says nothing is no part; what only Gemini understands goes back to it."""
    assert part_of(raw, 2, "g", call_ids("r")) == part


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ({"executableCode": {"code": "1"}}, "executableCode"),
        ({"codeExecutionResult": {"output": "1"}} | _SIGNED, "codeExecutionResult"),
        (_SIGNED | {"toolCall": {"id": "t"}}, "toolCall"),
        ({"toolResponse": {"id": "t"}}, "toolResponse"),
        ({"fileData": {"fileUri": "u"}}, "fileData"),
        ({"functionResponse": {"name": "f"}}, "functionResponse"),
        ({"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thought": True}, "inlineData"),
        ({"inlineData": {"data": "AA=="}}, "inlineData"),
        ({"inlineData": 5}, "inlineData"),
        ({"hologram": {"z": 1}}, "hologram"),
    ],
    ids=range(10),
)
def test_what_only_gemini_understands_is_an_item_of_its(raw: JsonObject, kind: str) -> None:
    """Whole, and by its own name; the draft of an image is part of the thoughts, not of the answer."""
    assert part_of(raw, 0, "g", call_ids(None)) == ProviderItem(kind=kind, provider_data={"g": raw})


@pytest.mark.parametrize("raw", [5, None, "text", [], {"text": 5}, {"functionCall": 5}, {"functionCall": []}])
def test_what_is_no_part_is_not_the_wire(raw: JsonValue) -> None:
    """JSON of other shapes."""
    with pytest.raises(NotTheWire):
        part_of(raw, 0, "g", call_ids(None))


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a-2", "a-3"]),
        (["a-2", "a", "a"], ["a-2", "a", "a-3"]),
        (["a", "a", "a-2"], ["a", "a-2", "a-2-2"]),
        ([None, "", " ", 5], ["call_r_0", "call_r_1", "call_r_2", "call_r_3"]),
        (["call_r_1", None], ["call_r_1", "call_r_1-2"]),
    ],
)
def test_the_calls_of_a_message_have_ids_of_their_own(given: list[JsonValue], taken: list[str]) -> None:
    """The provider's, unless it gave none or the same twice."""
    ids = call_ids("r")

    assert [ids.take(string(one), place) for place, one in enumerate(given)] == taken


@pytest.mark.parametrize(
    ("response", "made"), [(None, "call_4"), ("", "call_4"), (5, "call_4"), ("x" * 99, f"call_{'x' * 40}_4")]
)
def test_a_made_up_id_names_its_response(response: JsonValue, made: str) -> None:
    """So that two answers of one conversation never share one; of a long name the beginning does."""
    assert call_ids(response).take("", 4) == made
