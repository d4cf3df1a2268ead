"""One answer of a session while it comes, whatever the wire. Pure."""

from streaming.duplex.elements import Audio, Heard
from streaming.jsontext import GrowingText
from streaming.messages import Message, ReasoningPart, TextPart, ToolCallPart


class Answer:
    """What has been said of one answer so far."""

    def __init__(self, response_id: str = "") -> None:
        self.response_id = response_id
        self.audio_ms = 0.0
        self.calls: list[ToolCallPart] = []
        self._text = GrowingText()
        self._reasoning = GrowingText()

    def say(self, text: str) -> str:
        """Add written or spoken words; return what they add: half a character waits for its other half."""
        return self._text.add(text)

    def think(self, text: str) -> None:
        """Add words that are not for the user."""
        self._reasoning.add(text)

    def sound(self, audio: Audio) -> None:
        """Add sound; its words come apart."""
        self.audio_ms += audio.ms

    @property
    def text(self) -> str:
        """The words so far."""
        return self._text.text

    def message(self) -> Message:
        """Return the answer as a message of the conversation: a spoken one as its words."""
        reasoning, text = self._reasoning.text, self.text
        return Message(
            role="assistant",
            parts=[
                *([ReasoningPart(text=reasoning)] if reasoning else []),
                *([TextPart(text=text)] if text else []),
                *self.calls,
            ],
        )

    def heard(self, played_ms: float) -> Heard:
        """Return what of it was heard by then.

        No provider says which word sounds when, so words are taken to be spread evenly over the sound; a word that
        is not whole was not heard. An answer without sound was read as it came.
        """
        if not self.audio_ms:
            return Heard(self.text, 0.0)
        played = min(max(played_ms, 0.0), self.audio_ms)
        text = self.text
        if played == self.audio_ms:
            return Heard(text, played)
        reached = text[: int(len(text) * played / self.audio_ms)]
        whole = reached if text[len(reached) : len(reached) + 1].isspace() else reached.rpartition(" ")[0]
        return Heard(whole.rstrip(), played)
