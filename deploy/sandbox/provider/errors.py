"""The scripted provider's refusals, in the words its client gets."""

from deploy.sandbox.provider.script import JsonObject


class Refused(Exception):
    """A request is answered with an HTTP error.

    Attributes:
        status: The HTTP status.
        body: The JSON body, in the wire's own form.
    """

    def __init__(self, status: int, body: JsonObject) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class ScriptRefused(ValueError):
    """The provider did not take a script; the text names each bad field."""
