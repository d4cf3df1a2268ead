import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from streaming.messages import (
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Usage,
    text_sha256,
)
from tests.strategies import texts

_PART: TypeAdapter[Part] = TypeAdapter(Part)


@given(texts())
def test_a_plain_string_stands_for_one_text_part(text: str) -> None:
    """As content, as parts, and as what a tool gave back."""
    message = Message(role="user", parts=[TextPart(text=text)])

    assert message == Message.model_validate({"role": "user", "content": text})
    assert message == Message.model_validate({"role": "user", "parts": text})
    result = ToolResultPart.model_validate({"tool_call_id": "a", "content": text})
    assert [TextPart(text=text)] == result.content


@pytest.mark.parametrize(
    "part",
    [
        TextPart(text="a"),
        TextPart(text="a", annotations=[{"url": "u"}]),
        ReasoningPart(text="a", provider_data={"signature": "s"}),
        RefusalPart(text="no"),
        ToolCallPart(id="c", name="f", arguments="{"),
        ToolResultPart(tool_call_id="c", content=[ImagePart(url="u")], is_error=True),
        ImagePart(media_type="image/png", data="aa"),
        FilePart(url="u", filename="f.pdf"),
    ],
    ids=repr,
)
def test_a_part_comes_back_from_json_as_itself(part: Part) -> None:
    """The `type` tells the shape, and what was left out is not written."""
    text = _PART.dump_json(part)

    assert part == _PART.validate_json(text)
    assert b"null" not in text
    assert b"[]" not in text


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"type": "image"}, "exactly one of data"),
        ({"type": "image", "url": "u", "data": "aa", "media_type": "image/png"}, "exactly one of data"),
        ({"type": "audio", "data": "aa"}, "needs its media_type"),
        ({"type": "text", "text": "a", "smell": 1}, "Extra inputs"),
        ({"type": "tool_result", "tool_call_id": "a", "content": [{"type": "reasoning", "text": "a"}]}, "reasoning"),
        ({"type": "tool_result", "tool_call_id": "a", "content": "", "is_error": "yes"}, "valid boolean"),
        ({"type": "text", "text": "a", "annotations": [float("nan")]}, "finite number"),
    ],
)
def test_a_part_of_another_shape_is_refused(part: object, reason: str) -> None:
    """Media has one source; a tool gives back text and media only; nothing is guessed."""
    with pytest.raises(ValidationError, match=reason):
        _PART.validate_python(part)


def test_content_and_parts_together_are_refused() -> None:
    """Which of them would be meant?"""
    with pytest.raises(ValidationError, match="content or parts, not both"):
        Message.model_validate({"role": "user", "content": "a", "parts": []})


def test_a_message_is_no_string() -> None:
    """A message without its role is refused, not taken for a user's."""
    with pytest.raises(ValidationError, match="valid dictionary"):
        Message.model_validate("hello")


@given(st.lists(texts(), max_size=5))
def test_the_text_of_a_message_is_its_text_parts(pieces: list[str]) -> None:
    """Joined in order, and nothing of the others."""
    others: list[Part] = [ReasoningPart(text="r"), RefusalPart(text="n"), ToolCallPart(id="c", name="f", arguments="a")]
    texts_and_others = [part for text in pieces for part in (TextPart(text=text), *others)]

    assert "".join(pieces) == Message(role="assistant", parts=texts_and_others).text


@given(texts())
def test_the_fingerprint_is_of_utf_8(text: str) -> None:
    """Any language can compute it."""
    assert hashlib.sha256(text.encode("utf-8")).hexdigest() == text_sha256(text)


def test_unknown_usage_is_null() -> None:
    """What the provider did not say is not zero."""
    assert {None} == set(Usage().model_dump().values())
