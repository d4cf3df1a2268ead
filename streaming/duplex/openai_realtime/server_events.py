"""The events of the server by name, and what kind each is of.

The names are those of `RealtimeServerEvent` of the official client. Servers that copy the API often stopped at its
beta, so the beta's names mean the same.
"""

from collections.abc import Mapping
from enum import StrEnum

from streaming.jsontext import JsonObject, JsonValue
from streaming.providers.values import string


class Kind(StrEnum):
    """What an event of the server says, as far as the session's state decides what follows from it."""

    SESSION_CREATED = "session_created"
    SESSION_UPDATED = "session_updated"
    SPEECH_STARTED = "speech_started"
    SPEECH_STOPPED = "speech_stopped"
    COMMITTED = "committed"
    ITEM = "item"
    HEARD_SOME = "heard_some"
    HEARD_ALL = "heard_all"
    NOT_HEARD = "not_heard"
    BEGUN = "begun"
    BEGUN_UNWANTED = "begun_unwanted"
    """A response begins that was stopped before it began."""
    AUDIO = "audio"
    AUDIO_OVER = "audio_over"
    PART = "part"
    WRITTEN = "written"
    WRITTEN_ALL = "written_all"
    SPOKEN = "spoken"
    SPOKEN_ALL = "spoken_all"
    ARGUMENTS = "arguments"
    OUTPUT_ITEM = "output_item"
    DONE = "done"
    DONE_CUT = "done_cut"
    """The current response is over because the user cut it."""
    DONE_UNSEEN = "done_unseen"
    """A response is over whose beginning was not seen."""
    FAILURE_TOLD = "failure_told"
    """A response has failed whose beginning was not seen, after an error that was taken for just that."""
    STALE = "stale"
    """Of a response that is over, or not the current one."""
    ERROR = "error"
    """Any error; `errors.kind_of` tells which of the following it is."""
    FAULT = "fault"
    SETUP_REFUSED = "setup_refused"
    ASK_FAILED = "ask_failed"
    ANSWER_FAILED = "answer_failed"
    """The server failed while an answer was to come, asked for or not."""
    ASKED_TOO_EARLY = "asked_too_early"
    COMMIT_FAILED = "commit_failed"
    CANCEL_FAILED = "cancel_failed"
    BENIGN = "benign"
    TOLD = "told"
    """Worth a notice, whatever the state."""
    SILENT = "silent"
    """Known, and says nothing that is not said elsewhere."""
    UNKNOWN = "unknown"


KINDS: Mapping[str, Kind] = {
    "session.created": Kind.SESSION_CREATED,
    "session.updated": Kind.SESSION_UPDATED,
    "conversation.created": Kind.SILENT,
    # the user
    "input_audio_buffer.speech_started": Kind.SPEECH_STARTED,
    "input_audio_buffer.speech_stopped": Kind.SPEECH_STOPPED,
    "input_audio_buffer.committed": Kind.COMMITTED,
    "input_audio_buffer.cleared": Kind.SILENT,
    "input_audio_buffer.timeout_triggered": Kind.TOLD,
    "input_audio_buffer.dtmf_event_received": Kind.TOLD,
    "conversation.item.input_audio_transcription.delta": Kind.HEARD_SOME,
    "conversation.item.input_audio_transcription.completed": Kind.HEARD_ALL,
    "conversation.item.input_audio_transcription.failed": Kind.NOT_HEARD,
    "conversation.item.input_audio_transcription.segment": Kind.SILENT,
    # the conversation
    "conversation.item.added": Kind.ITEM,
    "conversation.item.done": Kind.ITEM,
    "conversation.item.retrieved": Kind.SILENT,
    "conversation.item.truncated": Kind.SILENT,
    "conversation.item.deleted": Kind.SILENT,
    # the answer
    "response.created": Kind.BEGUN,
    "response.output_item.added": Kind.SILENT,
    "response.content_part.added": Kind.PART,
    "response.output_audio.delta": Kind.AUDIO,
    "response.output_audio.done": Kind.AUDIO_OVER,
    "response.output_audio_transcript.delta": Kind.SPOKEN,
    "response.output_audio_transcript.done": Kind.SPOKEN_ALL,
    "response.output_text.delta": Kind.WRITTEN,
    "response.output_text.done": Kind.WRITTEN_ALL,
    "response.content_part.done": Kind.SILENT,
    "response.function_call_arguments.delta": Kind.SILENT,
    "response.function_call_arguments.done": Kind.ARGUMENTS,
    "response.output_item.done": Kind.OUTPUT_ITEM,
    "response.done": Kind.DONE,
    # WebRTC and SIP only: there the server plays the sound
    "output_audio_buffer.started": Kind.SILENT,
    "output_audio_buffer.stopped": Kind.SILENT,
    "output_audio_buffer.cleared": Kind.SILENT,
    # tools that the server runs itself; no session of ours asks for any
    "mcp_list_tools.in_progress": Kind.SILENT,
    "mcp_list_tools.completed": Kind.SILENT,
    "mcp_list_tools.failed": Kind.TOLD,
    "response.mcp_call_arguments.delta": Kind.SILENT,
    "response.mcp_call_arguments.done": Kind.SILENT,
    "response.mcp_call.in_progress": Kind.SILENT,
    "response.mcp_call.completed": Kind.SILENT,
    "response.mcp_call.failed": Kind.TOLD,
    "rate_limits.updated": Kind.TOLD,
    "error": Kind.ERROR,
    # the beta's names
    "conversation.item.created": Kind.ITEM,
    "response.audio.delta": Kind.AUDIO,
    "response.audio.done": Kind.AUDIO_OVER,
    "response.audio_transcript.delta": Kind.SPOKEN,
    "response.audio_transcript.done": Kind.SPOKEN_ALL,
    "response.text.delta": Kind.WRITTEN,
    "response.text.done": Kind.WRITTEN_ALL,
}

OF_CURRENT_RESPONSE = frozenset(
    {
        Kind.PART,
        Kind.AUDIO,
        Kind.AUDIO_OVER,
        Kind.WRITTEN,
        Kind.WRITTEN_ALL,
        Kind.SPOKEN,
        Kind.SPOKEN_ALL,
        Kind.ARGUMENTS,
        Kind.OUTPUT_ITEM,
    }
)
"""Kinds that say of which response they are by `response_id`."""

AUDIO_PARTS = frozenset({"audio", "output_audio"})
"""What a part that is spoken calls itself: in a part's own events, and in an item."""


def object_in(event: JsonObject, key: str) -> JsonObject:
    """Return the object under a key; an empty one for anything else."""
    value = event.get(key)
    return value if isinstance(value, dict) else {}


def index_of(value: JsonValue) -> int:
    """Return a place in a list; 0, which is nearly always right, for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def part_of(event: JsonObject) -> tuple[str, int]:
    """Return which part of which item an event is about."""
    return string(event.get("item_id")), index_of(event.get("content_index"))
