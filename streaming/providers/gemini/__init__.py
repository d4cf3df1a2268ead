"""Gemini (`POST /models/{model}:generateContent`, and `:streamGenerateContent` with `alt=sse`)."""

from streaming.providers.gemini.answer import answer, unary
from streaming.providers.gemini.errors import error_details
from streaming.providers.gemini.request import BY_URL, body, headers, path
from streaming.providers.gemini.stream import accumulator

__all__ = ["BY_URL", "accumulator", "answer", "body", "error_details", "headers", "path", "unary"]
