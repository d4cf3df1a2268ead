"""Anthropic Messages (`POST /messages`) and the servers compatible with it."""

from streaming.providers.anthropic_messages.answer import answer, error_details, unary
from streaming.providers.anthropic_messages.content import BY_URL
from streaming.providers.anthropic_messages.request import body, headers, path
from streaming.providers.anthropic_messages.stream import accumulator

__all__ = ["BY_URL", "accumulator", "answer", "body", "error_details", "headers", "path", "unary"]
