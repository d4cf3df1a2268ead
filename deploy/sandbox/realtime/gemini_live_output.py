"""What Gemini Live says, as protocol buffers look in JSON: a field that is false, or empty, is not there at all."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.playing import Call
from deploy.sandbox.realtime.sound import RATE

SETUP_COMPLETE: JsonObject = {"setupComplete": {}}
NOT_RESUMABLE: JsonObject = {"sessionResumptionUpdate": {}}
INTERRUPTED: JsonObject = {"serverContent": {"interrupted": True}}
GENERATION_COMPLETE: JsonObject = {"serverContent": {"generationComplete": True}}

_LETTERS_PER_TOKEN = 4
_TOKENS_PER_SECOND = 25


@dataclass
class Tokens:
    """How much was said, in each of the two ways."""

    letters: int = 0
    audio_ms: float = 0.0

    def add(self, letters: int, audio_ms: float = 0.0) -> None:
        """Counts more of it."""
        self.letters += letters
        self.audio_ms += audio_ms

    @property
    def text(self) -> int:
        """Tokens of text."""
        return -(-self.letters // _LETTERS_PER_TOKEN)

    @property
    def audio(self) -> int:
        """Tokens of sound."""
        return round(self.audio_ms * _TOKENS_PER_SECOND / 1000)

    @property
    def total(self) -> int:
        """All of them."""
        return self.text + self.audio

    @property
    def details(self) -> list[JsonObject]:
        """How many there are of each kind."""
        kinds = {"TEXT": self.text, "AUDIO": self.audio}
        return [{"modality": kind, "tokenCount": tokens} for kind, tokens in kinds.items() if tokens]


def resumable(handle: str) -> JsonObject:
    """Returns a handle with which another connection can go on from here."""
    return {"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}}


def go_away(left_s: float) -> JsonObject:
    """Returns the warning that the connection will be closed."""
    whole = left_s == int(left_s)
    return {"goAway": {"timeLeft": f"{left_s:.0f}s" if whole else f"{left_s:.3f}s"}}


def heard(text: str) -> JsonObject:
    """Returns a piece of what the user said."""
    return {"serverContent": {"inputTranscription": {"text": text}}}


def words(text: str) -> JsonObject:
    """Returns a piece of what the model writes."""
    return {"serverContent": {"modelTurn": {"parts": [{"text": text}]}}}


def sound(pcm: bytes) -> JsonObject:
    """Returns a piece of what the model says."""
    blob: JsonObject = {"mimeType": f"audio/pcm;rate={RATE}", "data": base64.b64encode(pcm).decode()}
    return {"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}}}


def spoken_words(text: str) -> JsonObject:
    """Returns a piece of the words of what the model says."""
    return {"serverContent": {"outputTranscription": {"text": text}}}


def tool_call(calls: Iterable[Call], prompt: Tokens, response: Tokens) -> JsonObject:
    """Returns the calls of functions, all together."""
    made: list[JsonObject] = [{"id": call.id, "name": call.name, "args": call.arguments} for call in calls]
    message: JsonObject = {"toolCall": {"functionCalls": [*made]}}
    return message | _usage(prompt, response)


def tool_call_cancellation(ids: Iterable[str]) -> JsonObject:
    """Returns that the results of these calls are no longer wanted."""
    return {"toolCallCancellation": {"ids": [*ids]}}


def turn_complete(prompt: Tokens, response: Tokens, reason: str | None = None) -> JsonObject:
    """Returns that it is the user's turn, and what the model's turn took.

    Args:
        prompt: All that was told and said before.
        response: What the model said.
        reason: Why the turn is over, where it is not because all has been said.
    """
    told: JsonObject = {"turnComplete": True, "interactionStatus": "IDLE"}
    if reason:
        told["turnCompleteReason"] = reason
    return {"serverContent": told} | _usage(prompt, response)


def _usage(prompt: Tokens, response: Tokens) -> JsonObject:
    counts: JsonObject = {
        "promptTokenCount": prompt.total,
        "responseTokenCount": response.total,
        "totalTokenCount": prompt.total + response.total,
        "promptTokensDetails": [*prompt.details],
        "responseTokensDetails": [*response.details],
    }
    return {"usageMetadata": {name: value for name, value in counts.items() if value}}
