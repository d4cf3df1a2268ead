"""What is said in a session, as a person and as a pipe sees it."""

from typing import Literal

import pytest

from cli.spoken import Spoken
from streaming.duplex.elements import (
    AudioDropped,
    CallsCancelled,
    GoingAway,
    Heard,
    Notice,
    Ready,
    Reconnected,
    SessionEvent,
    StreamElement,
    Transcript,
)


def said(speaker: Literal["user", "assistant"], text: str, *, final: bool = False) -> StreamElement:
    """Return a piece of transcript."""
    return StreamElement(transcript=Transcript(speaker, text, final))


def shown(*elements: StreamElement, live: bool = True) -> tuple[str, list[str]]:
    """Return what is written, and the notes."""
    pieces: list[str] = []
    notes: list[str] = []
    spoken = Spoken(pieces.append, notes.append, live=live)
    for element in elements:
        spoken.show(element)
    spoken.close()
    return "".join(pieces), notes


EXCHANGE = (
    said("user", "what "),
    said("user", "time"),
    said("user", "what time is it", final=True),
    said("assistant", "It is "),
    said("assistant", "noon."),
    StreamElement(end_of_stream=True),
)


@pytest.mark.parametrize("live", [True, False])
def test_an_exchange_is_two_lines(live: bool) -> None:
    """A final transcript repeats what was said before, and is not shown twice."""
    assert shown(*EXCHANGE, live=live) == ("you   │ what time is it\nmodel │ It is noon.\n", [])


def test_a_late_transcript_breaks_a_live_line_only() -> None:
    """On a terminal the answer goes on in another line; in a pipe each utterance is whole."""
    late = (said("assistant", "It is "), said("user", "time?", final=True), said("assistant", "noon."))

    assert shown(*late)[0] == "model │ It is \nyou   │ time?\nmodel │ noon.\n"
    assert shown(*late, live=False)[0] == "you   │ time?\nmodel │ It is noon.\n"


def test_a_transcript_that_was_corrected_is_said_anew() -> None:
    """What the first pieces said wrongly is on the screen already."""
    assert shown(said("user", "wat"), said("user", "what time", final=True))[0] == "you   │ wat\nyou   │ what time\n"


def test_a_cut_answer_is_told_with_what_was_heard() -> None:
    """Both: what was generated, and what reached the ear."""
    cut = StreamElement(interrupted=True, heard=Heard("once upon", 800))

    assert shown(said("assistant", "once upon a time"), cut) == (
        "model │ once upon a time\n",
        ["cut off; heard: 'once upon'"],
    )


def test_written_answers_are_shown_as_spoken_ones() -> None:
    """A session may answer in text."""
    assert shown(StreamElement(text="Hi "), StreamElement(text="there"), StreamElement(end_of_stream=True))[0] == (
        "model │ Hi there\n"
    )


@pytest.mark.parametrize(
    ("event", "note"),
    [
        (Notice("code", "words"), "code: words"),
        (Reconnected("resumed", "goAway"), "another connection goes on (resumed): goAway"),
        (GoingAway(9.5), "the provider closes this connection in 9.5 s"),
        (CallsCancelled(("a", "b")), "the model takes back a, b"),
        (AudioDropped(20.4, "sent"), "20 ms of what you said were dropped"),
        (AudioDropped(20.4, "received"), "20 ms of the answer's sound were dropped"),
    ],
)
def test_what_happens_to_the_session_is_a_note_of_its_own(event: SessionEvent, note: str) -> None:
    """In another stream than what is said, and not within a line."""
    assert shown(said("assistant", "It "), StreamElement(event=event), said("assistant", "is")) == (
        "model │ It \nmodel │ is\n",
        [note],
    )


def test_nothing_is_said_of_what_goes_without_saying() -> None:
    """A session that is ready, numbers without words, an empty piece."""
    numbers = StreamElement(event=Notice("rate_limits.updated"))
    assert shown(StreamElement(event=Ready()), numbers, said("user", ""), StreamElement(text="")) == ("", [])


def test_a_terminal_gets_words_as_words() -> None:
    """Neither a model nor a user's speech can send commands to it."""
    text, notes = shown(said("assistant", "\x1b]52;c;x\x07"), StreamElement(event=Notice("code", "\x1b[2J")))

    assert "\x1b" not in text + "".join(notes)
