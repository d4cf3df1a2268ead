import pytest

from streaming.errors import NotTheWire, StreamedError
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import Usage
from streaming.providers.openai_responses import answer, error_details, unary

TEXT: JsonObject = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
REFUSAL: JsonObject = {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}
CALL: JsonObject = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
CALL_OUTPUT: JsonObject = {"type": "function_call_output", "call_id": "c", "output": "1"}
CUSTOM: JsonObject = {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "x"}
SEARCH: JsonObject = {"type": "web_search_call", "id": "ws", "status": "completed"}


def body(*output: JsonValue, status: JsonValue = "completed", **more: JsonValue) -> JsonObject:
    """Return a `response` with this output."""
    return {"object": "response", "status": status, "output": list(output), **more}


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ([TEXT], "stop"),
        ([], "stop"),
        ([SEARCH, TEXT], "stop"),
        ([REFUSAL], "refusal"),
        ([TEXT, REFUSAL], "refusal"),
        ([CALL], "tool_calls"),
        ([CUSTOM], "tool_calls"),
        ([CALL, TEXT], "tool_calls"),
        ([CALL, CALL_OUTPUT, TEXT], "stop"),
        ([CALL, CUSTOM, CALL_OUTPUT], "tool_calls"),
    ],
    ids=range(10),
)
def test_how_a_completed_response_ended_is_told_by_what_it_says(output: list[JsonValue], reason: str) -> None:
    """Calls wait for us, unless the provider answered them itself; a refusal goes before all else."""
    got = answer(body(*output), "")

    assert (reason, "completed") == (got.finish_reason, got.provider_finish_reason)


@pytest.mark.parametrize(
    ("details", "reason", "word"),
    [
        ({"reason": "max_output_tokens"}, "length", "max_output_tokens"),
        ({"reason": "content_filter"}, "content_filter", "content_filter"),
        ({"reason": "max_messages"}, "length", "max_messages"),
        ({"reason": "steered"}, "length", "steered"),
        ({"reason": None}, "length", "incomplete"),
        ({}, "length", "incomplete"),
        (None, "length", "incomplete"),
        ("x", "length", "incomplete"),
    ],
)
@pytest.mark.parametrize("output", [[TEXT], [CALL], [REFUSAL], []], ids=range(4))
def test_an_incomplete_response_was_cut_short_whatever_it_says(
    details: JsonValue, reason: str, word: str, output: list[JsonValue]
) -> None:
    """It is never a stop, nor are its calls to be made."""
    got = answer(body(*output, status="incomplete", incomplete_details=details), "")

    assert (reason, word) == (got.finish_reason, got.provider_finish_reason)


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, Usage()),
        ("much", Usage()),
        ({"input_tokens": 1, "output_tokens": 2}, Usage(input_tokens=1, output_tokens=2)),
        ({"input_tokens": 1.5, "output_tokens": True}, Usage()),
        (
            {
                "input_tokens": 9,
                "output_tokens": 8,
                "input_tokens_details": {"cached_tokens": 7, "cache_write_tokens": 6},
                "output_tokens_details": {"reasoning_tokens": 5},
            },
            Usage(input_tokens=9, output_tokens=8, cache_read_tokens=7, cache_write_tokens=6, reasoning_tokens=5),
        ),
        ({"input_tokens_details": None, "output_tokens_details": []}, Usage()),
    ],
    ids=range(6),
)
def test_usage_is_what_the_provider_counted(usage: JsonValue, counts: Usage) -> None:
    """What it did not say stays unknown."""
    assert counts == answer(body(TEXT, usage=usage), "").usage


def test_there_is_one_choice_and_the_model_is_the_one_that_answered() -> None:
    """Not the alias that was asked for."""
    got = answer(body(TEXT, model="gpt-5.5-2026-01-01"), "")

    assert ([message.text for message in got.choices], got.model) == (["a"], "gpt-5.5-2026-01-01")
    assert answer(body(TEXT), "").model is None


