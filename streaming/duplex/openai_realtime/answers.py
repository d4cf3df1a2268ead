"""The answers of a session, one after the other: which one comes, which is played, and how each is cut. Pure."""

from collections import deque

from streaming.duplex.elements import ResponseStarted, StreamElement
from streaming.duplex.openai_realtime.client_events import ClientEvents
from streaming.duplex.openai_realtime.ending import usage_of
from streaming.duplex.openai_realtime.response import Response
from streaming.duplex.openai_realtime.server_events import object_in
from streaming.jsontext import JsonObject
from streaming.providers.values import string

_REMEMBERED = 64
# Sound so short is not missed, and clocks do not tell it from none.
_AN_INSTANT_MS = 1.0


class Answers:
    """The answers of a session.

    Attributes:
        current: the answer that comes; it may be cut already, until the server closes it.
    """

    def __init__(self, events: ClientEvents) -> None:
        self.current: Response | None = None
        self._events = events
        self._newest: Response | None = None  # over or not, but not cut
        self._played_ms: float | None = None  # of the newest; None: nobody has said
        self._over: deque[str] = deque(maxlen=_REMEMBERED)

    def is_known(self, response_id: str) -> bool:
        """Whether an answer of this id comes, or has come."""
        current = self.current is not None and self.current.id == response_id
        return response_id != "" and (current or self.is_over(response_id))

    def is_over(self, response_id: str) -> bool:
        """Whether an answer of this id has come."""
        return response_id in self._over

    def heard(self, ms: float) -> None:
        """So much of the newest answer's sound has been played."""
        if self._newest is not None:
            self._played_ms = ms if ms > 0 else 0.0

    def begin(self, event: JsonObject) -> list[StreamElement]:
        """An answer begins."""
        self.current = self._newest = Response(string(object_in(event, "response").get("id")))
        self._played_ms = None
        return [StreamElement(event=ResponseStarted(), response_id=self.current.id)]

    def finish(self, event: JsonObject) -> list[StreamElement]:
        """The current answer ends by itself."""
        if self.current is None:
            return []
        elements = self.current.finish(object_in(event, "response"))
        self._end_current()
        return elements

    def cancel(self) -> None:
        """Have the server stop the current answer."""
        if self.current is not None:
            self._events.cancel(self.current.id)

    def cut(self) -> list[StreamElement]:
        """The user stopped the current answer; the server has yet to close it."""
        return self._cut(self.current) if self.current is not None and self.current is self._newest else []

    def close_cut(self, event: JsonObject) -> list[StreamElement]:
        """The server has closed the current answer, which was cut."""
        response_id = self.current.id if self.current is not None else ""
        self._end_current()
        usage = usage_of(object_in(event, "response"))
        return [StreamElement(interrupted_turn_complete=True, usage=usage, response_id=response_id)]

    def cut_played(self) -> list[StreamElement]:
        """The user stopped what is made but still being played, if anybody told that it is.

        The server sends sound much faster than it plays, so most barge-ins come when all of an answer is there.
        """
        response, played_ms = self._newest, self._played_ms
        if response is None or not response.over or played_ms is None:
            return []
        if response.unplayed_ms(played_ms) < _AN_INSTANT_MS:
            return []
        return [*self._cut(response), StreamElement(interrupted_turn_complete=True, response_id=response.id)]

    def break_off(self) -> list[StreamElement]:
        """Return what there is of an answer that comes no further; the server is told nothing any more."""
        response, self.current = self.current, None
        if response is None or response is not self._newest:
            return []
        return [response.interrupted(self._played_ms or 0.0)]

    def _cut(self, response: Response) -> list[StreamElement]:
        played_ms = self._played_ms or 0.0
        self._events.truncate(response.cuts(played_ms))
        self._newest = self._played_ms = None
        return [response.interrupted(played_ms)]

    def _end_current(self) -> None:
        if self.current is not None:
            self.current.over = True
            self._over.append(self.current.id)
        self.current = None
