"""What a wire format is to this provider: requests in, whole answers and streams out."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Literal, NamedTuple, Protocol

from deploy.sandbox.provider.script import JsonObject, Response

Delivery = Literal["whole", "events", "array"]


class Event(NamedTuple):
    """One event of a stream.

    Attributes:
        data: Its JSON object, or the words of a terminator that is none.
        content: Whether it carries a piece of the answer.
        name: Its SSE event name, "" for none.
        terminator: Whether it says only that the answer is whole; `no_done` leaves it out.
    """

    data: JsonObject | str
    content: bool = False
    name: str = ""
    terminator: bool = False


def interleaved(streams: Iterable[Iterator[Event]]) -> Iterator[Event]:
    """Yields the events of several streams in turn, as those of several choices come."""
    for together in zip_longest(*streams):
        yield from (event for event in together if event is not None)


class Target(NamedTuple):
    """What a request says outside its body.

    Attributes:
        headers: The request headers, names in any case.
        query: The URL's query.
        model: The model in the URL, "" where the format has none there.
        method: The method in the URL, likewise.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    model: str = ""
    method: str = ""


class Asked(Protocol):
    """A request that the real API would answer."""

    @property
    def model(self) -> str:
        """The model that shall answer."""

    @property
    def script(self) -> str | None:
        """The name of the script that the request itself asks for."""

    @property
    def delivery(self) -> Delivery:
        """Whether the answer comes whole, as an event stream, or as a JSON array that grows."""

    def whole(self, script: Response, identity: str, created: int) -> JsonObject:
        """Returns the unary answer: the object that a stream of the same answer amounts to.

        Args:
            script: What it says.
            identity: What makes its ids its own.
            created: When it was made, in seconds since the epoch.

        Raises:
            Unfit: The script's words are another format's.
        """

    def events(self, whole: JsonObject) -> Iterator[Event]:
        """Yields the events of the stream that amounts to a unary answer."""


class Format(Protocol):
    """One wire format."""

    @property
    def newline(self) -> str:
        """The line end of its event streams."""

    @property
    def ping(self) -> Event | None:
        """What says only that the connection lives; without one, an SSE comment does."""

    @property
    def script_field(self) -> str:
        """The field of a request in which it names a script."""

    def authorise(self, target: Target) -> None:
        """Checks that there is a key.

        Raises:
            Refused: There is none.
        """

    def parse(self, body: JsonObject, target: Target) -> Asked:
        """Returns the validated request.

        Raises:
            Refused: The real API would not answer it.
        """

    def error(self, status: int, message: str = "", field: str = "") -> JsonObject:
        """Returns the error object of a status.

        Args:
            status: The HTTP status.
            message: What went wrong; by default, what the API says when there is nothing special to say.
            field: The field of the request to blame.
        """

    def failure(self, error: JsonObject, request_id: str) -> JsonObject:
        """Returns the body that tells an error."""

    def broken(self, error: JsonObject, request_id: str, position: int) -> Event:
        """Returns the event that tells an error within a stream, as its event number `position`, from 0."""

    def headers(self, request_id: str) -> dict[str, str]:
        """Returns the response headers that only this API sends."""

    def models(self, names: tuple[str, ...]) -> JsonObject:
        """Returns the list of models."""

    def one_model(self, name: str) -> JsonObject:
        """Returns one model of the list."""
