"""How an answer ended: Gemini Live's reasons in neutral words."""

from streaming.duplex.elements import FinishReason

# `turnCompleteReason` words (the SDK's `TurnCompleteReason`) that mean there is nothing wrong.
_WHOLE = frozenset({"", "TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT"})
_FILTERED = frozenset(
    {
        "PROHIBITED_INPUT_CONTENT",
        "IMAGE_PROHIBITED_INPUT_CONTENT",
        "INPUT_TEXT_CONTAIN_PROMINENT_PERSON_PROHIBITED",
        "INPUT_IMAGE_CELEBRITY",
        "INPUT_IMAGE_PHOTO_REALISTIC_CHILD_PROHIBITED",
        "INPUT_TEXT_NCII_PROHIBITED",
        "INPUT_OTHER",
        "INPUT_IP_PROHIBITED",
        "BLOCKLIST",
        "UNSAFE_PROMPT_FOR_IMAGE_GENERATION",
        "GENERATED_IMAGE_SAFETY",
        "GENERATED_CONTENT_SAFETY",
        "GENERATED_AUDIO_SAFETY",
        "GENERATED_VIDEO_SAFETY",
        "GENERATED_CONTENT_PROHIBITED",
        "GENERATED_CONTENT_BLOCKLIST",
        "GENERATED_IMAGE_PROHIBITED",
        "GENERATED_IMAGE_CELEBRITY",
        "GENERATED_IMAGE_PROMINENT_PEOPLE_DETECTED_BY_REWRITER",
        "GENERATED_IMAGE_IDENTIFIABLE_PEOPLE",
        "GENERATED_IMAGE_MINORS",
        "OUTPUT_IMAGE_IP_PROHIBITED",
        "GENERATED_OTHER",
    }
)
_FAILED = frozenset({"MALFORMED_FUNCTION_CALL", "RESPONSE_REJECTED", "MAX_REGENERATION_REACHED"})


def is_known_end(reason: str) -> bool:
    """Return whether a word says that there is no more of an answer: it is known, and stands for what went wrong."""
    return reason in _FILTERED or reason in _FAILED


def finish_reason(reason: str) -> FinishReason:
    """Return how an answer ended; a word that is not known is a failure, as a failed answer must not pass for whole."""
    if reason in _WHOLE:
        return "stop"
    return "content_filter" if reason in _FILTERED else "failed"
