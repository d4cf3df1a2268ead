"""Everything that can go wrong with a turn, as types.

    TurnError
    ├── InvalidTurn             the input is not a turn: names the field and the reason
    ├── UnknownRoute            no such route in the worker's settings
    ├── AnswerTooLarge          the answer does not fit into a Temporal result
    └── ProviderError           one candidate's call failed
        ├── CannotExpress       the wire has no words for something in the request
        ├── ConnectFailed       no connection: refused, DNS, TLS, connect timeout
        ├── ConnectionLost      the connection broke before the answer was whole
        ├── ClockRanOut         one of the try's clocks
        ├── StatusError         an HTTP status other than 200, or an error body with a 200
        ├── StreamedError       an error object inside the stream
        ├── NotTheWire          bytes that are not this wire's: HTML, broken JSON, wrong shapes
        ├── EventTooLarge       one event over the size cap
        ├── TruncatedStream     the body ended without the wire's terminal marker
        └── EmptyAnswer         a stop with nothing said

Messages are shown to users and recorded in Temporal's history: they never hold a key, a header or a base URL.
What an error means for the turn (switch, give the candidate up, stop) is `activities/failures.py`'s table.
"""

_MAX_PROBLEMS = 20  # the message goes into a failure, and a failure has to fit into Temporal's history


class TurnError(Exception):
    """Anything of ours that ends a turn or a try; `str()` is safe to show."""


class InvalidTurn(TurnError):
    """The input of a turn cannot be taken; `problems` are (field path, reason) pairs."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        shown = [f"{field}: {reason}" for field, reason in problems[:_MAX_PROBLEMS]]
        if len(problems) > _MAX_PROBLEMS:
            shown.append(f"and {len(problems) - _MAX_PROBLEMS:,} more")
        super().__init__("; ".join(shown))


class UnknownRoute(TurnError):
    """The turn names a route that this worker's settings do not have."""

    def __init__(self, route: str, known: list[str]) -> None:
        self.route = route
        super().__init__(f"route: no route {route!r} in this worker's settings; it has {', '.join(known)}")


class AnswerTooLarge(TurnError):
    """The whole answer is over what a Temporal result may hold; buying it again would not shrink it."""

    def __init__(self, size: int, limit: int) -> None:
        self.size, self.limit = size, limit
        super().__init__(
            f"the answer is {size:,} bytes as JSON and a durable result may hold {limit:,}: "
            "lower settings.max_output_tokens, or leave include_raw off"
        )


class ProviderError(TurnError):
    """One candidate's call failed."""

    retry_after_s: float | None = None


class CannotExpress(ProviderError):
    """The request holds something that this wire cannot say."""


class ConnectFailed(ProviderError):
    """No connection to the provider."""


class ConnectionLost(ProviderError):
    """The connection broke before the answer was whole."""


class ClockRanOut(ProviderError):
    """One of the try's clocks ran out; `clock` is its name in `limits`."""

    def __init__(self, clock: str, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        super().__init__(f"{_CLOCK_MEANING[clock]} for {seconds:g} s ({clock})")


class StatusError(ProviderError):
    """The provider answered with an error status (or an error object under a 200).

    `kind` and `code` are the provider's own words from the error object, "" where it sent none.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "",
        code: str = "",
        request_id: str = "",
        retry_after_s: float | None = None,
        should_retry: bool | None = None,
    ) -> None:
        self.status, self.kind, self.code, self.request_id = status, kind, code, request_id
        self.retry_after_s, self.should_retry = retry_after_s, should_retry
        words = " ".join(dict.fromkeys(word for word in (kind, code) if word))
        suffix = f" (request {request_id})" if request_id else ""
        super().__init__(f"HTTP {status}{' ' + words if words else ''}: {message}{suffix}")


class StreamedError(ProviderError):
    """The provider sent an error object inside a stream that had begun well."""

    def __init__(self, message: str, *, kind: str = "", code: str = "") -> None:
        self.kind, self.code = kind, code
        words = " ".join(dict.fromkeys(word for word in (kind, code) if word))
        super().__init__(f"error in the stream{': ' + words if words else ''}: {message}")


class NotTheWire(ProviderError):
    """The bytes are not this wire's."""


class EventTooLarge(ProviderError):
    """One event of the stream is over the size cap."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"one event of the stream is over {limit:,} bytes")


class TruncatedStream(ProviderError):
    """The body ended without the wire's terminal marker: what came is not an answer."""


class EmptyAnswer(ProviderError):
    """The model stopped without saying anything."""


_CLOCK_MEANING = {
    "connect_s": "no connection",
    "first_token_s": "no content",
    "idle_s": "no byte after the first content",
    "stall_s": "only keepalives and no content",
    "try_s": "this try was not done",
}
