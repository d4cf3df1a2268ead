import pytest

from streaming.duplex.elements import Audio, Heard, StreamElement, Transcript
from streaming.duplex.errors import NotTheWireError, ResponseFailedError
from streaming.duplex.openai_realtime.response import Response
from streaming.jsontext import JsonObject
from streaming.messages import TextPart, ToolCallPart, Usage
from tests.streaming.duplex.openai_realtime import server


def finished(response: Response, **done: object) -> StreamElement:
    """Return the last element of an answer."""
    return ending(response, **done)[-1]


def ending(response: Response, **done: object) -> list[StreamElement]:
    """Return what the end of an answer says."""
    event = server.done(**done)["response"]  # type: ignore[arg-type]  # the arguments of `done`
    assert isinstance(event, dict)
    return response.finish(event)


def test_a_spoken_answer_is_its_words() -> None:
    """With how long it sounds; the sound itself is in none of them."""
    response = Response("r1")

    assert response.speak(server.speaking("Hello")) == [
        StreamElement(transcript=Transcript("assistant", "Hello", item_id="m1"), response_id="r1")
    ]
    assert response.sound(server.sounding(20)) == [StreamElement(audio=server.sound(20), response_id="r1")]
    response.sound(server.sounding(30))
    response.speak(server.speaking(" there."))
    end = finished(response, usage={"input_tokens": 1, "output_tokens": 2})

    assert end.end_of_stream
    assert (end.finish_reason, end.response_id, end.audio_ms) == ("stop", "r1", 50)
    assert end.usage == Usage(input_tokens=1, output_tokens=2)
    assert end.message
    assert end.message.parts == [TextPart(text="Hello there.")]


def test_a_written_answer_is_its_text() -> None:
    """A piece at a time."""
    response = Response("r1")

    pieces = [element.text for text in ("Hel", "lo") for element in response.write(server.writing(text))]
    end = finished(response)

    assert pieces == ["Hel", "lo"]
    assert server.said(end) == "Hello"
    assert end.audio_ms == 0


def test_the_end_of_spoken_words_gives_all_of_them() -> None:
    """They are in the message once."""
    response = Response("r1")
    response.speak(server.speaking("Hello"))

    assert response.speak_all(server.spoke("Hello")) == [
        StreamElement(transcript=Transcript("assistant", "Hello", final=True, item_id="m1"), response_id="r1")
    ]
    assert server.said(finished(response)) == "Hello"


@pytest.mark.parametrize("kind", ["output_text", "text"])
def test_words_that_came_in_no_piece_are_taken_from_where_they_are_whole(kind: str) -> None:
    """From the end of a part, or of the answer, but never twice."""
    by_part, by_answer = Response("r1"), Response("r1")

    assert by_part.write_all(server.wrote("Hello"))[0].text == "Hello"
    assert by_part.write_all(server.wrote("Hello")) == []
    item: JsonObject = {"type": "message", "id": "m1", "content": [{"type": kind, "text": "Hello"}]}
    assert [element.text for element in by_part.finish({"status": "completed", "output": [item]})] == [None]
    words, end = by_answer.finish({"status": "completed", "output": [item]})
    assert words.text == "Hello"
    assert server.said(end) == "Hello"


def test_spoken_words_can_be_in_the_finished_answer_only() -> None:
    """Their sound never came."""
    words, end = ending(Response("r1"), output=[server.message_item("Hello")])

    assert words.transcript == Transcript("assistant", "Hello", item_id="m1")
    assert server.said(end) == "Hello"


def test_a_call_is_told_once_however_often_it_came() -> None:
    """By its arguments, as an item and in the finished answer; in the order of their coming."""
    response = Response("r1")
    for call_id in ("c1", "c2"):
        arguments, item = server.called(call_id, arguments='{"a":1}')
        response.gather(arguments)
        response.gather_item(item)
    calls = [server.call_item(call_id, arguments='{"a":1}') for call_id in ("c2", "c1", "c3")]
    end = finished(response, output=calls)

    assert [call.id for call in end.tool_calls] == ["c1", "c2", "c3"]
    assert end.tool_calls[0] == ToolCallPart(id="c1", name="look", arguments='{"a":1}')
    assert end.finish_reason == "tool_calls"
    assert end.calls == end.tool_calls
    assert end.message
    assert end.message.parts == list(end.tool_calls)


def test_what_is_said_before_a_call_is_in_the_same_message() -> None:
    """First."""
    response = Response("r1")
    response.speak(server.speaking("One moment."))
    response.gather_item(server.called("c1")[1])
    message = finished(response).message

    assert message
    assert [part.type for part in message.parts] == ["text", "tool_call"]


