"""What the server's events do to a session: one function for each `Does` of the table."""

from collections.abc import Callable, Mapping

from streaming.duplex.elements import Ready, StreamElement
from streaming.duplex.errors import ProviderFaultError, ResponseFailedError, SetupRefusedError
from streaming.duplex.openai_realtime import told
from streaming.duplex.openai_realtime.ending import ending_of
from streaming.duplex.openai_realtime.errors import Refusal, is_retryable, refusal_of
from streaming.duplex.openai_realtime.kinds import kind_in
from streaming.duplex.openai_realtime.response import Response
from streaming.duplex.openai_realtime.server_events import object_in
from streaming.duplex.openai_realtime.session import Elements, Session
from streaming.duplex.openai_realtime.transitions import TRANSITIONS, Does, State
from streaming.jsontext import JsonObject
from streaming.providers.values import string


def happen(session: Session, event: JsonObject) -> Elements:
    """Take an event of the server; return what it says.

    Raises:
        NotTheWireError: it is no event, or holds sound that cannot be read.
    """
    does, then = TRANSITIONS[session.state][kind_in(session, event)]
    elements = _do(session, does, event)
    if then is not None:
        session.state = then
    session.ask_if_wanted()
    return elements


def _do(session: Session, does: Does, event: JsonObject) -> Elements:
    if comes := _COMES.get(does):
        return comes(session.answers.current, event) if session.answers.current is not None else []
    if tells := _TELLS.get(does):
        return tells(event)
    return _DOES[does](session, event)


# -- the session


def _notice(session: Session, event: JsonObject) -> Elements:
    session.unconfirmed.discard(_refusal(event).event_id)
    return [told.notice(event)]


def _note_session(session: Session, event: JsonObject) -> Elements:
    session.id = string(object_in(event, "session").get("id"))
    return []


def _set_up(session: Session, event: JsonObject) -> Elements:
    session.seed()
    return [StreamElement(event=Ready(string(object_in(event, "session").get("id")) or session.id))]


def _refuse_setup(session: Session, event: JsonObject) -> Elements:
    refusal = _refusal(event)
    return [StreamElement(error=SetupRefusedError(refusal.message, code=refusal.code))]


def _fail_session(session: Session, event: JsonObject) -> Elements:
    refusal = _refusal(event)
    fault = ProviderFaultError(refusal.message, code=refusal.code, retryable=is_retryable(refusal))
    return [StreamElement(error=fault)]


# -- the user


def _hear_speech(session: Session, event: JsonObject) -> Elements:
    session.turn.speech_started()
    session.unwanted &= session.state is State.AWAITED
    return [told.speech_started(event), *session.answers.cut_played()]


def _barge_in(session: Session, event: JsonObject) -> Elements:
    session.turn.speech_started()
    if not session.turn.listens:  # else the server has cancelled it by itself
        session.answers.cancel()
    return [told.speech_started(event), *session.answers.cut()]


def _hear_silence(session: Session, event: JsonObject) -> Elements:
    session.turn.speech_stopped(string(event.get("item_id")))
    return [told.speech_stopped(event)]


def _take_utterance(session: Session, event: JsonObject) -> Elements:
    item_id = string(event.get("item_id"))
    session.ask_if(session.turn.committed(item_id))
    return _utterance(session, item_id, event)


def _commit_nothing(session: Session, event: JsonObject) -> Elements:
    session.ask_if(session.turn.commit_settled())
    return [told.notice(event)]


def _note_item(session: Session, event: JsonObject) -> Elements:
    item = object_in(event, "item")
    item_id = string(item.get("id"))
    session.unconfirmed.discard(item_id)
    return _utterance(session, item_id, event) if told.is_utterance(item) else []


def _utterance(session: Session, item_id: str, event: JsonObject) -> Elements:
    if item_id in session.utterances:
        return []
    session.utterances.append(item_id)
    return [told.utterance(item_id, event)]


# -- answers begin and end


def _begin(session: Session, event: JsonObject) -> Elements:
    # Nobody asked for this one. What waited while the user spoke is answered by it too, if the server had it.
    if session.state is State.IDLE and not session.unconfirmed:
        session.wanted = False
    session.turn.answered()
    session.unwanted = session.failed_unbegun = False
    return session.answers.begin(event)


def _begin_cut(session: Session, event: JsonObject) -> Elements:
    begun = _begin(session, event)
    session.answers.cancel()
    return [*begun, *session.answers.cut()]


