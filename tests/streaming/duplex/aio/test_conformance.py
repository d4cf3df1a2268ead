"""What every realtime provider's session does, the same on each: real sockets, scripted servers."""

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from pydantic import JsonValue

from deploy.sandbox.realtime.script import Close, Script, ScriptedCall, Step
from streaming.duplex.aio.collector import ResponseCollector, ResponseCollectorConfig
from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.elements import GoingAway, Reconnected, StreamElement, ToolResponse
from streaming.duplex.errors import EmptyResponseError, SetupRefusedError
from streaming.duplex.tools import ToolExecutionResult
from streaming.messages import Message, ToolCallPart
from tests.streaming.duplex.aio.rigs import RIGS, Rig, Serve
from tests.streaming.duplex.aio.talking import (
    SOON,
    answer_of,
    ending_of,
    eventually,
    is_ended,
    listen,
    rest_of,
    shown,
    speak,
    until,
    write,
)


@pytest.fixture(params=RIGS)
def serve(request: pytest.FixtureRequest) -> Serve:
    """Each provider."""
    return RIGS[request.param]


class _Weather:
    """Knows it, after a while."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.calls: list[str] = []
        self._takes_s = takes_s

    async def execute(self, calls: Sequence[ToolCallPart]) -> ToolExecutionResult:
        """Return a result for each call."""
        self.calls += [call.id for call in calls]
        await asyncio.sleep(self._takes_s)
        return ToolExecutionResult(tuple(ToolResponse(call.id, call.name, "sunny") for call in calls))


class _Slow:
    """A consumer that takes its time over each element."""

    def __init__(self, session: RealtimeSession) -> None:
        self._session = session

    async def receive(self) -> StreamElement:
        """Take the next element, later."""
        await asyncio.sleep(0.005)
        return await self._session.receive()

    def receive_nowait(self) -> StreamElement | None:
        """Take an element that is there."""
        return self._session.receive_nowait()


@asynccontextmanager
async def _session(rig: Rig, history: Sequence[Message] = ()) -> AsyncIterator[RealtimeSession]:
    async with RealtimeSession(rig.provider, history=history, reconnects=SOON) as session:
        yield session
    assert is_ended(ending_of(await rest_of(session)))


def _steps(*steps: Step) -> Script:
    return Script(steps=list(steps))


def _how_reconnected(elements: list[StreamElement]) -> list[str]:
    return [element.event.how for element in elements if isinstance(element.event, Reconnected)]


async def _written_down(session: RealtimeSession, expected: list[str], who: str = "") -> None:
    """Wait until these are all the lines of somebody, or of everybody."""

    def lines() -> list[str]:
        return [line for line in shown(session.conversation.messages()) if line.startswith(who)]

    with contextlib.suppress(TimeoutError):
        await eventually(lambda: lines() == expected)
    assert lines() == expected


CALL = [ScriptedCall(name="weather", arguments={"city": "Oslo"})]


async def test_a_written_exchange(serve: Serve) -> None:
    """The transcript is what a text turn would have left."""
    async with serve(_steps(Step(text="Good, and you?"))) as rig, _session(rig) as session:
        await write(session, "How are you?")
        answer = await answer_of(session)

        assert answer.message is not None
        assert answer.message.text == "Good, and you?"
        assert session.conversation.messages() == [
            Message(role="user", parts="How are you?"),
            Message(role="assistant", parts="Good, and you?"),
        ]


async def test_a_spoken_exchange(serve: Serve) -> None:
    """What was said aloud is in the transcript as words, and the answer's sound is told by its length."""
    step = Step(user_says="how are you", text="Good, and you?", audio_ms=400)
    async with serve(_steps(step)) as rig, _session(rig) as session:
        await speak(session, rate=rig.provider.input_rate)
        answer = await answer_of(session)

        assert answer.audio_ms == pytest.approx(400, abs=1)
        assert shown(session.conversation.messages()) == ["user: how are you", "assistant: Good, and you?"]


