import pytest

from streaming.providers import openai_responses
from streaming.providers.background import Cursor


@pytest.mark.parametrize(
    ("cursor", "stream", "path"),
    [
        (Cursor("resp_1", 41), True, "/responses/resp_1?stream=true&starting_after=41"),
        (Cursor("resp_1", 0), True, "/responses/resp_1?stream=true&starting_after=0"),
        (Cursor("resp_1", -1), True, "/responses/resp_1?stream=true"),
        (Cursor("resp_1", 41), False, "/responses/resp_1"),
    ],
)
def test_a_response_is_read_on_after_the_last_event(cursor: Cursor, path: str, *, stream: bool) -> None:
    """From its first one where none was taken; or it is asked for itself."""
    assert openai_responses.rest_path(cursor, stream=stream) == path


def test_a_response_is_cancelled_by_its_id() -> None:
    """Wherever it was read to."""
    assert openai_responses.cancel_path(Cursor("resp_1", 41)) == "/responses/resp_1/cancel"
