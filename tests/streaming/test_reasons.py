"""One test per row of what providers say; a case's comment is the provider whose words they are."""

import pytest

from streaming.reasons import Reason, reason_of

STATUSES: dict[Reason, list[int]] = {
    Reason.INVALID: [400, 406, 411, 412, 415, 418, 422, 424, 428, 434, 451, 499],
    Reason.AUTH: [401],
    Reason.QUOTA: [402],
    Reason.PERMISSION: [403],
    Reason.NOT_FOUND: [201, 204, 301, 302, 303, 304, 307, 308, 404, 405, 410, 501, 505],
    Reason.TIMEOUT: [408, 504],
    Reason.CONFLICT: [409, 425],
    Reason.TOO_LARGE: [413, 414, 431],
    Reason.RATE_LIMIT: [429],
    Reason.OVERLOADED: [503, 529],
    Reason.SERVER: [500, 502, 507, 520, 524, 599],
    Reason.UNKNOWN: [0, 100, 200, 600, 999],
}
CASES = [(status, reason) for reason, statuses in STATUSES.items() for status in statuses]


@pytest.mark.parametrize(("status", "reason"), CASES)
def test_a_status_alone_is_a_reason(status: int, reason: Reason) -> None:
    """Where the body says nothing more."""
    assert reason is reason_of(status)


@pytest.mark.parametrize(("status", "reason"), [case for case in CASES if case[0] >= 100])
def test_a_status_may_come_as_the_code_of_a_streamed_error(status: int, reason: Reason) -> None:
    """As OpenRouter and vLLM send it."""
    assert reason is reason_of(None, code=str(status))


