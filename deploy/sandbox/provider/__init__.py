"""A scripted LLM provider: a real HTTP server whose answers and faults a test or a demo writes down."""
