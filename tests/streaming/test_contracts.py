import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.contracts import GenerationSettings, Limits, TurnInput, parse_turn
from streaming.errors import InvalidTurn
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import Message, TextPart
from tests.strategies import json_values, texts

HELLO: JsonValue = [{"role": "user", "content": "hello"}]


def problems(turn: object) -> list[tuple[str, str]]:
    """Return what is wrong with a turn."""
    with pytest.raises(InvalidTurn) as refused:
        parse_turn(turn if isinstance(turn, bytes) else json.dumps(turn).encode())
    return refused.value.problems


def with_part(part: JsonValue) -> JsonObject:
    """Return a turn whose second message has this part first."""
    return {"messages": [{"role": "user", "content": "a"}, {"role": "user", "parts": [part]}]}


def test_messages_are_all_that_a_turn_needs() -> None:
    """Everything else has a default."""
    turn = parse_turn(json.dumps({"messages": HELLO}).encode())

    assert TurnInput(messages=[Message(role="user", parts=[TextPart(text="hello")])]) == turn
    assert (Limits(), GenerationSettings(), "default", False) == (
        turn.limits,
        turn.settings,
        turn.route,
        turn.include_raw,
    )


@pytest.mark.parametrize(
    ("turn", "field", "reason"),
    [
        ({}, "messages", "Field required"),
        ({"messages": []}, "messages", "at least 1 item"),
        ({"messages": [{"role": "user", "parts": []}]}, "messages", "no message has any part"),
        ({"messages": None}, "messages", "valid array"),
        ({"messages": "hello"}, "messages", "valid array"),
        ({"messages": ["hello"]}, "messages.0", "should be an object"),
        ({"messages": [{"content": "a"}]}, "messages.0.role", "Field required"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages.0.role", "'user'"),
        ({"messages": [{"role": "user"}]}, "messages.0.parts", "Field required"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.parts", "valid array"),
        ({"messages": [{"role": "user", "content": "a", "parts": []}]}, "messages.0", "content or parts, not both"),
        ({"messages": [{"role": "user", "content": "a", "name": "n"}]}, "messages.0.name", "unknown key"),
        ({"messages": HELLO, "tools": [{"name": "a b"}]}, "tools.0.name", "pattern"),
        ({"messages": HELLO, "tools": [{"name": "a"}, {"name": "a"}]}, "tools.1.name", "another tool is named 'a'"),
        ({"messages": HELLO, "tools": [{"name": "a", "input_schema": []}]}, "tools.0.input_schema", "an object"),
        ({"messages": HELLO, "output_schema": []}, "output_schema", "an object"),
        ({"messages": HELLO, "settings": {"tool_choice": "some"}}, "settings.tool_choice", "'required'"),
        ({"messages": HELLO, "settings": {"tool_choice": {"name": "a", "n": 1}}}, "settings.tool_choice.n", "unknown"),
        ({"messages": HELLO, "settings": {"tool_choice": {"name": "a"}}}, "settings.tool_choice.name", "no tool is"),
        ({"messages": HELLO, "settings": {"prompt_caching": "2h"}}, "settings.prompt_caching", "'1h'"),
        (with_part({"text": "a"}), "messages.1.parts.0", "discriminator 'type'"),
        (with_part({"type": "smell"}), "messages.1.parts.0", "'smell'"),
        (with_part({"type": "text"}), "messages.1.parts.0.text", "Field required"),
        (with_part({"type": "text", "text": 5}), "messages.1.parts.0.text", "valid string"),
        (with_part({"type": "text", "text": "a", "texd": 1}), "messages.1.parts.0.texd", "unknown key"),
        (with_part({"type": "image"}), "messages.1.parts.0", "exactly one of data"),
        (
            with_part({"type": "tool_result", "tool_call_id": "a", "content": [{"type": "text", "text": 5}]}),
            "messages.1.parts.0.content.0.text",
            "valid string",
        ),
        (
            with_part({"type": "tool_result", "tool_call_id": "a", "content": [{"type": "file", "x": 1, "url": "u"}]}),
            "messages.1.parts.0.content.0.x",
            "unknown key",
        ),
        ({"messages": HELLO, "mesages": []}, "mesages", "unknown key"),
        ({"messages": HELLO, "system": 5}, "system", "valid string"),
        ({"messages": HELLO, "route": None}, "route", "valid string"),
        ({"messages": HELLO, "include_raw": "yes"}, "include_raw", "valid boolean"),
        ({"messages": HELLO, "include_raw": 1}, "include_raw", "valid boolean"),
        ({"messages": HELLO, "limits": {"ilde_s": 3}}, "limits.ilde_s", "unknown key"),
        ({"messages": HELLO, "limits": {"idle_s": 0}}, "limits.idle_s", "greater than 0"),
        ({"messages": HELLO, "limits": {"total_s": 90_000}}, "limits.total_s", "less than or equal to 86400"),
        ({"messages": HELLO, "limits": {"try_s": "10"}}, "limits.try_s", "valid number"),
        ({"messages": HELLO, "limits": {"stall_s": True}}, "limits.stall_s", "valid number"),
        ({"messages": HELLO, "limits": {"heartbeat_s": 0.5}}, "limits.heartbeat_s", "greater than or equal to 1"),
        ({"messages": HELLO, "limits": None}, "limits", "should be an object"),
        ({"messages": HELLO, "settings": []}, "settings", "should be an object"),
        ({"messages": HELLO, "settings": {"temperatur": 1}}, "settings.temperatur", "unknown key"),
        ({"messages": HELLO, "settings": {"temperature": 3}}, "settings.temperature", "less than or equal to 2"),
        ({"messages": HELLO, "settings": {"temperature": "0.2"}}, "settings.temperature", "valid number"),
        ({"messages": HELLO, "settings": {"n": 0}}, "settings.n", "greater than or equal to 1"),
        ({"messages": HELLO, "settings": {"n": True}}, "settings.n", "valid integer"),
        ({"messages": HELLO, "settings": {"max_output_tokens": 1.5}}, "settings.max_output_tokens", "valid integer"),
        ({"messages": HELLO, "settings": {"stop": "a"}}, "settings.stop", "valid array"),
        ({"messages": HELLO, "settings": {"stop": [1]}}, "settings.stop.0", "valid string"),
        ({"messages": HELLO, "settings": {"reasoning_effort": "huge"}}, "settings.reasoning_effort", "'minimal'"),
        ({"messages": HELLO, "settings": {"extra": {"openai": 3}}}, "settings.extra.openai", "should be an object"),
        ({"messages": HELLO, "metadata": []}, "metadata", "should be an object"),
    ],
)
def test_each_wrong_field_is_named_with_its_reason(turn: object, field: str, reason: str) -> None:
    """The path is the user's own JSON's, with no name of a Python type in it."""
    [(named, why)] = problems(turn)

    assert field == named
    assert reason in why


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
@pytest.mark.parametrize(
    ("field", "turn"),
    [
        ("metadata", b'{"messages":[{"role":"user","content":"a"}],"metadata":{"a":[%s]}}'),
        ("settings.extra", b'{"messages":[{"role":"user","content":"a"}],"settings":{"extra":{"p":{"a":%s}}}}'),
        ("settings.temperature", b'{"messages":[{"role":"user","content":"a"}],"settings":{"temperature":%s}}'),
        ("limits.idle_s", b'{"messages":[{"role":"user","content":"a"}],"limits":{"idle_s":%s}}'),
        (
            "messages.0.parts.0.annotations",
            b'{"messages":[{"role":"user","content":[{"type":"text","text":"a","annotations":[%s]}]}]}',
        ),
    ],
)
def test_numbers_that_json_does_not_have_are_refused(field: str, turn: bytes, number: bytes) -> None:
    """They would reach the provider as null: values do not change."""
    assert [field] == [named for named, _ in problems(turn % number)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "Invalid JSON: EOF"),
        (b"hello", "Invalid JSON"),
        (b'{"messages":', "Invalid JSON: EOF"),
        (b"\xff\xfe", "Invalid JSON"),
        (b'{"messages":[{"role":"user","content":"\xff"}]}', "Invalid JSON: invalid unicode"),
        (b'{"messages":[{"role":"user","content":"\\ud83d"}]}', "Invalid JSON: unexpected end of hex escape"),
        (b'{"messages":[{"role":"user","content":"\\ude00\\ud83d"}]}', "Invalid JSON: lone"),
        (b"[" * 100_000, "Invalid JSON: recursion limit"),
        (b"[]", "should be an object"),
        (b"null", "should be an object"),
        (b'"hello"', "should be an object"),
        (b"17", "should be an object"),
    ],
    ids=range(12),
)
def test_what_is_no_turn_at_all_is_refused_as_the_input(text: bytes, reason: str) -> None:
    """Not JSON, JSON of another kind, halves of characters, bottomless nesting."""
    [(field, why)] = problems(text)

    assert field == "input"
    assert reason in why


