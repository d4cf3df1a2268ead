"""A scripted LLM provider on four wires: a real HTTP server whose answers and faults a test or a demo writes down."""
