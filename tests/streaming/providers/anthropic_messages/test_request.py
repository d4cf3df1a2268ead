import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.contracts import GenerationSettings, Tool
from streaming.errors import CannotExpress
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import Message, TextPart
from streaming.providers.anthropic_messages import body, headers, path
from streaming.providers.anthropic_messages.request import DEFAULT_MAX_TOKENS
from streaming.providers.wire import Call, Quirks
from tests.strategies import json_values, texts

HI: JsonObject = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
PLAIN: JsonObject = {"model": "m", "max_tokens": DEFAULT_MAX_TOKENS, "messages": [HI]}
TOOL = Tool(name="f", description="d", input_schema={"type": "object"}, strict=True)
SCHEMA: JsonObject = {"type": "object", "properties": {}, "additionalProperties": False}


def call(settings: JsonObject | None = None, **more: object) -> Call:
    """Return a call that says hi."""
    given = GenerationSettings.model_validate(settings or {})
    made = {"model": "m", "messages": [Message(role="user", parts=[TextPart(text="hi")])], "settings": given} | more
    return Call(**made)  # type: ignore[arg-type]


_SETTINGS = st.builds(
    GenerationSettings,
    temperature=st.none() | st.floats(0, 1),
    top_p=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(1),
    max_output_tokens=st.none() | st.integers(1),
    stop=st.none() | st.lists(texts(), max_size=2),
    n=st.none() | st.just(1),
    reasoning_effort=st.none() | st.sampled_from(["none", "low", "max"]),
    parallel_tool_calls=st.none() | st.booleans(),
    prompt_caching=st.none() | st.sampled_from(["5m", "1h"]),
)
_CALLS = st.builds(
    Call,
    model=texts(),
    messages=st.lists(st.builds(Message, role=st.just("user"), parts=st.lists(st.builds(TextPart, text=texts())))),
    system=st.none() | texts(),
    tools=st.sampled_from([[], [TOOL]]),
    settings=_SETTINGS,
    extra=st.dictionaries(st.sampled_from(["stream", "model", "metadata", "thinking"]), json_values(), max_size=3),
)


@given(_CALLS)
def test_streaming_and_unary_bodies_differ_in_stream_only(call: Call) -> None:
    """And the unary body has no such key, whatever `extra` says."""
    streaming, unary = body(call, stream=True), body(call, stream=False)

    assert streaming == unary | {"stream": True}
    assert "stream" not in unary


@given(_CALLS)
def test_extra_wins_over_everything_else(call: Call) -> None:
    """Its keys are in the body as they are."""
    result = body(call, stream=True)

    assert all(result[key] == value for key, value in call.extra.items() if key != "stream")


def test_the_endpoint_takes_the_key_and_a_pinned_version() -> None:
    """The newest version would refuse sampling settings."""
    assert path("m", stream=True) == path("m", stream=False) == "/messages"
    assert headers("sk-1") == {"x-api-key": "sk-1", "anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, {}),
        ({"temperature": 0.0}, {"temperature": 0.0}),
        ({"temperature": 1.0}, {"temperature": 1.0}),
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"top_k": 3}, {"top_k": 3}),
        ({"max_output_tokens": 7}, {"max_tokens": 7}),
        ({"stop": ["\n"]}, {"stop_sequences": ["\n"]}),
        ({"n": 1}, {}),
        ({"prompt_caching": "1h"}, {"cache_control": {"type": "ephemeral", "ttl": "1h"}}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        *(
            ({"reasoning_effort": ours}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": theirs}})
            for ours, theirs in [
                ("minimal", "low"),
                *((word, word) for word in ("low", "medium", "high", "xhigh", "max")),
            ]
        ),
        ({"parallel_tool_calls": False}, {}),
        ({"tool_choice": "auto"}, {"tool_choice": {"type": "auto"}}),
    ],
)
def test_each_setting_has_its_words(settings: JsonObject, said: JsonObject) -> None:
    """A zero is a value too; what is null is left out, but for the number of tokens that the wire wants."""
    assert body(call(settings), stream=False) == PLAIN | said


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"seed": 0}, r"settings\.seed"),
        ({"presence_penalty": 0.0}, r"settings\.presence_penalty"),
        ({"frequency_penalty": 0.5, "seed": 1}, r"settings\.frequency_penalty, settings\.seed"),
        ({"n": 2}, r"settings\.n"),
        ({"temperature": 1.1}, r"settings\.temperature"),
    ],
)
def test_a_setting_without_words_is_refused_by_name(settings: JsonObject, named: str) -> None:
    """Rather than left out."""
    with pytest.raises(CannotExpress, match=f"Anthropic Messages.*{named}"):
        body(call(settings), stream=False)


