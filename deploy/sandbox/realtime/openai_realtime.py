"""OpenAI Realtime, as its GA API speaks: one connection.

The order of events, their shapes and the codes of errors follow the official client's types
(`openai.types.realtime`) and the words in them. What the fake cannot do is refused, not overlooked: G.711 sound,
answers outside the conversation.
"""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

from deploy.sandbox.realtime.connection import ClientConnection
from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.openai_realtime_conversation import Conversation
from deploy.sandbox.realtime.openai_realtime_fields import FunctionCall, FunctionCallOutput
from deploy.sandbox.realtime.openai_realtime_input import (
    Append,
    Clear,
    ClientEvent,
    Commit,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    Refused,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    read,
    validated,
)
from deploy.sandbox.realtime.openai_realtime_listening import Listening
from deploy.sandbox.realtime.openai_realtime_session import Session
from deploy.sandbox.realtime.openai_realtime_turns import GOING_AWAY, Turns

_NO_MODEL = 4000
_OF_ONE_RESPONSE = {"output_modalities", "max_output_tokens", "metadata"}


async def serve_connection(connection: ClientConnection) -> None:
    """Serves one client to the end."""
    model = parse_qs(urlsplit(connection.path).query).get("model", [""])[0]
    conversation = Conversation(connection)
    if model:
        await _Talk(conversation, model).run()
    else:
        await conversation.error(Refused("You must provide a model parameter.", code="missing_model").error)
        await connection.close(_NO_MODEL, "invalid_request_error.missing_model")


class _Talk:
    """What the client says, and who it is for."""

    def __init__(self, conversation: Conversation, model: str) -> None:
        self._connection = conversation.connection
        self._script = conversation.connection.session.script
        self._conversation = conversation
        self._session = Session(conversation.name("sess"), model)
        self._listening = Listening(conversation, self._session)
        self._turns = Turns(conversation, self._session, self._listening)
        self._told_calls: set[str] = set()
        self._obey: dict[type[ClientEvent], Callable[..., Awaitable[None]]] = {
            Append: self._append,
            SessionUpdate: self._update,
            Commit: self._commit,
            Clear: self._clear,
            ItemCreate: self._add,
            ItemTruncate: self._truncate,
            ItemDelete: self._delete,
            ResponseCreate: self._respond,
            ResponseCancel: self._cancel,
        }

    async def run(self) -> None:
        """Reads until the connection is closed."""
        await self._conversation.emit("session.created", {"session": self._session.fields})
        if (limit := self._script.max_connection_s) is not None:
            self._connection.start(self._expire(limit))
        while True:
            message = await self._connection.receive(self._listening.deadline)
            if message is not None:
                await self._take(message)
            elif await self._listening.settle():
                await self._turns.turn_over()

    async def _take(self, message: str | bytes) -> None:
        event_id = None
        try:
            told = read(message)
            event_id = told.get("event_id")
            self._connection.record.took(_without_sound(told))
            event = validated(told)
            await self._obey[type(event)](event)
        except Refused as refused:
            await self._conversation.error(refused.error | {"event_id": event_id})

    async def _append(self, event: Append) -> None:
        if await self._listening.append(event.audio):
            await self._turns.speech_began()

    async def _commit(self, _: Commit) -> None:
        await self._listening.commit()

    async def _clear(self, _: Clear) -> None:
        await self._listening.clear()

    async def _update(self, event: SessionUpdate) -> None:
        if self._script.refuse_setup is not None:
            raise Refused(self._script.refuse_setup, code="invalid_value", param="session")
        before = self._session.detection
        self._session.update(event.session, has_spoken=bool(self._conversation.audio_ms))
        if self._session.detection != before:
            self._listening.configure()
        await self._conversation.emit("session.updated", {"session": self._session.fields})

    async def _add(self, event: ItemCreate) -> None:
        given = event.item
        if isinstance(given, FunctionCallOutput) and not self._conversation.called(given.call_id):
            raise Refused(
                f"Tool call ID '{given.call_id}' not found in conversation.",
                code="invalid_tool_call_id",
                param="item.call_id",
            )
        item: JsonObject = given.model_dump(exclude_none=True) | {
            "id": given.id or self._conversation.name("item"),
            "object": "realtime.item",
            "status": "completed",
        }
        await self._conversation.begin(item, event.previous_item_id)
        await self._conversation.done(item)
        if isinstance(given, FunctionCall) and given.call_id:
            self._told_calls.add(given.call_id)
        if isinstance(given, FunctionCallOutput):
            self._result(given)

    def _result(self, given: FunctionCallOutput) -> None:
        awaited = self._connection.session.settle_call(given.call_id)
        # A new connection is told the calls of the old one and what they gave: history, and no second result.
        if awaited or given.call_id not in self._told_calls:
            self._connection.record.result(given.call_id, given.output)

    async def _truncate(self, event: ItemTruncate) -> None:
        await self._conversation.truncate(event.item_id, event.content_index, event.audio_end_ms)

    async def _delete(self, event: ItemDelete) -> None:
        await self._conversation.delete(event.item_id)

    async def _respond(self, event: ResponseCreate) -> None:
        asked = event.response
        self._turns.respond(asked.model_dump(include=_OF_ONE_RESPONSE, exclude_none=True) if asked else {})

    async def _cancel(self, event: ResponseCancel) -> None:
        await self._turns.cancel(event.response_id)

    async def _expire(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        told = "Your session hit the maximum duration of 60 minutes."
        await self._conversation.error(Refused(told, code="session_expired").error)
        await self._connection.close(GOING_AWAY)


def _without_sound(message: JsonObject) -> JsonObject:
    audio = message.get("audio")
    if message.get("type") != "input_audio_buffer.append" or not isinstance(audio, str):
        return message
    return message | {"audio": f"<{len(audio) * 3 // 4 - audio[-2:].count('=')} bytes>"}
