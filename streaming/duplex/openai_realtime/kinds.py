"""What kind of event this is to a session: the name tells, and for some of them what the session has seen. Pure."""

from collections.abc import Callable, Mapping

from streaming.duplex.elements import FinishReason
from streaming.duplex.errors import NotTheWireError
from streaming.duplex.openai_realtime.ending import ending_of
from streaming.duplex.openai_realtime.errors import kind_of, refusal_of
from streaming.duplex.openai_realtime.server_events import KINDS, OF_CURRENT_RESPONSE, Kind, object_in
from streaming.duplex.openai_realtime.session import Session
from streaming.jsontext import JsonObject
from streaming.providers.values import string


def kind_in(session: Session, event: JsonObject) -> Kind:
    """Return what kind an event is of.

    Raises:
        NotTheWireError: it has no type.
    """
    name = event.get("type")
    if not isinstance(name, str):
        raise NotTheWireError("a message is not an event: it has no type")
    kind = KINDS.get(name, Kind.UNKNOWN)
    refine = _REFINED.get(kind)
    return refine(session, event, kind) if refine else kind


def _if_current(session: Session, event: JsonObject, kind: Kind) -> Kind:
    current, given = session.answers.current, event.get("response_id")
    return kind if current is not None and (given == current.id or given is None) else Kind.STALE


def _begun(session: Session, event: JsonObject, kind: Kind) -> Kind:
    if session.answers.is_known(_response_id(event)):
        return Kind.STALE
    return Kind.BEGUN_UNWANTED if session.unwanted else kind


def _done(session: Session, event: JsonObject, kind: Kind) -> Kind:
    current, response_id = session.answers.current, _response_id(event)
    if current is None or response_id not in ("", current.id):
        return _done_unseen(session, event) if response_id and not session.answers.is_over(response_id) else Kind.STALE
    return Kind.DONE_CUT if _ending(event) == "interrupted" else kind


def _done_unseen(session: Session, event: JsonObject) -> Kind:
    return Kind.FAILURE_TOLD if session.failed_unbegun and _ending(event) == "failed" else Kind.DONE_UNSEEN


def _ending(event: JsonObject) -> FinishReason:
    return ending_of(object_in(event, "response"))


def _error(session: Session, event: JsonObject, _kind: Kind) -> Kind:
    refusal = refusal_of(object_in(event, "error"))
    return kind_of(refusal, set_up=session.set_up, awaited=session.awaits_answer)


def _response_id(event: JsonObject) -> str:
    return string(object_in(event, "response").get("id"))


_REFINED: Mapping[Kind, Callable[[Session, JsonObject, Kind], Kind]] = {
    **dict.fromkeys(OF_CURRENT_RESPONSE, _if_current),
    Kind.BEGUN: _begun,
    Kind.DONE: _done,
    Kind.ERROR: _error,
}
