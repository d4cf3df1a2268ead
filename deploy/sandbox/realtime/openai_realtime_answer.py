"""OpenAI Realtime: one response, event by event."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import orjson
from pydantic import JsonValue

from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.openai_realtime_conversation import Conversation
from deploy.sandbox.realtime.openai_realtime_objects import call_item, message_item, usage, voice_of
from deploy.sandbox.realtime.playing import Call, Pace, Piece, halves, said, spoken
from deploy.sandbox.realtime.script import Step

Status = Literal["completed", "cancelled", "failed", "incomplete"]


class Answer:
    """A response while it comes.

    Attributes:
        id: The response's id.
        active: Whether it may still be cancelled; no other response can begin.
        audio_ms: How much sound has been sent.
    """

    def __init__(self, conversation: Conversation, step: Step, session: JsonObject, asked: JsonObject) -> None:
        """Prepares a response.

        Args:
            conversation: Where it goes.
            step: What to say.
            session: The session as it is.
            asked: How this response differs.
        """
        self.id = conversation.name("resp")
        self.active = True
        self.audio_ms = 0.0
        self._conversation = conversation
        self._step = step
        self._settings = session | asked
        self._speaks = self._settings["output_modalities"] == ["audio"]
        self._metadata = asked.get("metadata")
        self._output: list[JsonObject] = []
        self._message: JsonObject | None = None
        self._text = ""
        self._created = False
        self._now = asyncio.get_running_loop().time
        self._began = self._now()

    @property
    def unplayed_ms(self) -> float:
        """How much of its sound cannot have been played yet."""
        return max(0.0, self.audio_ms - (self._now() - self._began) * 1000)

    async def create(self) -> None:
        """Tells that the response begins."""
        self._created = True
        await self._conversation.emit("response.created", {"response": self._response("in_progress")})
        limits: list[JsonValue] = [
            {"name": name, "limit": limit, "remaining": limit, "reset_seconds": 0.0}
            for name, limit in (("requests", 1000), ("tokens", 100_000))
        ]
        await self._conversation.emit("rate_limits.updated", {"rate_limits": limits})

    async def say(self, middle: Callable[[], Awaitable[None]], barge_in_ms: float | None) -> bool:
        """Says what the step says.

        Args:
            middle: Called when half of it has been said.
            barge_in_ms: After how much sound the user is heard to speak.

        Returns:
            Whether all was said; otherwise the user spoke.
        """
        pieces = spoken(said(self._step), self._step.audio_ms)
        if not pieces:
            await middle()
            return True
        await self._open()
        self._began = self._now()
        pace = Pace(self._step.speed)
        for half, then in zip(halves(pieces), (middle, None), strict=True):
            for piece in half:
                if barge_in_ms is not None and piece.at_ms >= barge_in_ms:
                    return False
                await pace.until(piece.at_ms)
                await self._send(piece)
            if then:
                await then()
        await self._close("completed" if self._step.status == "completed" else "incomplete")
        return True

    async def call(self, calls: Sequence[Call]) -> None:
        """Calls tools."""
        for call in calls:
            await self._call(call)

    async def finish(self, status: Status, *, reason: str | None = None, error: JsonObject | None = None) -> None:
        """Ends the response; what is open in it is closed as it stands. Only the first end counts."""
        if not self.active:
            return
        self.active = False
        if not self._created:
            return
        await self._close("incomplete")
        for item in self._output:
            if item["status"] == "in_progress":
                await self._done(item, "incomplete")
        details: JsonObject = {"type": status}
        if reason:
            details["reason"] = reason
        if error:
            details["error"] = error
        response = self._response(status) | {
            "status_details": None if status == "completed" else details,
            "usage": self._usage(),
        }
        await self._conversation.emit("response.done", {"response": response})

    async def _open(self) -> None:
        self._message = message_item(self._conversation.name("item"))
        await self._added(self._message)
        await self._part("response.content_part.added", {"part": self._part_object()})

    async def _send(self, piece: Piece) -> None:
        message = self._message or {}
        self._text += piece.text
        kind = "response.output_audio_transcript.delta" if self._speaks else "response.output_text.delta"
        if piece.text:
            await self._part(kind, {"delta": piece.text})
        if self._speaks and piece.ms:
            # Counted before it is sent: the client may truncate at its end at once.
            self.audio_ms += piece.ms
            self._conversation.audio_ms[str(message["id"])] = self.audio_ms
            await self._part("response.output_audio.delta", {"delta": b64encode(piece.audio).decode()})

    async def _close(self, status: Literal["completed", "incomplete"]) -> None:
        message, self._message = self._message, None
        if message is None:
            return
        where: JsonObject = {"item_id": message["id"], "content_index": 0}
        if self._speaks:
            await self._part("response.output_audio.done", {}, where)
            await self._part("response.output_audio_transcript.done", {"transcript": self._text}, where)
        else:
            await self._part("response.output_text.done", {"text": self._text}, where)
        await self._part("response.content_part.done", {"part": self._part_object()}, where)
        message["content"] = [
            {"type": "output_audio", "transcript": self._text}
            if self._speaks
            else {"type": "output_text", "text": self._text}
        ]
        await self._done(message, status)

    async def _call(self, call: Call) -> None:
        item = call_item(self._conversation.name("item"), call)
        await self._added(item)
        arguments = orjson.dumps(call.arguments).decode()
        where: JsonObject = {"item_id": item["id"], "call_id": call.id}
        middle = len(arguments) // 2
        for delta in filter(None, (arguments[:middle], arguments[middle:])):
            await self._of_response("response.function_call_arguments.delta", where | {"delta": delta})
        await self._of_response(
            "response.function_call_arguments.done", where | {"name": call.name, "arguments": arguments}
        )
        item["arguments"] = arguments
        await self._done(item, "completed")

    async def _added(self, item: JsonObject) -> None:
        self._output.append(item)
        await self._of_response("response.output_item.added", {"item": item})
        await self._conversation.begin(item)

    async def _done(self, item: JsonObject, status: str) -> None:
        item["status"] = status
        await self._conversation.done(item)
        place = self._output.index(item)
        await self._of_response("response.output_item.done", {"item": item}, place)

    async def _part(self, kind: str, fields: JsonObject, where: JsonObject | None = None) -> None:
        place = where or {"item_id": (self._message or {}).get("id"), "content_index": 0}
        await self._of_response(kind, place | fields, 0)

    async def _of_response(self, kind: str, fields: JsonObject, place: int | None = None) -> None:
        index = len(self._output) - 1 if place is None else place
        await self._conversation.emit(kind, {"response_id": self.id, "output_index": index, **fields})

    def _part_object(self) -> JsonObject:
        if self._speaks:
            return {"type": "audio", "transcript": self._text}
        return {"type": "text", "text": self._text}

    def _response(self, status: str) -> JsonObject:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": None,
            "output": list[JsonValue](self._output),
            "conversation_id": self._conversation.id,
            "output_modalities": self._settings["output_modalities"],
            "max_output_tokens": self._settings["max_output_tokens"],
            "audio": {"output": voice_of(self._settings)},
            "usage": None,
            "metadata": self._metadata,
        }

    def _usage(self) -> JsonObject:
        read = str(self._settings["instructions"])
        return usage(read=read, heard_ms=self._conversation.heard_ms, said=self._text, spoken_ms=self.audio_ms)
