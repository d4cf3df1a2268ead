import pytest

from streaming.jsontext import JsonObject, JsonValue
from streaming.live.transcript import Transcript
from tests.streaming.providers.openai_chat.choices import fed


def think(text: str) -> JsonObject:
    """Return a piece of thinking as Mistral streams it."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def text(text: str) -> JsonObject:
    """Return a piece of text as a content part."""
    return {"type": "text", "text": text}


REFERENCE: JsonObject = {"type": "reference", "reference_ids": [1, 2]}
IMAGE: JsonObject = {"type": "image_url", "image_url": {"url": "https://x/i.png"}}


@pytest.mark.parametrize(
    ("pieces", "content", "shown"),
    [
        (["a", "b"], "ab", [("text", "ab")]),
        ([[text("a")], [text("b")]], [text("ab")], [("text", "ab")]),
        ([[text("a"), text("b")], "c"], [text("abc")], [("text", "abc")]),
        (["", [text("a")]], [text("a")], [("text", "a")]),
        (["a", [text("b")]], [text("ab")], [("text", "ab")]),
        (
            ["", [think("h")], [think("m")], "a", "b"],
            [think("hm"), text("ab")],
            [("reasoning", "hm"), ("text", "ab")],
        ),
        (
            [[{"type": "thinking", "thinking": "h"}], [{"type": "thinking", "thinking": "m", "closed": True}]],
            [{"type": "thinking", "thinking": "hm", "closed": True}],
            [("reasoning", "hm")],
        ),
        (
            [[text("a")], [REFERENCE], [text("b")]],
            [text("a"), REFERENCE, text("b")],
            [("text", "a"), ("text", "b")],
        ),
        (
            [[text("a"), IMAGE, {"type": "novel", "x": 1}, 5]],
            [text("a"), IMAGE, {"type": "novel", "x": 1}, 5],
            [("text", "a"), ("image", ""), ("provider_item", "")],
        ),
        (
            [[text("a\ud83d")], [text("\ude00")], [think("\ud83d")]],
            [text("a😀"), think("\ufffd")],
            [("text", "a😀"), ("reasoning", "\ufffd")],
        ),
        ([[]], [], []),
    ],
    ids=range(11),
)
def test_content_is_a_string_or_a_list_as_it_was_sent(
    pieces: list[JsonValue], content: JsonValue, shown: list[tuple[str, str]]
) -> None:
    """Neighbouring pieces of text, and of thinking, are one part; any other part comes whole."""
    whole, deltas = fed(*({"content": piece} for piece in pieces))
    seen = Transcript()
    for delta in deltas:
        seen.add(delta)

    assert whole["message"] == {"role": "assistant", "content": content}
    assert shown == [(part.type, part.text) for part in seen.parts]
