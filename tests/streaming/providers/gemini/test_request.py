from dataclasses import replace

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from streaming.contracts import GenerationSettings, Tool
from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import Message, TextPart
from streaming.providers.gemini import BY_URL, body, headers, path
from streaming.providers.wire import Call, Quirks
from tests.strategies import json_values, texts

ASKED = Message(role="user", parts=[TextPart(text="hi")])
CONTENTS: JsonValue = [{"role": "user", "parts": [{"text": "hi"}]}]
TOOL = Tool(name="f", description="does f", input_schema={"type": "object"})


CALL = Call(model="gemini-3-flash", messages=[ASKED], provider="g")


def sent(settings: JsonObject | None = None, call: Call = CALL) -> JsonObject:
    """Return the body for a call with these settings."""
    return body(replace(call, settings=GenerationSettings.model_validate(settings or {})), stream=False)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gemini-3-flash", "models/gemini-3-flash"),
        ("models/gemini-3-flash", "models/gemini-3-flash"),
        ("tunedModels/mine-7", "tunedModels/mine-7"),
        ("my model/../x?y#z", "models/my%20model%2F..%2Fx%3Fy%23z"),
        ("models/../x", "models/..%2Fx"),
        ("ü", "models/%C3%BC"),
    ],
)
def test_the_path_names_the_model(model: str, name: str) -> None:
    """Whatever its name holds; streams are asked for as server-sent events."""
    assert path(model, stream=False) == f"/{name}:generateContent"
    assert path(model, stream=True) == f"/{name}:streamGenerateContent?alt=sse"


def test_the_key_is_a_header_of_its_own() -> None:
    """And never in the URL."""
    assert headers("secret") == {"x-goog-api-key": "secret"}


def test_no_media_goes_by_url() -> None:
    """All of it is fetched and sent as data."""
    assert not BY_URL


@pytest.mark.parametrize(
    ("setting", "value", "key"),
    [
        ("temperature", 0.0, "temperature"),
        ("top_p", 0.5, "topP"),
        ("top_k", 3, "topK"),
        ("max_output_tokens", 7, "maxOutputTokens"),
        ("stop", ["\n"], "stopSequences"),
        ("seed", 0, "seed"),
        ("n", 2, "candidateCount"),
        ("presence_penalty", -1.0, "presencePenalty"),
        ("frequency_penalty", 1.0, "frequencyPenalty"),
    ],
)
def test_each_setting_has_its_key(setting: str, value: JsonValue, key: str) -> None:
    """A zero is a value too; what is null is left out."""
    assert sent({setting: value}) == {"contents": CONTENTS, "generationConfig": {key: value}}


@pytest.mark.parametrize("settings", [{"prompt_caching": "5m"}, {"parallel_tool_calls": True}, {}])
def test_what_gemini_does_by_itself_is_not_asked_for(settings: JsonObject) -> None:
    """It caches by prefix, and calls tools in parallel."""
    assert sent(settings) == {"contents": CONTENTS}


def test_what_gemini_cannot_do_is_refused() -> None:
    """Before the call, by name; also what a compatible server is known not to do."""
    with pytest.raises(CannotExpress, match="parallel_tool_calls"):
        sent({"parallel_tool_calls": False})
    with pytest.raises(CannotExpress, match=r"g has no settings.seed"):
        sent({"seed": 1}, replace(CALL, quirks=Quirks(refuses=frozenset({"seed"}))))


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "minimal", {"thinkingBudget": 128, "includeThoughts": True}),
        ("models/gemini-2.5-pro", "low", {"thinkingBudget": 2048, "includeThoughts": True}),
        ("gemini-2.5-pro", "medium", {"thinkingBudget": 8192, "includeThoughts": True}),
        ("gemini-2.5-pro", "high", {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-pro", "xhigh", {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-pro", "max", {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-3-flash", "none", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-flash", "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-3-flash", "low", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3-flash", "medium", {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("gemini-3-flash", "high", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-3-flash", "xhigh", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-3-flash", "max", {"thinkingLevel": "HIGH", "includeThoughts": True}),
    ],
)
def test_effort_is_a_budget_or_a_level(model: str, effort: str, thinking: JsonObject) -> None:
    """By the model's generation; thoughts are asked for wherever there are to be some."""
    assert sent({"reasoning_effort": effort}, replace(CALL, model=model))["generationConfig"] == {
        "thinkingConfig": thinking
    }


def test_a_schema_asks_for_json() -> None:
    """The schema goes as it is."""
    schema: JsonObject = {"type": "object", "$defs": {"a": {}}}

    assert sent(None, replace(CALL, output_schema=schema))["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
    }


def test_tools_are_function_declarations() -> None:
    """With their JSON Schema; an empty description is none."""
    bare = Tool(name="g")

    assert sent(None, replace(CALL, tools=[TOOL, bare])) == {
        "contents": CONTENTS,
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "f", "description": "does f", "parametersJsonSchema": {"type": "object"}},
                    {"name": "g", "parametersJsonSchema": {"type": "object", "properties": {}}},
                ]
            }
        ],
    }


