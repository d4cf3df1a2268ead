import pytest

from streaming.errors import NotTheWire, StreamedError
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import Message, Part, ProviderItem, ReasoningPart, TextPart, ToolCallPart, Usage
from streaming.providers.anthropic_messages import answer, error_details, unary

SEARCH: JsonObject = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "a"}}


def body(*content: JsonValue, stop_reason: JsonValue = "end_turn", **more: JsonValue) -> JsonObject:
    """Return a Message with these content blocks."""
    return {"type": "message", "content": list(content), "stop_reason": stop_reason, **more}


def tool(**fields: JsonValue) -> JsonObject:
    """Return a tool_use block."""
    return {"type": "tool_use", "id": "t", "name": "f", "input": {}, **fields}


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        ({"type": "text", "text": "a"}, [TextPart(text="a")]),
        ({"type": "text", "text": "a", "citations": None}, [TextPart(text="a")]),
        ({"type": "text", "text": ""}, []),
        ({"type": "text", "text": None}, []),
        ({"type": "text"}, []),
        (
            {"type": "text", "text": "a", "citations": [{"url": "u"}]},
            [TextPart(text="a", annotations=[{"url": "u"}], provider_data={"p": {}})],
        ),
        ({"type": "text", "text": "a", "x": 1}, [TextPart(text="a", provider_data={"p": {"x": 1}})]),
        (
            {"type": "thinking", "thinking": "t", "signature": "s"},
            [ReasoningPart(text="t", provider_data={"p": {"type": "thinking", "signature": "s"}})],
        ),
        (
            {"type": "thinking", "thinking": "", "signature": "s"},
            [ReasoningPart(text="", provider_data={"p": {"type": "thinking", "signature": "s"}})],
        ),
        (
            {"type": "redacted_thinking", "data": "d"},
            [ReasoningPart(text="", provider_data={"p": {"type": "redacted_thinking", "data": "d"}})],
        ),
        (tool(input={"a": 1}), [ToolCallPart(id="t", name="f", arguments='{"a":1}')]),
        (tool(input={}), [ToolCallPart(id="t", name="f", arguments="{}")]),
        (tool(input='{"a'), [ToolCallPart(id="t", name="f", arguments='{"a')]),
        (tool(input=None), [ToolCallPart(id="t", name="f", arguments="")]),
        (tool(input=[1]), [ToolCallPart(id="t", name="f", arguments="[1]")]),
        (tool(input={"a": "\ud83d"}), [ToolCallPart(id="t", name="f", arguments='{"a":"\ufffd"}')]),
        (
            tool(caller={"type": "direct"}, toolset_name=None),
            [ToolCallPart(id="t", name="f", arguments="{}", provider_data={"p": {"caller": {"type": "direct"}}})],
        ),
        ({"type": "tool_use"}, [ToolCallPart(id="call_0", name="", arguments="")]),
        (tool(id=5, name=None), [ToolCallPart(id="5", name="", arguments="{}")]),
        (SEARCH, [ProviderItem(kind="server_tool_use", provider_data={"p": SEARCH})]),
        ({"type": "hologram"}, [ProviderItem(kind="hologram", provider_data={"p": {"type": "hologram"}})]),
    ],
)
def test_a_block_is_the_part_that_it_says(block: JsonValue, parts: list[Part]) -> None:
    """What only the provider understands rides on it under the provider's name."""
    assert Message(role="assistant", parts=parts) == answer(body(block), "p").message


def test_parts_stand_in_the_order_of_the_blocks() -> None:
    """All text of the answer is its text, and calls with one id are told apart."""
    text: JsonObject = {"type": "text", "text": "a"}
    message = answer(body(text, tool(), SEARCH, text, tool(), tool(id="")), "p").message

    assert [part.type for part in message.parts] == [
        "text",
        "tool_call",
        "provider_item",
        "text",
        "tool_call",
        "tool_call",
    ]
    assert message.text == "aa"
    assert [part.id for part in message.parts if isinstance(part, ToolCallPart)] == ["t", "t-2", "call_2"]


