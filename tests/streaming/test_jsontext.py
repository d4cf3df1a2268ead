import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.errors import NotTheWire
from streaming.jsontext import (
    GrowingObject,
    GrowingText,
    JsonObject,
    JsonValue,
    dumps,
    excerpt,
    flaw_of,
    keep_last,
    loads,
    mended,
    pair_surrogates,
    split_high_surrogate,
)
from tests.strategies import json_values, texts_with_halves


@given(json_values())
def test_what_is_dumped_loads_as_itself(value: JsonValue) -> None:
    """Integers of any size, any text, any modest nesting."""
    assert loads(dumps(value)) == value


@given(json_values(texts_with_halves()))
def test_halves_of_surrogate_pairs_survive_loading_and_are_mended_when_dumped(value: JsonValue) -> None:
    """A half may find its partner in the next event; what leaves us is proper UTF-8."""
    escaped = json.dumps(value).encode()

    assert json.loads(escaped) == loads(escaped)
    assert json.loads(dumps(value)) == mended(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"9223372036854775808", 9223372036854775808),
        (b"18446744073709551616", 18446744073709551616),
        (b"-9223372036854775809", -9223372036854775809),
        (b'{"a":[123456789012345678901234567890]}', {"a": [123456789012345678901234567890]}),
        (b"1" * 4000, int("1" * 4000)),
        (b"0.12345678901234567890", 0.12345678901234567890),
        (b"1e308", 1e308),
        (
            b'{"a":"1234567890123456789012","b":18446744073709551617}',
            {"a": "1" + "234567890123456789012", "b": 2**64 + 1},
        ),
        (b'{"a":[9999999999999999999]}', {"a": [9999999999999999999]}),
        (b"1e-400", 0.0),
        (b'"\\ud83d"', "\ud83d"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"a\xffb"', "a\ufffdb"),
        (b'"\xed\xa0\xbd"', "\ufffd\ufffd\ufffd"),
        (b" \n{} ", {}),
    ],
)
def test_rare_texts_are_still_read_exactly(text: bytes, value: JsonValue) -> None:
    """Integers over 64 bits, invalid UTF-8 and lone surrogates take the slow road and arrive."""
    assert loads(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{'a':1}",
        b'{"a":1,}',
        b"NaN",
        b'{"a":-Infinity}',
        b"1e400",
        b'["\\ud83d",-1e999]',
        b"9" * 5000,
        b"<html>",
        b"\xff\xfe",
        b"[" * 130 + b"]" * 130,
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
    ],
    ids=range(15),
)
def test_what_is_no_json_is_refused_in_a_few_words(text: bytes) -> None:
    """Whatever it is, the failure is ours, and quotes no more than the beginning."""
    with pytest.raises(NotTheWire, match="JSON") as refused:
        loads(text)

    assert len(str(refused.value)) < 1000


def test_nesting_up_to_the_cap_is_read() -> None:
    """What is read can also be mended and dumped."""
    deep = b"[" * 128 + b"]" * 128

    assert deep == dumps(mended(loads(deep)))


def test_many_brackets_are_not_deep() -> None:
    """A long flat list is read however many objects it holds."""
    assert loads(b"[" + b"{}," * 1000 + b"[[]]]") == [{}] * 1000 + [[[]]]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_flaw_is_found_at_any_depth(number: float) -> None:
    """NaN and infinity are not JSON, wherever they stand."""
    assert flaw_of({"a": [1, {"b": number}]}) == "NaN or infinity"
    assert flaw_of({"a": [1, {"b": 1.5}]}) is None


@pytest.mark.parametrize(
    ("text", "paired"),
    [
        ("plain", "plain"),
        ("é🌾", "é🌾"),
        ("\ud83d\ude00", "😀"),
        ("\ud83d", "\ufffd"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("a\ud83d\ud83d\ude00b\ude00", "a\ufffd😀b\ufffd"),
        ("\ufeff\ud83d", "\ufeff\ufffd"),
    ],
)
def test_halves_are_paired_or_replaced(text: str, paired: str) -> None:
    """Two halves in order are one character; a half alone is U+FFFD; all else stays."""
    assert pair_surrogates(text) == paired


def test_only_a_trailing_high_half_waits() -> None:
    """A low half has nothing to wait for."""
    assert split_high_surrogate("a\ud83d") == ("a", "\ud83d")
    assert split_high_surrogate("a\ude00") == ("a\ude00", "")
    assert split_high_surrogate("") == ("", "")


@given(st.lists(texts_with_halves(), max_size=6))
def test_a_text_in_pieces_is_the_text_paired_at_once(pieces: list[str]) -> None:
    """What is let out piece by piece is what is kept, holds no half, and does not depend on the cuts."""
    growing = GrowingText()
    out = [growing.add(piece) for piece in pieces] + [growing.close()]

    assert pair_surrogates("".join(pieces)) == "".join(out) == growing.text
    for piece in out:
        piece.encode()


def test_the_pieces_of_a_growing_text_can_be_looked_at_once_each() -> None:
    """From any place on; what was empty is none."""
    growing = GrowingText()
    for piece in ("a", "", "b"):
        growing.add(piece)

    assert growing.since(0) == ["a", "b"]
    assert growing.since(1) == ["b"]
    assert growing.since(2) == []


def test_a_growing_object_joins_some_strings_and_keeps_the_last_of_all_else() -> None:
    """A later value that says nothing does not displace one that does."""
    growing = GrowingObject(frozenset({"text"}))

    assert growing.add({"text": "a\ud83d", "type": "t", "n": 1, "x": None}) == {"text": "a"}
    assert growing.add({"text": "\ude00b", "type": "", "n": 2, "list": [1]}) == {"text": "😀b"}
    assert growing.add({"text": None, "n": None, "list": []}) == {}
    assert growing.add({"text": "\ud83d"}) == {"text": ""}
    assert growing.close() == {"text": "\ufffd"}
    assert growing.value == {"text": "a😀b\ufffd", "type": "t", "n": 2, "x": None, "list": [1]}


@pytest.mark.parametrize(
    ("earlier", "later", "kept"),
    [(1, 2, 2), (1, None, 1), ("a", "", "a"), ([1], [], [1]), ({"a": 1}, {}, {"a": 1}), (None, "", ""), (1, 0, 0)],
)
def test_the_last_value_that_says_something_is_kept(earlier: JsonValue, later: JsonValue, kept: JsonValue) -> None:
    """Zero and false say something."""
    held: JsonObject = {"key": earlier}
    keep_last(held, "key", later)

    assert held == {"key": kept}


@given(json_values(texts_with_halves()))
def test_a_mended_value_is_proper_utf_8_throughout(value: JsonValue) -> None:
    """Keys and values, however deep; mending again changes nothing."""
    whole = mended(value)
    json.dumps(whole, ensure_ascii=False).encode()

    assert mended(whole) == whole


@pytest.mark.parametrize(
    ("body", "quoted"),
    [(b"<html>\n", "'<html>\\n'"), (b"\xff", "'\ufffd'"), (b"x" * 300, repr("x" * 200) + "...")],
)
def test_an_excerpt_is_short_and_printable(body: bytes, quoted: str) -> None:
    """It is quoted in failures that people read."""
    assert excerpt(body) == quoted