def test_metadata_nests_no_deeper_than_everyone_can_read() -> None:
    """Deeper would be read here and not by the activity."""
    deep: JsonValue = 1
    for _ in range(150):
        deep = {"a": deep}

    assert problems({"messages": HELLO, "metadata": {"a": deep}}) == [
        ("metadata", "more than 128 levels of nesting cannot be passed on")
    ]


def test_all_problems_are_named_at_once() -> None:
    """Whoever wrote the turn mends it in one go."""
    named = problems({"messages": [{"role": "user"}, 5], "limits": {"idle_s": 0, "ilde_s": 1}, "system": 5})

    assert [at for at, _ in named] == ["messages.0.parts", "messages.1", "system", "limits.idle_s", "limits.ilde_s"]


def test_a_refusal_is_short_however_wrong_the_input() -> None:
    """The message becomes a failure in Temporal's history, which has its limits."""
    with pytest.raises(InvalidTurn, match="and 4,982 more") as many:
        parse_turn(json.dumps({"messages": list(range(5000)), "k" * 100_000: 1, "m" * 100_000: 2}).encode())
    with pytest.raises(InvalidTurn) as long:
        parse_turn(json.dumps({"messages": HELLO, "k" * 100_000: 1}).encode())

    assert len(str(many.value)) < 10_000
    assert f"{'k' * 100}: unknown key" == str(long.value)


