"""The wire as a reader uses it: bytes in, and whole answers, typed failures and what viewers saw out.

What holds of the recordings of every wire is `test_recordings.py`.
"""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.deltas import Delta, of_message
from streaming.errors import ProviderError, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers import openai_responses
from streaming.providers.reader import StreamReader, UnaryReader
from streaming.providers.wire import Quirks
from tests.fidelity.check import example
from tests.recordings import recordings
from tests.strategies import json_values, texts_with_halves
from tests.streaming.providers.heard import Heard, check_unary, shown


def test_generated_streams_show_what_their_answers_say() -> None:
    """Part by part, but for the order of items that came at once; a failed image is no image in the end."""
    for seed in range(1_000):
        heard = Heard(openai_responses, [example("openai-responses", seed)[1]])
        whole = shown(of_message(openai_responses.answer(heard.final, "p").message))
        assert _without_order(heard.parts) == _without_order(whole), seed


def _without_order(parts: list[tuple[str, str, str, str]]) -> list[tuple[str, str]]:
    return sorted(("provider_item" if type_ == "image" else type_, text) for type_, _, _, text in parts)


def test_done_without_a_terminal_event_is_no_end() -> None:
    """A proxy that appends [DONE] to a stream that broke off does not make it whole."""
    stream = recordings("openai_responses")["text"].stream
    half = stream[: len(stream) // 2].rpartition(b"event:")[0]

    with pytest.raises(TruncatedStream, match=r"said \[DONE\] without a terminal event"):
        Heard(openai_responses, [half + b"data: [DONE]\n\n"])


# -- strangers


_TYPES = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_text.annotation.added",
    "response.refusal.delta",
    "response.reasoning_text.delta",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.delta",
    "response.mcp_call_arguments.delta",
    "response.completed",
    "response.incomplete",
]
_ITEM_TYPES = ["message", "reasoning", "function_call", "custom_tool_call", "image_generation_call", "novel_call"]
_PART_TYPES = ["output_text", "refusal", "reasoning_text", "summary_text", "novel"]


def _events(strings: st.SearchStrategy[str], anything: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    """Return JSON that looks like events here and there, and like anything elsewhere."""
    fields: Callable[..., st.SearchStrategy[JsonObject]] = st.fixed_dictionaries
    part = fields(
        {"type": st.sampled_from(_PART_TYPES)},
        optional={"text": strings | anything, "refusal": strings, "annotations": anything, "logprobs": anything},
    )
    parts = st.lists(part | anything, max_size=2) | anything
    item = fields(
        {"type": st.sampled_from(_ITEM_TYPES)},
        optional={
            "id": strings,
            "call_id": strings | anything,
            "name": strings,
            "arguments": strings | anything,
            "input": strings,
            "content": parts,
            "summary": parts,
            "result": strings | anything,
            "status": anything,
        },
    )
    response = fields(
        {},
        optional={
            "id": st.sampled_from(["a", "b"]),
            "status": st.sampled_from(["completed", "in_progress", "incomplete"]) | anything,
            "error": st.none() | anything,
            "output": st.lists(item | anything, max_size=2) | anything,
            "usage": anything,
            "incomplete_details": anything,
        },
    )
    place = st.integers(-1, 2) | anything
    return anything | fields(
        {"type": st.sampled_from(_TYPES)},
        optional={
            "output_index": place,
            "content_index": place,
            "summary_index": place,
            "delta": strings | anything,
            "text": strings | anything,
            "arguments": strings | anything,
            "part": part | anything,
            "item": item | anything,
            "annotation": anything,
            "logprobs": anything,
            "response": response | anything,
        },
    )


_STRINGS = st.one_of(texts_with_halves(), st.text("ab{}", max_size=3))
_STRANGERS = _events(_STRINGS, json_values(_STRINGS))


def _body(events: list[JsonValue]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


@given(st.lists(_STRANGERS, max_size=8))
def test_any_events_come_to_an_answer_or_to_a_failure_of_ours(events: list[JsonValue]) -> None:
    """Whatever a server sends, nothing but a ProviderError comes out, at the end and at an interrupt before it."""
    reader = StreamReader(openai_responses, Quirks())
    deltas: list[Delta] = []
    end: JsonObject = {"type": "response.completed", "response": {"output": None}}
    for event in [*events, end]:
        try:
            deltas += reader.feed(_body([event]))
            openai_responses.answer(reader.final(), "p").message.model_dump_json()
        except ProviderError as error:
            str(error).encode()
    json.dumps(reader.final(), ensure_ascii=False, allow_nan=False).encode()
    for _, call_id, name, text in shown(deltas):
        f"{call_id}{name}{text}".encode()


@given(json_values() | _STRANGERS)
def test_any_json_body_is_an_answer_or_a_failure_of_ours(body: JsonValue) -> None:
    """The same for what is read as unary."""
    check_unary(openai_responses, body)


@given(st.lists(texts_with_halves(), max_size=8), st.booleans())
def test_halves_of_characters_are_joined_across_deltas(pieces: list[str], is_said_again: object) -> None:
    """Viewers see whole characters, and exactly the text of the unary body; a half left over is U+FFFD."""
    place: JsonObject = {"output_index": 0, "content_index": 0}
    events: list[JsonValue] = [{"type": "response.created", "response": {"id": "a"}}]
    events += [{"type": "response.output_text.delta", **place, "delta": piece} for piece in pieces]
    text: JsonValue = {"type": "output_text", "text": "".join(pieces)}
    message: JsonValue = {"type": "message", "content": [text]}
    output = [message] if is_said_again else None
    heard = Heard(openai_responses, [_body([*events, {"type": "response.completed", "response": {"output": output}}])])

    unary = UnaryReader(openai_responses)
    unary.feed(json.dumps({"output": [message], "status": "completed"}).encode())
    unary.eof()
    whole = openai_responses.answer(unary.final(), "").message.text
    assert whole == heard.text == openai_responses.answer(heard.final, "").message.text


def test_what_repeats_a_long_text_costs_no_more_than_its_own_length() -> None:
    """Each of many ends of a text, an item and its parts is looked at once, and the text is not joined again."""
    place: JsonObject = {"output_index": 0, "content_index": 0}
    events: list[JsonValue] = [{"type": "response.output_text.delta", **place, "delta": "word " * 10}] * 40_000
    part: JsonObject = {"type": "output_text", "text": ""}
    events += [{"type": "response.output_text.done", **place, "text": ""}] * 20_000
    events += [{"type": "response.content_part.done", **place, "part": part}] * 20_000
    events += [{"type": "response.output_item.done", **place, "item": {"type": "message", "content": [part]}}] * 20_000
    response: JsonObject = {"output": [{"type": "message", "content": [part | {"text": "x"}]}]}

    heard = Heard(openai_responses, [_body([*events, {"type": "response.completed", "response": response}])])

    assert heard.text == "word " * 400_000


# -- unary bodies
