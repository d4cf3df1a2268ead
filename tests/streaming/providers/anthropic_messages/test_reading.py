"""Whole streams through decoder and accumulator: strangers, halves of characters, depth and length.

What holds of the recordings of every wire is `test_recordings.py`.
"""

import json
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.errors import ProviderError
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers import anthropic_messages
from streaming.providers.reader import UnaryReader
from tests.strategies import json_values, texts_with_halves
from tests.streaming.providers.anthropic_messages.events import (
    MESSAGE_STOP,
    block_delta,
    block_start,
    block_stop,
    framed,
    message_delta,
    message_start,
)
from tests.streaming.providers.heard import Heard, check_unary

# -- strangers


def _events(strings: st.SearchStrategy[str]) -> st.SearchStrategy[JsonValue]:
    """Return JSON that looks like events here and there, and like anything elsewhere."""
    anything = json_values(strings)
    maybe = st.one_of(st.none(), strings, anything)
    index = st.one_of(st.integers(-1, 2), st.booleans(), anything)
    kinds = st.sampled_from(
        ["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "fallback", "compaction", "x"]
    )
    block = st.fixed_dictionaries(
        {"type": st.one_of(kinds, kinds, anything)},
        optional={
            **dict.fromkeys(("text", "thinking", "signature", "id", "name", "citations", "data"), maybe),
            "input": st.one_of(st.just({}), maybe),
            "to": st.one_of(st.fixed_dictionaries({"model": maybe}), anything),
        },
    )
    delta_kinds = st.sampled_from(
        ["text_delta", "thinking_delta", "input_json_delta", "signature_delta", "citations_delta", "compaction_delta"]
    )
    delta = st.fixed_dictionaries(
        {"type": st.one_of(delta_kinds, delta_kinds, anything)},
        optional=dict.fromkeys(("text", "thinking", "partial_json", "signature", "citation", "content"), maybe),
    )
    usage = st.one_of(st.dictionaries(st.sampled_from(["input_tokens", "output_tokens"]), anything), anything)
    message = st.fixed_dictionaries(
        {}, optional={"content": st.one_of(st.lists(block, max_size=2), anything), "usage": usage, "model": maybe}
    )
    end = st.fixed_dictionaries({}, optional={"stop_reason": st.one_of(st.just("end_turn"), maybe), "content": maybe})

    def event(kind: str, **fields: st.SearchStrategy[object]) -> st.SearchStrategy[JsonValue]:
        loose = {key: st.one_of(value, value, value, anything) for key, value in fields.items()}
        return st.fixed_dictionaries({}, optional=loose).map(lambda given: cast(JsonValue, {"type": kind, **given}))

    return st.one_of(
        event("content_block_start", index=index, content_block=block),
        event("content_block_delta", index=index, delta=delta),
        event("content_block_delta", index=st.just(0), delta=delta),
        event("content_block_stop", index=index),
        event("message_delta", delta=end, usage=usage),
        event("message_start", message=message),
        event("ping"),
        event("message_stop"),
        st.fixed_dictionaries({"type": maybe}, optional={"error": maybe}),
        anything,
    )


_STRANGERS = st.lists(_events(st.one_of(texts_with_halves(), st.text('ab{}"', max_size=3))), max_size=6)
_OPENED: list[JsonObject] = [block_start(0, {"type": "text", "text": ""}), block_delta(0, type="text_delta", text="a")]


@given(_STRANGERS, st.sampled_from([[], _OPENED, _OPENED[:1]]))
def test_any_events_come_to_an_answer_or_to_a_failure_of_ours(
    strange: list[JsonValue], opened: list[JsonObject]
) -> None:
    """Whatever a server sends, nothing but a ProviderError comes out, and both can be passed on."""
    stream = framed(message_start(), *opened, *strange, block_stop(0), message_delta(), MESSAGE_STOP)
    try:
        heard = Heard(anthropic_messages, [stream])
        answer = anthropic_messages.answer(heard.final, "p")
    except ProviderError as error:
        str(error).encode()
        return

    assert sorted(answer.message.text) == sorted(heard.text)
    answer.message.model_dump_json()
    json.dumps(heard.final, ensure_ascii=False, allow_nan=False).encode()
    for part in heard.parts:
        "".join(part).encode()


@given(_STRANGERS)
def test_a_stream_without_its_end_is_never_an_answer(strange: list[JsonValue]) -> None:
    """Any events, if the terminal marker is not among them, come to a failure of ours."""
    events = [event for event in strange if not (isinstance(event, dict) and event.get("type") == "message_stop")]

    with pytest.raises(ProviderError):
        Heard(anthropic_messages, [framed(message_start(), *events)])


@given(st.one_of(json_values(), st.fixed_dictionaries({"content": st.lists(_events(texts_with_halves()), max_size=3)})))
def test_any_json_body_is_an_answer_or_a_failure_of_ours(body: JsonValue) -> None:
    """The same for what is read as unary."""
    check_unary(anthropic_messages, body)


@given(st.lists(texts_with_halves(), max_size=8))
def test_halves_of_characters_are_joined_across_events(pieces: list[str]) -> None:
    """Viewers see whole characters, and exactly the text of the unary body; a half left over is U+FFFD."""
    deltas = [block_delta(0, type="text_delta", text=piece) for piece in pieces]
    start, end = block_start(0, {"type": "text", "text": ""}), [block_stop(0), message_delta(), MESSAGE_STOP]
    heard = Heard(anthropic_messages, [framed(message_start(), start, *deltas, *end)])

    body: JsonObject = {"content": [{"type": "text", "text": "".join(pieces)}]}
    unary = UnaryReader(anthropic_messages)
    unary.feed(json.dumps(body).encode())
    unary.eof()
    text = anthropic_messages.answer(unary.final(), "").message.text
    assert text == heard.text == anthropic_messages.answer(heard.final, "").message.text


@pytest.mark.parametrize("depth", [100, 126, 127, 128, 200])
@pytest.mark.parametrize("kind", ["tool_use", "server_tool_use"])
def test_input_of_any_depth_comes_to_a_message(kind: str, depth: int) -> None:
    """Too deep for others to read is kept as the text it is."""
    text = '{"a":' * depth + "1" + "}" * depth
    block: JsonObject = {"type": kind, "id": "t", "name": "f", "input": {}}
    delta = block_delta(0, type="input_json_delta", partial_json=text)
    heard = Heard(
        anthropic_messages,
        [framed(message_start(), block_start(0, block), delta, block_stop(0), message_delta(), MESSAGE_STOP)],
    )

    message = anthropic_messages.answer(heard.final, "p").message
    assert [part.type for part in message.parts] == ["tool_call" if kind == "tool_use" else "provider_item"]
    assert text in message.model_dump_json().replace("\\", "")


def test_many_small_events_take_linear_time() -> None:
    """A long answer is not joined again for each piece, nor are ids that repeat counted again for each call."""
    pieces = [block_delta(0, type="text_delta", text="ab")] * 50_000
    tool: JsonObject = {"type": "tool_use", "id": "same", "name": "f", "input": {}}
    tools = [event for index in range(1, 5_000) for event in (block_start(index, tool), block_stop(index))]
    text = [block_start(0, {"type": "text", "text": ""}), *pieces, block_stop(0)]
    heard = Heard(anthropic_messages, [framed(message_start(), *text, *tools, message_delta("tool_use"), MESSAGE_STOP)])

    assert heard.text == "ab" * 50_000
    assert heard.parts[-1] == ("tool_call", "same-4999", "f", "{}")
