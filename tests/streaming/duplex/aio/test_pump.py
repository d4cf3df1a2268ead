"""The reader never waits, a barge-in overtakes everything, and the end is always told."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from streaming.duplex.aio.pump import Pump
from streaming.duplex.elements import Audio, AudioDropped, ResponseStarted, StreamElement, Transcript
from streaming.duplex.errors import ConnectionLostError, SessionEndedError, SlowConsumerError
from streaming.messages import Message
from tests.streaming.duplex.aio.virtual_time import in_virtual_time

END = StreamElement(
    end_of_stream=True, message=Message.model_validate({"role": "assistant", "content": "said"}), response_id="r1"
)
CUT = StreamElement(interrupted=True, response_id="r1")


def sound(ms: float, response_id: str = "r1") -> StreamElement:
    """Return so much sound."""
    return StreamElement(audio=Audio(bytes(round(48 * ms)), 24_000), response_id=response_id)


def heard(text: str) -> StreamElement:
    """Return a piece of transcript."""
    return StreamElement(transcript=Transcript("assistant", text), response_id="r1")


async def everything(pump: Pump) -> list[StreamElement]:
    """Take what comes, to the last."""
    return [element async for element in pump]


# -- taking and giving


async def test_it_gives_what_it_took_and_then_how_it_ended() -> None:
    """In order, and by default that the session ended."""
    pump = Pump()
    for element in (heard("a"), sound(20), END):
        pump.put(element)
    pump.close()

    *before, last = await everything(pump)
    assert before == [heard("a"), sound(20), END]
    assert isinstance(last.error, SessionEndedError)


async def test_the_last_element_is_the_error_it_was_closed_with() -> None:
    """The first one: what comes later is not taken."""
    pump, error = Pump(), ConnectionLostError("gone")
    pump.close(error)
    pump.close()
    pump.put(END)

    assert await everything(pump) == [StreamElement(error=error)]


async def test_after_the_last_element_there_is_none_for_good() -> None:
    """Whoever asks again learns it again."""
    pump = Pump()
    pump.close()
    await pump.receive()

    for _ in range(2):
        with pytest.raises(SessionEndedError):
            await pump.receive()
        with pytest.raises(SessionEndedError):
            pump.receive_nowait()


async def test_without_waiting_there_may_be_nothing() -> None:
    """That is no end."""
    pump = Pump()
    first = pump.receive_nowait()
    pump.put(END)

    assert [first, pump.receive_nowait(), pump.receive_nowait()] == [None, END, None]


@pytest.mark.parametrize("stir", [lambda pump: pump.put(END), lambda pump: pump.close()], ids=["element", "end"])
async def test_who_waits_is_woken(stir: Callable[[Pump], None]) -> None:
    """By an element, and by the end."""
    pump = Pump()
    waiting = asyncio.create_task(pump.receive())
    await asyncio.sleep(0)
    stir(pump)

    async with asyncio.timeout(20):
        element = await waiting
    assert element == END or isinstance(element.error, SessionEndedError)


async def test_a_cancelled_wait_loses_nothing() -> None:
    """Even in the instant in which an element comes."""
    pump = Pump()
    waiting = asyncio.create_task(pump.receive())
    await asyncio.sleep(0)
    pump.put(END)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert pump.receive_nowait() == END


async def test_two_consumers_share_what_comes() -> None:
    """Each element goes to one of them, and both learn of the end."""
    pump = Pump()
    consumers = [asyncio.create_task(everything(pump)) for _ in range(2)]
    await asyncio.sleep(0)
    for number in range(10):
        pump.put(heard(str(number)))
        await asyncio.sleep(0)
    pump.close()
    async with asyncio.timeout(20):
        shares = await asyncio.gather(*consumers)

    said = [each.transcript.text for share in shares for each in share if each.transcript]
    assert sorted(said) == [str(number) for number in range(10)]


# -- bounds


async def test_a_reader_is_never_held_up_by_sound_nobody_takes() -> None:
    """The oldest goes, which the consumer is told."""
    pump = Pump(max_audio_bytes=20_000)
    for _ in range(1000):
        pump.put(sound(20))
    pump.put(END)
    pump.close()

    first, *rest = await everything(pump)
    assert first.event == AudioDropped(20 * (1000 - sum(each.audio is not None for each in rest)), "received")
    assert END in rest


async def test_whoever_takes_nothing_at_all_loses_the_session() -> None:
    """The pump is closed then, which its reader sees, and what waited can still be taken."""
    pump = Pump(max_other_bytes=20_000)
    waiting = asyncio.create_task(pump.barge_in())
    await asyncio.sleep(0)
    count = 0
    while not pump.closed:
        pump.put(END)
        await asyncio.sleep(0)
        count += 1
    async with asyncio.timeout(20):
        with pytest.raises(SessionEndedError):
            await waiting
    pump.close(ConnectionLostError("later"))

    *before, last = await everything(pump)
    assert before == [END] * (count - 1)
    assert isinstance(last.error, SlowConsumerError)


# -- barge-in


async def test_a_barge_in_overtakes_everything() -> None:
    """It is known before anything that waits is taken; the words among it are still given, the sound is not."""
    pump = Pump()
    for _ in range(100):
        pump.put(sound(1000))
        pump.put(heard("x"))
    pump.put(CUT)
    async with asyncio.timeout(20):
        await pump.barge_in()
    pump.close()

    *before, _ = await everything(pump)
    assert before == [heard("x")] * 100 + [CUT]


async def test_who_waits_for_a_barge_in_is_woken_before_who_waits_for_elements() -> None:
    """The loudspeaker falls silent first."""
    pump = Pump()
    order: list[str] = []

    async def note(name: str, wait: Coroutine[object, object, object]) -> None:
        await wait
        order.append(name)

    tasks = [asyncio.create_task(note("element", pump.receive())), asyncio.create_task(note("cut", pump.barge_in()))]
    await asyncio.sleep(0)
    pump.put(CUT)
    async with asyncio.timeout(20):
        await asyncio.gather(*tasks)

    assert order == ["cut", "element"]


async def test_barge_ins_that_nobody_waited_for_are_one() -> None:
    """Silence is silence."""
    pump = Pump()
    pump.put(CUT)
    pump.put(CUT)
    await pump.barge_in()
    second = asyncio.create_task(pump.barge_in())
    await asyncio.sleep(0.01)
    assert not second.done()
    pump.put(CUT)

    async with asyncio.timeout(20):
        await second


async def test_a_barge_in_is_forgotten_once_the_next_answer_sounds() -> None:
    """It would silence that one."""
    pump = Pump()
    pump.put(CUT)
    pump.put(sound(20, "r2"))
    pump.receive_nowait()
    assert pump.receive_nowait() == sound(20, "r2")
    waiting = asyncio.create_task(pump.barge_in())
    await asyncio.sleep(0.01)

    assert not waiting.done()
    pump.close()
    with pytest.raises(SessionEndedError):
        await waiting


async def test_the_sessions_end_is_told_to_who_waits_for_a_barge_in() -> None:
    """After a barge-in that came before it."""
    pump = Pump()
    pump.put(CUT)
    pump.close()
    pump.put(CUT)
    await pump.barge_in()

    with pytest.raises(SessionEndedError):
        await pump.barge_in()


async def test_a_barge_in_while_the_sound_of_a_finished_answer_is_played() -> None:
    """The signal fires, and the element comes: an answer is over when it was heard, not when it was made (D8)."""
    pump = Pump()
    for element in (sound(5000), END):
        pump.put(element)
        assert await pump.receive() == element
    assert pump.heard_ms() < 5000
    pump.put(CUT)
    async with asyncio.timeout(20):
        await pump.barge_in()

    assert await pump.receive() == CUT


# -- what was heard


def heard_over_time(*steps: tuple[float, Callable[[Pump], object]]) -> list[float]:
    """Do each step at its time, in seconds; return what was heard right after each, in milliseconds."""

    async def main() -> list[float]:
        pump, loop = Pump(), asyncio.get_running_loop()
        told = []
        for at, step in steps:
            await asyncio.sleep(at - loop.time())
            step(pump)
            told.append(pump.heard_ms())
        return told

    return in_virtual_time(main())


def give(*elements: StreamElement) -> Callable[[Pump], object]:
    """Put elements, and take all there are."""

    def step(pump: Pump) -> None:
        for element in elements:
            pump.put(element)
        while pump.receive_nowait() is not None:
            pass

    return step


def put(*elements: StreamElement) -> Callable[[Pump], object]:
    """Put elements, and take none."""

    def step(pump: Pump) -> None:
        for element in elements:
            pump.put(element)

    return step


def wait(_: Pump) -> None:
    """Let time pass."""


STARTED = StreamElement(event=ResponseStarted())
NAMELESS_CUT = StreamElement(interrupted=True)
NAMELESS = StreamElement(audio=Audio(bytes(96_000), 24_000))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(0, wait)], [0]),
        ([(0, put(sound(1000))), (9, wait)], [0, 0]),
        ([(0, give(sound(3000))), (1, wait), (2.5, wait), (9, wait)], [0, 1000, 2500, 3000]),
        ([(0, give(NAMELESS)), (1, wait), (9, wait)], [0, 1000, 2000]),
        ([(0, give(sound(1000))), (5, give(sound(1000))), (5.4, wait)], [0, 1000, 1400]),
        ([(0, give(sound(4000))), (1, give(sound(500, "r2"))), (3.9, wait), (4.2, wait)], [0, 0, 0, 200]),
        ([(0, give(sound(4000))), (1, put(sound(500, "r2"))), (3, wait)], [0, 0, 0]),
        ([(0, give(sound(4000))), (1, put(CUT)), (3, give()), (9, wait)], [0, 1000, 1000, 1000]),
        ([(0, give(sound(4000))), (1, give(CUT)), (2, give(sound(800, "r2"))), (2.5, wait)], [0, 1000, 0, 500]),
        ([(0, give(NAMELESS)), (1, give(NAMELESS_CUT)), (2, give(STARTED, NAMELESS)), (2.5, wait)], [0, 1000, 0, 500]),
        ([(0, give(sound(4000))), (1, lambda pump: pump.close()), (2, wait)], [0, 1000, 2000]),
    ],
    ids=[
        "no sound",
        "sound that nobody took",
        "sound is heard as time passes",
        "answers without ids",
        "a gap in the sound",
        "behind an earlier answer",
        "the next answer waits",
        "cut",
        "cut, and the next one",
        "cut, and the next one, without ids",
        "closed while it plays",
    ],
)
def test_what_was_heard_is_what_was_handed_out_and_had_time_to_be_played(
    steps: list[tuple[float, Callable[[Pump], object]]], expected: list[float]
) -> None:
    """Of the newest answer."""
    assert heard_over_time(*steps) == pytest.approx(expected)


def played(ms: float, response_id: str = "") -> Callable[[Pump], object]:
    """Tell what was played."""
    return lambda pump: pump.played(ms, response_id)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(0, give(sound(4000))), (1, played(300)), (2, wait)], [0, 300, 300]),
        ([(0, give(sound(4000))), (1, played(300, "r1")), (2, played(900, "r1"))], [0, 300, 900]),
        ([(0, give(sound(4000))), (1, played(300, "r0"))], [0, 1000]),
        ([(0, give(sound(4000))), (1, played(9000))], [0, 4000]),
        ([(0, give(sound(4000))), (1, played(-5)), (2, played(float("nan")))], [0, 0, 0]),
        ([(0, give(sound(4000))), (1, played(300)), (2, give(CUT)), (3, wait)], [0, 300, 300, 300]),
        ([(0, give(sound(400))), (1, played(300)), (2, give(sound(900, "r2"))), (2.5, wait)], [0, 300, 0, 500]),
    ],
    ids=["told", "told again", "another answer's", "too much", "nonsense", "cut", "the next answer"],
)
def test_a_consumer_that_knows_better_is_believed(
    steps: list[tuple[float, Callable[[Pump], object]]], expected: list[float]
) -> None:
    """Of the newest answer, and no more than it was given."""
    assert heard_over_time(*steps) == pytest.approx(expected)
