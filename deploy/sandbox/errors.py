"""The errors a sandbox tells its user."""


class SandboxError(Exception):
    """A server could not be found or started; the message says what to do."""


class PortTakenError(SandboxError):
    """Another process bound the port between our choosing it and our server's binding it."""