def _supersede(session: Session, event: JsonObject) -> Elements:
    return [*session.answers.cut(), *_close_cut_and_begin(session, event)]


def _close_cut_and_begin(session: Session, event: JsonObject) -> Elements:
    return [*session.answers.close_cut({}), *_begin(session, event)]


def _finish(session: Session, event: JsonObject) -> Elements:
    elements = session.answers.finish(event)
    session.owed.made({call.id: call.id for element in elements for call in element.tool_calls})
    return elements


def _finish_unseen(session: Session, event: JsonObject) -> Elements:
    is_cut = session.unwanted or ending_of(object_in(event, "response")) == "interrupted"
    return [*_begin(session, event), *(_finish_cut(session, event) if is_cut else _finish(session, event))]


def _finish_cut(session: Session, event: JsonObject) -> Elements:
    return [*session.answers.cut(), *session.answers.close_cut(event)]


def _close_cut(session: Session, event: JsonObject) -> Elements:
    return session.answers.close_cut(event)


def _give_up_cut(session: Session, event: JsonObject) -> Elements:
    return [told.notice(event), *session.answers.close_cut({})]


def _fail_answer(session: Session, event: JsonObject) -> Elements:
    session.unwanted = False
    if session.state is State.IDLE:  # else it was ours that failed, and one that is due unasked comes all the same
        session.turn.answered()
    refusal = _refusal(event)
    session.failed_unbegun = not refusal.event_id  # what is refused never was a response
    error = ResponseFailedError(refusal.message, code=refusal.code)
    return [StreamElement(error=error, finish_reason="failed")]


def _forget_failure(session: Session, _event: JsonObject) -> Elements:
    session.failed_unbegun = False
    return []


def _ask_later(session: Session, event: JsonObject) -> Elements:
    session.wanted = True
    if session.answers.current is not None:
        session.turn.answered()  # the server may have asked by itself, in vain: this one is all that comes unasked
    # Another answer is on its way that was not seen to begin: asking again at once would be refused again.
    session.turn.answer_due |= session.state is State.AWAITED
    return [told.notice(event)]


def _refusal(event: JsonObject) -> Refusal:
    return refusal_of(object_in(event, "error"))


def _nothing(_event: JsonObject) -> Elements:
    return []


_COMES: Mapping[Does, Callable[[Response, JsonObject], Elements]] = {
    Does.SOUND: Response.sound,
    Does.END_SOUND: Response.end_sound,
    Does.NOTE_PART: Response.note_part,
    Does.WRITE: Response.write,
    Does.WRITE_ALL: Response.write_all,
    Does.SPEAK: Response.speak,
    Does.SPEAK_ALL: Response.speak_all,
    Does.GATHER: Response.gather,
    Does.GATHER_ITEM: Response.gather_item,
}
_TELLS: Mapping[Does, Callable[[JsonObject], Elements]] = {
    Does.NOTHING: _nothing,
    Does.TRANSCRIBE_SOME: told.user_words,
    Does.TRANSCRIBE_ALL: told.all_user_words,
    Does.GO_WITHOUT_TRANSCRIPT: told.no_user_words,
}
_DOES: Mapping[Does, Callable[[Session, JsonObject], Elements]] = {
    Does.NOTICE: _notice,
    Does.NOTE_SESSION: _note_session,
    Does.SET_UP: _set_up,
    Does.REFUSE_SETUP: _refuse_setup,
    Does.FAIL_SESSION: _fail_session,
    Does.HEAR_SPEECH: _hear_speech,
    Does.BARGE_IN: _barge_in,
    Does.HEAR_SILENCE: _hear_silence,
    Does.TAKE_UTTERANCE: _take_utterance,
    Does.COMMIT_NOTHING: _commit_nothing,
    Does.NOTE_ITEM: _note_item,
    Does.BEGIN: _begin,
    Does.BEGIN_CUT: _begin_cut,
    Does.SUPERSEDE: _supersede,
    Does.CLOSE_CUT_AND_BEGIN: _close_cut_and_begin,
    Does.FINISH: _finish,
    Does.FINISH_CUT: _finish_cut,
    Does.FINISH_UNSEEN: _finish_unseen,
    Does.CLOSE_CUT: _close_cut,
    Does.GIVE_UP_CUT: _give_up_cut,
    Does.FAIL_ANSWER: _fail_answer,
    Does.FORGET_FAILURE: _forget_failure,
    Does.ASK_LATER: _ask_later,
}
HANDLED = frozenset({*_COMES, *_TELLS, *_DOES})
"""All that can be done."""
