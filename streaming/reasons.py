"""Why a provider's call failed: one closed set of words, and the one table that finds the word.

A status says too little (a 429 may be a busy minute or an empty account, a 400 a wrong field or a prompt too
long), and each provider has words of its own for the rest. The rows are tried from the most exact to the least:
words that say more than any status, then the status, then words that are all there is inside a stream.

Sources: the error references of OpenAI, Anthropic, Gemini, Azure, OpenRouter, DeepSeek, Groq, Moonshot and Z.ai, and
the error types in OpenAI's and Anthropic's Python SDKs.
"""

from collections.abc import Container
from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """Why a call failed, in a word that someone can act on."""

    RATE_LIMIT = "rate_limit"
    """Too much at a time: wait, or ask the provider for a higher limit."""
    OVERLOADED = "overloaded"
    """The provider has more calls than it can serve: wait, or use another."""
    SERVER = "server"
    """The provider failed."""
    TIMEOUT = "timeout"
    """Somebody's clock ran out: the provider's, or one in `limits`."""
    CONNECTION = "connection"
    """No connection, or one that broke."""
    CONFLICT = "conflict"
    """Another request was in the way."""
    QUOTA = "quota"
    """The account is out of money, or at a limit of days or months: pay, or raise it."""
    AUTH = "auth"
    """The key is wrong, missing or withdrawn."""
    PERMISSION = "permission"
    """The key is right, and may not do this."""
    NOT_FOUND = "not_found"
    """No such model, or no such endpoint: look at the route and at `base_url`."""
    CONTEXT = "context"
    """The conversation is too long for this model: shorten it, or use a model that takes more."""
    TOO_LARGE = "too_large"
    """The request is larger than the provider takes at all."""
    INVALID = "invalid"
    """The request is wrong for this provider or model."""
    CONTENT_FILTER = "content_filter"
    """Refused for what it says."""
    TOOL_USE_FAILED = "tool_use_failed"
    """The model wrote a tool call that its own server could not read: ask again."""
    ATTACHMENT = "attachment"
    """A media part could not be loaded from its host or the store: nothing was asked of the provider."""
    BAD_ANSWER = "bad_answer"
    """What came is no whole answer: cut, empty, or not the wire's."""
    UNKNOWN = "unknown"
    """The provider's words are not in the table."""