async def test_late_words_take_their_place(serve: Serve) -> None:
    """A transcript that comes after the answer stands before it."""
    steps = [Step(user_says=f"question {k}", transcript_after_ms=60, text=f"answer {k}") for k in range(2)]
    async with serve(_steps(*steps)) as rig, _session(rig) as session:
        lines: list[str] = []
        for k in range(2):
            await speak(session, rate=rig.provider.input_rate)
            await answer_of(session)
            lines += [f"user: question {k}", f"assistant: answer {k}"]
            await _written_down(session, lines)


async def test_a_tool_exchange(serve: Serve) -> None:
    """Each call is answered once, and the result's message comes out of the session again."""
    async with serve(_steps(Step(tool_calls=CALL, after_tools="It is sunny."))) as rig, _session(rig) as session:
        weather, heard = _Weather(), list[StreamElement]()
        await write(session, "How is the weather?")
        answer = await answer_of(session, weather, heard.append)

        assert answer.message is not None
        assert answer.message.text == "It is sunny."
        assert shown(session.conversation.messages()) == [
            "user: How is the weather?",
            "assistant: [weather]",
            "tool: sunny",
            "assistant: It is sunny.",
        ]
        assert [len(results) for results in rig.journal.tool_results.values()] == [1]
        assert len(weather.calls) == 1
        assert [element.tool_result_messages for element in heard if element.tool_result_messages] == [
            (session.conversation.messages()[2],)
        ]


async def test_history_is_told(serve: Serve) -> None:
    """A new session's provider learns what was said before, and the transcript begins with it."""
    history = [Message(role="user", parts="I am Ada."), Message(role="assistant", parts="Hello Ada.")]
    async with serve(_steps(Step(text="Ada."))) as rig, _session(rig, history) as session:
        await write(session, "Who am I?")
        await answer_of(session)

        told = str(rig.journal.connections[0].received)
        assert "I am Ada." in told
        assert told.index("I am Ada.") < told.index("Hello Ada.") < told.index("Who am I?")
        assert [message.text for message in session.conversation.messages()] == [
            "I am Ada.",
            "Hello Ada.",
            "Who am I?",
            "Ada.",
        ]


async def test_an_answer_stopped_by_the_user(serve: Serve) -> None:
    """The transcript has what was heard; the full text is there too."""
    words = "one two three four five six seven eight nine ten"
    async with (
        serve(_steps(Step(text=words, audio_ms=8_000, speed=2), Step(text="Fine."))) as rig,
        _session(rig) as session,
    ):
        await write(session, "Count.")
        await listen(session, 2_000)
        session.played(1_000)
        await session.send(StreamElement(interrupted=True))
        cut = (await until(session, lambda element: element.interrupted))[-1]
        await write(session, "Thank you.")
        await answer_of(session)

        assert cut.heard is not None
        assert cut.heard.ms == pytest.approx(1_000, abs=300)
        heard, full = session.conversation.messages(), session.conversation.messages(full=True)
        assert shown(heard) == [
            "user: Count.",
            f"assistant: {cut.heard.text}",
            "user: Thank you.",
            "assistant: Fine.",
        ]
        assert words.startswith(cut.heard.text)
        assert cut.message is not None
        assert full[1] == cut.message
        assert len(cut.heard.text) < len(full[1].text) <= len(words)


async def test_calls_alone_after_a_barge_in(serve: Serve) -> None:
    """An answer without a word is not taken for the end of the cut one: its call is run, once, and answered (D1)."""
    long = Step(text="A long story.", audio_ms=20_000, speed=1)
    async with (
        serve(_steps(long, Step(text="", tool_calls=CALL, after_tools="It is sunny."))) as rig,
        _session(rig) as session,
    ):
        weather = _Weather()
        await write(session, "Tell me a story.")
        await listen(session, 200)
        await session.send(StreamElement(interrupted=True))
        await until(session, lambda element: element.interrupted)
        await write(session, "How is the weather?")
        answer = await answer_of(session, weather)

        assert answer.message is not None
        assert answer.message.text == "It is sunny."
        assert len(weather.calls) == 1
        assert [len(results) for results in rig.journal.tool_results.values()] == [1]
        assert shown(session.conversation.messages())[-4:] == [
            "user: How is the weather?",
            "assistant: [weather]",
            "tool: sunny",
            "assistant: It is sunny.",
        ]