def test_a_server_may_name_a_key_otherwise() -> None:
    """Its preset says how; `extra` is its own words already."""
    quirks = Quirks(renames={"stop_sequences": "stop"})

    assert body(call({"stop": ["a"]}, quirks=quirks), stream=False) == PLAIN | {"stop": ["a"]}


def test_a_server_may_refuse_more() -> None:
    """Its preset names what."""
    with pytest.raises(CannotExpress, match=r"settings\.top_k"):
        body(call({"top_k": 1}, quirks=Quirks(refuses=frozenset({"top_k"}))), stream=False)


def test_no_setting_is_forgotten() -> None:
    """Each field of the settings is said, refused, or put into the call by others."""
    said = {"temperature", "top_p", "top_k", "max_output_tokens", "stop", "reasoning_effort"}
    said |= {"tool_choice", "parallel_tool_calls", "prompt_caching"}

    assert set(GenerationSettings.model_fields) == said | {
        "seed",
        "n",
        "presence_penalty",
        "frequency_penalty",
        "extra",
    }


@pytest.mark.parametrize(
    ("settings", "choice"),
    [
        ({}, None),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"tool_choice": {"name": "f"}}, {"type": "tool", "name": "f"}),
        (
            {"tool_choice": {"name": "f"}, "parallel_tool_calls": False},
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_tools_and_which_of_them(settings: JsonObject, choice: JsonValue) -> None:
    """One at a time is part of the choice."""
    result = body(call(settings, tools=[TOOL, Tool(name="g")]), stream=False)

    assert result["tools"] == [
        {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert result.get("tool_choice") == choice


def test_the_providers_own_tools_stand_beside_ours() -> None:
    """And may be held to one at a time as well."""
    search: JsonObject = {"type": "web_search_20250305", "name": "web_search"}
    both = body(call(tools=[TOOL], extra={"tools": [search]}), stream=False)["tools"]
    alone = body(call({"parallel_tool_calls": False}, extra={"tools": [search]}), stream=False)

    assert isinstance(both, list)
    assert both[1:] == [search]
    assert alone["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_the_form_of_the_answer_and_the_effort_are_said_together() -> None:
    """Neither wipes the other."""
    form: JsonObject = {"type": "json_schema", "schema": SCHEMA}

    assert body(call(output_schema=SCHEMA), stream=False) == PLAIN | {"output_config": {"format": form}}
    both = body(call({"reasoning_effort": "high"}, output_schema=SCHEMA), stream=False)
    assert both["output_config"] == {"effort": "high", "format": form}
    none = body(call({"reasoning_effort": "none"}, output_schema=SCHEMA), stream=False)
    assert none["output_config"] == {"format": form}


def test_the_system_prompt_stands_at_the_top() -> None:
    """With the system messages behind it; an empty one is none."""
    late = [Message(role="system", parts=[TextPart(text="b"), TextPart(text="c")]), Message(role="system", parts=[])]

    assert body(call(system="a"), stream=False) == PLAIN | {"system": "a"}
    assert body(call(system=" "), stream=False) == PLAIN
    hoisted = body(call(system="a", messages=[*call().messages, *late]), stream=False)
    assert hoisted == PLAIN | {"system": "a\n\nbc"}
