"""OpenAI Chat Completions (`POST /chat/completions`) and the servers compatible with it."""

from streaming.providers.openai_chat.answer import answer, error_details, unary
from streaming.providers.openai_chat.request import PATH, body, headers
from streaming.providers.openai_chat.stream import accumulator

__all__ = ["PATH", "accumulator", "answer", "body", "error_details", "headers", "unary"]
