import json

import pytest

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.errors import NotTheWire, StreamedError, TruncatedStream
from streaming.jsontext import JsonObject, JsonValue
from streaming.providers import openai_responses
from streaming.providers.openai_responses.stream import Accumulator
from streaming.providers.wire import Quirks
from streaming.sse import Event

CREATED: JsonObject = {"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}}
AT: JsonObject = {"output_index": 0, "content_index": 0}


def event(data: JsonValue, kind: str = "message") -> Event:
    """Return an event with this data."""
    return Event(json.dumps(data).encode(), kind)


def fed(*events: JsonValue) -> tuple[Accumulator, list[Delta]]:
    """Return an accumulator that has taken these events, and what they added."""
    accumulator = openai_responses.accumulator(Quirks())
    return accumulator, [delta for one in events for delta in accumulator.feed(event(one))]


def text(delta: str, **place: JsonValue) -> JsonObject:
    """Return a piece of text."""
    return {"type": "response.output_text.delta", **AT, **place, "delta": delta}


def message(text: str, **more: JsonValue) -> JsonObject:
    """Return a message item."""
    return {"type": "message", "content": [{"type": "output_text", "text": text}], **more}


def done(item: JsonValue, index: JsonValue = 0, kind: str = "done") -> JsonObject:
    """Return an item's end."""
    return {"type": f"response.output_item.{kind}", "output_index": index, "item": item}


def end(output: JsonValue, status: str = "completed", **more: JsonValue) -> JsonObject:
    """Return a terminal event."""
    return {"type": f"response.{status}", "response": {"id": "r", "status": status, "output": output, **more}}


@pytest.mark.parametrize("status", ["completed", "incomplete"])
def test_the_terminal_events_response_is_the_answer(status: str) -> None:
    """Whatever was said before it."""
    accumulator, deltas = fed(CREATED, text("other"), done(message("else")), end([message("a")], status, novel=1))

    assert accumulator.complete
    accumulator.end()
    assert accumulator.final() == {"id": "r", "status": status, "output": [message("a")], "novel": 1}
    assert deltas == [PartStarted(0, "text"), PartAdded(0, "other")]


@pytest.mark.parametrize("output", [None, [], "x"])
def test_without_an_output_the_items_are_what_their_ends_said(output: JsonValue) -> None:
    """In the order of their indexes; one that has not ended is what its pieces amount to."""
    accumulator, deltas = fed(
        CREATED,
        done(message("", id="m"), 2, "added"),
        text("later", output_index=2),
        text("x"),
        done(message("first", status="completed")),
        end(output),
    )

    first, later = message("first", status="completed"), message("later", id="m")
    assert accumulator.final() == {"id": "r", "status": "completed", "output": [first, later]}
    assert [delta for delta in deltas if isinstance(delta, PartStarted)] == [
        PartStarted(0, "text"),
        PartStarted(1, "text"),
    ]


def test_an_output_that_was_never_streamed_is_shown_at_the_end() -> None:
    """Each part whole."""
    call: JsonObject = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}

    _, deltas = fed(end([message("a"), call]))

    assert deltas == [
        PartStarted(0, "text"),
        PartAdded(0, "a"),
        PartStarted(1, "tool_call", "c", "f"),
        PartAdded(1, "{}"),
    ]


def test_indexes_may_have_gaps_that_the_output_has_not() -> None:
    """The end shows no text twice."""
    _, deltas = fed(
        CREATED,
        done(None, 0, "added"),
        text("a", output_index=1),
        text("b", output_index=3),
        end([message("a"), message("bc")]),
    )

    assert [delta for delta in deltas if isinstance(delta, PartAdded)] == [
        PartAdded(0, "a"),
        PartAdded(1, "b"),
        PartAdded(1, "c"),
    ]


