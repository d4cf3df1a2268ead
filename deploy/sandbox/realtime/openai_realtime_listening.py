"""OpenAI Realtime: the input audio buffer, and what is heard in it."""

import asyncio
import binascii
from base64 import b64decode

from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.openai_realtime_conversation import Conversation
from deploy.sandbox.realtime.openai_realtime_fields import ServerVad
from deploy.sandbox.realtime.openai_realtime_input import Refused
from deploy.sandbox.realtime.openai_realtime_objects import speech_item, transcription_usage
from deploy.sandbox.realtime.openai_realtime_session import Session
from deploy.sandbox.realtime.sound import duration_ms
from deploy.sandbox.realtime.vad import Vad

_LEAST_MS = 100
_SILENCE_MS = 500


class Listening:
    """The buffer, and the listener where the session has one."""

    def __init__(self, conversation: Conversation, session: Session) -> None:
        self._conversation = conversation
        self._connection = conversation.connection
        self._session = session
        self._item_id = ""
        self._buffered = 0
        self._received = 0
        self._vad: Vad | None = None
        self.configure()

    @property
    def deadline(self) -> float | None:
        """When the turn is over, if nothing loud comes before."""
        return self._vad.deadline if self._vad else None

    @property
    def silence_ms(self) -> float:
        """How long a silence ends a turn."""
        scripted = self._connection.session.script.vad_silence_ms
        if scripted is not None:
            return scripted
        detection = self._session.detection
        return detection.silence_duration_ms if isinstance(detection, ServerVad) else _SILENCE_MS

    def configure(self) -> None:
        """Listens from here on as the session says."""
        detection = self._session.detection
        if detection is None:
            self._vad = None
            return
        plain = detection if isinstance(detection, ServerVad) else ServerVad(type="server_vad")
        self._vad = Vad(
            threshold=plain.threshold,
            prefix_ms=plain.prefix_padding_ms,
            silence_ms=self.silence_ms,
            at_ms=duration_ms(self._received),
        )

    async def append(self, audio: str) -> bool:
        """Adds sound to the buffer; returns whether somebody began to speak.

        Raises:
            Refused: It is no base64.
        """
        try:
            sound = b64decode(audio, validate=True)
        except (binascii.Error, ValueError):
            told = (
                "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got an invalid value."
            )
            raise Refused(told, code="invalid_value", param="audio") from None
        self._connection.record.heard(sound)
        self._buffered += len(sound)
        self._received += len(sound)
        started = self._vad.hear(sound, self._connection.now()) if self._vad else []
        for speech in started:
            self._item_id = await self.started(speech.at_ms)
        return bool(started)

    async def settle(self) -> bool:
        """Ends the turn if it is time; returns whether it did."""
        stopped = self._vad.settle(self._connection.now()) if self._vad else None
        if stopped is None:
            return False
        await self.stopped(self._item_id, stopped.at_ms)
        return True

    async def commit(self) -> None:
        """Ends the turn because the client says so.

        Raises:
            Refused: There is next to nothing in the buffer.
        """
        buffered = duration_ms(self._buffered)
        if buffered < _LEAST_MS:
            raise Refused(
                f"Error committing input audio buffer: buffer too small. Expected at least {_LEAST_MS}ms of audio, "
                f"but buffer only has {buffered:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        speaking = self._vad is not None and self._vad.speaking
        item_id = self._item_id if speaking else self._conversation.name("item")
        await self._commit(item_id)

    async def clear(self) -> None:
        """Throws the buffer away."""
        self._empty()
        await self._conversation.emit("input_audio_buffer.cleared", {})

    async def started(self, at_ms: float | None = None) -> str:
        """Tells that somebody speaks, now or at a time of the sound; returns the id of the item it will be."""
        item_id = self._conversation.name("item")
        start = duration_ms(self._received) if at_ms is None else at_ms
        fields: JsonObject = {"audio_start_ms": round(start), "item_id": item_id}
        await self._conversation.emit("input_audio_buffer.speech_started", fields)
        return item_id

    async def stopped(self, item_id: str, at_ms: float | None = None) -> None:
        """Tells that nobody speaks any more, and makes the buffer an item."""
        end = duration_ms(self._received) if at_ms is None else at_ms
        fields: JsonObject = {"audio_end_ms": round(end), "item_id": item_id}
        await self._conversation.emit("input_audio_buffer.speech_stopped", fields)
        await self._commit(item_id)

    async def timed_out(self) -> None:
        """Tells that nobody has spoken for too long, and makes the silence an item."""
        item_id = self._conversation.name("item")
        end = duration_ms(self._received)
        fields: JsonObject = {
            "audio_start_ms": round(end - duration_ms(self._buffered)),
            "audio_end_ms": round(end),
            "item_id": item_id,
        }
        await self._conversation.emit("input_audio_buffer.timeout_triggered", fields)
        await self._commit(item_id, words="")

    async def _commit(self, item_id: str, words: str | None = None) -> None:
        step = self._connection.session.upcoming
        self._conversation.heard_ms += duration_ms(self._buffered)
        self._empty()
        committed: JsonObject = {"previous_item_id": self._conversation.last_id, "item_id": item_id}
        await self._conversation.emit("input_audio_buffer.committed", committed)
        item = speech_item(item_id)
        await self._conversation.begin(item)
        await self._conversation.done(item)
        if self._session.transcribes:
            said = step.user_says if words is None else words
            self._connection.start(self._transcribe(item, said, step.transcript_after_ms))

    async def _transcribe(self, item: JsonObject, words: str, after_ms: float) -> None:
        await asyncio.sleep(after_ms / 1000)
        item["content"] = [{"type": "input_audio", "transcript": words}]
        where: JsonObject = {"item_id": item["id"], "content_index": 0}
        kind = "conversation.item.input_audio_transcription"
        if words:
            await self._conversation.emit(f"{kind}.delta", where | {"delta": words})
        completed: JsonObject = {"transcript": words, "usage": transcription_usage(words)}
        await self._conversation.emit(f"{kind}.completed", where | completed)

    def _empty(self) -> None:
        self._buffered = 0
        if self._vad:
            self._vad.forget()
