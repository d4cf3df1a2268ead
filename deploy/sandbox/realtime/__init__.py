"""Fake realtime providers on real sockets: OpenAI Realtime and Gemini Live, scripted."""
