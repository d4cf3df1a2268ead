import pytest

from streaming.duplex.elements import (
    CallsCancelled,
    Heard,
    ResponseStarted,
    StreamElement,
    Transcript,
)
from streaming.duplex.errors import ResponseFailedError
from streaming.messages import Message, TextPart, ToolCallPart, Usage
from tests.streaming.duplex.gemini_live.talking import (
    INTERRUPTED,
    TURN_COMPLETE,
    calls,
    content,
    ends,
    events,
    hears,
    provider,
    ready_wire,
    result,
    says,
    sent,
    server,
    speaks,
    text_of,
    told,
)

HANDLE = server(sessionResumptionUpdate={"newHandle": "h1", "resumable": True})
NO_HANDLE = server(sessionResumptionUpdate={})

# -- interruptions


def test_a_barge_in() -> None:
    """What was said, what of it was heard, and later that the provider has closed it."""
    wire = ready_wire()
    told(wire, speaks(), speaks(), says("one two three four"))
    wire.heard(1_000)

    elements = told(wire, content(interrupted=True, inputTranscription={"text": "wait"}), TURN_COMPLETE)

    cut, words, closed = elements
    assert (cut.interrupted, cut.finish_reason, text_of(cut)) == (True, "interrupted", "one two three four")
    assert cut.heard == Heard("one two", 1_000.0)
    assert words.transcript == Transcript("user", "wait", item_id="c1_user_1")
    assert closed == StreamElement(interrupted_turn_complete=True, response_id="c1_answer_1")
    assert not wire.responding


def test_a_barge_in_all_in_one_message() -> None:
    """Interrupted, the words that were still said, usage and the turn's end: none is lost."""
    wire = ready_wire()
    told(wire, speaks(), says("one"))

    elements = told(
        wire,
        server(
            serverContent={"interrupted": True, "turnComplete": True, "outputTranscription": {"text": " two"}},
            usageMetadata={"responseTokenCount": 5},
        ),
    )

    _, cut, closed = elements
    assert (cut.interrupted, text_of(cut)) == (True, "one two")
    assert (closed.interrupted_turn_complete, closed.usage) == (True, Usage(output_tokens=5))


def test_the_answer_after_a_barge_in_without_a_close_between() -> None:
    """It is another answer, and the cut one is closed by it."""
    elements = told(ready_wire(), says("one"), INTERRUPTED, speaks(), says("two"), TURN_COMPLETE)

    cut, closed, end = ends(elements)
    assert (cut.interrupted, closed.interrupted_turn_complete, end.end_of_stream) == (True, True, True)
    assert (text_of(cut), text_of(end)) == ("one", "two")
    assert end.audio_ms == 1000.0


def test_words_that_trail_a_barge_in() -> None:
    """A transcript keeps no order with its sound: they are no answer to whoever interrupted."""
    elements = told(ready_wire(), says("one"), INTERRUPTED, says(" two"), TURN_COMPLETE, says("three"), TURN_COMPLETE)

    cut, closed, end = ends(elements)
    assert closed.interrupted_turn_complete
    assert (text_of(cut), text_of(end)) == ("one", "three")


def test_calls_after_a_barge_in_are_made() -> None:
    """And are glued to no other answer."""
    wire = ready_wire()
    elements = told(wire, says("one"), INTERRUPTED, calls("f1"), TURN_COMPLETE)

    cut, closed, called = ends(elements)
    assert (cut.interrupted, closed.interrupted_turn_complete) == (True, True)
    assert [call.id for call in called.tool_calls] == ["f1"]
    assert called.message == Message(role="assistant", parts=[*called.tool_calls])
    wire.send(result("f1"))
    assert len(sent(wire)) == 1
    (end,) = ends(told(wire, says("Sunny."), TURN_COMPLETE))
    assert end.message == Message(role="assistant", parts=[TextPart(text="Sunny.")])