@pytest.mark.parametrize(
    ("choice", "strict", "config"),
    [
        (None, False, None),
        ("auto", False, {"mode": "AUTO"}),
        ("none", False, {"mode": "NONE"}),
        ("required", False, {"mode": "ANY"}),
        ({"name": "f"}, False, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (None, True, {"mode": "VALIDATED"}),
        ("auto", True, {"mode": "VALIDATED"}),
        ("none", True, {"mode": "NONE"}),
        ("required", True, {"mode": "ANY"}),
        ({"name": "f"}, True, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_the_tool_choice_is_a_mode(choice: JsonValue, strict: bool, config: JsonValue) -> None:
    """Strict arguments are one too, where the other modes do not hold to the schema anyway."""
    tool = TOOL.model_copy(update={"strict": strict})
    got = sent({"tool_choice": choice}, replace(CALL, tools=[tool]))

    assert got.get("toolConfig") == (None if config is None else {"functionCallingConfig": config})


def test_system_words_are_the_system_instruction() -> None:
    """Those between the messages too."""
    messages = [Message(role="system", parts=[TextPart(text="b")]), ASKED]

    assert sent(None, replace(CALL, system="a", messages=messages)) == {
        "contents": CONTENTS,
        "systemInstruction": {"parts": [{"text": "a"}, {"text": "b"}]},
    }


def test_a_paused_answer_goes_on_by_its_token() -> None:
    """The same request again, with the token and without the answer so far."""
    paused = Message(role="assistant", parts=[TextPart(text="a", provider_data={"g": {"continuationToken": "t"}})])

    assert sent(None, replace(CALL, messages=[ASKED, paused])) == {"contents": CONTENTS, "continuationToken": "t"}


def test_extra_is_laid_over_the_body() -> None:
    """Keys of the two configurations one by one, tools after ours, the rest as it is."""
    extra: JsonObject = {
        "generationConfig": {"seed": 9, "thinkingConfig": {"includeThoughts": False}, "responseModalities": ["IMAGE"]},
        "toolConfig": {"functionCallingConfig": {"streamFunctionCallArguments": True}},
        "tools": [{"googleSearch": {}}],
        "safetySettings": [],
        "stream": True,
    }

    settings: JsonObject = {"seed": 1, "temperature": 0.5, "reasoning_effort": "low", "tool_choice": "auto"}
    got = sent(settings, replace(CALL, tools=[TOOL], extra=extra))
    assert got["generationConfig"] == {
        "seed": 9,
        "temperature": 0.5,
        "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": False},
        "responseModalities": ["IMAGE"],
    }
    assert got["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO", "streamFunctionCallArguments": True}}
    assert isinstance(got["tools"], list)
    assert got["tools"][1:] == [{"googleSearch": {}}]
    assert got["safetySettings"] == []
    assert "stream" not in got


_CALLS = st.builds(
    Call,
    model=st.sampled_from(["gemini-3-flash", "gemini-2.5-pro"]),
    messages=st.lists(st.builds(Message, role=st.just("user"), parts=st.lists(st.builds(TextPart, text=texts())))),
    system=st.none() | texts(),
    tools=st.sampled_from([[], [TOOL]]),
    output_schema=st.none() | st.just({"type": "object"}),
    settings=st.builds(
        GenerationSettings,
        temperature=st.none() | st.floats(0, 2),
        top_k=st.none() | st.integers(1, 99),
        stop=st.none() | st.lists(texts(), max_size=2),
        n=st.none() | st.integers(1, 8),
        reasoning_effort=st.none() | st.sampled_from(["none", "low", "max"]),
        tool_choice=st.none() | st.sampled_from(["auto", "none", "required"]),
    ),
    extra=st.dictionaries(
        st.sampled_from(["stream", "generationConfig", "tools", "custom"]), json_values(), max_size=3
    ),
)


@given(_CALLS)
def test_streamed_or_not_the_body_is_the_same(call: Call) -> None:
    """The path alone tells."""
    assert body(call, stream=True) == body(call, stream=False)


@given(_CALLS)
def test_the_sdk_knows_all_of_it(call: Call) -> None:
    """Every key and every value is one of Google's own client, where `extra` adds none."""
    sent_body = body(replace(call, extra={}), stream=True)

    types.GenerationConfig.model_validate(sent_body.get("generationConfig", {}))
    types.ToolConfig.model_validate(sent_body.get("toolConfig", {}))
    for tool in _list(sent_body.get("tools")):
        types.Tool.model_validate(tool)
    for content in [*_list(sent_body["contents"]), sent_body.get("systemInstruction", {})]:
        types.Content.model_validate(content)


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def test_keys_go_by_the_names_that_the_server_has_for_them() -> None:
    """As on every wire."""
    call = replace(CALL, system="s", quirks=Quirks(renames={"systemInstruction": "system_instruction"}))

    assert sent(call=call) == {"contents": CONTENTS, "system_instruction": {"parts": [{"text": "s"}]}}