def test_a_stream_entered_midway_needs_its_end_to_say_all() -> None:
    """What came before is in nobody's hands."""
    accumulator, _ = fed(text("dle", output_index=1), end([message("a"), message("middle")]))
    assert accumulator.final()["output"] == [message("a"), message("middle")]

    with pytest.raises(TruncatedStream, match="entered midway"):
        fed(text("dle"), end(None))
    arguments: JsonObject = {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"}
    with pytest.raises(TruncatedStream, match="entered midway"):
        fed(CREATED, arguments, end(None))


def test_a_partial_response_is_what_has_come() -> None:
    """With the beginning's own words; a call that nobody can name is left out."""
    arguments: JsonObject = {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{}"}
    accumulator, _ = fed(CREATED, text("a"), arguments)

    assert accumulator.final() == {"id": "r", "status": "in_progress", "object": "response", "output": [message("a")]}
    assert openai_responses.answer(accumulator.final(), "").message.text == "a"
    with pytest.raises(NotTheWire):
        openai_responses.answer(fed(CREATED)[0].final(), "")


def test_a_text_is_rebuilt_with_what_stands_beside_it() -> None:
    """Annotations and log-probabilities; at its end, as its end says."""
    begun: JsonObject = {"type": "output_text", "text": "", "annotations": [], "logprobs": [], "novel": 1}
    part: JsonObject = {"type": "response.content_part.added", **AT, "part": begun}
    annotation: JsonObject = {"type": "response.output_text.annotation.added", **AT, "annotation": {"url": "u"}}
    events: list[JsonValue] = [CREATED, part, text("a", logprobs=[1]), text("b", logprobs=[2]), annotation]
    whole = begun | {"text": "ab", "annotations": [{"url": "u"}], "logprobs": [1, 2]}

    assert fed(*events)[0].final()["output"] == [{"type": "message", "content": [whole]}]
    finished: JsonObject = {"type": "response.content_part.done", **AT, "part": begun | {"text": "abc"}}
    accumulator, deltas = fed(*events, finished)
    assert accumulator.final()["output"] == [{"type": "message", "content": [begun | {"text": "abc"}]}]
    assert PartAdded(0, "c") == deltas[-1]


def test_a_half_that_is_left_over_is_replaced_at_the_end() -> None:
    """Shown and kept alike."""
    accumulator, deltas = fed(CREATED, text("a\ud83d"), end(None))

    assert [PartAdded(0, "a"), PartAdded(0, "\ufffd")] == deltas[1:]
    assert accumulator.final()["output"] == [message("a\ufffd")]


@pytest.mark.parametrize(
    "given",
    [
        {"type": "response.novel.delta", "delta": {"stdout": 1}},
        {"type": "response.shell_call_command.delta", "output_index": 0, "command_index": 0, "delta": "ls"},
        {"type": "response.web_search_call.searching", "output_index": 0, "error": "of the search"},
        {"type": "response.audio.delta", "delta": "AA=="},
        {"type": "response.output_item.added", "output_index": 0, "item": None},
        {"type": "response.output_item.done", "output_index": "0", "item": {"type": "message"}},
        {"type": "response.content_part.added", **AT, "part": {"type": "novel"}},
        {"type": "response.content_part.added", **AT, "part": None},
        {"type": "response.output_text.delta", "content_index": 0, "delta": "without a place"},
        {"type": "response.output_text.delta", "output_index": True, "delta": "without a place"},
        {"type": "response.output_text.done", "text": "without a place"},
        {"type": "response.output_text.annotation.added", "annotation": {}},
        {"type": 5},
        {},
    ],
    ids=range(14),
)
def test_what_has_no_place_is_passed_over(given: JsonValue) -> None:
    """The terminal event says it again."""
    accumulator, deltas = fed(CREATED, given)

    assert deltas == []
    assert accumulator.final()["output"] == []
    accumulator.feed(event(end([message("a")])))
    assert accumulator.complete


@pytest.mark.parametrize("place", [None, "0", {}, [], True])
def test_a_content_without_a_place_is_the_first(place: JsonValue) -> None:
    """Servers with one content leave it out."""
    accumulator, _ = fed(CREATED, text("a", content_index=place), text("b", content_index=0))

    assert accumulator.final()["output"] == [message("ab")]


def test_a_type_that_is_missing_is_the_events_name() -> None:
    """Some servers say it there only."""
    accumulator = openai_responses.accumulator(Quirks())
    accumulator.feed(event({**AT, "delta": "a"}, "response.output_text.delta"))
    accumulator.feed(event({"response": {"output": [message("a")]}}, "response.incomplete"))

    assert accumulator.final() == {"status": "incomplete", "output": [message("a")]}


def test_a_terminal_event_that_is_not_the_end_is_not_the_wire() -> None:
    """A response in the background goes on."""
    with pytest.raises(NotTheWire, match="not finished: its status is in_progress"):
        fed({"type": "response.completed", "response": {"status": "in_progress", "output": []}})


def test_another_response_in_the_same_stream_is_not_the_wire() -> None:
    """It would be someone else's answer."""
    with pytest.raises(NotTheWire, match="another response"):
        fed(CREATED, {"type": "response.completed", "response": {"id": "s", "status": "completed", "output": []}})


_BOOM: JsonObject = {"message": "boom", "code": "server_error"}


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"type": "error", "error": {**_BOOM, "type": "t", "headers": {}}}, "error", "t server_error: boom"),
        ({"type": "error", **_BOOM, "param": None, "sequence_number": 2}, "error", "server_error: boom"),
        ({"type": "error", "message": "boom"}, "message", "boom"),
        ({"type": "error"}, "message", "no message"),
        ({"error": _BOOM}, "message", "server_error: boom"),
        ({"error": _BOOM}, "error", "server_error: boom"),
        (_BOOM, "error", "server_error: boom"),
        ({"error": "overloaded"}, "message", "overloaded"),
        (end([], "failed", error=_BOOM), "response.failed", "server_error: boom"),
        (end([], "failed", error=None), "response.failed", "the response is failed"),
        ({"type": "response.failed", "response": {}}, "response.failed", "the response is failed"),
        ({"type": "response.cancelled", "response": {}}, "response.cancelled", "the response is cancelled"),
        (end([message("half")], "completed", error=_BOOM), "message", "server_error: boom"),
        (end([message("half")], "completed") | {"response": {"status": "cancelled"}}, "message", "is cancelled"),
        ({"type": "response.in_progress", "response": {"status": "failed"}}, "message", "is failed"),
    ],
    ids=range(15),
)
def test_an_error_ends_the_stream(given: JsonValue, kind: str, words: str) -> None:
    """In every form that is documented or sent."""
    accumulator, _ = fed(CREATED, text("a"))

    with pytest.raises(StreamedError, match=f"{words}$"):
        accumulator.feed(event(given, kind))
    assert not accumulator.complete