class _Row(NamedTuple):
    """A reason, and all that must hold for it."""

    reason: Reason
    words: frozenset[str] = frozenset()
    """The kind or the code is one of these, in lower case; none: whatever they are."""
    says: tuple[str, ...] = ()
    """The message holds one of these, in lower case; none: whatever it says."""
    statuses: Container[int | None] | None = None
    """The status is one of these, None standing for "no status"; None: whatever it is."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Where a message counts: elsewhere its words are not about the request.
_REFUSED = frozenset({None, 400, 413, 422})

_ROWS = (
    # -- words that say more than a status
    _Row(
        Reason.QUOTA,
        _words(
            # OpenAI's 429s that no waiting cures
            "insufficient_quota credit_balance_exhausted billing_hard_limit_reached "
            "organization_spend_limit_exceeded project_spend_limit_exceeded organization_usage_limit_exceeded "
            "enforced_spend_limit_reached contract_spend_limit_reached billing_error "  # Anthropic
            "quota_per_day "  # Gemini: what its wire calls a violated quota whose id holds "PerDay"
            "exceeded_current_quota_error"  # Moonshot
        ),
    ),
    _Row(Reason.QUOTA, says=("credit balance is too low", "specified api usage limits"), statuses=_REFUSED),
    _Row(Reason.QUOTA, _words("failed_precondition"), says=("billing",)),
    # Z.ai: a model in great demand; money, and the limits of a plan.
    _Row(Reason.OVERLOADED, _words("1312"), statuses={429, None}),
    _Row(Reason.QUOTA, _words("1113") | {str(code) for code in range(1308, 1322)}, statuses={429, None}),
    _Row(Reason.CONTEXT, _words("context_length_exceeded exceed_context_size_error 1261")),  # llama.cpp, Z.ai
    _Row(
        Reason.CONTEXT,
        says=(
            "maximum context length",  # OpenAI, vLLM, DeepSeek, Mistral
            "prompt is too long",  # Anthropic
            "exceed context limit",
            "input token count",  # Gemini
            "exceeds the available context size",  # llama.cpp
        ),
        statuses=_REFUSED,
    ),
    # Its tokens are over what the account may send in a whole minute: no minute is better (OpenAI, Groq).
    _Row(Reason.TOO_LARGE, says=("request too large for",), statuses={413, 429}),
    _Row(
        Reason.CONTENT_FILTER,
        _words(
            "content_filter content_policy_violation image_content_policy_violation bio_policy "
            "misalignment_policy_violation flagged_input 1301"  # the last two are OpenRouter's and Z.ai's
        ),
    ),
    _Row(Reason.CONTENT_FILTER, says=("input was flagged",), statuses={403}),  # OpenRouter
    # Groq; the others are Gemini's finish reasons
    _Row(
        Reason.TOOL_USE_FAILED,
        _words("tool_use_failed malformed_function_call unexpected_tool_call too_many_tool_calls"),
    ),
    _Row(Reason.BAD_ANSWER, _words("malformed_response language no_image")),
    _Row(Reason.AUTH, _words("invalid_api_key api_key_invalid")),  # the second is Gemini's, under a 400
    _Row(Reason.NOT_FOUND, _words("model_not_found")),
    _Row(Reason.TIMEOUT, _words("request_body_timeout")),
    _Row(
        Reason.OVERLOADED,
        _words(
            "overloaded_error "  # Anthropic
            "server_is_overloaded service_unavailable_error "  # OpenAI
            "engine_overloaded_error "  # Moonshot
            "provider_overloaded"  # OpenRouter
        ),
    ),
    _Row(
        Reason.RATE_LIMIT,
        _words("rate_limit_exceeded slow_down rate_limit_error ramp_limit_exceeded rate_limit_reached_error 1302 1305"),
    ),
    # -- statuses
    _Row(Reason.AUTH, statuses={401}),
    _Row(Reason.QUOTA, statuses={402}),
    _Row(Reason.PERMISSION, statuses={403}),
    _Row(Reason.NOT_FOUND, statuses={404, 405, 410, 501, 505}),
    _Row(Reason.TIMEOUT, statuses={408, 504}),
    _Row(Reason.CONFLICT, statuses={409, 425}),
    _Row(Reason.TOO_LARGE, statuses={413, 414, 431}),
    _Row(Reason.RATE_LIMIT, statuses={429}),
    _Row(Reason.OVERLOADED, statuses={503, 529}),
    _Row(Reason.NOT_FOUND, statuses=range(201, 400)),  # a success of something else, or a redirect
    _Row(Reason.INVALID, statuses=range(400, 500)),
    _Row(Reason.SERVER, statuses=range(500, 600)),
    # -- words without a status
    _Row(Reason.AUTH, _words("authentication_error authentication unauthenticated invalid_authentication_error")),
    _Row(
        Reason.PERMISSION,
        _words("permission_error permission_denied permission_denied_error data_residency_mismatch"),
    ),
    _Row(Reason.NOT_FOUND, _words("not_found_error not_found resource_not_found_error")),
    _Row(Reason.TOO_LARGE, _words("request_too_large payload_too_large")),
    _Row(Reason.CONFLICT, _words("conflict_error aborted")),
    _Row(Reason.TIMEOUT, _words("timeout_error timeout deadline_exceeded vector_store_timeout")),
    _Row(Reason.OVERLOADED, _words("unavailable provider_unavailable insufficient_system_resource")),
    _Row(Reason.RATE_LIMIT, _words("resource_exhausted")),
    _Row(
        Reason.INVALID,
        _words(
            "invalid_request_error invalid_request invalid_argument failed_precondition out_of_range invalid_prompt "
            # the Responses API's words for an image that it could not use
            "invalid_image invalid_image_format invalid_base64_image invalid_image_url image_too_large image_too_small "
            "image_parse_error invalid_image_mode image_file_too_large unsupported_image_media_type empty_image_file "
            "failed_to_download_image image_file_not_found"
        ),
    ),
    _Row(Reason.SERVER, _words("server_error api_error internal internal_server_error server error")),
)
_MAX_MESSAGE = 2000


def reason_of(status: int | None, kind: str = "", code: str = "", message: str = "") -> Reason:
    """Return why a call failed.

    Args:
        status: the HTTP status; None where the error came under a 200, or inside a stream.
        kind: the provider's class of errors.
        code: the provider's most exact word. Inside a stream some servers put a status there.
        message: for people; only looked at where no word tells.
    """
    if status is None:
        status = _status_in(code)
    said = {kind.lower(), code.lower()}
    told = message[:_MAX_MESSAGE].lower()
    return next((row.reason for row in _ROWS if _holds(row, status, said, told)), Reason.UNKNOWN)


def _holds(row: _Row, status: int | None, said: set[str], told: str) -> bool:
    return (
        (row.statuses is None or status in row.statuses)
        and (not row.words or not row.words.isdisjoint(said))
        and (not row.says or any(text in told for text in row.says))
    )


def _status_in(code: str) -> int | None:
    return int(code) if len(code) == 3 and code.isascii() and code.isdigit() else None
