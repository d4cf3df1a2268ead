import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.contracts import GenerationSettings, NamedTool, Tool
from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import Message, TextPart
from streaming.providers.openai_responses import BY_URL, body, headers, path
from streaming.providers.wire import Call, Quirks
from tests.strategies import json_values, texts

BASE: JsonObject = {"model": "m", "input": [], "store": False, "include": ["reasoning.encrypted_content"]}
CLOSED: JsonObject = {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}
_STREAM_KEYS = {"stream", "stream_options"}

_CALLS = st.builds(
    Call,
    model=texts(),
    messages=st.lists(st.builds(Message, role=st.just("user"), parts=st.lists(st.builds(TextPart, text=texts())))),
    system=st.none() | texts(),
    output_schema=st.none() | st.just(CLOSED),
    settings=st.builds(
        GenerationSettings,
        temperature=st.none() | st.floats(0, 2),
        top_p=st.none() | st.floats(0, 1),
        max_output_tokens=st.none() | st.integers(1),
        reasoning_effort=st.none() | st.sampled_from(["none", "low", "max"]),
        parallel_tool_calls=st.none() | st.booleans(),
    ),
    extra=st.dictionaries(
        st.sampled_from(["stream", "stream_options", "model", "store", "include", "reasoning", "text", "custom"]),
        json_values(),
        max_size=4,
    ),
)


def made(settings: GenerationSettings | None = None, **call: object) -> JsonObject:
    """Return what a call's unary body says beside what every body says."""
    given = Call(model="m", messages=[], settings=settings or GenerationSettings(), **call)  # type: ignore[arg-type]
    result = body(given, stream=False)
    return {key: value for key, value in result.items() if key not in BASE or value != BASE[key]}


@given(_CALLS)
def test_streaming_and_unary_bodies_differ_in_stream_keys_only(call: Call) -> None:
    """And the unary body has none of them, whatever `extra` says."""
    streaming, unary = body(call, stream=True), body(call, stream=False)

    assert unary == {key: value for key, value in streaming.items() if key not in _STREAM_KEYS}
    assert streaming["stream"] is True
    assert unary.keys().isdisjoint(_STREAM_KEYS)


@given(_CALLS)
def test_extra_wins_over_everything_else(call: Call) -> None:
    """Its keys are in the body as they are, and where both say something of one object, each of its fields."""
    result = body(call, stream=True)

    for key, value in call.extra.items():
        if isinstance(value, dict) and key in ("reasoning", "text"):
            told = result[key]
            assert isinstance(told, dict)
            assert told | value == told
        elif key != "stream":
            assert value == result[key]


def test_nothing_is_stored_with_the_provider() -> None:
    """Its encrypted thoughts come with its answer, and go back with the conversation."""
    assert body(Call(model="m", messages=[]), stream=False) == BASE
    stored = body(Call(model="m", messages=[], extra={"store": True, "include": []}), stream=False)
    assert (stored["store"], stored["include"]) == (True, [])


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("gpt-3.5-turbo", False),
        ("gpt-4o-mini", False),
        ("gpt-4.1", False),
        ("openai/gpt-4o", False),
        ("chatgpt-4o-latest", False),
        ("gpt-5-chat-latest", False),
        ("gpt-5.1-chat-latest", False),
        ("gpt-5", True),
        ("gpt-5.5-pro", True),
        ("openai/gpt-oss-120b", True),
        ("o4-mini", True),
        ("my-deployment", True),
    ],
)
def test_models_that_never_think_are_not_asked_for_thoughts(model: str, thinks: bool) -> None:
    """They refuse the whole request for it."""
    assert ("include" in body(Call(model=model, messages=[]), stream=False)) is thinks


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("temperature", 0.0, {"temperature": 0.0}),
        ("top_p", 0.5, {"top_p": 0.5}),
        ("max_output_tokens", 7, {"max_output_tokens": 7}),
        ("parallel_tool_calls", False, {"parallel_tool_calls": False}),
        ("reasoning_effort", "low", {"reasoning": {"effort": "low"}}),
        ("tool_choice", "required", {"tool_choice": "required"}),
        ("tool_choice", {"name": "f"}, {"tool_choice": {"type": "function", "name": "f"}}),
        ("n", 1, {}),
        ("prompt_caching", "5m", {}),
    ],
)
def test_each_setting_has_its_words(setting: str, value: JsonValue, told: JsonObject) -> None:
    """A zero is a value too; one answer is what it gives, and it caches by itself."""
    assert told == made(GenerationSettings.model_validate({setting: value}))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("stop", ["x"]),
        ("seed", 0),
        ("n", 2),
        ("presence_penalty", 0.0),
        ("frequency_penalty", 0.0),
        ("top_k", 1),
    ],
)
def test_settings_without_words_are_refused_by_name(setting: str, value: JsonValue) -> None:
    """Rather than left out."""
    with pytest.raises(CannotExpress, match=rf"settings\.{setting}"):
        made(GenerationSettings.model_validate({setting: value}))


