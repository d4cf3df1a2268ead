"""The fake Gemini Live on a bare WebSocket: what it refuses, and how a script is played."""

import asyncio
import time
from collections.abc import Callable

import pytest
from google.genai.types import LiveServerMessage

from deploy.sandbox.realtime.script import Close, Fault, Script, ScriptedCall, Step
from deploy.sandbox.realtime.serving import serve
from deploy.sandbox.realtime.sound import silence, tone
from streaming.jsontext import JsonObject
from tests.deploy.sandbox_realtime.gemini import (
    MANUAL,
    QUICK,
    RATE,
    heard,
    kinds_of,
    said,
    set_up,
    setup,
    sound_of,
    text_of,
    wire,
)

INPUT_WORDS: JsonObject = {"inputAudioTranscription": {}, "realtimeInputConfig": QUICK}
CALL = ScriptedCall(name="weather", arguments={"city": "Bern"})


def result(call_id: str, *, continues: bool = False) -> JsonObject:
    """Returns a function's result, as a message."""
    given: JsonObject = {"id": call_id, "name": "weather", "response": {"output": "rain"}, "willContinue": continues}
    return {"toolResponse": {"functionResponses": [given]}}


def called(messages: list[LiveServerMessage]) -> list[str]:
    """Returns the ids of the calls in the messages."""
    calls = [call for message in messages if message.tool_call for call in message.tool_call.function_calls or []]
    return [call.id or "" for call in calls]


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (said(), "first message"),
        ("no JSON", "Unexpected token"),
        ("[]", "Invalid value"),
        ("{}", "invalid argument"),
        (b"\xff", "Unexpected token"),
        (setup({"model": "gemini-live"}), "model name format"),
        (setup({"generationConfig": {"responseModalities": ["TEXT", "AUDIO"]}}), "invalid argument"),
        (setup({"generationConfig": {"responseModalities": ["IMAGE"]}}), "invalid argument"),
        (setup({"temperature": 1}), 'Unknown name "temperature"'),
        (setup({"generationConfig": {"temperature": "hot"}}), "Invalid value at 'setup.generationConfig.temperature'"),
        (setup({"tools": [{"functionDeclarations": [{"name": "no name"}]}]}), "function_declarations[0].name"),
        (setup({"sessionResumption": {"handle": 1}}), "Invalid value"),
        (setup() | said(), "invalid argument"),
    ],
)
async def test_a_first_message_is_refused(first: JsonObject | str | bytes, words: str) -> None:
    """With a close that says why."""
    async with serve() as server, wire(server) as client:
        await client.send(first)
        code, reason = await client.closed()

    assert code == 1007
    assert words in reason


