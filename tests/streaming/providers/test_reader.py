import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import NotTheWire, ProviderError, TruncatedStream
from streaming.jsontext import JsonValue
from streaming.providers import openai_chat
from streaming.providers.reader import MAX_UNARY_BYTES, StreamReader, UnaryReader
from streaming.providers.wire import Quirks
from tests.recordings import OPENAI_CHAT, said
from tests.strategies import json_values, texts_with_halves
from tests.streaming.providers.heard import Heard, check_unary


def test_without_done_a_finish_reason_is_the_marker_where_the_quirk_says_so() -> None:
    """Such a server's stream is whole once every choice has ended; without the quirk it is cut."""
    recording = OPENAI_CHAT["two_choices"]
    stream = recording.stream.replace(b"data: [DONE]\n\n", b"")

    assert said(recording.unary) == said(Heard(openai_chat, [stream], Quirks(no_done=True)).final)
    with pytest.raises(TruncatedStream, match=r"without \[DONE\]"):
        Heard(openai_chat, [stream])
    with pytest.raises(TruncatedStream, match="no finish reason"):
        Heard(
            openai_chat,
            [stream[: stream.rindex(b'"finish_reason":"length"')].rpartition(b"data:")[0]],
            Quirks(no_done=True),
        )
    with pytest.raises(TruncatedStream, match="no finish reason"):
        Heard(openai_chat, [b""], Quirks(no_done=True))


def test_done_before_the_finish_is_no_end() -> None:
    """A proxy that appends [DONE] to a stream that broke off does not make it whole."""
    stream = OPENAI_CHAT["text"].stream
    half = stream[: len(stream) // 2].rpartition(b"data:")[0]

    with pytest.raises(TruncatedStream, match="no finish reason"):
        Heard(openai_chat, [half + b"data: [DONE]\n\n"])
    with pytest.raises(TruncatedStream, match="no finish reason"):
        Heard(openai_chat, [b"data: [DONE]\n\n"])


# -- strangers


def _chunks(strings: st.SearchStrategy[str]) -> st.SearchStrategy[JsonValue]:
    """Return JSON that looks like chunks here and there, and like anything elsewhere."""
    anything = json_values(strings)
    maybe = st.one_of(st.none(), strings, anything)
    function = st.fixed_dictionaries({}, optional={"name": maybe, "arguments": maybe})
    call = st.fixed_dictionaries(
        {}, optional={"index": st.one_of(st.integers(-1, 3), anything), "id": maybe, "function": function}
    )
    kinds = st.sampled_from(["text", "thinking", "reference", "image_url", "novel"])
    text = st.fixed_dictionaries({"type": st.just("text")}, optional={"text": maybe})
    part = st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(kinds, maybe),
            "text": maybe,
            "thinking": st.one_of(st.lists(st.one_of(text, anything), max_size=2), maybe),
            "image_url": st.one_of(st.fixed_dictionaries({"url": maybe}), maybe),
        },
    )
    audio = st.fixed_dictionaries({}, optional={"id": maybe, "data": maybe, "transcript": maybe, "expires_at": maybe})
    detail = st.fixed_dictionaries(
        {}, optional={"index": maybe, "type": maybe, "id": maybe, "text": maybe, "summary": maybe, "data": maybe}
    )
    delta = st.fixed_dictionaries(
        {},
        optional={
            "content": st.one_of(strings, st.lists(st.one_of(part, anything), max_size=3), anything),
            "refusal": st.one_of(st.none(), strings),
            "reasoning": strings,
            "reasoning_content": strings,
            "tool_calls": st.one_of(st.lists(st.one_of(call, anything), max_size=3), anything),
            "function_call": st.one_of(function, anything),
            "role": maybe,
            "annotations": maybe,
            "images": st.one_of(st.lists(st.one_of(part, anything), max_size=2), anything),
            "audio": st.one_of(audio, anything),
            "reasoning_details": st.one_of(st.lists(st.one_of(detail, anything), max_size=2), anything),
        },
    )
    choice = st.fixed_dictionaries(
        {},
        optional={
            "index": st.one_of(st.integers(-1, 2), st.booleans(), anything),
            "delta": st.one_of(delta, anything),
            "message": anything,
            "logprobs": st.one_of(st.dictionaries(strings, anything, max_size=2), anything),
            "token_ids": anything,
            "content_filter_results": anything,
            "finish_reason": st.one_of(st.sampled_from(["stop", "length", "", "tool_calls"]), anything),
        },
    )
    return st.one_of(
        anything,
        st.fixed_dictionaries(
            {"choices": st.one_of(st.lists(choice, min_size=1, max_size=2), choice, anything)},
            optional={"id": maybe, "model": maybe, "usage": anything, "x_groq": anything, "error": maybe},
        ),
    )


