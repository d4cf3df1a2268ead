import pytest

from streaming.errors import NotTheWire, StreamedError
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import (
    Usage,
)
from streaming.providers.openai_chat import answer, error_details, unary


def body(message: JsonValue, finish_reason: JsonValue = "stop", **more: JsonValue) -> JsonObject:
    """Return a `chat.completion` with one choice."""
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}], **more}


def call(**fields: JsonValue) -> JsonObject:
    """Return a message with one tool call."""
    return {"tool_calls": [fields]}


@pytest.mark.parametrize(
    ("message", "word", "reason"),
    [
        ({"content": "a"}, "stop", "stop"),
        ({"content": "a"}, None, "stop"),
        ({"content": "a"}, "", "stop"),
        ({"content": "a"}, "eos_token", "stop"),
        ({"content": "a"}, "length", "length"),
        ({"content": "a"}, "model_length", "length"),
        ({"content": "a"}, "max_tokens", "length"),
        ({"content": "a"}, "content_filter", "content_filter"),
        ({"refusal": "no"}, "stop", "refusal"),
        ({"refusal": "no"}, None, "refusal"),
        ({"refusal": "no"}, "length", "length"),
        (call(id="c"), "tool_calls", "tool_calls"),
        (call(id="c"), "stop", "tool_calls"),
        (call(id="c"), "length", "length"),
        ({"function_call": {"name": "f"}}, "function_call", "tool_calls"),
    ],
)
def test_the_finish_reason_is_one_of_ours_with_the_providers_own_beside_it(
    message: JsonValue, word: JsonValue, reason: str
) -> None:
    """What was said counts where the word does not tell."""
    got = answer(body(message, word), "")

    assert (reason, word or "") == (got.finish_reason, got.provider_finish_reason)


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, Usage()),
        ("much", Usage()),
        ({"prompt_tokens": 1, "completion_tokens": 2}, Usage(input_tokens=1, output_tokens=2)),
        ({"prompt_tokens": 1.5, "completion_tokens": True}, Usage()),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 8,
                "prompt_tokens_details": {"cached_tokens": 7, "cache_write_tokens": 6},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            Usage(input_tokens=9, output_tokens=8, cache_read_tokens=7, cache_write_tokens=6, reasoning_tokens=5),
        ),
        ({"prompt_tokens_details": None, "completion_tokens_details": []}, Usage()),
        (
            {"prompt_tokens": 9, "prompt_cache_hit_tokens": 7, "prompt_cache_miss_tokens": 2},
            Usage(input_tokens=9, cache_read_tokens=7),
        ),
    ],
    ids=range(7),
)
def test_usage_is_what_the_provider_counted(usage: JsonValue, counts: Usage) -> None:
    """What it did not say stays unknown."""
    assert counts == answer(body({"content": "a"}, usage=usage), "").usage


def test_all_choices_are_kept() -> None:
    """The first is the message."""
    got = answer({"model": "m-1", "choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]}, "")

    assert [message.text for message in got.choices] == ["a", "b"]
    assert (got.message.text, got.model) == ("a", "m-1")


@pytest.mark.parametrize(
    "final",
    [
        {},
        {"choices": []},
        {"choices": "x"},
        {"choices": [5]},
        {"choices": [{}]},
        body(call(), "stop") | {"choices": [{"message": {"tool_calls": [5]}}]},
    ],
    ids=range(6),
)
def test_an_object_that_lacks_a_message_is_not_the_wire(final: JsonObject) -> None:
    """There is no answer in it."""
    with pytest.raises(NotTheWire):
        answer(final, "")


@pytest.mark.parametrize("given", [[], "text", None, 5, {}, {"choices": None}, {"choices": {}}, {"error": None}])
def test_a_unary_body_has_choices(given: JsonValue) -> None:
    """Anything else is not this wire's."""
    with pytest.raises(NotTheWire):
        unary(given)


def test_an_error_object_under_a_200_is_an_error() -> None:
    """Gateways answer so."""
    with pytest.raises(StreamedError, match="server_error 500: boom") as failure:
        unary({"error": {"message": "boom", "type": "server_error", "code": 500}, "choices": []})

    assert (failure.value.kind, failure.value.code) == ("server_error", "500")


@pytest.mark.parametrize("word", ["error", "abort", "insufficient_system_resource"])
def test_a_unary_answer_that_broke_off_is_an_error(word: str) -> None:
    """Its finish reason says so, whatever its text says."""
    with pytest.raises(StreamedError, match=f"{word}: the answer broke off"):
        unary(body({"content": "half"}, word))


def test_a_unary_body_is_mended() -> None:
    """Nothing that leaves us holds half a character, not even a key."""
    assert unary({"choices": [{"a": ["\ud83d\ude00", "\ud83d"]}], "\ud83d": 1}) == {
        "choices": [{"a": ["😀", "\ufffd"]}],
        "\ufffd": 1,
    }


@pytest.mark.parametrize(
    ("given", "details"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c"}}, ("m", "t", "c")),
        ({"error": {"message": "m", "type": None, "code": 429}}, ("m", "", "429")),
        ([{"error": {"message": "m", "code": 400}}], ("m", "", "400")),
        ({"error": "text"}, ("text", "", "")),
        ({"error": {}}, ("", "", "")),
        ({"error": []}, ("", "", "")),
        ({"detail": "x"}, ("", "", "")),
        ([], ("", "", "")),
        (None, ("", "", "")),
        ("text", ("", "", "")),
        ({"error": {"message": ["m"], "type": {}, "code": True}}, ("", "", "")),
        ({"error": {"message": "\ud83d", "type": "\ud83d\ude00"}}, ("\ufffd", "😀", "")),
        ({"error": "\ud83d"}, ("\ufffd", "", "")),
        ({"error": {"message": "m" * 9999, "type": "t" * 999, "code": "c" * 999}}, ("m" * 1000, "t" * 100, "c" * 100)),
        ({"error": "m" * 9999}, ("m" * 1000, "", "")),
    ],
    ids=range(15),
)
def test_an_error_body_is_read_in_every_form_and_cut_short(given: JsonValue, details: tuple[str, str, str]) -> None:
    """Its words go into the turn's history, where each byte is kept."""
    assert details == error_details(given)[:3]