def test_calls_before_a_barge_in_are_not_attached_to_the_next_answer() -> None:
    """They were given at once."""
    wire = ready_wire()
    elements = told(wire, calls("f1"), INTERRUPTED, server(toolCallCancellation={"ids": ["f1"]}), TURN_COMPLETE)

    called, cut, closed = ends(elements)
    assert [call.id for call in called.tool_calls] == ["f1"]
    assert (cut.interrupted, cut.message, closed.interrupted_turn_complete) == (True, None, True)
    assert events(elements)[-1] == CallsCancelled(("f1",))
    assert not wire.responding
    (end,) = ends(told(wire, says("Yes?"), TURN_COMPLETE))
    assert (end.tool_calls, text_of(end)) == ((), "Yes?")


def test_a_barge_in_while_an_answer_that_has_ended_is_played() -> None:
    """The message was given; what of it was heard is known only now."""
    wire = ready_wire()
    told(wire, speaks(), says("one two"), TURN_COMPLETE)
    wire.heard(500)

    (cut,) = told(wire, INTERRUPTED)

    assert cut == StreamElement(
        interrupted=True,
        heard=Heard("one", 500.0),
        audio_ms=1000.0,
        finish_reason="interrupted",
        response_id="c1_answer_1",
    )


def test_an_answer_is_cut_once() -> None:
    """Whoever interrupts again before the next one begins cuts nothing."""
    wire = ready_wire()
    told(wire, speaks(), says("one two"), INTERRUPTED, TURN_COMPLETE)

    cut, closed = told(wire, INTERRUPTED, TURN_COMPLETE)

    assert (cut.interrupted, cut.response_id, cut.message, cut.audio_ms) == (True, "", None, 0.0)
    assert closed == StreamElement(interrupted_turn_complete=True)


def test_stopping_where_the_server_detects_voice() -> None:
    """There is no word for it: what comes of the answer is dropped here, until its end."""
    wire = ready_wire()
    told(wire, speaks(), says("one"))
    wire.heard(250)
    wire.send(StreamElement(interrupted=True))
    assert sent(wire) == []

    cut, *rest = told(wire, speaks(), says(" two"), content(generationComplete=True), TURN_COMPLETE)

    assert (cut.interrupted, text_of(cut), cut.heard) == (True, "one", Heard("", 250.0))
    assert rest == [StreamElement(interrupted_turn_complete=True, response_id="c1_answer_1")]
    (end,) = ends(told(wire, says("three"), TURN_COMPLETE))
    assert text_of(end) == "three"


@pytest.mark.parametrize("owed", ["to a text", "to results"])
def test_stopping_before_the_answer_begins(owed: str) -> None:
    """It is cut when it does; what is asked later is answered."""
    wire = ready_wire()
    if owed == "to results":
        told(wire, calls("f1"))
    wire.send(result("f1") if owed == "to results" else StreamElement(text="hello"))
    wire.send(StreamElement(interrupted=True))

    started, cut, closed = told(wire, says("one"), speaks(), TURN_COMPLETE)[-3:]

    assert started.event == ResponseStarted()
    assert (cut.interrupted, text_of(cut), cut.heard) == (True, "", Heard("", 0.0))
    assert closed.interrupted_turn_complete
    wire.send(StreamElement(interrupted=True))
    wire.send(StreamElement(text="again", interrupted=True))
    assert [text_of(end) for end in ends(told(wire, says("two"), TURN_COMPLETE))] == ["two"]


def test_an_answer_that_was_stopped_may_never_come() -> None:
    """Then the next one is heard: the user has interrupted, or the turn was empty."""
    for instead in ((INTERRUPTED, TURN_COMPLETE), (TURN_COMPLETE,)):
        wire = ready_wire()
        wire.send(StreamElement(text="hello"))
        wire.send(StreamElement(interrupted=True))
        told(wire, *instead)

        assert [text_of(end) for end in ends(told(wire, says("two"), TURN_COMPLETE))] == ["two"]


