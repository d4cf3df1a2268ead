import base64

import pytest

from streaming.duplex.elements import Audio, Image, StreamElement, Video
from streaming.duplex.errors import CannotSendError, PartialSampleError
from streaming.duplex.gemini_live.user_input import UserInput
from streaming.jsontext import JsonValue
from tests.streaming.duplex.gemini_live.talking import client

START: JsonValue = {"activityStart": {}}
END: JsonValue = {"activityEnd": {}}
PCM = b"\x01\x02" * 320
SOUND = Audio(PCM, 16_000)
SOUND_SAID: JsonValue = {"audio": {"mimeType": "audio/pcm;rate=16000", "data": base64.b64encode(PCM).decode()}}
PICTURE = Image(b"jpeg", "image/jpeg")
PICTURE_SAID: JsonValue = {"video": {"mimeType": "image/jpeg", "data": "anBlZw=="}}


def said(user: UserInput, *elements: StreamElement, responding: bool = False) -> list[JsonValue]:
    """Return the realtime inputs that the elements are, after the official types have taken them."""
    messages = [message for element in elements for message in user.messages(element, responding=responding)]
    return [client(message)["realtimeInput"] for message in messages]


def test_sound_where_the_server_hears_turns() -> None:
    """It goes up as it is; the end of the user's turn is the end of the stream, once, and sound opens it again."""
    user = UserInput(manual=False)
    end = StreamElement(end_of_stream=True)

    assert said(user, StreamElement(audio=SOUND), end, end, StreamElement(audio=SOUND, end_of_stream=True)) == [
        SOUND_SAID,
        {"audioStreamEnd": True},
        SOUND_SAID,
        {"audioStreamEnd": True},
    ]


def test_sound_of_a_manual_turn() -> None:
    """The first of a turn opens an activity, and the end closes it."""
    user = UserInput(manual=True)
    end = StreamElement(end_of_stream=True)

    assert said(user, StreamElement(audio=SOUND), StreamElement(audio=SOUND), end, end, StreamElement(audio=SOUND)) == [
        START,
        SOUND_SAID,
        SOUND_SAID,
        END,
        START,
        SOUND_SAID,
    ]


def test_text() -> None:
    """A turn by itself, or part of a marked one."""
    element = StreamElement(text="hi \ud83d\ude00", end_of_stream=True)

    assert said(UserInput(manual=False), element) == [{"text": "hi 😀"}]
    assert said(UserInput(manual=True), element) == [START, {"text": "hi 😀"}, END]


def test_stopping_an_answer() -> None:
    """In a manual session an activity interrupts; what the user says next is in it."""
    user = UserInput(manual=True)
    stop = StreamElement(interrupted=True)

    assert said(user, stop, stop, StreamElement(audio=SOUND, end_of_stream=True)) == [START, SOUND_SAID, END]
    assert said(UserInput(manual=False), stop) == []


def test_pictures() -> None:
    """One belongs to the user's turn, but does not interrupt an answer."""
    shown = StreamElement(image=PICTURE)

    assert said(UserInput(manual=False), shown) == [PICTURE_SAID]
    assert said(UserInput(manual=True), shown, StreamElement(end_of_stream=True)) == [START, PICTURE_SAID, END]
    assert said(UserInput(manual=True), shown, responding=True) == [PICTURE_SAID]


def test_one_element_with_everything() -> None:
    """Pictures come before what is said of them."""
    user = UserInput(manual=True)
    video = Video(b"jpeg", "image/jpeg")

    element = StreamElement(text="this?", audio=SOUND, image=PICTURE, video=video, end_of_stream=True)

    assert said(user, element) == [START, PICTURE_SAID, PICTURE_SAID, SOUND_SAID, {"text": "this?"}, END]


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 48_000])
def test_any_rate_is_stated(rate: int) -> None:
    """Live takes any that is."""
    (message,) = UserInput(manual=False).messages(StreamElement(audio=Audio(PCM, rate)), responding=False)

    assert f'"audio/pcm;rate={rate}"' in message


@pytest.mark.parametrize(
    "element",
    [
        StreamElement(text="", end_of_stream=False),
        StreamElement(audio=Audio(b"", 16_000)),
        StreamElement(end_of_stream=True),
        StreamElement(),
    ],
)
def test_nothing_is_nothing(element: StreamElement) -> None:
    """Neither opens a turn."""
    assert UserInput(manual=True).messages(element, responding=False) == []


@pytest.mark.parametrize(
    ("element", "kind"),
    [
        (StreamElement(text="hi", audio=Audio(b"odd", 16_000)), PartialSampleError),
        (StreamElement(audio=SOUND, video=Video(b"", "video/mp4")), CannotSendError),
        (StreamElement(audio=SOUND, image=Image(b"", "application/pdf")), CannotSendError),
    ],
)
def test_what_there_are_no_words_for(element: StreamElement, kind: type[Exception]) -> None:
    """It is refused, with nothing of it said."""
    user = UserInput(manual=True)

    with pytest.raises(kind):
        user.messages(element, responding=False)

    assert said(user, StreamElement(end_of_stream=True)) == []


def test_what_is_told_as_if_the_user_said_it() -> None:
    """A turn of its own, unless one is open."""
    manual, listening = UserInput(manual=True), UserInput(manual=False)
    text: JsonValue = {"text": "told"}

    assert [client(message)["realtimeInput"] for message in manual.told("told")] == [START, text, END]
    assert said(manual, StreamElement(text="well")) == [START, {"text": "well"}]
    assert [client(message)["realtimeInput"] for message in manual.told("told")] == [text]
    assert [client(message)["realtimeInput"] for message in listening.told("told")] == [text]