def test_an_errors_words_are_the_providers() -> None:
    """They decide whether the turn may try again."""
    with pytest.raises(StreamedError) as failure:
        fed({"type": "error", "error": {"type": "invalid_request_error", "code": "c", "message": "m"}})

    assert (failure.value.kind, failure.value.code) == ("invalid_request_error", "c")


@pytest.mark.parametrize(
    "given",
    [
        [],
        "text",
        5,
        None,
        {"type": "response.output_text.delta", **AT, "delta": 5},
        {"type": "response.output_text.delta", **AT},
        {"type": "response.completed"},
        {"type": "response.created", "response": "x"},
    ],
    ids=range(8),
)
def test_what_is_no_event_is_not_the_wire(given: JsonValue) -> None:
    """JSON of other shapes."""
    with pytest.raises(NotTheWire):
        fed(given)


def test_done_is_an_end_only_after_the_end() -> None:
    """This wire needs none, and some proxies add it."""
    accumulator, _ = fed(CREATED)
    with pytest.raises(TruncatedStream):
        accumulator.feed(Event(b"[DONE]"))
    with pytest.raises(TruncatedStream):
        accumulator.end()

    accumulator.feed(event(end([message("a")])))
    assert accumulator.feed(Event(b"[DONE]")) == []


# -- responses that are made in the background

BACKGROUND: JsonObject = {"id": "r", "status": "in_progress", "background": True, "output": []}


def begun(number: JsonValue = 0, **response: JsonValue) -> JsonObject:
    """Return the first event of a response that is made in the background."""
    return {"type": "response.created", "sequence_number": number, "response": BACKGROUND | response}