def test_a_call_after_stopping_is_made() -> None:
    """The server waits for its result, whatever is dropped."""
    wire = ready_wire()
    told(wire, says("one"))
    wire.send(StreamElement(interrupted=True))

    _, closed, called = ends(told(wire, says(" two"), calls("f1")))

    assert closed.interrupted_turn_complete
    assert called.message == Message(role="assistant", parts=[*called.tool_calls])


def test_stopping_and_then_speaking() -> None:
    """The server cuts what was dropped already: that is told once."""
    wire = ready_wire()
    told(wire, says("one"))
    wire.send(StreamElement(interrupted=True))

    assert [element.interrupted for element in ends(told(wire, INTERRUPTED, TURN_COMPLETE))] == [True, False]


def test_stopping_where_turns_are_manual() -> None:
    """The server is told, and answers."""
    wire = ready_wire(provider(manual=True))
    told(wire, says("one"))
    wire.send(StreamElement(interrupted=True))

    assert sent(wire) == [{"realtimeInput": {"activityStart": {}}}]
    assert told(wire) == []
    assert [text_of(element) for element in ends(told(wire, INTERRUPTED))] == ["one"]


def test_an_interruption_that_meets_the_results_of_calls() -> None:
    """Nobody answers them any more; a question that interrupts is answered."""
    wire = ready_wire()
    told(wire, calls("f1"))
    wire.send(result("f1"))
    told(wire, INTERRUPTED, TURN_COMPLETE)
    after_results = wire.responding
    told(wire, says("one"))
    wire.send(StreamElement(text="wait"))
    told(wire, INTERRUPTED, TURN_COMPLETE)

    assert (after_results, wire.responding) == (False, True)


# -- tools


def test_a_tool_call() -> None:
    """It ends the answer at once, with what was said before; the result has the call's name."""
    wire = ready_wire()
    elements = told(wire, hears("weather?"), says("Let me look. "), calls("f1", "f2"))

    *_, words, end = elements
    parts = [ToolCallPart(id=id_, name="weather", arguments='{"city":"Ulm"}') for id_ in ("f1", "f2")]
    assert words.transcript == Transcript("user", "weather?", final=True, item_id="c1_user_1")
    assert (end.end_of_stream, end.finish_reason, end.tool_calls) == (True, "tool_calls", tuple(parts))
    assert end.message == Message(role="assistant", parts=[TextPart(text="Let me look. "), *parts])
    assert wire.responding

    wire.send(result("f2"))
    assert wire.responding
    wire.send(result("f1"))
    wire.send(result("f1"))

    assert sent(wire) == [
        {"toolResponse": {"functionResponses": [{"id": id_, "name": "weather", "response": {"output": "sunny"}}]}}
        for id_ in ("f2", "f1")
    ]
    assert wire.responding
    (end,) = ends(told(wire, says("Sunny."), TURN_COMPLETE))
    assert text_of(end) == "Sunny."
    assert not wire.responding


def test_calls_that_are_taken_back() -> None:
    """They are told, and their results are left out; ones that nobody waits for are not."""
    wire = ready_wire()
    told(wire, calls("f1", "f2"))

    elements = told(wire, server(toolCallCancellation={"ids": ["f1", "f9"]}))

    assert events(elements) == [CallsCancelled(("f1",))]
    wire.send(result("f1"))
    assert sent(wire) == []
    assert told(wire, server(toolCallCancellation={"ids": ["f9"]})) == []


@pytest.mark.parametrize("close_before_results", [True, False])
@pytest.mark.parametrize("trailing", [(), (speaks(),)])
def test_the_turn_of_a_call_is_closed_by_itself(trailing: tuple[str, ...], *, close_before_results: bool) -> None:
    """Some models do that, after sound that trails the call: no answer is empty for it, and none ends early."""
    wire = ready_wire()
    told(wire, says("One moment."), speaks(), calls("f1"))
    closing = (content(generationComplete=True), TURN_COMPLETE)
    elements = told(wire, *trailing)

    if close_before_results:
        elements += told(wire, *closing)
    wire.send(result("f1"))
    if not close_before_results:
        elements += told(wire, *closing)

    assert ends(elements) == []
    elements += told(wire, speaks(), says("Sunny."), TURN_COMPLETE)
    (end,) = ends(elements)
    assert text_of(end) == "Sunny."
    assert end.audio_ms == 1000.0 * (1 + len(trailing))
    assert not wire.responding


