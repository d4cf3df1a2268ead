"""Everything that can go wrong with a bidirectional session, as types.

    DuplexError
    ├── EmptyResponseError      an answer ended with nothing in it: likely it was interrupted
    ├── SessionEndedError       the session is over: an ending, which nobody counts as a failure
    │   └── EndedWhileDrainingError (aio.waiting) and this is what was left of it
    ├── NoToolExecutorError     the model called a tool, and nobody runs tools
    ├── ToolRoundsExceededError the model called tools again and again
    ├── NoResultError           (tools) the executor gave nothing for a call
    ├── ToolsCancelledError     (aio.sending) the executor was cancelled, and not by whoever waits for it
    ├── CannotSendError         the provider's wire has no words for an element
    │   └── PartialSampleError  sound that does not consist of whole samples
    ├── SlowConsumerError       nobody took what came, for longer than memory is kept for it
    └── SessionError            the provider or the connection failed the session
        ├── ConnectError        no connection: refused, DNS, TLS, timeout, an HTTP status instead of a WebSocket
        ├── ConnectionLostError the socket broke, and no other could be had
        ├── SetupRefusedError   the provider did not take the session's setup
        ├── ResumeRefusedError  the provider did not take the handle of an earlier connection
        ├── ResponseFailedError an answer failed at the provider
        ├── ProviderFaultError  an error message of the provider that ends the session
        └── NotTheWireError     bytes that are not this wire's

Messages are safe to show: they never hold a key, a header or a URL's query.
"""


class DuplexError(Exception):
    """Anything of ours that ends an exchange or a session; `str()` is safe to show."""


class EmptyResponseError(DuplexError):
    """An answer ended with nothing in it."""

    def __init__(self, message: str = "empty response, likely interrupted") -> None:
        super().__init__(message)


class SessionEndedError(DuplexError):
    """The session is over. Not a failure: whoever waits for more learns that no more comes."""

    def __init__(self, message: str = "session ended") -> None:
        super().__init__(message)


class NoToolExecutorError(DuplexError):
    """The model called tools, and nobody runs tools."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(f"the model called {', '.join(names)}, and the session has no tool executor")


class ToolRoundsExceededError(DuplexError):
    """The model answered tool results with tool calls, more often than is allowed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"the model called tools in more than {limit} rounds of one exchange: raise max_tool_rounds")


class CannotSendError(DuplexError):
    """The provider's wire has no words for an element."""


class PartialSampleError(CannotSendError):
    """Sound that does not consist of whole samples: a byte was lost or cut off on its way."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"{size} bytes are no PCM16: a sample has two")


class SlowConsumerError(DuplexError):
    """What came was not taken, for longer than memory is kept for it."""


class SessionError(DuplexError):
    """The provider or the connection failed the session.

    Attributes:
        code: the provider's word or the WebSocket's close code, "" where there is none.
        retryable: whether another connection may fare better.
    """

    retryable = False

    def __init__(self, message: str, *, code: str = "", retryable: bool | None = None) -> None:
        self.code = code
        if retryable is not None:
            self.retryable = retryable
        super().__init__(message)


class ConnectError(SessionError):
    """There is no connection: refused, DNS, TLS, timeout, or an HTTP status instead of a WebSocket."""

    retryable = True


class ConnectionLostError(SessionError):
    """The socket broke, and what was being said on it is not whole."""

    retryable = True


class SetupRefusedError(SessionError):
    """The provider did not take the session's setup."""


class ResumeRefusedError(SessionError):
    """The provider did not take the handle of an earlier connection: a new session can be seeded instead."""

    retryable = True


class ResponseFailedError(SessionError):
    """An answer failed at the provider; the session goes on."""


class ProviderFaultError(SessionError):
    """An error message of the provider that ends the session."""


class NotTheWireError(SessionError):
    """A message that is not this wire's: no JSON, or a shape that it does not have."""
