"""What the user says, in Gemini's words: `realtimeInput` for everything.

Text goes there too and not into `clientContent`: models after 2.5 close the connection (1007) at a `clientContent`
that is no history, and the SDK's `send_client_content` warns of mixing the two. Where the server detects voice, a
text is activity and a whole turn by itself; in a session of manual turns it is part of the open one.
"""

from binascii import b2a_base64

from streaming.duplex.elements import Audio, Image, StreamElement, Video
from streaming.duplex.errors import CannotSendError
from streaming.duplex.pacing import check_samples
from streaming.jsontext import JsonValue, dumps

START = '{"realtimeInput":{"activityStart":{}}}'
END = '{"realtimeInput":{"activityEnd":{}}}'
AUDIO_END = '{"realtimeInput":{"audioStreamEnd":true}}'


def text_message(text: str) -> str:
    """Return the message of a text."""
    return _realtime_input("text", text)


class UserInput:
    """The user's side of a connection.

    Args:
        manual: turns are marked by us; else the server hears where they end.
    """

    def __init__(self, *, manual: bool) -> None:
        self.manual = manual
        self._active = False
        """Manual: an activity is open. Else: sound has been sent since the stream's last end."""

    def messages(self, element: StreamElement, *, responding: bool) -> list[str]:
        """Return an element in messages.

        Args:
            element: what the user says, shows or marks.
            responding: an answer is on its way: a picture is no reason to interrupt it, all else is.

        Raises:
            CannotSendError: the wire has no words for something in it.
        """
        pictures = [_picture(picture) for picture in (element.image, element.video) if picture is not None]
        sound = _sound(element.audio) if element.audio is not None and element.audio.data else None
        text = text_message(element.text) if element.text else None
        said = [*pictures, *([sound] if sound else []), *([text] if text else [])]
        if self.manual:
            starts = bool(sound or text or element.interrupted or (pictures and not responding))
            return self._marked(said, starts=starts, ends=element.end_of_stream)
        self._active = self._active or sound is not None
        return [*said, *self._end_of_sound()] if element.end_of_stream else said

    def told(self, text: str) -> list[str]:
        """Return what can only be told as if the user said it: in the open turn, and else in one of its own."""
        message = text_message(text)
        return [START, message, END] if self.manual and not self._active else [message]

    def _marked(self, said: list[str], *, starts: bool, ends: bool) -> list[str]:
        messages = [START, *said] if starts and not self._active else said
        self._active = self._active or starts
        if ends and self._active:
            self._active = False
            messages = [*messages, END]
        return messages

    def _end_of_sound(self) -> list[str]:
        active, self._active = self._active, False
        return [AUDIO_END] if active else []


def _sound(audio: Audio) -> str:
    check_samples(audio.data)
    # Any rate is taken if it is stated. Written by hand, as it is most of what goes up: base64 needs no escapes.
    data = b2a_base64(audio.data, newline=False).decode("ascii")
    return f'{{"realtimeInput":{{"audio":{{"mimeType":"audio/pcm;rate={audio.rate:d}","data":"{data}"}}}}}}'


def _picture(picture: Image | Video) -> str:
    """Return a frame's message; Live takes a video as pictures, one after the other."""
    if not picture.media_type.startswith("image/"):
        raise CannotSendError(f"Gemini Live takes video as single images, and not {picture.media_type[:100]}")
    data = b2a_base64(picture.data, newline=False).decode("ascii")
    return _realtime_input("video", {"mimeType": picture.media_type, "data": data})


def _realtime_input(kind: str, value: JsonValue) -> str:
    return dumps({"realtimeInput": {kind: value}}).decode()
