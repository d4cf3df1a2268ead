"""Tool calls of one connection, from the call to its result."""

from streaming.duplex.elements import ToolResponse
from streaming.jsontext import JsonObject, JsonValue, dumps
from streaming.messages import ToolCallPart
from streaming.providers.call_ids import CallIds
from streaming.providers.gemini.function_response import response_of
from streaming.providers.values import objects, string


class ToolCalls:
    """The calls whose results Gemini waits for.

    Args:
        made_up: what the id of a call that has none begins with.
    """

    def __init__(self, made_up: str) -> None:
        self._ids = CallIds(made_up)
        self._awaited: dict[str, JsonObject] = {}
        """By our id: the name, and the id that Gemini gave."""
        self._ours: dict[str, str] = {}
        """By Gemini's id, of those that are waited for."""

    @property
    def pending(self) -> bool:
        """Whether Gemini waits for a result."""
        return bool(self._awaited)

    def take(self, calls: JsonValue) -> list[ToolCallPart]:
        """Return the calls of a `toolCall`; one that is waited for already is not made twice."""
        taken: list[ToolCallPart] = []
        for call in objects(calls):
            name, theirs = string(call.get("name")), string(call.get("id"))
            if theirs in self._ours:
                continue
            ours = self._ids.take(theirs)
            self._awaited[ours] = {"id": theirs, "name": name} if theirs else {"name": name}
            if theirs:
                self._ours[theirs] = ours
            args = call.get("args")
            arguments = dumps({} if args is None else args).decode()
            taken.append(ToolCallPart(id=ours, name=name, arguments=arguments))
        return taken

    def cancel(self, ids: JsonValue) -> tuple[str, ...]:
        """Forget the calls with these ids of Gemini's; return ours of those that were waited for."""
        given = [string(item) for item in ids] if isinstance(ids, list) else []
        cancelled = [ours for theirs in given if (ours := self._ours.get(theirs)) and self._forget(ours)]
        return tuple(cancelled)

    def _forget(self, ours: str) -> JsonObject | None:
        call = self._awaited.pop(ours, None)
        self._ours.pop(string(call.get("id")) if call else "", None)
        return call

    def answer(self, responses: tuple[ToolResponse, ...]) -> list[str]:
        """Return the message of these results; none where nobody waits for any of them."""
        answers: list[JsonValue] = [
            call | {"response": response_of(response.output, is_error=response.is_error)}
            for response in responses
            if (call := self._forget(response.call_id))
        ]
        return [dumps({"toolResponse": {"functionResponses": answers}}).decode()] if answers else []
