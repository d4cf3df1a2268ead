"""OpenAI Chat Completions (`POST /chat/completions`) and the servers compatible with it."""

from streaming.providers.openai_chat.answer import answer, error_details, unary
from streaming.providers.openai_chat.request import BY_URL, body, headers, path
from streaming.providers.openai_chat.stream import accumulator

__all__ = ["BY_URL", "accumulator", "answer", "body", "error_details", "headers", "path", "unary"]
