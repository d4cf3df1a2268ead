"""Gemini Live (`BidiGenerateContent` over a WebSocket, v1beta)."""

from streaming.duplex.gemini_live.provider import GeminiLive

__all__ = ["GeminiLive"]
