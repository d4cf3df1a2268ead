"""One module per provider wire format: request body out, stream events in."""

from streaming.providers import anthropic_messages, gemini, openai_chat, openai_responses
from streaming.providers.wire import Wire

WIRES: dict[str, Wire] = {
    "anthropic-messages": anthropic_messages,
    "openai-chat": openai_chat,
    "openai-responses": openai_responses,
    "gemini": gemini,
}

__all__ = ["WIRES"]
