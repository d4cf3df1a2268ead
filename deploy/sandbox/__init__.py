"""A laptop's stack: Temporal dev server, Redis and a scripted provider, on free ports."""