def _event(chunk: JsonValue) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


_STRANGERS = st.lists(_chunks(st.one_of(texts_with_halves(), st.text("ab{}", max_size=3))), max_size=5)
_FINISH: JsonValue = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


@given(_STRANGERS)
def test_any_events_come_to_an_answer_or_to_a_failure_of_ours(chunks: list[JsonValue]) -> None:
    """Whatever a server sends, nothing but a ProviderError comes out, and deltas say what the answer says."""
    stream = b"".join(map(_event, [*chunks, _FINISH])) + b"data: [DONE]\n\n"
    try:
        heard = Heard(openai_chat, [stream])
        answer = openai_chat.answer(heard.final, "")
    except ProviderError as error:
        str(error).encode()
        return

    assert answer.message.text == heard.text
    answer.message.model_dump_json()
    json.dumps(heard.final, ensure_ascii=False, allow_nan=False).encode()
    for part in heard.parts:
        "".join(part).encode()


@given(st.one_of(json_values(), _chunks(texts_with_halves())))
def test_any_json_body_is_an_answer_or_a_failure_of_ours(body: JsonValue) -> None:
    """The same for what is read as unary."""
    check_unary(openai_chat, body)


@given(st.lists(texts_with_halves(), max_size=8))
def test_halves_of_characters_are_joined_across_chunks(pieces: list[str]) -> None:
    """Viewers see whole characters, and exactly the text of the unary body; a half left over is U+FFFD."""
    chunks: list[JsonValue] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    heard = Heard(openai_chat, [b"".join(map(_event, [*chunks, _FINISH])) + b"data: [DONE]\n\n"])

    message: JsonValue = {"role": "assistant", "content": "".join(pieces)}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
    unary = UnaryReader(openai_chat)
    unary.feed(body)
    unary.eof()
    text = openai_chat.answer(unary.final(), "").message.text
    assert text == heard.text == openai_chat.answer(heard.final, "").message.text


def test_a_high_half_waits_for_its_partner() -> None:
    """Nothing of a character is shown before all of it has come, nor forgotten when it never does."""
    reader = StreamReader(openai_chat, Quirks())

    def shown(content: str, finish: str | None = None) -> list[Delta]:
        return reader.feed(_event({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}]}))

    assert [PartStarted(0, "text"), PartAdded(0, "a")] == shown("a\ud83d")
    assert shown("") == []
    assert [PartAdded(0, "😀")] == shown("\ude00\ud83d")
    assert [PartAdded(0, "\ufffd")] == shown("", "stop")


def test_exotic_numbers_and_bytes_arrive() -> None:
    """Integers over 64 bits stay exact, bytes that are no UTF-8 become U+FFFD."""
    big = 2**70
    stream = _event(
        {"created": big, "choices": [{"index": 0, "delta": {"content": "a?b"}}], "usage": {"prompt_tokens": big}}
    )
    heard = Heard(openai_chat, [stream.replace(b"a?b", b"a\xffb") + _event(_FINISH) + b"data: [DONE]\n\n"])

    assert heard.text == "a\ufffdb"
    assert big == heard.final["created"]
    assert big == openai_chat.answer(heard.final, "").usage.input_tokens


@pytest.mark.parametrize("data", [b"NaN", b'{"x":1e999}', b'{"x":' * 200 + b"1" + b"}" * 200, b"[" * 99_999, b"{}}"])
def test_json_that_nobody_could_pass_on_is_not_the_wire(data: bytes) -> None:
    """NaN, numbers beyond floats and bottomless nesting fail the try, and crash nothing."""
    with pytest.raises(NotTheWire):
        Heard(openai_chat, [b"data: " + data + b"\n\n"])


# -- unary bodies


def test_a_unary_body_cut_anywhere_is_truncated() -> None:
    """At every byte."""
    body = json.dumps(OPENAI_CHAT["unicode"].unary).encode()
    for place in range(len(body)):
        reader = UnaryReader(openai_chat)
        reader.feed(body[:place])
        with pytest.raises(TruncatedStream, match="not whole JSON"):
            reader.eof()
        assert not reader.complete


def test_a_unary_body_has_a_cap() -> None:
    """An endless body fills no memory."""
    reader = UnaryReader(openai_chat)
    reader.feed(b" " * MAX_UNARY_BYTES)

    with pytest.raises(NotTheWire, match="over 67,108,864 bytes"):
        reader.feed(b" ")