@pytest.mark.parametrize(
    ("content", "word", "reason"),
    [
        ([], "end_turn", "stop"),
        ([], "stop_sequence", "stop"),
        ([], "max_tokens", "length"),
        ([], "model_context_window_exceeded", "length"),
        ([], "tool_use", "tool_calls"),
        ([], "refusal", "refusal"),
        ([], "pause_turn", "paused"),
        ([], "compaction", "paused"),
        ([], "astonished", "stop"),
        ([], None, "stop"),
        ([], 5, "stop"),
        ([tool()], "end_turn", "tool_calls"),
        ([tool()], None, "tool_calls"),
        ([tool()], "max_tokens", "length"),
        ([tool()], "pause_turn", "paused"),
        ([SEARCH], "end_turn", "stop"),
    ],
)
def test_the_finish_reason_is_one_of_ours_with_the_providers_own_beside_it(
    content: list[JsonValue], word: JsonValue, reason: str
) -> None:
    """What was said counts where the word does not tell."""
    got = answer(body(*content, stop_reason=word), "p")

    assert (reason, str(word or "")) == (got.finish_reason, got.provider_finish_reason)


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, Usage()),
        ("much", Usage()),
        ({"input_tokens": 1, "output_tokens": 2}, Usage(input_tokens=1, output_tokens=2)),
        ({"input_tokens": 1.5, "output_tokens": True}, Usage()),
        ({"cache_read_input_tokens": 3}, Usage(cache_read_tokens=3)),
        (
            {
                "input_tokens": 1,
                "cache_read_input_tokens": 20,
                "cache_creation_input_tokens": 300,
                "output_tokens": 4,
                "output_tokens_details": {"thinking_tokens": 3},
            },
            Usage(input_tokens=321, output_tokens=4, cache_read_tokens=20, cache_write_tokens=300, reasoning_tokens=3),
        ),
        ({"input_tokens": 1, "cache_read_input_tokens": None, "output_tokens_details": []}, Usage(input_tokens=1)),
    ],
)
def test_usage_counts_the_whole_prompt(usage: JsonValue, counts: Usage) -> None:
    """The wire's own input leaves out what was cached; what it did not say stays unknown."""
    assert counts == answer(body(usage=usage), "p").usage


def test_the_model_is_the_one_that_the_provider_names() -> None:
    """Or none."""
    assert answer(body(model="m-1"), "p").model == "m-1"
    assert answer(body(model=None), "p").model is None


@pytest.mark.parametrize("final", [{}, {"content": None}, {"content": {}}, body(5), body({}), body({"type": []})])
def test_an_object_without_content_is_not_the_wire(final: JsonObject) -> None:
    """There is no answer in it."""
    with pytest.raises(NotTheWire):
        answer(final, "p")


@pytest.mark.parametrize("given", [[], "text", None, 5, {}, {"content": None}, {"content": {}}, {"error": None}])
def test_a_unary_body_has_content(given: JsonValue) -> None:
    """Anything else is not this wire's."""
    with pytest.raises(NotTheWire):
        unary(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"type": "error", "error": {"type": "api_error", "message": "boom"}}, "api_error: boom"),
        ({"error": {"type": "api_error", "message": "boom"}, "content": []}, "api_error: boom"),
        ({"type": "error", "content": []}, "no message"),
    ],
)
def test_an_error_object_under_a_200_is_an_error(given: JsonValue, words: str) -> None:
    """Gateways answer so."""
    with pytest.raises(StreamedError, match=f"{words}$"):
        unary(given)


def test_an_error_says_whose_request_it_was() -> None:
    """The provider's support asks for it."""
    error: JsonObject = {"type": "rate_limit_error", "message": "m", "details": {"error_code": "ramp_limit_exceeded"}}
    with pytest.raises(StreamedError, match="req_1") as failure:
        unary({"type": "error", "error": error, "request_id": "req_1"})

    assert (failure.value.kind, failure.value.code) == ("rate_limit_error", "ramp_limit_exceeded")
    assert failure.value.request_id == "req_1"


def test_a_unary_body_is_mended() -> None:
    """Nothing that leaves us holds half a character, not even a key."""
    assert unary({"content": [{"a": ["\ud83d\ude00", "\ud83d"]}], "\ud83d": 1}) == {
        "content": [{"a": ["😀", "\ufffd"]}],
        "\ufffd": 1,
    }


@pytest.mark.parametrize(
    ("given", "details"),
    [
        ({"type": "error", "error": {"type": "t", "message": "m"}, "request_id": "r"}, ("m", "t", "")),
        ({"error": {"type": "t", "message": "m", "details": {"error_code": "c"}}}, ("m", "t", "c")),
        ({"error": {"type": "t", "message": "m", "details": {"error_code": "c"}, "code": "d"}}, ("m", "t", "c")),
        ({"error": {"type": "t", "message": "m", "details": None}}, ("m", "t", "")),
        ({"error": {"type": "t", "message": "m", "details": {"error_code": {}}}}, ("m", "t", "")),
        ({"error": {"message": "m", "code": 429}}, ("m", "", "429")),
        ({"error": "text"}, ("text", "", "")),
        ({"error": {}}, ("", "", "")),
        ({"error": []}, ("", "", "")),
        ({"detail": "x"}, ("", "", "")),
        ([], ("", "", "")),
        (None, ("", "", "")),
        ("text", ("", "", "")),
        ({"error": {"message": ["m"], "type": {}, "code": True}}, ("", "", "")),
        ({"error": {"message": "\ud83d", "type": "\ud83d\ude00"}}, ("\ufffd", "😀", "")),
        ({"error": {"message": "m" * 9999, "type": "t" * 999, "code": "c" * 999}}, ("m" * 1000, "t" * 100, "c" * 100)),
        ({"error": "m" * 9999}, ("m" * 1000, "", "")),
    ],
    ids=range(17),
)
def test_an_error_body_is_read_in_every_form_and_cut_short(given: JsonValue, details: tuple[str, str, str]) -> None:
    """Its words go into the turn's history, where each byte is kept."""
    assert details == error_details(given)[:3]