@pytest.mark.parametrize(
    ("first", "number"),
    [
        (begun(), 0),
        (begun(7), 7),
        (begun(background=False), None),
        (begun(background=None), None),
        (begun(background="true"), None),
        (begun(None), None),
        (begun("0"), None),
        (begun(0.0), None),
        (begun(True), None),
        (begun(-3), None),
        (begun(id=None), None),
        (begun(id="../r"), None),
        (begun(id=7), None),
        (CREATED, None),
    ],
    ids=range(14),
)
def test_a_background_response_can_be_read_on(first: JsonObject, number: int | None) -> None:
    """If it says that it is one, and who it is, and numbers its events."""
    accumulator, _ = fed(first)

    assert accumulator.cursor == (None if number is None else ("r", number))


def test_an_event_that_comes_again_adds_nothing() -> None:
    """Servers may begin again at the first one, whatever they were asked for; one without a number is new."""
    accumulator, deltas = fed(
        begun(),
        text("a", sequence_number=1),
        begun(),
        text("a", sequence_number=1),
        text("b", sequence_number=2),
        text("b", sequence_number=2),
        text("c"),
        text("d", sequence_number=4),
    )

    assert "".join(delta.text for delta in deltas if isinstance(delta, PartAdded)) == "abcd"
    assert accumulator.cursor == ("r", 4)


def test_elsewhere_numbers_mean_nothing() -> None:
    """Servers that are compatible number as they like."""
    _, deltas = fed(CREATED, text("a", sequence_number=1), text("b", sequence_number=1), text("c", sequence_number=0))

    assert "".join(delta.text for delta in deltas if isinstance(delta, PartAdded)) == "abc"


def test_a_whole_background_response_still_has_its_cursor() -> None:
    """Until its result is recorded another process may have to read it again."""
    accumulator, _ = fed(begun(), end([message("a")], sequence_number=1) | {"sequence_number": 1})

    assert accumulator.complete
    assert accumulator.cursor == ("r", 1)


def test_the_response_itself_makes_a_stream_whole() -> None:
    """It shows what is left, and is the answer."""
    accumulator, shown = fed(begun(), text("mid", sequence_number=1))
    assert accumulator.take_whole(BACKGROUND) == []
    rest = accumulator.take_whole({**BACKGROUND, "status": "completed", "output": [message("middle")]})

    assert [*shown, *rest] == [PartStarted(0, "text"), PartAdded(0, "mid"), PartAdded(0, "dle")]
    assert accumulator.complete
    assert accumulator.final()["output"] == [message("middle")]


def test_a_response_may_come_whole_with_nothing_before_it() -> None:
    """After another process asked for it."""
    accumulator = openai_responses.accumulator(Quirks())
    accumulator.expect("r")
    deltas = accumulator.take_whole({**BACKGROUND, "status": "completed", "output": [message("a")]})

    assert deltas == [PartStarted(0, "text"), PartAdded(0, "a")]
    with pytest.raises(NotTheWire, match="another response"):
        fed(begun())[0].take_whole({**BACKGROUND, "id": "s", "status": "completed"})


@pytest.mark.parametrize(
    ("events", "unshown"),
    [
        ([text("a"), text("b")], 0),
        ([text("")], 0),
        ([{"type": "response.in_progress", "response": {"id": "r"}}, {"type": "response.novel", "x": 1}], 0),
        ([{"type": "response.code_interpreter_call_code.delta", "output_index": 0, "delta": "x"}] * 3, 3),
        ([{"type": "response.code_interpreter_call_code.delta", "output_index": 0, "delta": ""}], 0),
        ([{"type": "response.mcp_call_arguments.delta", "output_index": 0, "delta": "{"}], 1),
        ([{"type": "response.image_generation_call.partial_image", "partial_image_b64": "AA=="}], 1),
        ([{"type": "response.audio.delta", "delta": "AA=="}, {"type": "response.novel.delta"}], 2),
    ],
    ids=range(8),
)
def test_content_that_no_delta_tells_of_is_counted(events: list[JsonValue], unshown: int) -> None:
    """It is progress all the same: code that is being written is no stall, and empty pieces are."""
    accumulator, _ = fed(CREATED, *events)

    assert unshown == accumulator.unshown
