import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.contracts import GenerationSettings, NamedTool, Tool
from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import Message, TextPart
from streaming.providers.openai_chat import body, headers, path
from streaming.providers.wire import Call, Quirks
from tests.strategies import json_values, texts


def asked(call: Call) -> JsonObject:
    """Return a unary body without what every body has."""
    return {key: value for key, value in body(call, stream=False).items() if key not in ("model", "messages")}


_SETTINGS = st.builds(
    GenerationSettings,
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    max_output_tokens=st.none() | st.integers(1),
    stop=st.none() | st.lists(texts(), max_size=2),
    seed=st.none() | st.integers(),
    n=st.none() | st.integers(1, 128),
    presence_penalty=st.none() | st.floats(-2, 2),
    frequency_penalty=st.none() | st.floats(-2, 2),
    reasoning_effort=st.none() | st.sampled_from(["none", "low", "max"]),
)
_CALLS = st.builds(
    Call,
    model=texts(),
    messages=st.lists(st.builds(Message, role=st.just("user"), parts=st.lists(st.builds(TextPart, text=texts())))),
    system=st.none() | texts(),
    settings=_SETTINGS,
    extra=st.dictionaries(
        st.sampled_from(["stream", "stream_options", "model", "seed", "custom"]), json_values(), max_size=3
    ),
    quirks=st.builds(Quirks, no_stream_options=st.booleans()),
)


@given(_CALLS)
def test_streaming_and_unary_bodies_differ_in_stream_keys_only(call: Call) -> None:
    """And the unary body has none of them, whatever `extra` says."""
    streaming, unary = body(call, stream=True), body(call, stream=False)

    assert unary == {key: value for key, value in streaming.items() if key not in ("stream", "stream_options")}
    assert streaming["stream"] is True
    assert unary.keys().isdisjoint({"stream", "stream_options"})


@given(_CALLS)
def test_usage_is_asked_for_unless_the_server_refuses_that(call: Call) -> None:
    """It is the only word that a stream has about it."""
    options = body(call, stream=True).get("stream_options")

    if call.quirks.no_stream_options:
        assert options is None or options == call.extra["stream_options"]
    else:
        assert isinstance(options, dict)
        assert options["include_usage"] is True


@given(_CALLS)
def test_extra_wins_over_everything_else(call: Call) -> None:
    """Its keys are in the body as they are."""
    result = body(call, stream=True)

    for key, value in call.extra.items():
        if key not in ("stream", "stream_options"):
            assert value == result[key]


def test_stream_options_may_say_more() -> None:
    """Padding can be turned off without losing usage."""
    call = Call(
        model="m", messages=[], extra={"stream_options": {"include_obfuscation": False, "include_usage": False}}
    )

    assert body(call, stream=True)["stream_options"] == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize(
    ("setting", "value", "key"),
    [
        ("temperature", 0.0, "temperature"),
        ("top_p", 0.5, "top_p"),
        ("max_output_tokens", 7, "max_completion_tokens"),
        ("stop", ["\n"], "stop"),
        ("seed", 0, "seed"),
        ("n", 2, "n"),
        ("presence_penalty", -1.0, "presence_penalty"),
        ("frequency_penalty", 1.0, "frequency_penalty"),
        ("reasoning_effort", "low", "reasoning_effort"),
        ("parallel_tool_calls", False, "parallel_tool_calls"),
        ("tool_choice", "auto", "tool_choice"),
        ("tool_choice", "none", "tool_choice"),
        ("tool_choice", "required", "tool_choice"),
    ],
)
def test_each_setting_has_its_key(setting: str, value: JsonValue, key: str) -> None:
    """A zero is a value too; what is null is left out."""
    settings = GenerationSettings.model_validate({setting: value})

    assert asked(Call(model="m", messages=[], settings=settings)) == {key: value}


def test_no_setting_is_forgotten() -> None:
    """Each field of the settings changes the body, but for the cache: who speaks this wire caches by itself."""
    every: JsonObject = {
        "temperature": 1,
        "top_p": 1,
        "top_k": 1,
        "max_output_tokens": 1,
        "stop": [],
        "seed": 1,
        "n": 1,
        "presence_penalty": 1,
        "frequency_penalty": 1,
        "reasoning_effort": "low",
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "prompt_caching": "5m",
    }
    quirks = Quirks(renames={"top_k": "top_k"})
    call = Call(model="m", messages=[], settings=GenerationSettings.model_validate(every), quirks=quirks)

    assert set(GenerationSettings.model_fields) == every.keys() | {"extra"}
    assert len(asked(call)) == len(every) - 1


