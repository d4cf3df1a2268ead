import pytest

from streaming.deltas import PartStarted
from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, JsonValue
from tests.recordings import said
from tests.streaming.providers.openai_chat.choices import fed

IMAGE: JsonObject = {"type": "image_url", "image_url": {"url": "https://x/i.png"}}


def test_lists_are_extended_and_other_fields_keep_the_last_value_that_says_something() -> None:
    """The role keeps the first: some servers repeat it in every chunk."""
    whole, shown = fed(
        {"role": "assistant", "annotations": [1], "custom": "a", "empty": []},
        {"role": "user", "annotations": [2, 3], "images": [IMAGE, 5], "custom": "b"},
        {"custom": "", "images": [{"type": "image_url"}], "annotations": {}},
    )

    assert whole["message"] == {
        "role": "assistant",
        "content": None,
        "annotations": [1, 2, 3],
        "images": [IMAGE, 5, {"type": "image_url"}],
        "custom": "b",
        "empty": [],
    }
    assert [PartStarted(0, "image"), PartStarted(1, "provider_item")] == shown


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (["UklGRg=="], "UklGRg=="),
        (["UklG", "Rg=="], "UklGRg=="),
        (["UmlmZg==", "UmlmZg=="], "UmlmZlJpZmY="),
        (["Ukl", "GRg="], "UklGRg="),
        (["Uk", "lG", "Rg=="], "UklGRg=="),
        (["not", "base64", "é"], "notbase64é"),
        ([], None),
    ],
)
def test_a_sound_comes_in_pieces_that_are_joined_into_one(data: list[str], whole: str | None) -> None:
    """Padded each by itself, or cut out of one: the bytes are the same; id and expiry are said once."""
    pieces: list[JsonValue] = [{"audio": {"data": piece}} for piece in data]
    made, shown = fed(
        {"audio": {"id": "audio_1", "transcript": "he"}},
        *pieces,
        {"audio": {"transcript": "llo"}},
        {"audio": {"id": "audio_2", "expires_at": 1767229200}},
        {"audio": {"expires_at": 5, "data": None}},
    )

    audio: JsonObject = {"id": "audio_1", "transcript": "hello", "expires_at": 1767229200}
    assert said({"role": "assistant", "audio": audio | {"data": whole}}) == said(made["message"])
    assert [PartStarted(0, "audio")] == shown


@pytest.mark.parametrize("empty", [{}, [], "", False])
def test_an_empty_value_of_the_wrong_kind_says_nothing(empty: JsonValue) -> None:
    """Some servers write it where others leave the field out."""
    names = ("tool_calls", "function_call", "audio", "reasoning_details", "annotations", "images")
    whole, shown = fed(dict.fromkeys(names, empty))

    assert said(whole["message"]) == {"role": "assistant"}
    assert shown == []


@pytest.mark.parametrize(
    "delta",
    [
        {"content": 5},
        {"refusal": {}},
        {"reasoning": True},
        {"tool_calls": [5]},
        {"tool_calls": {"index": 0}},
        {"function_call": "f"},
        {"audio": "UklG"},
        {"reasoning_details": [5]},
        {"reasoning_details": {"index": 0}},
        {"annotations": "a"},
    ],
)
def test_a_text_or_a_call_of_another_kind_is_not_the_wire(delta: JsonValue) -> None:
    """Guessing would change what was said."""
    with pytest.raises(NotTheWire):
        fed(delta)