@pytest.mark.parametrize("trailing", [(), (speaks(),)])
@pytest.mark.parametrize(
    "rest",
    [
        (TURN_COMPLETE,),
        (HANDLE,),
        (NO_HANDLE, HANDLE),
        (content(generationComplete=True), TURN_COMPLETE),
    ],
    ids=["another close", "a handle", "a handle later", "a whole close"],
)
def test_an_answer_to_results_with_nothing_in_it(trailing: tuple[str, ...], rest: tuple[str, ...]) -> None:
    """The turn of the call may be closed no earlier than it; what comes after shows that nothing more does."""
    wire = ready_wire()
    told(wire, calls("f1"), *trailing)
    wire.send(result("f1"))
    in_doubt = ends(told(wire, TURN_COMPLETE))
    was_responding = wire.responding

    (end,) = ends(told(wire, *rest))

    assert (in_doubt, was_responding, wire.responding) == ([], True, False)
    assert (end.end_of_stream, text_of(end), end.audio_ms) == (True, "", 1000.0 * len(trailing))
    (later,) = ends(told(wire, HANDLE, says("Yes?"), TURN_COMPLETE, HANDLE))
    assert text_of(later) == "Yes?"


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize(
    ("reason", "failed"), [("RESPONSE_REJECTED", True), ("GENERATED_AUDIO_SAFETY", False), ("BLOCKLIST", False)]
)
def test_an_answer_to_results_that_failed(reason: str, *, failed: bool, asked: bool) -> None:
    """Its close says so, and is not the call's, whatever the user asks meanwhile."""
    wire = ready_wire()
    told(wire, calls("f1"))
    wire.send(result("f1"))
    if asked:
        wire.send(StreamElement(text="and tomorrow?"))

    (end,) = ends(told(wire, content(turnComplete=True, turnCompleteReason=reason)))

    assert isinstance(end.error, ResponseFailedError) is failed
    assert end.finish_reason == ("failed" if failed else "content_filter")
    assert not wire.responding


@pytest.mark.parametrize("answered", [True, False])
def test_a_close_in_doubt_with_a_word_that_nobody_knows(*, answered: bool) -> None:
    """It may be the call's, and a good answer follows; if none does the word stands for a failure."""
    wire = ready_wire()
    told(wire, calls("f1"))
    wire.send(result("f1"))
    unknown = '{"serverContent": {"turnComplete": true, "turnCompleteReason": "EATEN_BY_BEARS"}}'
    assert ends(told(wire, unknown)) == []

    (end,) = ends(told(wire, *((says("Sunny."), TURN_COMPLETE) if answered else (HANDLE,))))

    assert (end.error is None, end.finish_reason) == ((True, "stop") if answered else (False, "failed"))
    assert not wire.responding


@pytest.mark.parametrize(
    "before",
    [
        pytest.param((HANDLE,), id="no close yet"),
        pytest.param((content(turnComplete=True, interactionStatus="IN_PROGRESS"), HANDLE), id="it works on"),
        pytest.param((TURN_COMPLETE, speaks(), HANDLE), id="the answer has begun"),
        pytest.param((TURN_COMPLETE, NO_HANDLE), id="it generates"),
    ],
)
def test_a_handle_alone_ends_no_answer(before: tuple[str, ...]) -> None:
    """Only where a close was in doubt."""
    wire = ready_wire()
    told(wire, calls("f1"))
    wire.send(result("f1"))

    assert ends(told(wire, *before)) == []
    (end,) = ends(told(wire, says("Sunny."), TURN_COMPLETE))
    assert text_of(end) == "Sunny."


