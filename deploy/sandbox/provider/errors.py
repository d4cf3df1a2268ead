"""The scripted provider's refusals."""

from deploy.sandbox.provider.script import JsonObject


class Refused(Exception):
    """A request is answered with an HTTP error.

    Attributes:
        status: The HTTP status.
        error: The error object, in the wire's own form.
    """

    def __init__(self, status: int, error: JsonObject) -> None:
        super().__init__(f"{status}: {error}")
        self.status = status
        self.error = error


class Unfit(ValueError):
    """A script says what the wire on which it was asked for has no words for."""


class ScriptRefused(ValueError):
    """The provider did not take a script; the text names each bad field."""
