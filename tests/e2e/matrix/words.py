"""Error objects that mean the same, in each wire's own words."""

from collections.abc import Mapping

from streaming.jsontext import JsonObject

NO_MONEY: Mapping[str, JsonObject] = {
    "openai-chat": {"message": "You exceeded your quota.", "type": "insufficient_quota", "code": "insufficient_quota"},
    "openai-responses": {"message": "You exceeded your quota.", "code": "insufficient_quota"},
    "anthropic-messages": {"message": "This account is out of credit.", "type": "billing_error"},
    "gemini": {
        "code": 429,
        "message": "You exceeded your current quota.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
            }
        ],
    },
}
TOO_LONG: Mapping[str, JsonObject] = {
    "openai-chat": {"message": "This model's maximum context length is 8 tokens.", "type": "invalid_request_error"},
    "openai-responses": {"message": "Your input is too long.", "code": "context_length_exceeded"},
    "anthropic-messages": {"message": "prompt is too long: 9 tokens > 8 maximum", "type": "invalid_request_error"},
    "gemini": {
        "code": 400,
        "message": "The input token count (9) exceeds the maximum number of tokens allowed (8).",
        "status": "INVALID_ARGUMENT",
    },
}
BROKEN: Mapping[str, JsonObject] = {
    "openai-chat": {"message": "sorry", "type": "server_error"},
    "openai-responses": {"message": "sorry", "type": "server_error", "code": "server_error"},
    "anthropic-messages": {"message": "sorry", "type": "api_error"},
    "gemini": {"code": 500, "message": "sorry", "status": "INTERNAL"},
}
REFUSED: Mapping[str, JsonObject] = {
    "openai-chat": {"message": "no", "type": "invalid_request_error"},
    "openai-responses": {"message": "no", "type": "invalid_request_error", "code": "invalid_prompt"},
    "anthropic-messages": {"message": "no", "type": "invalid_request_error"},
    "gemini": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"},
}