def test_a_server_may_call_a_key_otherwise() -> None:
    """Mistral's seed; and a key that OpenAI does not have is sent to a server that has a name for it."""
    settings = GenerationSettings(seed=1, max_output_tokens=2, top_k=3)
    quirks = Quirks(renames={"seed": "random_seed", "max_completion_tokens": "max_tokens", "top_k": "k"})

    assert asked(Call(model="m", messages=[], settings=settings, quirks=quirks)) == {
        "random_seed": 1,
        "max_tokens": 2,
        "k": 3,
    }


@pytest.mark.parametrize(
    ("quirks", "told"),
    [
        (Quirks(), r"^mill has no settings\.top_k$"),
        (Quirks(refuses=frozenset({"seed", "n"})), r"^mill has no settings\.seed, settings\.top_k$"),
        (Quirks(refuses=frozenset({"seed"}), renames={"top_k": "top_k"}), r"^mill has no settings\.seed$"),
    ],
)
def test_what_a_server_cannot_do_is_refused_by_name(quirks: Quirks, told: str) -> None:
    """The setting and the server, before anything is sent."""
    call = Call(model="m", messages=[], provider="mill", settings=GenerationSettings(top_k=1, seed=1), quirks=quirks)

    with pytest.raises(CannotExpress, match=told):
        body(call, stream=True)


def test_the_endpoint_takes_the_key_as_a_bearer() -> None:
    """And nothing else; a server without keys gets no header."""
    assert path("m", stream=True) == path("m", stream=False) == "/chat/completions"
    assert headers("sk-1") == {"Authorization": "Bearer sk-1"}
    assert headers("") == {}


# -- tools


def test_tools_are_functions() -> None:
    """What a tool does not say is left out; tools of `extra`, which the provider runs, come after ours."""
    schema: JsonObject = {"type": "object", "properties": {"a": {}}}
    call = Call(
        model="m",
        messages=[],
        tools=[Tool(name="f", description="d", input_schema=schema, strict=True), Tool(name="g")],
        extra={"tools": [{"type": "web_search"}]},
    )

    assert asked(call) == {
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": schema, "strict": True},
            },
            {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}},
            {"type": "web_search"},
        ]
    }


def test_one_tool_can_be_demanded() -> None:
    """By its name."""
    settings = GenerationSettings(tool_choice=NamedTool(name="f"))

    assert asked(Call(model="m", messages=[], settings=settings)) == {
        "tool_choice": {"type": "function", "function": {"name": "f"}}
    }


# -- structured output

OPEN: JsonObject = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED: JsonObject = OPEN | {"required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(("schema", "strict"), [(OPEN, False), (CLOSED, True)])
def test_a_schema_is_held_to_strictly_where_it_can_be(schema: JsonObject, strict: bool) -> None:
    """OpenAI refuses strict mode for a schema that does not keep its rules."""
    named: JsonObject = {"name": "output", "schema": schema, "strict": strict}

    assert {"response_format": {"type": "json_schema", "json_schema": named}} == asked(
        Call(model="m", messages=[], output_schema=schema)
    )


@pytest.mark.parametrize(("system", "begins"), [("Be brief.", "Be brief.\n\nAnswer with"), (None, "Answer with")])
def test_a_server_that_knows_no_schema_is_told_it_in_words(system: str | None, begins: str) -> None:
    """In the one system message; JSON mode keeps the answer JSON."""
    quirks = Quirks(json_object_only=True)
    call = Call(model="m", messages=[], system=system, output_schema=OPEN, quirks=quirks)
    (message,) = json_list(body(call, stream=False)["messages"])

    assert asked(call) == {"response_format": {"type": "json_object"}}
    assert isinstance(message, dict)
    assert message["role"] == "system"
    assert str(message["content"]).startswith(begins)
    assert str(message["content"]).endswith('{"type":"object","properties":{"a":{"type":"string"}}}')


def json_list(value: JsonValue) -> list[JsonValue]:
    """Return the list that a value is."""
    assert isinstance(value, list)
    return value
