"""Everything that can go wrong with a turn, as types.

    TurnError
    ├── InvalidTurn             the input is not a turn: names the field and the reason
    ├── UnknownRoute            no such route in the worker's settings
    ├── AnswerTooLarge          the answer does not fit into a Temporal result
    ├── BudgetSpent             the turn has used what it may
    ├── DeadlineExceeded        the turn was not done in `limits.total_s`
    ├── BadAttachment           a media part that cannot be sent: names the part and the reason
    └── ProviderError           one candidate's call failed
        ├── AttachmentNotLoaded its host or the store did not give it this time
        ├── CannotExpress       the wire has no words for something in the request
        ├── ConnectFailed       no connection: refused, DNS, TLS, connect timeout
        ├── ConnectionLost      the connection broke before the answer was whole
        ├── ClockRanOut         one of the try's clocks
        ├── StatusError         an HTTP status other than 200
        ├── StreamedError       an error object inside the stream, or under a 200
        ├── NotTheWire          bytes that are not this wire's: HTML, broken JSON, wrong shapes
        ├── EventTooLarge       one event over the size cap
        ├── TruncatedStream     the body ended without the wire's terminal marker
        ├── EmptyAnswer         a stop with nothing said
        └── Refused             the model declined, and the route asks the next candidate then

Messages are shown to users and recorded in Temporal's history: they never hold a key, a header or a base URL.
The provider's id of the request is in them, so that its support can be asked. Why a call failed is a `Reason`
(`reasons.py`); what that means for the turn (switch, give the candidate up, stop) is `activities/failures.py`'s table.
"""

from streaming.reasons import Reason, reason_of

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


class BadAttachment(TurnError):
    """A media part of the input cannot be sent: missing, refused, too large, or not what it says it is."""


class ProviderError(TurnError):
    """One candidate's call failed; `request_id` is the provider's name for it, where one is known."""

    reason = Reason.BAD_ANSWER
    request_id = ""
    retry_after_s: float | None = None

    def __str__(self) -> str:
        words = super().__str__()
        return f"{words} (request {self.request_id})" if self.request_id else words


class AttachmentNotLoaded(ProviderError):
    """A media part of the input could not be had this time: its host or the store did not give it."""

    reason = Reason.ATTACHMENT


class CannotExpress(ProviderError):
    """The request holds something that this wire cannot say."""

    reason = Reason.INVALID


class ConnectFailed(ProviderError):
    """No connection to the provider."""

    reason = Reason.CONNECTION


class ConnectionLost(ProviderError):
    """The connection broke before the answer was whole."""

    reason = Reason.CONNECTION


class ClockRanOut(ProviderError):
    """One of the try's clocks ran out; `clock` is its name in `limits`."""

    reason = Reason.TIMEOUT

    def __init__(self, clock: str, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        super().__init__(f"{_CLOCK_MEANING[clock]} for {seconds:g} s ({clock})")


class StatusError(ProviderError):
    """The provider answered with a status other than 200.

    `kind` and `code` are the provider's own words from the error object, "" where it sent none.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "",
        code: str = "",
        retry_after_s: float | None = None,
        should_retry: bool | None = None,
    ) -> None:
        self.status, self.kind, self.code = status, kind, code
        self.reason = reason_of(status, kind, code, message)
        self.retry_after_s, self.should_retry = _wait(retry_after_s), should_retry
        super().__init__(f"HTTP {status}{_said(' ', kind, code)}: {message}")


class StreamedError(ProviderError):
    """The provider sent an error object inside a stream that had begun well, or under a 200."""

    def __init__(self, message: str, *, kind: str = "", code: str = "", retry_after_s: float | None = None) -> None:
        self.kind, self.code = kind, code
        self.reason = reason_of(None, kind, code, message)
        self.retry_after_s = _wait(retry_after_s)
        super().__init__(f"error in the stream{_said(': ', kind, code)}: {message}")


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


class Refused(ProviderError):
    """The model declined, and the candidate's `on_refusal` says to ask the next one."""

    reason = Reason.CONTENT_FILTER


class BudgetSpent(TurnError):
    """The turn has used what `limits.max_total_tokens` or `limits.max_cost_usd` allows."""


class DeadlineExceeded(TurnError):
    """The turn was not done in `limits.total_s`, and had nothing to keep."""


def _said(before: str, *words: str) -> str:
    distinct = dict.fromkeys(word for word in words if word)
    return before + " ".join(distinct) if distinct else ""


def _wait(seconds: float | None) -> float | None:
    # A provider's number may be anything: NaN compares false to all.
    return seconds if seconds is not None and 0 <= seconds < float("inf") else None


_CLOCK_MEANING = {
    "connect_s": "no connection",
    "first_token_s": "no content",
    "idle_s": "no byte after the first content",
    "stall_s": "only keepalives and no content",
    "try_s": "this try was not done",
}
