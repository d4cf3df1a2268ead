import pytest
from google.genai import types

from streaming.duplex.gemini_live.finish import finish_reason

FAILED = {"MALFORMED_FUNCTION_CALL", "RESPONSE_REJECTED", "MAX_REGENERATION_REACHED"}
WHOLE = {"TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT"}


@pytest.mark.parametrize("reason", [reason.value for reason in types.TurnCompleteReason])
def test_every_reason_that_google_has(reason: str) -> None:
    """Whole, failed, or filtered: the table knows each."""
    expected = "stop" if reason in WHOLE else "failed" if reason in FAILED else "content_filter"

    assert finish_reason(reason) == expected


def test_other_reasons() -> None:
    """None is a whole answer; one that nobody knows is a failure."""
    assert finish_reason("") == "stop"
    assert finish_reason("EATEN_BY_BEARS") == "failed"
