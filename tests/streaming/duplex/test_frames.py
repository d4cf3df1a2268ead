import pytest

from streaming.duplex.errors import NotTheWireError
from streaming.duplex.frames import object_of


@pytest.mark.parametrize("message", ['{"a": "\\u00e4"}', '{"a": "ä"}', '{"a": "ä"}'.encode()])
def test_an_object_in_a_frame_of_either_kind(message: str | bytes) -> None:
    """OpenAI sends text, Gemini bytes."""
    assert object_of(message) == {"a": "ä"}


@pytest.mark.parametrize("message", ["", "no JSON", b"\xff", "\ud800", "[]", "5", "null", "[" * 9999, '{"a":' * 9999])
def test_what_is_no_object_is_not_the_wires(message: str | bytes) -> None:
    """It is quoted in bounds."""
    with pytest.raises(NotTheWireError) as raised:
        object_of(message)

    assert len(str(raised.value)) < 1000
    assert raised.value.__cause__ is None
