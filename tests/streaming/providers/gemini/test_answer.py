import pytest

from streaming.errors import NotTheWire, StreamedError, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue
from streaming.messages import ReasoningPart, TextPart, ToolCallPart, Usage
from streaming.providers.gemini import answer, unary
from tests.recordings import recordings, said

_TEXT: JsonObject = {"text": "a"}
_CALL: JsonObject = {"functionCall": {"name": "f"}}


def body(*parts: JsonValue, finish: JsonValue = "STOP", **more: JsonValue) -> JsonObject:
    """Return a response with one candidate."""
    candidate: JsonObject = {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish}
    return {"candidates": [candidate | more]}


@pytest.mark.parametrize(
    ("response", "reason", "word"),
    [
        (body(_TEXT), "stop", "STOP"),
        (body(_TEXT, _CALL), "tool_calls", "STOP"),
        (body(_TEXT, finish=None), "stop", ""),
        (body(_CALL, finish="FINISH_REASON_UNSPECIFIED"), "tool_calls", ""),
        (body(_TEXT, finish="MAX_TOKENS"), "length", "MAX_TOKENS"),
        (body(_CALL, finish="MAX_TOKENS"), "length", "MAX_TOKENS"),
        (body(finish="SAFETY"), "content_filter", "SAFETY"),
        (body(_TEXT, finish="IMAGE_OTHER"), "content_filter", "IMAGE_OTHER"),
        (body(_TEXT, finish="CONTINUATION"), "length", "CONTINUATION"),
        (body(_TEXT, finish="CONTINUATION", continuationToken="t"), "paused", "CONTINUATION"),
        (body(finish="CONTINUATION", continuationToken="t"), "length", "CONTINUATION"),
        (body(_TEXT, continuationToken="t"), "stop", "STOP"),
        ({"promptFeedback": {"blockReason": "OTHER"}}, "content_filter", "OTHER"),
        ({"promptFeedback": {"blockReason": "SAFETY"}, "candidates": []}, "content_filter", "SAFETY"),
        (body(_TEXT, finish=None) | {"promptFeedback": {"blockReason": "JAILBREAK"}}, "content_filter", "JAILBREAK"),
    ],
    ids=range(15),
)
def test_the_finish_reason_is_one_of_ours_with_the_providers_own_beside_it(
    response: JsonObject, reason: str, word: str
) -> None:
    """STOP is also the word after function calls; a blocked prompt has no candidate that could end."""
    got = answer(response, "")

    assert (reason, word) == (got.finish_reason, got.provider_finish_reason)


def test_a_blocked_prompt_is_an_answer_of_no_parts() -> None:
    """With what it cost."""
    got = answer(
        unary({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}), "google"
    )

    assert [message.parts for message in got.choices] == [[]]
    assert got.usage == Usage(input_tokens=3)


def test_a_paused_answer_holds_the_token_that_goes_on() -> None:
    """On its last part, beside what that part has of its own."""
    got = answer(body(_TEXT, {"text": "b", "thoughtSignature": "s"}, finish="CONTINUATION", continuationToken="t"), "g")

    own = {"thoughtSignature": "s", "continuationToken": "t"}
    assert got.message.parts == [TextPart(text="a"), TextPart(text="b", provider_data={"g": own})]


def test_a_message_has_the_parts_in_their_order() -> None:
    """Its made-up ids name the response."""
    parts: list[JsonValue] = [{"text": "t", "thought": True}, _TEXT, {"text": ""}, _CALL]
    got = answer(body(*parts) | {"responseId": "r", "modelVersion": "gemini-3"}, "g")

    assert got.message.parts == [
        ReasoningPart(text="t"),
        TextPart(text="a"),
        ToolCallPart(id="call_r_3", name="f", arguments="{}", provider_data={"g": {}}),
    ]
    assert got.model == "gemini-3"


@pytest.mark.parametrize(
    "parts", [[], [{"thoughtSignature": "s"}], [{"text": "", "thought": True, "thoughtSignature": "s"}]]
)
def test_signatures_alone_are_nothing_said(parts: list[JsonValue]) -> None:
    """So that a stop with nothing but them counts as empty."""
    assert answer(body(*parts), "g").message.parts == []


@pytest.mark.parametrize("content", [None, 5, {}, {"role": "model"}, {"parts": None}, {"parts": 5}])
def test_a_candidate_may_have_no_content(content: JsonValue) -> None:
    """A limit may be reached while it thinks."""
    got = answer({"candidates": [{"content": content, "finishReason": "MAX_TOKENS"}]}, "")

    assert (got.message.parts, got.finish_reason) == ([], "length")