def test_no_setting_is_forgotten() -> None:
    """Each field of the settings is told, refused, or known to need no word."""
    told = {"temperature", "top_p", "max_output_tokens", "parallel_tool_calls", "reasoning_effort", "tool_choice"}
    refused = {"stop", "seed", "n", "presence_penalty", "frequency_penalty", "top_k"}

    assert set(GenerationSettings.model_fields) == told | refused | {"prompt_caching", "extra"}


def test_a_compatible_servers_quirks_count() -> None:
    """Its names for our keys, and what it cannot do."""
    settings = GenerationSettings(max_output_tokens=7)
    assert made(settings, quirks=Quirks(renames={"max_output_tokens": "max_tokens"})) == {"max_tokens": 7}
    with pytest.raises(CannotExpress, match=r"settings\.max_output_tokens"):
        made(settings, quirks=Quirks(refuses=frozenset({"max_output_tokens"})))


def test_the_system_prompt_is_the_instructions() -> None:
    """Even an empty one, where it was given."""
    assert made(system="") == {"instructions": ""}


def test_tools_are_strict_only_where_that_was_asked_for() -> None:
    """This endpoint takes silence for yes; the provider's own tools come after."""
    plain = Tool(name="f")
    strict = Tool(name="g", description="d", input_schema=CLOSED, strict=True)

    assert made(tools=[plain, strict], extra={"tools": [{"type": "web_search"}]}) == {
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False},
            {"type": "function", "name": "g", "description": "d", "parameters": CLOSED, "strict": True},
            {"type": "web_search"},
        ]
    }
    assert made(GenerationSettings(tool_choice=NamedTool(name="f")), tools=[plain])["tool_choice"] == {
        "type": "function",
        "name": "f",
    }


def test_what_is_made_in_the_background_is_stored() -> None:
    """It is refused otherwise."""
    asked = body(Call("m", [], background=True), stream=True)

    assert {key: asked[key] for key in ("background", "store", "stream")} == dict.fromkeys(
        ("background", "store", "stream"), True
    )
    assert "background" not in body(Call("m", []), stream=True)


@pytest.mark.parametrize(("schema", "strict"), [(CLOSED, True), ({"type": "object"}, False)])
def test_a_schema_is_the_texts_format(schema: JsonObject, strict: bool) -> None:
    """Strict where strict mode takes it; `extra` may say more of the text."""
    form: JsonObject = {"type": "json_schema", "name": "output", "schema": schema, "strict": strict}

    assert made(output_schema=schema) == {"text": {"format": form}}
    assert made(output_schema=schema, extra={"text": {"verbosity": "low"}}) == {
        "text": {"format": form, "verbosity": "low"}
    }


def test_summaries_are_asked_for_beside_the_effort() -> None:
    """Neither of the two loses the other."""
    settings = GenerationSettings(reasoning_effort="high")

    assert made(settings, extra={"reasoning": {"summary": "auto"}}) == {
        "reasoning": {"effort": "high", "summary": "auto"}
    }


def test_the_endpoint_takes_the_key_as_a_bearer() -> None:
    """And none where there is none; images and files it fetches itself."""
    assert path("m", stream=True) == path("m", stream=False) == "/responses"
    assert headers("sk-1") == {"Authorization": "Bearer sk-1"}
    assert headers("") == {}
    assert {"image", "file"} == BY_URL
