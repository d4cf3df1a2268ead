"""OpenAI Realtime: what a session is, from its defaults and the client's updates."""

from datetime import UTC, datetime

from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.openai_realtime_fields import ServerVad, SessionFields, TurnDetection
from deploy.sandbox.realtime.openai_realtime_input import Refused

_LIFETIME_S = 3600
_NESTED = ("audio", "input", "output")


class Session:
    """A session's settings.

    Attributes:
        fields: What the client is told of it.
        detection: How turns are told apart; None is manually.
        transcribes: Whether the user's speech is written down.
    """

    def __init__(self, session_id: str, model: str) -> None:
        self.detection: TurnDetection | None = ServerVad(type="server_vad")
        self.transcribes = False
        form: JsonObject = {"type": "audio/pcm", "rate": 24000}
        self.fields: JsonObject = {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": model,
            "output_modalities": ["audio"],
            "instructions": "",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": None,
            "prompt": None,
            "expires_at": int(datetime.now(UTC).timestamp()) + _LIFETIME_S,
            "audio": {
                "input": {
                    "format": form,
                    "transcription": None,
                    "noise_reduction": None,
                    "turn_detection": self.detection.model_dump(),
                },
                "output": {"format": form, "voice": "marin", "speed": 1.0},
            },
            "include": None,
        }

    def update(self, given: SessionFields, *, has_spoken: bool) -> None:
        """Changes what the client gives; the rest stays.

        Args:
            given: The update.
            has_spoken: Whether the model's voice has been heard.

        Raises:
            Refused: It cannot be changed any more; nothing is changed.
        """
        if given.model not in (None, self.fields["model"]):
            raise Refused(
                "The model of a session cannot be changed.", code="cannot_update_model", param="session.model"
            )
        if has_spoken and given.audio and given.audio.output and given.audio.output.voice:
            raise Refused(
                "Cannot update a conversation's voice if assistant audio is present.",
                code="cannot_update_voice",
                param="session.audio.output.voice",
            )
        changes: JsonObject = given.model_dump(exclude_unset=True)
        heard = given.audio and given.audio.input
        if heard and "turn_detection" in heard.model_fields_set:
            self.detection = heard.turn_detection
            told = self.detection.model_dump() if self.detection else None
            changes = _merged(changes, {"audio": {"input": {"turn_detection": told}}})
        if heard and "transcription" in heard.model_fields_set:
            self.transcribes = heard.transcription is not None
        self.fields = _merged(self.fields, changes)

    @property
    def interrupts(self) -> bool:
        """Whether speech cuts an answer."""
        return self.detection is not None and self.detection.interrupt_response

    @property
    def answers(self) -> bool:
        """Whether the end of speech is answered."""
        return self.detection is not None and self.detection.create_response

    @property
    def idle_timeout_ms(self) -> int | None:
        """After how long a silence the model speaks up."""
        return self.detection.idle_timeout_ms if isinstance(self.detection, ServerVad) else None


def _merged(old: JsonObject, new: JsonObject) -> JsonObject:
    merged = dict(old)
    for name, value in new.items():
        before = merged.get(name)
        if name in _NESTED and isinstance(before, dict) and isinstance(value, dict):
            value = _merged(before, value)
        merged[name] = value
    return merged
