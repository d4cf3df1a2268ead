"""What events that change nothing tell, as elements."""

from streaming.duplex.elements import Notice, SpeechStarted, SpeechStopped, StreamElement, Transcript, UtteranceTaken
from streaming.duplex.openai_realtime.errors import refusal_of
from streaming.duplex.openai_realtime.server_events import KINDS, Kind, object_in
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.values import count, objects, string

_MAX_NAME = 100
_MAX_LIMITS = 20
_LIMIT_NUMBERS = ("limit", "remaining", "reset_seconds")


def notice(event: JsonObject) -> StreamElement:
    """Return a notice of an event: what kind of error, what limits, or its name."""
    name = string(event.get("type"))
    kind = KINDS.get(name, Kind.UNKNOWN)
    if kind is Kind.UNKNOWN:
        return StreamElement(event=Notice("unknown_event", name[:_MAX_NAME]))
    if kind is Kind.ERROR:
        refusal = refusal_of(object_in(event, "error"))
        return StreamElement(event=Notice(refusal.code, refusal.message))
    limits = objects(event.get("rate_limits"))[:_MAX_LIMITS]
    details: JsonObject = {"rate_limits": [_limit(limit) for limit in limits]}
    return StreamElement(event=Notice(name, details=details if limits else None))


def _limit(limit: JsonObject) -> JsonValue:
    numbers = {key: value for key in _LIMIT_NUMBERS if isinstance(value := limit.get(key), int | float)}
    return {"name": string(limit.get("name"))[:_MAX_NAME], **numbers}


def speech_started(event: JsonObject) -> StreamElement:
    """Return that the user began to speak."""
    return StreamElement(event=SpeechStarted(string(event.get("item_id")), count(event, "audio_start_ms")))


def speech_stopped(event: JsonObject) -> StreamElement:
    """Return that the user fell silent."""
    return StreamElement(event=SpeechStopped(string(event.get("item_id")), count(event, "audio_end_ms")))


def utterance(item_id: str, event: JsonObject) -> StreamElement:
    """Return that an utterance has its place in the conversation."""
    return StreamElement(event=UtteranceTaken(item_id, string(event.get("previous_item_id")) or None))


def is_utterance(item: JsonObject) -> bool:
    """Return whether an item is something that the user said aloud."""
    content = objects(item.get("content"))
    return item.get("role") == "user" and any(part.get("type") == "input_audio" for part in content)


def user_words(event: JsonObject) -> list[StreamElement]:
    """Return new words of the user."""
    text = string(event.get("delta"))
    return [_of_user(event, text, final=False)] if text else []


def all_user_words(event: JsonObject) -> list[StreamElement]:
    """Return all words of an utterance."""
    return [_of_user(event, string(event.get("transcript")), final=True)]


def no_user_words(event: JsonObject) -> list[StreamElement]:
    """Return that an utterance could not be written down: nobody is to wait for its words."""
    refusal = refusal_of(object_in(event, "error"))
    why = Notice(refusal.code or "transcription_failed", refusal.message, {"item_id": _item_id(event)})
    return [StreamElement(event=why), _of_user(event, "", final=True)]


def _of_user(event: JsonObject, text: str, *, final: bool) -> StreamElement:
    return StreamElement(transcript=Transcript("user", text, final=final, item_id=_item_id(event)))


def _item_id(event: JsonObject) -> str:
    return string(object_in(event, "item").get("id")) or string(event.get("item_id"))
