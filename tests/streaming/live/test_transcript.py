import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.jsontext import JsonValue
from streaming.live.transcript import MAX_PARTS, Additions, Place, Transcript
from tests.strategies import json_values, texts

Parts = list[tuple[str, str, str, str]]


def parts(transcript: Transcript) -> Parts:
    """Type, id, name and text of each part."""
    return [(part.type, part.id, part.name, part.text) for part in transcript.parts]


@st.composite
def streams(draw: st.DrawFn) -> list[Delta]:
    """Return deltas as an accumulator makes them: a part starts before anything is added to it."""
    deltas: list[Delta] = []
    count = 0
    for at in draw(st.lists(st.integers(0, 3), max_size=12)):
        if at >= count:
            kind = draw(st.sampled_from(["text", "reasoning", "tool_call"]))
            head = ("c1", "f") if kind == "tool_call" else ("", "")
            deltas.append(PartStarted(count, kind, *head))
            at, count = count, count + 1
        if draw(st.booleans()):
            deltas.append(PartAdded(at, draw(texts())))
    return deltas


@given(streams(), st.data())
def test_what_is_taken_piece_by_piece_is_the_whole(deltas: list[Delta], data: st.DataObject) -> None:
    """Flushed after any deltas, sent as JSON, and applied elsewhere; and all at once."""
    producer, viewer, late = Transcript(), Transcript(), Transcript()
    flushed = Place()
    for delta in deltas:
        producer.add(delta)
        if data.draw(st.booleans()):
            assert viewer.apply(_sent(producer.read(flushed)))
    assert viewer.apply(_sent(producer.read(flushed)))
    assert late.apply(_sent(producer.read(Place())))

    assert parts(producer) == parts(viewer) == parts(late)
    assert producer.text == viewer.text == late.text
    assert producer.read(flushed) == []


def _sent(additions: Additions) -> Additions:
    received: Additions = json.loads(json.dumps(additions))
    return received


def test_text_is_merged_per_part() -> None:
    """One flush says each part once, and a call's head once ever."""
    transcript, flushed = Transcript(), Place()
    call = PartStarted(1, "tool_call", "c", "f")
    said: list[Delta] = [PartStarted(0, "text"), PartAdded(0, "a"), call, PartAdded(0, "b")]
    for delta in said:
        transcript.add(delta)

    assert transcript.read(flushed) == [
        [0, "text", "ab"],
        [1, "tool_call", {"id": "c", "name": "f", "arguments": ""}],
    ]
    transcript.add(PartAdded(1, "{"))
    transcript.add(PartAdded(1, "}"))
    assert transcript.read(flushed) == [[1, "tool_call", {"arguments": "{}"}]]


def test_what_was_not_flushed_can_be_withdrawn() -> None:
    """What is left is what was taken: a snapshot after it says no more than the flushes before."""
    transcript, flushed = Transcript(), Place()
    shown: list[Delta] = [PartStarted(0, "text"), PartAdded(0, "a")]
    for delta in shown:
        transcript.add(delta)
    transcript.read(flushed)
    withdrawn: list[Delta] = [PartAdded(0, "b"), PartStarted(1, "refusal"), PartAdded(1, "no")]
    for delta in withdrawn:
        transcript.add(delta)
    transcript.withdraw_after(flushed)

    assert transcript.read(flushed) == []
    assert transcript.read(Place()) == [[0, "text", "a"]]


@pytest.mark.parametrize(
    "addition",
    [
        None,
        "text",
        [],
        [0, "text"],
        [0, "text", "a", "b"],
        ["0", "text", "a"],
        [True, "text", "a"],
        [False, "tool_call", {"arguments": ""}],
        [1.0, "text", "a"],
        [-1, "text", "a"],
        [MAX_PARTS, "text", "a"],
        [2**70, "text", "a"],
        [0, 5, "a"],
        [0, "text", 5],
        [0, "text", {"arguments": "a"}],
        [0, "tool_call", "a"],
        [0, "tool_call", {"id": "c"}],
        [0, "tool_call", {"arguments": 5}],
    ],
    ids=range(18),
)
def test_malformed_additions_are_refused(addition: JsonValue) -> None:
    """They leave nothing behind."""
    transcript = Transcript()

    assert not transcript.apply([addition])
    assert transcript.parts == []


@given(st.lists(json_values(), max_size=4))
def test_no_additions_crash_it(additions: Additions) -> None:
    """Anything at all applies or does not."""
    transcript = Transcript()
    transcript.apply(additions)
    transcript.text.encode()


def test_the_text_is_the_text_parts_in_order() -> None:
    """Whatever order they grew in."""
    transcript = Transcript()
    assert transcript.apply([[0, "text", "a"], [1, "reasoning", "x"], [2, "text", "c"], [0, "text", "b"]])

    assert transcript.text == "abc"