@pytest.mark.parametrize("when", ["before_answer", "mid_answer"])
@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_connection_that_breaks_in_an_exchange(serve: Serve, when: str, how: str) -> None:
    """The answer comes whole, on another connection; the transcript knows nothing of the partial one."""
    broken = Close.model_validate({"when": when, "how": how, "code": 1011})
    script = _steps(Step(text="Well, let me think.", close=broken), Step(text="Well, let me think."))
    async with serve(script) as rig, _session(rig) as session:
        heard = list[StreamElement]()
        await write(session, "Why?")
        answer = await answer_of(session, listener=heard.append)

        assert answer.message is not None
        assert answer.message.text == "Well, let me think."
        assert [element.interrupted for element in heard].count(True) == (when == "mid_answer")
        assert len(_how_reconnected(heard)) == 1
        assert shown(session.conversation.messages()) == ["user: Why?", "assistant: Well, let me think."]
        assert len(rig.journal.connections) == 2


async def test_speech_that_was_lost_is_sent_again(serve: Serve) -> None:
    """Nobody has to say it twice, though nobody has written it down."""
    lost = Step(transcript_after_ms=5_000, close=Close(when="before_answer", how="reset"))
    async with serve(_steps(lost, Step(user_says="hello", text="Hi."))) as rig, _session(rig) as session:
        await speak(session, rate=rig.provider.input_rate)
        await answer_of(session)

        first, second = rig.journal.connections
        assert len(second.audio) == len(first.audio) > 0
        assert shown(session.conversation.messages()) == ["user: hello", "assistant: Hi."]


async def test_a_refused_resumption_is_followed_by_a_seed(serve: Serve) -> None:
    """What was said is told to a new session, and the exchange goes on."""
    script = Script(
        steps=[Step(text="One."), Step(close=Close(when="before_answer", how="reset")), Step(text="Two.")],
        resume="refuse",
    )
    async with serve(script) as rig, _session(rig) as session:
        await write(session, "First?")
        await answer_of(session)
        heard = list[StreamElement]()
        await write(session, "Second?")
        await answer_of(session, listener=heard.append)

        assert _how_reconnected(heard) == ["seeded"]
        told = str(rig.journal.connections[-1].received)
        assert "First?" in told
        assert "One." in told
        assert shown(session.conversation.messages()) == [
            "user: First?",
            "assistant: One.",
            "user: Second?",
            "assistant: Two.",
        ]


async def test_a_tool_that_outlives_its_connection(serve: Serve) -> None:
    """Its result reaches the model on the next connection, and it is run once."""
    called = Step(tool_calls=CALL, after_tools="It is sunny.", close=Close(when="after_answer", how="reset"))
    # Gemini's history has no tool calls, so that a late result is told in words: a turn of its own.
    async with serve(_steps(called, Step(text="It is sunny."))) as rig, _session(rig) as session:
        weather = _Weather(takes_s=0.3)
        await write(session, "How is the weather?")
        answer = await answer_of(session, weather)

        assert answer.message is not None
        assert answer.message.text == "It is sunny."
        assert len(weather.calls) == 1
        assert shown(session.conversation.messages()) == [
            "user: How is the weather?",
            "assistant: [weather]",
            "tool: sunny",
            "assistant: It is sunny.",
        ]