def test_large_input_is_taken() -> None:
    """How much Temporal carries is for Temporal to say."""
    text = "ß" * 3_000_000
    turn = parse_turn(json.dumps({"messages": [{"role": "user", "content": text}]}, ensure_ascii=False).encode())

    assert text == turn.messages[0].text


@given(st.one_of(json_values(), json_values().map(lambda value: {"messages": value, "settings": value})))
def test_no_json_crashes_it(value: JsonValue) -> None:
    """Any JSON is a turn, or an InvalidTurn."""
    with contextlib.suppress(InvalidTurn):
        parse_turn(json.dumps(value).encode())


@given(st.binary(max_size=100))
def test_no_bytes_crash_it(data: bytes) -> None:
    """Anything at all is refused in our words."""
    with pytest.raises(InvalidTurn):
        parse_turn(data)


@given(texts(), st.integers(), st.floats(0, 2), json_values())
def test_values_do_not_change(text: str, seed: int, temperature: float, extra: JsonValue) -> None:
    """What was written comes out again, at the other process too."""
    turn: JsonObject = {
        "messages": [{"role": "user", "parts": [{"type": "text", "text": text}]}],
        "settings": {"seed": seed, "temperature": temperature, "extra": {"openai": {"k": extra}}},
        "metadata": {"k": extra},
    }
    parsed = parse_turn(json.dumps(turn).encode())
    again = parse_turn(parsed.model_dump_json().encode())

    assert parsed == again
    dumped = again.model_dump(exclude_unset=True, exclude_defaults=True)
    assert turn["metadata"] == dumped["metadata"]
    assert {"seed": seed, "temperature": temperature, "extra": {"openai": {"k": extra}}} == dumped["settings"]
    assert text == parsed.messages[0].text
