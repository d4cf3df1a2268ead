"""How Gemini Live tells every fault: it closes the connection, with a code and a reason."""

INVALID = 1007
"""What it cannot take."""
POLICY = 1008
"""What it does not let this client do."""
INTERNAL = 1011
"""What went wrong with itself."""

_MAX_REASON_BYTES = 123
_ANY_ARGUMENT = "Request contains an invalid argument."


class Refused(Exception):
    """The connection is closed, with a code and a reason."""

    def __init__(self, code: int, reason: str = _ANY_ARGUMENT) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason_of(reason)


def reason_of(words: str) -> str:
    """Returns as much of the words as there is room for in a close."""
    return words.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