async def test_a_provider_that_goes_away_in_peace(serve: Serve) -> None:
    """Another connection takes over between two answers, and nothing is asked twice."""
    left_s = 3 if serve is RIGS["openai_realtime"] else 60  # who announces nothing has to be waited for
    steps = [Step(text=f"answer {k}", go_away_s=left_s if k == 1 else None) for k in range(4)]
    async with serve(_steps(*steps)) as rig, _session(rig) as session:
        heard = list[StreamElement]()
        for k in range(4):
            await write(session, f"question {k}")
            await answer_of(session, listener=heard.append)
            if k == 1:
                await eventually(lambda: len(rig.journal.connections) >= 2)

        assert shown(session.conversation.messages()) == [
            line for k in range(4) for line in (f"user: question {k}", f"assistant: answer {k}")
        ]
        told = [element for element in heard if isinstance(element.event, GoingAway)]
        assert not told or "interrupted" not in [element.finish_reason for element in heard]


async def test_a_proper_close_ends_the_session(serve: Serve) -> None:
    """What was said stays, the end is no failure, and nothing can be sent any more."""
    async with serve(_steps(Step(text="Bye.", close=Close(when="after_answer", code=1000)))) as rig:
        async with RealtimeSession(rig.provider, reconnects=SOON) as session:
            await write(session, "Bye!")
            await answer_of(session)

            assert is_ended(ending_of(await rest_of(session)))
        assert shown(session.conversation.messages()) == ["user: Bye!", "assistant: Bye."]
        assert len(rig.journal.connections) == 1


async def test_a_refused_setup(serve: Serve) -> None:
    """The provider's refusal is raised at once, and nothing is tried again."""
    async with serve(Script(refuse_setup="no such voice")) as rig:
        with pytest.raises(SetupRefusedError, match="no such voice"):
            async with RealtimeSession(rig.provider, reconnects=SOON):
                pass

        assert len(rig.journal.connections) == 1


async def test_closing_in_the_middle_of_an_answer(serve: Serve) -> None:
    """It is prompt, leaves the partial answer, an ending and no task."""
    async with serve(_steps(Step(text="A long story.", audio_ms=60_000, speed=1))) as rig:
        before = asyncio.all_tasks()
        async with RealtimeSession(rig.provider, reconnects=SOON) as session:
            await write(session, "Tell me a story.")
            await until(session, lambda element: element.audio is not None)
            async with asyncio.timeout(60):
                await session.aclose()
        rest = await rest_of(session)

        assert any(element.interrupted for element in rest)
        assert is_ended(ending_of(rest))
        await eventually(lambda: not [task for task in asyncio.all_tasks() - before if "session" in repr(task)])


async def test_an_answer_to_results_with_nothing_in_it(serve: Serve) -> None:
    """Whoever waits for it learns that it is empty, and the session is quiet after it."""
    async with serve(_steps(Step(tool_calls=CALL, after_tools=""), Step(text="Yes."))) as rig, _session(rig) as session:
        await write(session, "How is the weather?")
        with pytest.raises(EmptyResponseError):
            await answer_of(session, _Weather())
        await eventually(lambda: session.conversation.quiet)
        await write(session, "Are you there?")
        await answer_of(session)

        assert shown(session.conversation.messages())[-1] == "assistant: Yes."


@pytest.mark.parametrize("aloud", [False, True])
async def test_two_turns_before_the_first_answer(aloud: bool) -> None:
    """Where each has its own, the second is answered though the connection breaks between the two answers."""
    lost = Step(user_says="two", close=Close(when="before_answer", how="reset"))
    script = _steps(Step(user_says="one", text="First.", think_ms=500), lost, Step(user_says="two", text="Second."))
    async with RIGS["openai_realtime"](script) as rig, _session(rig) as session:
        for word in ("one", "two"):
            await (speak(session, rate=rig.provider.input_rate) if aloud else write(session, word))
        await answer_of(session)
        await answer_of(session)

        await _written_down(session, ["user: one", "assistant: First.", "user: two", "assistant: Second."])


