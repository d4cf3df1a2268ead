import json
from itertools import zip_longest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.deltas import Delta, PartAdded, PartStarted
from streaming.jsontext import JsonValue
from streaming.live.transcript import MAX_CHARACTERS, MAX_PARTS, Additions, Place, Transcript
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
        [0, "tool_call", {"arguments": "", "id": 5}],
        [0, "tool_call", {"arguments": "", "name": ["f"]}],
        [1, "text", "a"],
        [0, "text", "a" * (MAX_CHARACTERS + 1)],
        [0, "t" * (MAX_CHARACTERS + 1), ""],
    ],
    ids=range(23),
)
def test_malformed_additions_are_refused(addition: JsonValue) -> None:
    """They leave nothing behind."""
    transcript = Transcript()

    assert not transcript.apply([addition])
    assert transcript.parts == []


@pytest.mark.parametrize("addition", [[0, "reasoning", "b"], [0, "tool_call", {"arguments": "b"}], [2, "text", "b"]])
def test_a_part_keeps_its_type_and_parts_come_in_order(addition: JsonValue) -> None:
    """No producer says such a thing."""
    transcript = Transcript()

    assert transcript.apply([[0, "text", "a"]])
    assert not transcript.apply([addition])
    assert parts(transcript) == [("text", "", "", "a")]


def test_additions_have_a_bound_however_many_they_are() -> None:
    """Whoever may publish cannot fill a viewer's memory."""
    transcript, piece = Transcript(), "a" * (MAX_CHARACTERS // 16)
    taken = 0
    while transcript.apply([[taken, "t", piece]]):
        taken += 1

    assert taken == 15
    assert not transcript.apply([[taken, "t", piece]])


@given(streams(), streams())
def test_one_extends_another_that_it_begins_with(deltas: list[Delta], others: list[Delta]) -> None:
    """It has the same parts, with the same text or more."""
    one, other = Transcript(), Transcript()
    for delta in deltas:
        one.add(delta)
        if len(one.parts) == 1:
            other.add(delta)
    strange = Transcript()
    for delta in others:
        strange.add(delta)

    assert one.extends(other)
    assert other.extends(one) == (one.read(Place()) == other.read(Place()))
    assert strange.extends(one) == all(
        theirs[0] == mine[0] and theirs[3].startswith(mine[3])
        for mine, theirs in zip_longest(parts(one), parts(strange)[: len(one.parts)], fillvalue=("", "", "", ""))
    )


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