def test_a_close_before_the_results_is_not_in_doubt() -> None:
    """It was the call's; so is one of calls that were taken back, to which no answer comes."""
    wire = ready_wire()
    told(wire, calls("f1"), TURN_COMPLETE)
    wire.send(result("f1"))
    assert ends(told(wire, HANDLE)) == []
    (end,) = ends(told(wire, TURN_COMPLETE))
    assert text_of(end) == ""

    taken_back = (calls("f2"), server(toolCallCancellation={"ids": ["f2"]}), TURN_COMPLETE, HANDLE)
    (called,) = ends(told(wire, *taken_back))
    assert called.tool_calls


def test_stopping_in_doubt() -> None:
    """Nothing more comes, and nobody waits for it."""
    wire = ready_wire()
    told(wire, calls("f1"), speaks())
    wire.send(result("f1"))
    told(wire, TURN_COMPLETE)
    wire.send(StreamElement(interrupted=True))

    assert [element.interrupted for element in ends(told(wire, HANDLE))] == [True, False]
    assert not wire.responding


@pytest.mark.parametrize("before_close", [True, False])
def test_a_question_in_doubt(*, before_close: bool) -> None:
    """The server has something to do after all: nothing but its answer answers the question."""
    wire = ready_wire()
    told(wire, calls("f1"))
    wire.send(result("f1"))
    closing = told(wire, *(() if before_close else (TURN_COMPLETE,)))
    wire.send(StreamElement(text="and tomorrow?"))
    closing += told(wire, *((TURN_COMPLETE, HANDLE) if before_close else (HANDLE,)))

    assert ends(closing) == []
    assert wire.responding
    (end,) = ends(told(wire, says("Rain."), TURN_COMPLETE))
    assert text_of(end) == "Rain."
    assert not wire.responding


def test_what_is_said_while_tools_run_goes_on_with_their_results() -> None:
    """Later models do not wait for a tool: theirs is one answer, and it is not over before the results are in."""
    wire = ready_wire()
    elements = told(wire, calls("f1"), says("Still looking. "), TURN_COMPLETE)
    wire.send(result("f1"))
    elements += told(wire, says("Sunny."), TURN_COMPLETE)

    called, end = ends(elements)
    assert (called.finish_reason, text_of(end)) == ("tool_calls", "Still looking. Sunny.")


def test_a_call_after_a_call() -> None:
    """Each round is an answer of its own."""
    wire = ready_wire()
    told(wire, calls("f1"))
    wire.send(result("f1"))

    (called,) = ends(told(wire, calls("f2"), TURN_COMPLETE))

    assert [call.id for call in called.tool_calls] == ["f2"]


def test_a_message_with_a_call_and_the_end_of_its_turn() -> None:
    """The call comes first, and is not lost."""
    message = server(
        toolCall={"functionCalls": [{"id": "f1", "name": "weather"}]},
        serverContent={"turnComplete": True, "outputTranscription": {"text": "One moment."}},
        usageMetadata={"responseTokenCount": 5},
    )

    (end,) = ends(told(ready_wire(), message))

    assert (end.finish_reason, text_of(end), end.usage) == ("tool_calls", "One moment.", Usage(output_tokens=5))


def test_results_for_the_history_only() -> None:
    """They are nothing to the server."""
    wire = ready_wire()
    told(wire, calls("f1"))
    wire.send(StreamElement(tool_result_messages=(Message(role="tool", parts=[]),)))

    assert sent(wire) == []


def test_words_that_come_after_the_answer() -> None:
    """They are the earlier turn's, and end where a manual turn begins."""
    wire = ready_wire(provider(manual=True))
    told(wire, speaks(), TURN_COMPLETE)

    late = told(wire, hears("hello"))
    wire.send(StreamElement(text="and"))
    next_words = told(wire, hears("goodbye"))

    assert [element.transcript for element in [*late, *next_words]] == [
        Transcript("user", "hello", item_id="c1_user_1"),
        Transcript("user", "hello", final=True, item_id="c1_user_1"),
        Transcript("user", "goodbye", item_id="c1_user_2"),
    ]
