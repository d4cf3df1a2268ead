"""One module per provider wire format: request body out, stream events in."""

from streaming.providers import openai_chat
from streaming.providers.wire import Wire

WIRES: dict[str, Wire] = {"openai-chat": openai_chat}

__all__ = ["WIRES"]