def test_sources_are_annotations_of_the_last_text() -> None:
    """As the provider sent them, each under its own name."""
    sources: JsonObject = {
        "citationMetadata": {"citations": [{"uri": "u"}]},
        "groundingMetadata": {"webSearchQueries": ["q"]},
        "urlContextMetadata": {"urlMetadata": [{}]},
    }
    got = answer(body(_TEXT, _CALL, {"text": "b"}, {"text": "t", "thought": True}, **sources), "g").message.parts

    assert got[0] == TextPart(text="a")
    assert got[2] == TextPart(text="b", annotations=[{name: value} for name, value in sources.items()])
    assert answer(body(_CALL, **sources), "g").message.parts[0] == answer(body(_CALL), "g").message.parts[0]


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, Usage()),
        ("much", Usage()),
        ({}, Usage()),
        ({"promptTokenCount": 1, "candidatesTokenCount": 2}, Usage(input_tokens=1, output_tokens=2)),
        ({"promptTokenCount": 1.5, "candidatesTokenCount": True, "thoughtsTokenCount": "3"}, Usage()),
        (
            {
                "promptTokenCount": 10,
                "toolUsePromptTokenCount": 5,
                "cachedContentTokenCount": 4,
                "candidatesTokenCount": 3,
                "thoughtsTokenCount": 2,
                "totalTokenCount": 20,
            },
            Usage(input_tokens=15, output_tokens=5, cache_read_tokens=4, reasoning_tokens=2),
        ),
        ({"thoughtsTokenCount": 7}, Usage(output_tokens=7, reasoning_tokens=7)),
    ],
    ids=range(7),
)
def test_usage_is_what_the_provider_counted(usage: JsonValue, counts: Usage) -> None:
    """Thoughts are output, results of server-side tools are input; what it did not say stays unknown."""
    assert answer(body(_TEXT) | {"usageMetadata": usage}, "").usage == counts


def test_all_candidates_are_kept() -> None:
    """The first is the message, and its finish reason that of the answer."""
    got = answer({"candidates": [*_of(body(_TEXT)), *_of(body({"text": "b"}, finish="MAX_TOKENS"))]}, "")

    assert [message.text for message in got.choices] == ["a", "b"]
    assert got.finish_reason == "stop"


def _of(response: JsonObject) -> list[JsonValue]:
    candidates = response["candidates"]
    assert isinstance(candidates, list)
    return candidates


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"candidates": []},
        {"candidates": None, "promptFeedback": {}},
        {"candidates": {"index": 0}},
        {"candidates": [5]},
        {"candidates": [5], "promptFeedback": {"blockReason": "SAFETY"}},
        {"promptFeedback": {"blockReason": "BLOCKED_REASON_UNSPECIFIED"}},
        {"usageMetadata": {"promptTokenCount": 1}, "modelVersion": "m"},
    ],
    ids=range(8),
)
def test_a_response_without_candidates_is_not_the_wire(response: JsonObject) -> None:
    """Unless it says why there is none."""
    with pytest.raises(NotTheWire):
        answer(response, "")
    with pytest.raises(NotTheWire):
        unary(response)


@pytest.mark.parametrize("given", ["text", None, 5, [5], [None], [[]]])
def test_a_unary_body_is_an_object_or_a_list_of_them(given: JsonValue) -> None:
    """Anything else is not this wire's."""
    with pytest.raises(NotTheWire):
        unary(given)


@pytest.mark.parametrize("parts", [[], [_TEXT]])
@pytest.mark.parametrize("word", ["MALFORMED_FUNCTION_CALL", "OTHER", "A_NEW_WORD"])
def test_a_finish_that_is_a_failure_fails(word: str, parts: list[JsonValue]) -> None:
    """With content or without, of any candidate."""
    with pytest.raises(StreamedError, match=word):
        unary({"candidates": [*_of(body(_TEXT)), *_of(body(*parts, finish=word))]})


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_error_object_under_a_200_is_an_error(wrapped: bool) -> None:
    """As it is, or in a list."""
    error: JsonObject = {"error": {"code": 500, "message": "boom", "status": "INTERNAL"}}

    with pytest.raises(StreamedError, match="INTERNAL 500: boom"):
        unary([error] if wrapped else error)


def test_a_stream_that_came_as_a_list_is_put_together() -> None:
    """A gateway that drops `alt=sse` sends that."""
    pieces: list[JsonValue] = [body({"text": "Hel"}, finish=None), body({"text": "lo"})]

    assert said(unary(pieces)) == {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}]
    }
    with pytest.raises(TruncatedStream):
        unary(pieces[:1])
    with pytest.raises(TruncatedStream):
        unary([])
    with pytest.raises(StreamedError, match="INTERNAL"):
        unary([*pieces, {"error": {"status": "INTERNAL"}}])


def test_what_gemini_said_is_under_its_name_only() -> None:
    """Nothing of the provider's own is anywhere but in `provider_data`."""
    for recording in recordings("gemini").values():
        for part in answer(recording.unary, "google").message.parts:
            assert part.model_dump().get("provider_data", {}).keys() <= {"google"}
