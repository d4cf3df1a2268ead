"""What we say to the server: each event as JSON text, in the order in which they are to be sent."""

from binascii import b2a_base64
from collections.abc import Sequence
from enum import StrEnum

from streaming.jsontext import JsonObject, dumps

# The API takes 15 MiB in one append; base64 makes 4 bytes of 3. Whole samples.
_MOST_BYTES = 6 * 1024 * 1024


class Purpose(StrEnum):
    """What a client event is for; its id begins with it, so that an error which answers it tells what failed."""

    SETUP = "setup"
    ITEM = "item"
    ASK = "ask"
    CANCEL = "cancel"
    COMMIT = "commit"
    TRUNCATE = "truncate"
    NONE = ""
    """Not ours, or not said."""


_PURPOSES = {purpose.value: purpose for purpose in Purpose}


def purpose_of(event_id: str) -> Purpose:
    """Return what the event of this id was for."""
    return _PURPOSES.get(event_id.partition("_")[0], Purpose.NONE)


class ClientEvents:
    """Events to be sent."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._number = 0

    def take(self) -> list[str]:
        """Return what is to be sent, and forget it."""
        texts, self._texts = self._texts, []
        return texts

    def set_up(self, session: JsonObject) -> None:
        """Say what the session is to be."""
        self._add(Purpose.SETUP, {"type": "session.update", "session": session})

    def append_audio(self, data: bytes) -> None:
        """Send sound; the server does not confirm it, so it has no id."""
        for start in range(0, len(data), _MOST_BYTES):
            piece = data[start : start + _MOST_BYTES] if len(data) > _MOST_BYTES else data
            audio = b2a_base64(piece, newline=False).decode("ascii")
            self._texts.append(f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}')

    def commit_audio(self) -> None:
        """Make an item of the sound that was sent."""
        self._add(Purpose.COMMIT, {"type": "input_audio_buffer.commit"})

    def create_item(self, item: JsonObject) -> str:
        """Append to the conversation; return the new item's id."""
        item_id = self._next_id(Purpose.ITEM)
        self._add(Purpose.ITEM, {"type": "conversation.item.create", "item": {"id": item_id, **item}}, item_id)
        return item_id

    def ask(self) -> None:
        """Ask for an answer to what was said."""
        self._add(Purpose.ASK, {"type": "response.create"})

    def cancel(self, response_id: str) -> None:
        """Stop an answer; the current one where the id is not known."""
        which: JsonObject = {"response_id": response_id} if response_id else {}
        self._add(Purpose.CANCEL, {"type": "response.cancel", **which})

    def truncate(self, places: Sequence[tuple[str, int, int]]) -> None:
        """Have the server forget what was not heard: of which item, which part of it, from which millisecond on."""
        for item_id, content_index, audio_end_ms in places:
            event: JsonObject = {"type": "conversation.item.truncate", "item_id": item_id}
            self._add(Purpose.TRUNCATE, event | {"content_index": content_index, "audio_end_ms": audio_end_ms})

    def _next_id(self, purpose: Purpose) -> str:
        self._number += 1
        return f"{purpose}_{self._number}"

    def _add(self, purpose: Purpose, event: JsonObject, event_id: str | None = None) -> None:
        event["event_id"] = event_id or self._next_id(purpose)
        self._texts.append(dumps(event).decode())
