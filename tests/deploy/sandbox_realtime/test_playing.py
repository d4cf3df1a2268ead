"""How a script is played, whatever the wire."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.sandbox.realtime.playing import PIECE_MS, Pace, Playthrough, Playthroughs, halves, said, spoken
from deploy.sandbox.realtime.script import Script, ScriptedCall, Step
from deploy.sandbox.realtime.sound import silence, tone


@given(st.text(max_size=300), st.none() | st.floats(0, 20_000))
def test_words_and_sound_are_whole(text: str, audio_ms: float | None) -> None:
    """The pieces hold all the words and all the sound, one after the other."""
    pieces = spoken(text, audio_ms)
    length = len(text) * 60 if audio_ms is None else audio_ms

    assert "".join(piece.text for piece in pieces) == text
    assert sum(piece.ms for piece in pieces) == pytest.approx(length)
    assert [piece.at_ms for piece in pieces] == [place * PIECE_MS for place in range(len(pieces))]
    assert all(piece.ms <= PIECE_MS for piece in pieces)
    begin, end = halves(pieces)
    assert [*begin, *end] == pieces
    assert 0 <= len(begin) - len(end) <= 1


def test_pieces_sound_as_one() -> None:
    """There is no click between them."""
    pieces = spoken("a word and another", 1234.5)

    assert b"".join(piece.audio for piece in pieces) == tone(1234.5)


def test_words_are_spread() -> None:
    """A word is sent with the sound it begins in."""
    assert [piece.text for piece in spoken("aa bb cc dd", 400)] == ["aa ", "bb ", "cc ", "dd"]


@pytest.mark.parametrize(("ms", "size"), [(0, 0), (1, 48), (1000, 48_000), (2500, 120_000)])
def test_sound_is_as_long_as_it_should(ms: float, size: int) -> None:
    """At 24 kHz, two bytes a sample."""
    assert len(tone(ms)) == len(silence(ms)) == size
    assert tone(ms, at_ms=1000) == tone(ms)
    assert silence(ms) == bytes(size)


async def is_due(pace: Pace, at_ms: float) -> bool:
    """Whether nobody waits for that place, however slow the machine is."""
    waiting = asyncio.create_task(pace.until(at_ms))
    for _ in range(3):
        await asyncio.sleep(0)
    return waiting.done() or not waiting.cancel()


async def test_pace() -> None:
    """Sound is sent when it is due at that speed, counted from the beginning: late ones do not make later ones late."""
    clock = asyncio.get_running_loop().time
    begin = clock()
    pace = Pace(2)
    await pace.until(300)
    assert clock() - begin >= 0.149
    await asyncio.sleep(0.2)
    assert await is_due(pace, 400)
    assert not await is_due(pace, 3_600_000)
    assert await is_due(Pace(0.001), 0)


async def test_no_pace() -> None:
    """All at once: but others have their turn between."""
    seen: list[str] = []
    asyncio.get_running_loop().call_soon(seen.append, "other")
    pace = Pace(None)
    await pace.until(3_600_000)

    assert seen == ["other"]


def test_steps_are_taken_in_order() -> None:
    """And the last is repeated."""
    play = Playthrough(Script(steps=[Step(text="a"), Step(text="b")]))
    assert play.upcoming.text == play.current.text == "a"

    assert [play.take().text for _ in range(3)] == ["a", "b", "b"]
    assert (play.current.text, play.upcoming.text) == ("b", "b")


def test_calls_are_awaited_until_they_are_settled() -> None:
    """Ids are made up where the script has none, and each result settles its call once."""
    play = Playthrough(Script(), 7)
    calls = play.calls_of(Step(tool_calls=[ScriptedCall(name="a"), ScriptedCall(name="b", id="mine")]))

    assert [call.id for call in calls] == ["call_7_1", "mine"]
    assert play.awaited == {call.id: call for call in calls}
    assert [play.settle_call(call_id) for call_id in ("mine", "mine", "other")] == [True, False, False]
    assert list(play.awaited) == ["call_7_1"]


def test_what_comes_after_tools() -> None:
    """The calls again for as many rounds, with other ids, and then the words; at the step's own pace."""
    first = Step(
        tool_calls=[ScriptedCall(name="a", id="mine")],
        tool_rounds=2,
        after_tools="Done.",
        speed=2,
        think_ms=3,
        raw=["x"],
    )
    play = Playthrough(Script(steps=[first, Step(text="Next.")]))
    play.take()
    again, done = play.take_after_tools(), play.take_after_tools()

    assert ([call.name for call in again.tool_calls], said(again)) == (["a"], "")
    assert play.calls_of(again)[0].id != "mine"
    assert (done.tool_calls, said(done)) == ([], "Done.")
    for step in (again, done):
        assert (step.speed, step.think_ms, step.raw) == (2, 3, [])
    assert play.take().text == "Next."


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Step(), "Hello, how can I help?"),
        (Step(tool_calls=[ScriptedCall(name="a")]), ""),
        (Step(tool_calls=[ScriptedCall(name="a")], text="Wait."), "Wait."),
    ],
)
def test_what_is_said(step: Step, words: str) -> None:
    """Tools are called in silence unless told otherwise."""
    assert said(step) == words


def test_handles_are_of_one_session() -> None:
    """A key's connections are one session, which knows its own handles only."""
    sessions = Playthroughs(Script())
    first, second = sessions.of("a"), sessions.of("b")
    handles = [first.give_handle(), first.give_handle()]

    assert sessions.of("a") is first
    assert len(set(handles)) == 2
    assert all(first.knows(handle) for handle in handles)
    assert not any(second.knows(handle) for handle in handles)