@pytest.mark.parametrize(
    ("detection", "message", "words"),
    [
        (QUICK, setup(), "must be the first message"),
        (QUICK, {"realtimeInput": {"mediaChunks": [{"mimeType": "audio/pcm", "data": ""}]}}, "deprecated"),
        (QUICK, {"realtimeInput": {"activityStart": {}}}, "Explicit activity control is not supported"),
        (QUICK, {"realtimeInput": {"activityEnd": {}}}, "Explicit activity control is not supported"),
        (MANUAL, {"realtimeInput": {"audioStreamEnd": True}}, "automatic activity detection"),
        (QUICK, {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": "?"}}}, "Invalid value"),
        (QUICK, {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": 5}}}, "Invalid value"),
        (QUICK, {"realtimeInput": {"audio": {"mimeType": "audio/mp3", "data": ""}}}, "Unsupported audio format"),
        (QUICK, {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=9999999", "data": ""}}}, "Unsupported"),
        (QUICK, {"toolResponse": {"functionResponses": [{"id": "1", "response": "text"}]}}, "Invalid value"),
        (QUICK, {"clientContent": {"turns": [{"role": "assistant", "parts": []}]}}, "Invalid value"),
        (QUICK, {"response": {}}, 'Unknown name "response"'),
    ],
)
async def test_a_later_message_is_refused(detection: JsonObject, message: JsonObject, words: str) -> None:
    """In the middle of a session too there is nothing but the close."""
    async with serve() as server, set_up(server, {"realtimeInputConfig": detection}) as client:
        await client.send(message)
        code, reason = await client.closed()

    assert code == 1007
    assert words in reason


@pytest.mark.parametrize(("key", "code"), [("", 1008), ("bad", 1007)])
async def test_a_key_is_asked_for(key: str, code: int) -> None:
    """The service opens the connection to anybody, and closes it on who has no key."""
    async with serve() as server, wire(server, key) as client:
        await client.send(setup())

        assert (await client.closed())[0] == code


async def test_names_are_taken_in_both_spellings() -> None:
    """Protocol buffers in JSON have two; and a frame of bytes is as good as one of text."""
    first = b'{"setup": {"model": "models/m", "generation_config": {"response_modalities": ["TEXT"]}}}'
    async with serve(Script(steps=[Step(text="Yes.")])) as server, wire(server) as client:
        await client.send(first, {"client_content": {"turns": [{"parts": [{"text": "?"}]}], "turn_complete": True}})

        assert text_of(await client.turn()) == "Yes."

    assert [list(message) for message in server.journal.received] == [["setup"], ["clientContent"]]


@pytest.mark.parametrize(
    ("when", "how", "kinds"),
    [
        ("before_answer", "close", []),
        ("mid_answer", "close", ["model_turn"]),
        ("after_answer", "close", ["model_turn", "generation_complete", "turn_complete"]),
        ("before_answer", "reset", []),
        ("mid_answer", "reset", ["model_turn"]),
    ],
)
async def test_a_connection_ends_where_the_script_says(when: str, how: str, kinds: list[str]) -> None:
    """With the words it says, or with none: a reset has neither code nor words, and may overtake what was sent."""
    step = Step.model_validate({"speed": 10, "close": {"when": when, "how": how, "code": 1001, "reason": "Bye."}})
    messages: list[LiveServerMessage] = []
    async with serve(Script(steps=[step])) as server, set_up(server) as client:
        await client.send(said())
        closed = asyncio.ensure_future(client.closed())
        reading = asyncio.ensure_future(_collect(client.next, messages))
        code, reason = await closed
        await asyncio.wait({reading})
        reading.exception()

    assert kinds_of(messages) == kinds
    assert (code, reason) == ((1001, "Bye.") if how == "close" else (1006, ""))


async def _collect(read: Callable[[], object], messages: list[LiveServerMessage]) -> None:
    while True:
        messages.append(await read())  # type: ignore[misc]


@pytest.mark.parametrize("when", ["before_answer", "mid_answer", "after_answer"])
async def test_a_fatal_fault_is_a_close(when: str) -> None:
    """The service has no messages for errors; one that is not fatal it does not tell."""
    harmless = Step.model_validate({"fault": {"when": when}})
    fatal = Step.model_validate({"fault": {"when": when, "message": "Out of order.", "fatal": True}})
    async with serve(Script(steps=[harmless, fatal])) as server, set_up(server) as client:
        await client.send(said())
        assert text_of(await client.turn()) == harmless.text
        await client.send(said())

        assert await client.closed() == (1011, "Out of order.")


async def test_long_words_fit_into_a_close() -> None:
    """A reason has room for 123 bytes, and a character is not cut."""
    step = Step(fault=Fault(message="ü" * 100, fatal=True))
    async with serve(Script(steps=[step])) as server, set_up(server) as client:
        await client.send(said())

        assert await client.closed() == (1011, "ü" * 61)


@pytest.mark.parametrize(
    ("step", "kinds"),
    [
        (Step(empty=True), ["generation_complete", "turn_complete"]),
        (Step(status="cancelled"), ["model_turn", "interrupted", "turn_complete"]),
        (Step(raw=['{"voiceActivity": {}}']), ["voice_activity", "model_turn", "generation_complete", "turn_complete"]),
        (Step(think_ms=10), ["model_turn", "generation_complete", "turn_complete"]),
    ],
    ids=["empty", "cancelled", "raw", "thinking"],
)
async def test_a_turn_goes_as_the_script_says(step: Step, kinds: list[str]) -> None:
    """Message by message."""
    async with serve(Script(steps=[step])) as server, set_up(server) as client:
        await client.send(said())

        assert kinds_of(await client.turn()) == kinds


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Step(), None),
        (Step(status="incomplete"), None),
        (Step(status="incomplete", incomplete_reason="content_filter"), "GENERATED_CONTENT_SAFETY"),
        (Step(status="failed"), "RESPONSE_REJECTED"),
    ],
)
async def test_a_turn_that_is_over_too_soon_says_why(step: Step, reason: str | None) -> None:
    """As far as the service has a word for it: for an answer that is too long it has none."""
    async with serve(Script(steps=[step])) as server, set_up(server) as client:
        await client.send(said())
        content = (await client.turn())[-1].server_content

    assert content
    assert (content.turn_complete_reason.value if content.turn_complete_reason else None) == reason


async def test_usage_grows_with_the_conversation() -> None:
    """What was said before is part of what the model is told."""
    async with serve(Script(steps=[Step(text="Four more tokens.")])) as server, set_up(server) as client:
        counts = []
        for _ in range(3):
            await client.send(said("Say it."))
            usage = (await client.turn())[-1].usage_metadata
            assert usage
            counts.append((usage.prompt_token_count, usage.response_token_count))

    assert counts == [(2, 5), (8, 5), (14, 5)]


async def test_silence_is_no_turn() -> None:
    """Who is not answered goes on, and the next turn is answered."""
    async with serve(Script(steps=[Step(silent=True), Step(text="Now.")])) as server, set_up(server) as client:
        await client.send(said())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.next()
        await client.send(said())

        assert text_of(await client.turn()) == "Now."


@pytest.mark.parametrize(
    ("late_ms", "answer", "before"),
    [
        (0, Step(), ["input_transcription"]),
        (400, Step(audio_ms=60_000, speed=1), ["model_turn"]),
        (2000, Step(audio_ms=100), ["model_turn", "generation_complete", "turn_complete"]),
    ],
)
async def test_words_of_the_user_come_late(late_ms: float, answer: Step, before: list[str]) -> None:
    """Before the answer, in it, or after it."""
    step = answer.model_copy(update={"user_says": "is it raining", "transcript_after_ms": late_ms})
    async with serve(Script(steps=[step])) as server, set_up(server, INPUT_WORDS, text=False) as client:
        await client.send(heard())
        messages = await client.until("input_transcription")

    assert [kind for kind in kinds_of(messages) if late_ms == 0 or kind != "input_transcription"] == before


async def test_nothing_is_written_down_unasked() -> None:
    """Transcripts are for those who asked for them."""
    async with serve() as server, set_up(server, {"realtimeInputConfig": QUICK}, text=False) as client:
        await client.send(heard())

        assert kinds_of(await client.turn()) == ["model_turn", "generation_complete", "turn_complete"]


async def test_sound_is_sent_as_fast_as_the_script_says() -> None:
    """Faster than it plays, and not at once."""
    step = Step(audio_ms=60_000, speed=100)
    async with serve(Script(steps=[step])) as server, set_up(server, text=False) as client:
        began = time.monotonic()
        await client.send(said())
        made = await client.until("generation_complete")
        made_s = time.monotonic() - began

    assert sound_of(made) == tone(60_000)
    assert 0.59 <= made_s < 60


async def test_a_turn_is_complete_when_it_has_been_played() -> None:
    """Its sound was all there long before."""
    step = Step(audio_ms=1_000, speed=10)
    async with serve(Script(steps=[step])) as server, set_up(server, text=False) as client:
        began = time.monotonic()
        await client.send(said())
        await client.turn()
        played_s = time.monotonic() - began

    assert played_s >= 0.99


async def test_a_pause_in_a_burst_ends_no_turn_and_one_in_speech_does() -> None:
    """What tells them apart is the clock on the wall."""
    pause = tone(200, rate=RATE) + silence(200, rate=RATE)
    script = Script(steps=[Step(text="One.", audio_ms=60_000, speed=1), Step(text="Two.")], vad_silence_ms=100)
    async with serve(script) as server, set_up(server, text=False) as client:
        await client.send(heard(pause * 3))
        await client.until("model_turn")
        await client.send(heard(pause))

        assert kinds_of(await client.turn())[-2:] == ["interrupted", "turn_complete"]
        assert kinds_of(await client.turn())[-1] == "turn_complete"

    assert len(server.journal.connections[0].received) == 3


async def test_a_phantom_cuts_an_answer() -> None:
    """Nobody spoke; what was heard is a turn of its own all the same."""
    steps = [Step(audio_ms=1_000, barge_in_after_ms=300), Step(user_says="mhm", text="Sorry?")]
    async with serve(Script(steps=steps)) as server, set_up(server, INPUT_WORDS, text=False) as client:
        await client.send(said())
        cut = await client.turn()
        answer = await client.turn()

    assert kinds_of(cut) == ["model_turn", "interrupted", "turn_complete"]
    assert sound_of(cut) == tone(300)
    assert kinds_of(answer)[:2] == ["input_transcription", "model_turn"]


@pytest.mark.parametrize(
    "config", [MANUAL, QUICK | {"activityHandling": "NO_INTERRUPTION"}], ids=["marked turns", "no interruption"]
)
async def test_there_is_no_phantom_where_nobody_is_heard(config: JsonObject) -> None:
    """An answer is then said to its end."""
    steps = [Step(audio_ms=1_000, barge_in_after_ms=300)]
    async with (
        serve(Script(steps=steps)) as server,
        set_up(server, {"realtimeInputConfig": config}, text=False) as client,
    ):
        await client.send(said())

        assert sound_of(await client.turn()) == tone(1_000)


async def test_where_nothing_interrupts_turns_are_answered_one_after_the_other() -> None:
    """What the user says meanwhile is answered then."""
    config = QUICK | {"activityHandling": "NO_INTERRUPTION"}
    script = Script(steps=[Step(audio_ms=400, speed=1), Step(text="Two.", audio_ms=100)])
    async with serve(script) as server, set_up(server, {"realtimeInputConfig": config}, text=False) as client:
        await client.send(heard())
        await client.until("model_turn")
        await client.send(heard())
        rest = await client.turn()

        assert "interrupted" not in kinds_of(rest)
        assert sound_of(await client.turn()) == tone(100)


async def test_results_are_answered_when_all_are_here() -> None:
    """An unknown id says nothing, nor does a part of a result, nor a result that is sent twice."""
    step = Step(tool_calls=[CALL.model_copy(update={"id": "a"}), CALL.model_copy(update={"id": "b"})])
    async with serve(Script(steps=[step])) as server, set_up(server) as client:
        await client.send(said())
        await client.until("tool_call")
        await client.send(result("a"), result("a"), result("z"), result("b", continues=True))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.next()
        await client.send(result("b"))

        assert text_of(await client.turn()) == step.after_tools

    assert {name: len(given) for name, given in server.journal.tool_results.items()} == {"a": 2, "z": 1, "b": 2}


async def test_one_call_of_two_is_taken_back() -> None:
    """The other's result is answered, whichever came first."""
    taken_back = CALL.model_copy(update={"cancel_after_ms": 20})
    async with serve(Script(steps=[Step(tool_calls=[taken_back, CALL])])) as server, set_up(server) as client:
        await client.send(said())
        first, second = called(await client.until("tool_call"))
        cancellation = (await client.next()).tool_call_cancellation
        await client.send(result(second))

        assert cancellation
        assert cancellation.ids == [first]
        assert text_of(await client.turn()) == "Done."


async def test_a_result_in_time_is_not_taken_back() -> None:
    """What is answered is not cancelled."""
    call = CALL.model_copy(update={"cancel_after_ms": 2000})
    async with serve(Script(steps=[Step(tool_calls=[call])])) as server, set_up(server) as client:
        await client.send(said())
        await client.send(result(*called(await client.until("tool_call"))))

        assert kinds_of(await client.turn()) == ["model_turn", "generation_complete", "turn_complete"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await client.next()


async def test_tools_are_called_again_and_again() -> None:
    """As many rounds as the script says, each with new ids."""
    async with serve(Script(steps=[Step(tool_calls=[CALL], tool_rounds=3)])) as server, set_up(server) as client:
        await client.send(said())
        ids: list[str] = []
        for _ in range(3):
            ids += called(await client.until("tool_call"))
            await client.send(result(ids[-1]))

        assert text_of(await client.turn()) == "Done."

    assert len(set(ids)) == 3


async def test_a_result_comes_on_another_connection() -> None:
    """What was awaited when the connection broke is awaited by the session."""
    script = Script(steps=[Step(tool_calls=[CALL], close=Close(how="reset"))])
    async with serve(script) as server:
        async with set_up(server, {"sessionResumption": {}}) as client:
            update = (await client.next()).session_resumption_update
            assert update
            await client.send(said())
            ids = called(await client.until("tool_call"))
            assert (await client.closed())[0] == 1006
        async with set_up(server, {"sessionResumption": {"handle": update.new_handle}}) as client:
            await client.until("session_resumption_update")
            await client.send(result(*ids))

            assert text_of(await client.turn()) == "Done."


@pytest.mark.parametrize("resumes", [True, False])
async def test_a_call_that_was_lost_with_its_connection_interrupts_nothing(*, resumes: bool) -> None:
    """Nobody speaks on the next connection; one that goes on with the session hears that the call is taken back."""
    script = Script(steps=[Step(tool_calls=[CALL], close=Close(how="reset")), Step(text="Now.")])
    async with serve(script) as server:
        async with set_up(server, {"sessionResumption": {}}) as client:
            update = (await client.next()).session_resumption_update
            assert update
            await client.send(said())
            await client.closed()
        async with set_up(server, {"sessionResumption": {"handle": update.new_handle if resumes else ""}}) as client:
            await client.send(said())
            answer = await client.turn()

    assert text_of(answer) == "Now."
    assert [kind for kind in kinds_of(answer) if kind in ("tool_call_cancellation", "interrupted")] == (
        ["tool_call_cancellation"] if resumes else []
    )


async def test_a_connection_has_a_longest_life() -> None:
    """Its end is told once, and comes."""
    async with serve(Script(max_connection_s=0.2)) as server, set_up(server) as client:
        warning = await client.next()
        code, reason = await client.closed()

    assert warning.go_away
    assert warning.go_away.time_left == "0.100s"
    assert code == 1011
    assert "Deadline" in reason


async def test_sessions_of_two_keys_are_two() -> None:
    """A handle of one is nothing to the other."""
    async with serve() as server:
        async with set_up(server, {"sessionResumption": {}}, key="one") as client:
            update = (await client.next()).session_resumption_update
        assert update
        async with wire(server, "two") as client:
            await client.send(setup({"sessionResumption": {"handle": update.new_handle}}))

            assert (await client.closed())[0] == 1008


async def test_the_journal_keeps_what_was_understood() -> None:
    """Sound by its size and in full, the rest as it was."""
    sound = tone(20, rate=RATE)
    start: JsonObject = {"realtimeInput": {"activityStart": {}}}
    end: JsonObject = {"realtimeInput": {"activityEnd": {}}}
    async with serve() as server, set_up(server, {"realtimeInputConfig": MANUAL}, text=False) as client:
        await client.send(start, heard(sound), end)
        await client.turn()

    record = server.journal.connections[0]
    audio: JsonObject = {"data": "<640 bytes>", "mimeType": "audio/pcm;rate=16000"}
    assert record.received[1:] == [start, {"realtimeInput": {"audio": audio}}, end]
    assert bytes(record.audio) == sound