SUDDEN: list[dict[str, JsonValue]] = [
    {"close": {"when": "before_answer", "how": "reset"}},
    {"close": {"when": "mid_answer", "how": "reset"}},
    {"close": {"when": "after_answer", "how": "reset"}},
    {"close": {"when": "mid_answer", "how": "close", "code": 1011}},
    {"go_away_s": 0.3},
]
FAULTS: list[dict[str, JsonValue]] = [{}, {}, {}, *SUDDEN, {"go_away_s": 2.5}]
TOOLS: dict[str, JsonValue] = {"tool_calls": [{"name": "weather"}], "after_tools": "Done."}


# Gemini is asked to go on by a turn of its own, which may call the tool again.
ANSWERED = re.compile(r".*\n(assistant: \[weather\]\ntool: sunny\n)*assistant: (Done\.|Yes\.|Yes, I know\.)\n?")


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 15, 23])
async def test_twenty_exchanges_whatever_happens(serve: Serve, seed: int) -> None:
    """The transcript is complete and in order, and each tool call is run and answered once."""
    chance = random.Random(seed)
    steps: list[Step] = []
    leaving = False  # a connection that is to go may do so in any exchange that follows, until it is broken
    for _ in range(20):
        fault = chance.choice(FAULTS)
        leaving = "go_away_s" in fault or (leaving and "close" not in fault)
        late = 0 if fault in SUDDEN else chance.choice([0, 30])  # a connection that is gone brings no words
        late = 0 if leaving else late
        said = TOOLS if chance.random() < 0.3 else {"text": "Yes, I know."}
        common: dict[str, JsonValue] = {"user_says": "spoken words", "audio_ms": 300, "transcript_after_ms": late}
        steps.append(Step.model_validate(common | said | fault))
    script = Script(steps=[*steps, Step(text="Yes, I know.", user_says="spoken words")])
    async with serve(script) as rig, _session(rig) as session:
        weather = _Weather()
        expected: list[str] = []
        for number in range(20):
            if aloud := chance.random() < 0.5:
                await speak(session, rate=rig.provider.input_rate)
            else:
                await write(session, f"question {number}")
            expected.append("user: spoken words" if aloud else f"user: question {number}")
            await answer_of(session, weather)
            await _written_down(session, expected, "user")
            await asyncio.sleep(0 if aloud else chance.choice([0, 0, 0.1]))

        lines = shown(session.conversation.messages())
        exchanges = "\n".join(lines).split("user: ")[1:]
        assert [exchange for exchange in exchanges if not ANSWERED.fullmatch(exchange)] == []
        assert len(weather.calls) == len(set(weather.calls)) == lines.count("tool: sunny")
        assert all(len(results) == 1 for results in rig.journal.tool_results.values())


async def test_twenty_exchanges_of_a_slow_consumer_in_short_lives(serve: Serve) -> None:
    """Connections end by the provider's cap, wherever that is; nothing of it is in the transcript."""
    steps = [
        Step.model_validate(
            {"user_says": "spoken words", "audio_ms": 300} | (TOOLS if k % 4 == 3 else {"text": "Yes."})
        )
        for k in range(20)
    ]
    script = Script(steps=[*steps, Step(user_says="spoken words", text="Yes.")], max_connection_s=2)
    async with serve(script) as rig, _session(rig) as session:
        weather, expected = _Weather(takes_s=0.01), list[str]()
        for number in range(20):
            if aloud := number % 2 == 1:
                await speak(session, rate=rig.provider.input_rate)
            else:
                await write(session, f"question {number}")
            expected.append("user: spoken words" if aloud else f"user: question {number}")
            async with asyncio.timeout(60):
                await ResponseCollector(ResponseCollectorConfig(weather)).start(_Slow(session), session)
            if number == 9:
                await eventually(lambda: len(rig.journal.connections) >= 2)

        lines = shown(session.conversation.messages())
        assert [line for line in lines if line.startswith("user: ")] == expected
        exchanges = "\n".join(lines).split("user: ")[1:]
        assert [exchange for exchange in exchanges if not ANSWERED.fullmatch(exchange)] == []
        assert len(weather.calls) == len(set(weather.calls)) == lines.count("tool: sunny")
        assert all(len(results) == 1 for results in rig.journal.tool_results.values())