_DEEP: JsonValue = "x"
for _ in range(200):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    "final",
    [
        {},
        {"output": None},
        {"output": {}, "status": "completed"},
        body(status="in_progress"),
        body(status=None),
        body(5),
        body(None),
        body({}),
        body({"type": 5}),
        body({"type": "novel_call", "deep": _DEEP}),
    ],
    ids=range(10),
)
def test_an_object_that_says_nothing_of_this_wire_is_not_the_wire(final: JsonObject) -> None:
    """There is no answer in it."""
    with pytest.raises(NotTheWire):
        answer(final, "")


@pytest.mark.parametrize(
    "given",
    [[], "text", None, 5, {}, {"output": {}}, {"error": None}, body(TEXT, status="queued"), body(status="in_progress")],
    ids=range(9),
)
def test_a_unary_body_is_a_finished_response(given: JsonValue) -> None:
    """Anything else is not this wire's; one that runs in the background is not an answer yet."""
    with pytest.raises(NotTheWire):
        unary(given)


@pytest.mark.parametrize(
    ("given", "kind", "code", "words"),
    [
        ({"error": {"message": "boom", "type": "server_error", "code": 500}}, "server_error", "500", "boom"),
        (
            body(TEXT, status="failed", error={"code": "rate_limit_exceeded", "message": "slow"}),
            "",
            "rate_limit_exceeded",
            "slow",
        ),
        (body(TEXT, error={"code": "server_error", "message": "m"}), "", "server_error", "m"),
        (body(TEXT, status="failed", error=None), "", "", "the response is failed"),
        (body(TEXT, status="cancelled"), "", "", "the response is cancelled"),
        ({"type": "error", "message": "m", "code": "c"}, "", "c", "m"),
        ({"error": True}, "", "", "no message"),
    ],
    ids=range(7),
)
def test_a_body_that_failed_is_an_error(given: JsonValue, kind: str, code: str, words: str) -> None:
    """An error object under a 200, or a response that says so of itself."""
    with pytest.raises(StreamedError, match=f"{words}$") as failure:
        unary(given)

    assert (kind, code) == (failure.value.kind, failure.value.code)


def test_a_unary_body_is_mended() -> None:
    """Nothing that leaves us holds half a character, not even a key."""
    assert unary({"output": [["\ud83d\ude00", "\ud83d"]], "\ud83d": 1}) == {
        "output": [["😀", "\ufffd"]],
        "\ufffd": 1,
    }


@pytest.mark.parametrize(
    ("given", "details"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c", "param": "p"}}, ("m", "t", "c")),
        ({"error": {"message": "m", "type": None, "code": None}}, ("m", "", "")),
        ({"type": "error", "error": {"message": "m", "type": "t", "code": "c"}}, ("m", "t", "c")),
        ({"type": "error", "message": "m", "code": "c", "param": None}, ("m", "", "c")),
        ({"type": "error", "message": "flat", "code": "c", "error": {"message": "m", "code": None}}, ("m", "", "c")),
        ({"type": "error", "error": "m", "code": "c"}, ("m", "", "c")),
        ({"type": "error"}, ("", "", "")),
        ({"type": "error", "error": [1], "message": {}}, ("", "", "")),
        ({"message": "m"}, ("", "", "")),
        ([{"error": {"message": "m"}}], ("m", "", "")),
        ({"error": "text"}, ("text", "", "")),
        (None, ("", "", "")),
        ({"error": {"message": "m" * 9999, "type": "t" * 999, "code": "c" * 999}}, ("m" * 1000, "t" * 100, "c" * 100)),
    ],
    ids=range(13),
)
def test_an_error_body_is_read_in_every_form_and_cut_short(given: JsonValue, details: tuple[str, str, str]) -> None:
    """Each field where it is sent, or else where it is documented."""
    assert details == error_details(given)[:3]
