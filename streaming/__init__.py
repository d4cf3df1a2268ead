"""The stream itself, from a provider's bytes to a viewer's text: pure, but for the Redis corner in `live/`."""