@pytest.mark.parametrize(
    ("status", "kind", "code", "message", "reason"),
    [
        # OpenAI
        (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota", Reason.QUOTA),
        (429, "insufficient_quota", "", "", Reason.QUOTA),
        (429, "", "credit_balance_exhausted", "", Reason.QUOTA),
        (429, "", "billing_hard_limit_reached", "", Reason.QUOTA),
        (429, "", "organization_spend_limit_exceeded", "", Reason.QUOTA),
        (429, "", "project_spend_limit_exceeded", "", Reason.QUOTA),
        (429, "", "organization_usage_limit_exceeded", "", Reason.QUOTA),
        (429, "requests", "rate_limit_exceeded", "Rate limit reached", Reason.RATE_LIMIT),
        (429, "tokens", "rate_limit_exceeded", "Request too large for gpt-5.5: Limit 1, Requested 2", Reason.TOO_LARGE),
        (429, "", "slow_down", "", Reason.RATE_LIMIT),
        (503, "server_error", "server_is_overloaded", "", Reason.OVERLOADED),
        (503, "service_unavailable_error", "", "", Reason.OVERLOADED),
        (500, "service_unavailable_error", "", "", Reason.OVERLOADED),
        (400, "invalid_request_error", "context_length_exceeded", "", Reason.CONTEXT),
        (400, "invalid_request_error", "", "This model's maximum context length is 8192 tokens.", Reason.CONTEXT),
        (401, "invalid_request_error", "invalid_api_key", "Incorrect API key", Reason.AUTH),
        (403, "invalid_request_error", "model_not_found", "", Reason.NOT_FOUND),
        (404, "invalid_request_error", "model_not_found", "", Reason.NOT_FOUND),
        (400, "invalid_request_error", "content_policy_violation", "", Reason.CONTENT_FILTER),
        (400, "invalid_request_error", "unsupported_value", "", Reason.INVALID),
        (500, "invalid_request_error", "", "", Reason.SERVER),
        # Azure OpenAI
        (400, "", "content_filter", "The response was filtered", Reason.CONTENT_FILTER),
        (429, "", "429", "Requests to the API have exceeded the rate limit", Reason.RATE_LIMIT),
        (404, "", "DeploymentNotFound", "", Reason.NOT_FOUND),
        # Anthropic
        (429, "rate_limit_error", "enforced_spend_limit_reached", "", Reason.QUOTA),
        (429, "rate_limit_error", "contract_spend_limit_reached", "", Reason.QUOTA),
        (429, "rate_limit_error", "ramp_limit_exceeded", "", Reason.RATE_LIMIT),
        (429, "rate_limit_error", "", "", Reason.RATE_LIMIT),
        (400, "invalid_request_error", "", "Your credit balance is too low to access the API.", Reason.QUOTA),
        (400, "invalid_request_error", "", "You have reached your specified API usage limits.", Reason.QUOTA),
        (400, "invalid_request_error", "", "prompt is too long: 213462 tokens > 200000 maximum", Reason.CONTEXT),
        (400, "invalid_request_error", "", "input length and `max_tokens` exceed context limit: 9", Reason.CONTEXT),
        (413, "invalid_request_error", "", "Prompt is too long", Reason.CONTEXT),
        (413, "request_too_large", "", "Request exceeds the maximum size", Reason.TOO_LARGE),
        (400, "invalid_request_error", "request_body_timeout", "", Reason.TIMEOUT),
        (402, "billing_error", "", "", Reason.QUOTA),
        (529, "overloaded_error", "", "Overloaded", Reason.OVERLOADED),
        (500, "overloaded_error", "", "Overloaded", Reason.OVERLOADED),
        # Gemini
        (429, "RESOURCE_EXHAUSTED", "quota_per_day", "", Reason.QUOTA),
        (429, "RESOURCE_EXHAUSTED", "429", "", Reason.RATE_LIMIT),
        (400, "INVALID_ARGUMENT", "API_KEY_INVALID", "API key not valid.", Reason.AUTH),
        (400, "FAILED_PRECONDITION", "", "Please enable Billing on your project.", Reason.QUOTA),
        (400, "FAILED_PRECONDITION", "", "User location is not supported.", Reason.INVALID),
        (400, "INVALID_ARGUMENT", "", "The input token count (9) exceeds the maximum number (8).", Reason.CONTEXT),
        (400, "INVALID_ARGUMENT", "", "Unknown name", Reason.INVALID),
        (503, "UNAVAILABLE", "", "The model is overloaded.", Reason.OVERLOADED),
        # Z.ai
        (429, "", "1113", "Insufficient balance", Reason.QUOTA),
        *((429, "", str(code), "", Reason.QUOTA) for code in (1308, 1309, 1310, 1311, 1313, 1321)),
        (429, "", "1312", "", Reason.OVERLOADED),
        (429, "", "1302", "", Reason.RATE_LIMIT),
        (429, "", "1305", "", Reason.RATE_LIMIT),
        (429, "", "1322", "", Reason.RATE_LIMIT),
        (400, "", "1261", "", Reason.CONTEXT),
        (400, "", "1301", "", Reason.CONTENT_FILTER),
        (400, "", "1210", "", Reason.INVALID),
        # Moonshot
        (429, "exceeded_current_quota_error", "", "", Reason.QUOTA),
        (429, "engine_overloaded_error", "", "", Reason.OVERLOADED),
        (429, "rate_limit_reached_error", "", "", Reason.RATE_LIMIT),
        # OpenRouter
        (402, "", "402", "Insufficient credits", Reason.QUOTA),
        (403, "", "403", "x requires moderation on y. Your input was flagged for z.", Reason.CONTENT_FILTER),
        (403, "", "flagged_input", "", Reason.CONTENT_FILTER),
        (403, "", "403", "Not yours", Reason.PERMISSION),
        (400, "", "context_length_exceeded", "", Reason.CONTEXT),
        (502, "", "provider_overloaded", "", Reason.OVERLOADED),
        # Groq
        (400, "invalid_request_error", "tool_use_failed", "Failed to call a function.", Reason.TOOL_USE_FAILED),
        (413, "tokens", "rate_limit_exceeded", "Request too large for model `m`: Limit 1", Reason.TOO_LARGE),
        # DeepSeek
        (402, "unknown_error", "invalid_request_error", "Insufficient Balance", Reason.QUOTA),
        (422, "", "", "", Reason.INVALID),
        # vLLM, llama.cpp
        (400, "BadRequestError", "400", "This model's maximum context length is 4096 tokens.", Reason.CONTEXT),
        (400, "exceed_context_size_error", "400", "", Reason.CONTEXT),
        (400, "", "", "request (9412 tokens) exceeds the available context size (8192 tokens)", Reason.CONTEXT),
    ],
)
def test_a_providers_words_say_what_its_status_does_not(
    status: int, kind: str, code: str, message: str, reason: Reason
) -> None:
    """The same 400 or 429 means many things."""
    assert reason is reason_of(status, kind, code, message)


@pytest.mark.parametrize(
    ("kind", "code", "message", "reason"),
    [
        # Anthropic
        ("invalid_request_error", "", "", Reason.INVALID),
        ("authentication_error", "", "", Reason.AUTH),
        ("billing_error", "", "", Reason.QUOTA),
        ("permission_error", "", "", Reason.PERMISSION),
        ("not_found_error", "", "", Reason.NOT_FOUND),
        ("conflict_error", "", "", Reason.CONFLICT),
        ("request_too_large", "", "", Reason.TOO_LARGE),
        ("rate_limit_error", "", "", Reason.RATE_LIMIT),
        ("api_error", "", "", Reason.SERVER),
        ("timeout_error", "", "", Reason.TIMEOUT),
        ("overloaded_error", "", "Overloaded", Reason.OVERLOADED),
        ("invalid_request_error", "", "prompt is too long: 9 tokens > 8 maximum", Reason.CONTEXT),
        # OpenAI Responses
        ("", "server_error", "", Reason.SERVER),
        ("", "rate_limit_exceeded", "", Reason.RATE_LIMIT),
        ("", "invalid_prompt", "", Reason.INVALID),
        ("", "bio_policy", "", Reason.CONTENT_FILTER),
        ("", "misalignment_policy_violation", "", Reason.CONTENT_FILTER),
        ("", "image_content_policy_violation", "", Reason.CONTENT_FILTER),
        ("", "data_residency_mismatch", "", Reason.PERMISSION),
        ("", "vector_store_timeout", "", Reason.TIMEOUT),
        ("", "image_parse_error", "", Reason.INVALID),
        ("", "failed_to_download_image", "", Reason.INVALID),
        ("tokens", "rate_limit_exceeded", "", Reason.RATE_LIMIT),
        ("", "insufficient_quota", "", Reason.QUOTA),
        # Gemini
        ("RESOURCE_EXHAUSTED", "429", "", Reason.RATE_LIMIT),
        ("RESOURCE_EXHAUSTED", "", "", Reason.RATE_LIMIT),
        ("RESOURCE_EXHAUSTED", "quota_per_day", "", Reason.QUOTA),
        ("UNAVAILABLE", "", "", Reason.OVERLOADED),
        ("INTERNAL", "", "", Reason.SERVER),
        ("DEADLINE_EXCEEDED", "", "", Reason.TIMEOUT),
        ("ABORTED", "", "", Reason.CONFLICT),
        ("INVALID_ARGUMENT", "", "", Reason.INVALID),
        ("UNAUTHENTICATED", "", "", Reason.AUTH),
        ("PERMISSION_DENIED", "", "", Reason.PERMISSION),
        ("NOT_FOUND", "", "", Reason.NOT_FOUND),
        ("MALFORMED_FUNCTION_CALL", "", "", Reason.TOOL_USE_FAILED),
        ("TOO_MANY_TOOL_CALLS", "", "", Reason.TOOL_USE_FAILED),
        ("MALFORMED_RESPONSE", "", "", Reason.BAD_ANSWER),
        ("LANGUAGE", "", "", Reason.BAD_ANSWER),
        ("NO_IMAGE", "", "", Reason.BAD_ANSWER),
        ("UNEXPECTED_TOOL_CALL", "", "", Reason.TOOL_USE_FAILED),
        ("OTHER", "", "", Reason.UNKNOWN),
        # compatible servers
        ("", "error", "the answer broke off", Reason.SERVER),
        ("", "insufficient_system_resource", "the answer broke off", Reason.OVERLOADED),
        ("invalid_request_error", "tool_use_failed", "", Reason.TOOL_USE_FAILED),
        ("BadRequestError", "400", "", Reason.INVALID),
        ("server_error", "502", "", Reason.SERVER),
        # nobody's
        ("", "", "", Reason.UNKNOWN),
        ("a_new_word", "another", "and a message", Reason.UNKNOWN),
        ("", "0", "", Reason.UNKNOWN),
        ("", "1234", "", Reason.UNKNOWN),
        ("", "-40", "", Reason.UNKNOWN),
        ("", "٤٠٠", "", Reason.UNKNOWN),
        ("", "4\ud800", "\udc00", Reason.UNKNOWN),
        ("", "9" * 100_000, "9" * 1_000_000, Reason.UNKNOWN),
    ],
)
def test_an_error_inside_a_stream_has_words_only(kind: str, code: str, message: str, reason: Reason) -> None:
    """Whatever they are."""
    assert reason is reason_of(None, kind, code, message)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_message_counts_only_where_the_request_was_refused(status: int) -> None:
    """Elsewhere its words are about something else."""
    assert reason_of(status) is reason_of(
        status, message="the maximum context length, and your credit balance is too low"
    )
