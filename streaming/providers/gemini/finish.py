"""How a candidate ended: Gemini's finish reasons in neutral words, and those that mean there is no answer.

A word that the table does not know is a failure too: whatever Google added to STOP and MAX_TOKENS said that
something went wrong, and a failed answer must not pass for a whole one.
"""

from streaming.jsontext import JsonObject, JsonValue, pair_surrogates
from streaming.messages import FinishReason
from streaming.providers.values import details_of, streamed_error, string

# https://ai.google.dev/api/generate-content#FinishReason. STOP is also the word after function calls.
FINISH_REASONS: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",  # the limit of one request; with a continuation token it is "paused"
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_OTHER": "content_filter",
}
# The default of the enumerations, which some gateways write out.
_UNSAID = frozenset({"FINISH_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED"})
# A candidate that ended with CONTINUATION may carry it; the same request with it goes on where that one stopped.
CONTINUATION_TOKEN = "continuationToken"  # noqa: S105 (a field's name)


def said_reason(value: JsonValue) -> str:
    """Return a finish or block reason, "" where none is given."""
    return pair_surrogates(value) if isinstance(value, str) and value not in _UNSAID else ""


def block_reason(response: JsonObject) -> str:
    """Return why the prompt was blocked, "" where it was not."""
    feedback = response.get("promptFeedback")
    return said_reason(feedback.get("blockReason")) if isinstance(feedback, dict) else ""


def raise_failed_finish(candidate: JsonObject) -> None:
    """Raise if a candidate ended in a failure, with or without content (MALFORMED_FUNCTION_CALL, OTHER, ...).

    Raises:
        StreamedError: it did; its `kind` is the finish reason.
    """
    word = said_reason(candidate.get("finishReason"))
    if word and word not in FINISH_REASONS:
        details = details_of(string(candidate.get("finishMessage")), word)
        raise streamed_error(details, unsaid="the model's answer failed")
