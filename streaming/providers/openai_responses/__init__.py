"""OpenAI Responses (`POST /responses`) and the servers compatible with it."""

from streaming.providers.openai_responses.answer import answer, error_details, unary
from streaming.providers.openai_responses.background import cancel_path, rest_path
from streaming.providers.openai_responses.request import BY_URL, body, headers, path
from streaming.providers.openai_responses.stream import accumulator

__all__ = [
    "BY_URL",
    "accumulator",
    "answer",
    "body",
    "cancel_path",
    "error_details",
    "headers",
    "path",
    "rest_path",
    "unary",
]
