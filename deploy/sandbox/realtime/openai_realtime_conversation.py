"""OpenAI Realtime: what is sent to the client, and the items that a conversation consists of."""

from collections.abc import Mapping
from itertools import count

from pydantic import JsonValue

from deploy.sandbox.realtime.connection import ClientConnection
from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.openai_realtime_input import Refused

_ROOT = "root"


class Conversation:
    """The items in order, and the line on which the client hears of them.

    Attributes:
        id: Its name.
        connection: The client.
        audio_ms: How much sound of the model each of its spoken items has.
        heard_ms: How much sound of the user is in it.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.audio_ms: dict[str, float] = {}
        self.heard_ms = 0.0
        self._items: dict[str, JsonObject] = {}
        self._order: list[str] = []
        self._numbers = count(1)
        self.id = self.name("conv")

    def name(self, kind: str) -> str:
        """Returns an id that nothing else has, on this connection or another."""
        return f"{kind}_{self.connection.record.number}_{next(self._numbers)}"

    async def emit(self, kind: str, fields: Mapping[str, JsonValue]) -> None:
        """Sends a server event."""
        await self.connection.send({"type": kind, "event_id": self.name("event"), **fields})

    async def error(self, error: JsonObject) -> None:
        """Sends an error event."""
        await self.emit("error", {"error": error})

    @property
    def last(self) -> JsonObject | None:
        """The newest item at the conversation's end."""
        return self._items[self._order[-1]] if self._order else None

    @property
    def last_id(self) -> str | None:
        """Its id."""
        return self._order[-1] if self._order else None

    def called(self, call_id: str) -> bool:
        """Returns whether the conversation has a tool call of that id."""
        return any(item["type"] == "function_call" and item.get("call_id") == call_id for item in self._items.values())

    async def begin(self, item: JsonObject, after: str | None = None) -> None:
        """Adds an item, and tells of it.

        Args:
            item: With its id; it may be changed until it is done.
            after: The item before it; None is the last one, "root" is none.

        Raises:
            Refused: There is an item of that id, or none before it.
        """
        item_id = str(item["id"])
        if item_id in self._items:
            raise Refused(f"An item with id '{item_id}' exists already.", code="item_create_duplicate_id")
        if after not in (None, _ROOT) and after not in self._items:
            raise Refused(f"Previous item with id '{after}' not found.", code="item_create_invalid_previous_item_id")
        place = {None: len(self._order), _ROOT: 0}.get(after)
        if place is None:
            place = self._order.index(str(after)) + 1
        self._items[item_id] = item
        self._order.insert(place, item_id)
        await self._tell("conversation.item.added", item)

    async def done(self, item: JsonObject) -> None:
        """Tells that an item will not change any more."""
        await self._tell("conversation.item.done", item)

    async def truncate(self, item_id: str, content_index: int, end_ms: int) -> None:
        """Cuts a spoken item to what was heard; its words go with the sound that nobody heard.

        Raises:
            Refused: There is no such item, it is not the model's speech, or it is shorter.
        """
        audio_ms = self.audio_ms.get(item_id)
        if item_id not in self._items:
            raise Refused(
                f"Error truncating item: item with id '{item_id}' not found.", code="item_truncate_invalid_item_id"
            )
        if audio_ms is None or content_index:
            raise Refused(
                "Only model output audio messages can be truncated, and only their first content.",
                code="invalid_value",
                param="content_index" if content_index else "item_id",
            )
        if end_ms > audio_ms:
            raise Refused(
                f"Audio content of {round(audio_ms)}ms is already shorter than {end_ms}ms",
                code="invalid_value",
                param="audio_end_ms",
            )
        self.audio_ms[item_id] = end_ms
        self._items[item_id]["content"] = [{"type": "output_audio"}]
        fields: JsonObject = {"item_id": item_id, "content_index": content_index, "audio_end_ms": end_ms}
        await self.emit("conversation.item.truncated", fields)

    async def delete(self, item_id: str) -> None:
        """Removes an item.

        Raises:
            Refused: There is none.
        """
        if self._items.pop(item_id, None) is None:
            raise Refused(f"Item with id '{item_id}' not found.", code="item_delete_invalid_item_id")
        self._order.remove(item_id)
        await self.emit("conversation.item.deleted", {"item_id": item_id})

    async def _tell(self, kind: str, item: JsonObject) -> None:
        place = self._order.index(str(item["id"]))
        await self.emit(kind, {"previous_item_id": self._order[place - 1] if place else None, "item": item})
