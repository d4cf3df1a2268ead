import pytest

from streaming.duplex.openai_realtime.errors import is_retryable, kind_of, refusal_of
from streaming.duplex.openai_realtime.server_events import Kind
from streaming.jsontext import JsonObject


def kind(
    code: str | None,
    *,
    type_: str = "invalid_request_error",
    event_id: str | None = None,
    up: bool = True,
    awaited: bool = False,
) -> Kind:
    """Return what an error does."""
    return kind_of(refusal_of({"code": code, "type": type_, "event_id": event_id}), set_up=up, awaited=awaited)


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize(
    ("code", "type_", "retryable"),
    [
        ("session_expired", "invalid_request_error", True),
        ("invalid_api_key", "invalid_request_error", False),
        (None, "authentication_error", False),
        (None, "permission_error", False),
        ("insufficient_quota", "insufficient_quota", False),
        ("insufficient_quota", "invalid_request_error", False),
        ("some_word", "authentication_error", False),
        ("account_deactivated", "invalid_request_error", False),
    ],
)
def test_some_errors_end_the_session(code: str | None, type_: str, retryable: bool, up: bool) -> None:
    """Whenever they come; another connection helps where only the session's time is over."""
    assert kind(code, type_=type_, up=up) is Kind.FAULT
    assert is_retryable(refusal_of({"code": code, "type": type_})) is retryable


@pytest.mark.parametrize(
    ("code", "does"),
    [
        ("conversation_already_has_active_response", Kind.ASKED_TOO_EARLY),
        ("input_audio_buffer_commit_empty", Kind.COMMIT_FAILED),
        ("response_cancel_not_active", Kind.CANCEL_FAILED),
        ("item_truncate_invalid_item_id", Kind.BENIGN),
        ("item_truncate_invalid_audio_end_ms", Kind.BENIGN),
        ("unsupported_content_type", Kind.BENIGN),
    ],
)
@pytest.mark.parametrize("event_id", [None, "ask_3", "somebody's"])
@pytest.mark.parametrize("awaited", [True, False])
def test_a_race_is_told_by_its_code(code: str, does: Kind, event_id: str | None, awaited: bool) -> None:
    """Whatever it answers."""
    assert kind(code, type_="server_error", event_id=event_id, awaited=awaited) is does


@pytest.mark.parametrize(
    ("code", "type_", "does"),
    [
        (None, "server_error", Kind.ANSWER_FAILED),
        ("server_error", "server_error", Kind.ANSWER_FAILED),
        ("odd", "server_error", Kind.ANSWER_FAILED),
        ("rate_limit_exceeded", "requests", Kind.ANSWER_FAILED),
        (None, "service_unavailable_error", Kind.ANSWER_FAILED),
        ("invalid_value", "invalid_request_error", Kind.BENIGN),
        (None, "odd", Kind.BENIGN),
    ],
)
def test_a_failure_of_the_servers_own_is_the_awaited_answers(code: str | None, type_: str, does: Kind) -> None:
    """It says of no client event that it answers it, and nothing need follow; a client's fault always says of which.

    The sound that goes up has no ids: what is wrong with it is told without one, and ends no answer.
    """
    assert kind(code, type_=type_, awaited=True) is does
    assert kind(code, type_=type_, awaited=False) is Kind.BENIGN


@pytest.mark.parametrize(
    ("event_id", "does"),
    [
        ("ask_3", Kind.ASK_FAILED),
        ("commit_4", Kind.COMMIT_FAILED),
        ("cancel_5", Kind.CANCEL_FAILED),
        ("truncate_6", Kind.BENIGN),
        ("item_7", Kind.BENIGN),
        ("setup_8", Kind.BENIGN),
        ("asked", Kind.BENIGN),
        (None, Kind.BENIGN),
    ],
)
@pytest.mark.parametrize("code", ["invalid_value", "server_error", None])
def test_another_error_is_told_by_what_it_answers(event_id: str | None, does: Kind, code: str | None) -> None:
    """Only an answer that was asked for is waited for; all else changes nothing."""
    assert kind(code, type_="server_error", event_id=event_id) is does
    if event_id is not None:
        assert kind(code, type_="server_error", event_id=event_id, awaited=True) is does


@pytest.mark.parametrize("code", ["invalid_value", "model_not_found", "unknown_parameter", None])
def test_before_the_setup_is_taken_an_error_refuses_it(code: str | None) -> None:
    """Asked the same again the server would say the same."""
    assert kind(code, up=False) is Kind.SETUP_REFUSED


@pytest.mark.parametrize("type_", ["server_error", "rate_limit_error", "service_unavailable_error"])
def test_a_server_without_room_may_have_some_later(type_: str) -> None:
    """Nothing is wrong with the setup."""
    assert kind(None, type_=type_, up=False) is Kind.FAULT
    assert is_retryable(refusal_of({"type": type_}))


def test_no_part_of_a_key_is_repeated() -> None:
    """The API quotes one in its message."""
    refusal = refusal_of({"code": "invalid_api_key", "message": "Incorrect API key provided: sk-abc***xyz."})

    assert refusal.message == "the API key was refused"


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        ({}, "no message", ""),
        ({"code": 500}, "500", "500"),
        ({"type": "server_error"}, "server_error", "server_error"),
        ({"message": ["x"], "type": {}, "code": [], "event_id": 5}, "no message", ""),
        ({"message": "m" * 5000, "code": "c" * 5000}, "m" * 1000, "c" * 100),
    ],
)
def test_an_error_says_what_it_can(error: JsonObject, message: str, code: str) -> None:
    """In bounds."""
    refusal = refusal_of(error)

    assert (refusal.message, refusal.code) == (message, code)