@pytest.mark.parametrize(
    ("call", "known"),
    [
        ({"call_id": "c1"}, [("c1", "", "")]),
        ({"call_id": 5, "item_id": "i1", "name": "look"}, [("i1", "look", "")]),
        ({"call_id": "c1", "name": [], "arguments": {}}, [("c1", "", "")]),
        ({"name": "look", "arguments": "{}"}, []),
    ],
)
def test_a_call_that_is_not_whole_is_what_it_is(call: JsonObject, known: list[tuple[str, str, str]]) -> None:
    """One without any id could be answered by nobody."""
    response = Response("r1")
    response.gather(call)

    assert [(part.id, part.name, part.arguments) for part in finished(response).tool_calls] == known


def test_a_name_that_came_once_is_kept() -> None:
    """The beta's arguments had none."""
    response = Response("r1")
    response.gather_item(server.called("c1", name="look")[1])
    response.gather({"call_id": "c1", "arguments": '{"b":2}'})

    assert finished(response).tool_calls == (ToolCallPart(id="c1", name="look", arguments='{"b":2}'),)


@pytest.mark.parametrize(
    ("status", "reason", "finish"),
    [
        ("incomplete", "max_output_tokens", "length"),
        ("incomplete", "content_filter", "content_filter"),
        ("cancelled", None, "cancelled"),
    ],
)
def test_an_answer_that_is_not_complete_has_no_calls(status: str, reason: str | None, finish: str) -> None:
    """Nobody waits for their results."""
    response = Response("r1")
    response.write(server.writing("Half"))
    response.gather_item(server.called("c1")[1])
    end = finished(response, status=status, reason=reason)

    assert end.end_of_stream
    assert end.finish_reason == finish
    assert end.calls == ()
    assert server.said(end) == "Half"


@pytest.mark.parametrize("words", ["", "Half"])
def test_a_failed_answer_is_an_error(words: str) -> None:
    """With what was said of it."""
    response = Response("r1")
    response.write(server.writing(words))
    end = finished(response, status="failed", error={"type": "server_error", "code": "overloaded", "message": "Sorry."})

    assert isinstance(end.error, ResponseFailedError)
    assert (end.error.code, end.finish_reason, end.end_of_stream) == ("overloaded", "failed", False)
    assert server.said(end) == words
    assert end.calls == ()


def test_an_answer_with_nothing_in_it_has_an_end() -> None:
    """An empty one."""
    end = finished(Response("r1"))

    assert end.end_of_stream
    assert end.message
    assert end.message.parts == []


def test_a_character_cut_in_two_is_put_together() -> None:
    """JSON can cut between the halves of a pair."""
    response = Response("r1")
    event = server.writing("x")

    assert response.write(event | {"delta": "\ud83c"}) == []
    assert response.write(event | {"delta": "\udf3e!"})[0].text == "🌾!"
    assert server.said(finished(response)) == "🌾!"


@pytest.mark.parametrize(
    ("played_ms", "heard"),
    [(0, Heard("", 0)), (60, Heard("Hi", 60)), (100, Heard("Hi there you", 100)), (999, Heard("Hi there you", 100))],
)
def test_a_cut_answer_says_what_was_heard(played_ms: float, heard: Heard) -> None:
    """By how much of the sound was, and what was said in all."""
    response = Response("r1")
    response.speak(server.speaking("Hi there you"))
    response.sound(server.sounding(100))
    response.gather_item(server.called("c1")[1])
    cut = response.interrupted(played_ms)

    assert cut.interrupted
    assert cut.heard == heard
    assert server.said(cut) == "Hi there you"
    assert (cut.calls, cut.finish_reason, cut.audio_ms, cut.response_id) == ((), "interrupted", 100, "r1")


@pytest.mark.parametrize("spoken", [True, False])
def test_words_whose_sound_has_not_come_were_not_heard(spoken: bool) -> None:
    """Written ones were read as they came."""
    response = Response("r1")
    _ = response.speak(server.speaking("Hi")) if spoken else response.write(server.writing("Hi"))

    assert response.interrupted(0.0).heard == Heard("" if spoken else "Hi", 0.0)


@pytest.mark.parametrize("kind", ["audio", "output_audio"])
def test_a_part_may_say_that_it_is_spoken(kind: str) -> None:
    """Before anything of it came."""
    response = Response("r1")
    response.note_part({"part": {"type": kind}})
    response.write(server.writing("Hi"))

    assert response.interrupted(0.0).heard == Heard("", 0.0)


def test_a_sample_cut_in_two_is_put_together() -> None:
    """The next piece brings its other half."""
    response = Response("r1")

    assert response.sound(server.sound_bytes(b"a")) == []
    assert response.sound(server.sound_bytes(b"bc"))[0].audio == Audio(b"ab", 24000)
    with pytest.raises(NotTheWireError):
        response.sound({"delta": "no base64"})


def test_where_to_truncate_depends_on_whether_it_is_over() -> None:
    """What is still made may be longer than what came."""
    response = Response("r1")
    response.sound(server.sounding(100))

    assert response.cuts(100) == [("m1", 0, 100)]
    assert response.unplayed_ms(40) == 60
    response.end_sound(server.sounded())
    assert response.cuts(100) == []
    response.over = True
    assert response.cuts(40) == [("m1", 0, 40)]
