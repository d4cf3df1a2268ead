"""OpenAI's Realtime API over a WebSocket: JSON text frames both ways, the names of its general availability.

server events -> `kinds`: the kind of each -> `transitions`: what that does in a state -> `happening`
elements      -> `wire`: checks -> `session` -> `client_events`: the messages to be sent
"""

from streaming.duplex.openai_realtime.provider import OpenAIRealtime

__all__ = ["OpenAIRealtime"]
