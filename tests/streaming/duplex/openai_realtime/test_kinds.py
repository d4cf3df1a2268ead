import pytest

from streaming.duplex.errors import NotTheWireError
from streaming.duplex.openai_realtime.kinds import kind_in
from streaming.duplex.openai_realtime.server_events import Kind
from streaming.duplex.openai_realtime.session import Session
from streaming.jsontext import JsonObject
from tests.streaming.duplex.openai_realtime import server
from tests.streaming.duplex.openai_realtime.server import SPOKEN


def session(
    *, current: str | None = None, over: str | None = None, unwanted: bool = False, failed: bool = False
) -> Session:
    """Return a session with an answer on its way, and one that is over."""
    it = Session(SPOKEN, [], ask=False)
    for response_id in (over, current):
        if response_id is not None:
            it.answers.begin(server.begun(response_id))
        if response_id == over:
            it.answers.finish(server.done(response_id or ""))
    it.unwanted = unwanted
    it.failed_unbegun = failed
    return it


@pytest.mark.parametrize(
    ("given", "event", "kind"),
    [
        (session(), server.begun("r1"), Kind.BEGUN),
        (session(unwanted=True), server.begun("r1"), Kind.BEGUN_UNWANTED),
        (session(current="r1"), server.begun("r1"), Kind.STALE),
        (session(over="r1"), server.begun("r1"), Kind.STALE),
        (session(current="r1"), server.done("r1"), Kind.DONE),
        (session(current="r1"), server.done("r1", "cancelled", reason="turn_detected"), Kind.DONE_CUT),
        (session(current="r1"), server.done("r2"), Kind.DONE_UNSEEN),
        (session(over="r1"), server.done("r1"), Kind.STALE),
        (session(failed=True), server.done("r1"), Kind.DONE_UNSEEN),
        (session(), server.done("r1", "failed"), Kind.DONE_UNSEEN),
        (session(failed=True), server.done("r1", "failed"), Kind.FAILURE_TOLD),
        (session(over="r1", failed=True), server.done("r1", "failed"), Kind.STALE),
        (session(), {"type": "response.done"}, Kind.STALE),
        (session(current="r1"), server.writing("x", "r1"), Kind.WRITTEN),
        (session(current="r1"), server.writing("x", "r2"), Kind.STALE),
        (session(), server.writing("x", "r1"), Kind.STALE),
        (session(), server.error("invalid_value"), Kind.SETUP_REFUSED),
        (session(), server.speech_started(), Kind.SPEECH_STARTED),
        (session(), {"type": "some.new.event"}, Kind.UNKNOWN),
    ],
)
def test_what_an_event_is_depends_on_what_was_seen(given: Session, event: JsonObject, kind: Kind) -> None:
    """For answers and errors; all else is what its name says."""
    assert kind_in(given, event) is kind


@pytest.mark.parametrize("event", [{}, {"type": 5}, {"type": None}, {"type": ["error"]}])
def test_what_has_no_type_is_no_event(event: JsonObject) -> None:
    """Not of this wire."""
    with pytest.raises(NotTheWireError, match="no type"):
        kind_in(session(), event)
