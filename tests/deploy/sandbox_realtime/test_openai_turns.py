"""OpenAI Realtime: turns, as the official client has them; every event is checked by `Talk`."""

import asyncio

import pytest

from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.script import Script, ScriptedCall, Step
from deploy.sandbox.realtime.serving import serve
from deploy.sandbox.realtime.sound import silence, tone
from tests.deploy.sandbox_realtime.openai_client import Talk, details_of, output_of, status_of, talking

VAD: JsonObject = {"type": "server_vad", "silence_duration_ms": 100}
SPEECH = tone(400) + silence(200)
SPOKEN_ANSWER = [
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
SPOKEN_END = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]


async def test_a_written_turn() -> None:
    """A message is an item; asked for, the answer comes in words only and whole."""
    async with serve(Script(steps=[Step(text="Good day to you.")])) as server, talking(server) as talk:
        await talk.setup(output_modalities=["text"])
        done = await talk.ask()

    assert talk.kinds[2:] == [
        "conversation.item.added",
        "conversation.item.done",
        *SPOKEN_ANSWER,
        "response.output_text.delta",
        "response.output_text.done",
        *SPOKEN_END[2:],
    ]
    assert talk.text == "Good day to you."
    assert status_of(done) == "completed"
    assert details_of(done) is None
    assert [item["content"] for item in output_of(done)] == [[{"type": "output_text", "text": "Good day to you."}]]
    (connection,) = server.journal.connections
    assert [message["type"] for message in connection.received] == [
        "session.update",
        "conversation.item.create",
        "response.create",
    ]
    assert connection.closed == 1000


async def test_a_spoken_turn_that_the_server_hears() -> None:
    """Speech is heard to begin and to end, becomes an item, and is answered with words among the sound."""
    step = Step(text="One two three.", audio_ms=450)
    async with serve(Script(steps=[step])) as server, talking(server) as talk:
        await talk.listen(VAD, transcription={"model": "whisper-1"})
        await talk.say(silence(500) + SPEECH)
        done = await talk.until("response.done")

    heard = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed"]
    kinds = [kind for kind in talk.kinds[2:] if "transcription" not in kind and not kind.endswith(".delta")]
    assert kinds == [
        *heard,
        "conversation.item.added",
        "conversation.item.done",
        *SPOKEN_ANSWER,
        *SPOKEN_END,
    ]
    (started,), (stopped,) = talk.all(heard[0]), talk.all(heard[1])
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (200, 1000)
    assert started["item_id"] == stopped["item_id"] == talk.all(heard[2])[0]["item_id"]
    assert (talk.text, talk.sound_ms) == ("One two three.", 450)
    assert [item["content"] for item in output_of(done)] == [[{"type": "output_audio", "transcript": "One two three."}]]
    assert server.journal.audio == silence(500) + SPEECH
    appends = [message for message in server.journal.received if message["type"] == "input_audio_buffer.append"]
    assert {message["audio"] for message in appends} == {"<4800 bytes>"}


async def test_words_come_among_the_sound() -> None:
    """A transcript is spread over the sound it is of."""
    async with serve(Script(steps=[Step(text="aaa bbb ccc ddd", audio_ms=400)])) as server, talking(server) as talk:
        await talk.ask()

    kinds = [str(event["type"]).split(".")[1] for event in talk.events if str(event["type"]).endswith(".delta")]
    assert kinds == ["output_audio_transcript", "output_audio"] * 4


async def test_a_manual_turn() -> None:
    """Without detection speech is an item when the client says so, and is answered when it asks."""
    async with serve() as server, talking(server) as talk:
        await talk.listen(None)
        await talk.say(SPEECH)
        await talk.connection.input_audio_buffer.commit()
        await talk.until("conversation.item.done")
        assert await talk.nothing()
        await talk.connection.response.create()
        done = await talk.until("response.done")

    assert status_of(done) == "completed"
    assert not talk.all("input_audio_buffer.speech_started")


async def test_detection_that_does_not_answer() -> None:
    """`create_response` off: speech is heard and taken, and nothing is said to it."""
    async with serve() as server, talking(server) as talk:
        await talk.listen({**VAD, "create_response": False})
        await talk.say(SPEECH)
        await talk.until("conversation.item.done")

        assert await talk.nothing()


async def test_a_cleared_buffer_is_no_turn() -> None:
    """What was thrown away is not heard to end."""
    async with serve() as server, talking(server) as talk:
        await talk.listen(VAD)
        await talk.say(tone(200))
        await talk.until("input_audio_buffer.speech_started")
        await talk.connection.input_audio_buffer.clear()
        await talk.until("input_audio_buffer.cleared")
        await talk.say(silence(300))

        assert await talk.nothing(0.3)


async def call_and_answer(talk: Talk, *, rounds: int = 1) -> None:
    """Ask, and answer every tool call until there is none."""
    done = await talk.ask()
    for _ in range(rounds):
        calls = [item for item in output_of(done) if item["type"] == "function_call"]
        assert calls
        for call in calls:
            await talk.connection.conversation.item.create(
                item={"type": "function_call_output", "call_id": str(call["call_id"]), "output": "noon"}
            )
        await talk.connection.response.create()
        done = await talk.until("response.done")
    assert all(item["type"] == "message" for item in output_of(done))


async def test_tools() -> None:
    """Two calls come whole in one response, after what is said before them; their results are answered."""
    calls = [ScriptedCall(name="clock", arguments={"zone": "UTC"}), ScriptedCall(name="date", id="call_mine")]
    step = Step(text="Let me see.", tool_calls=calls, after_tools="It is noon.")
    async with serve(Script(steps=[step, Step(text="Bye.")])) as server, talking(server) as talk:
        await call_and_answer(talk)
        await talk.ask()

    whole = talk.all("response.function_call_arguments.done")
    assert [(event["name"], event["arguments"]) for event in whole] == [("clock", '{"zone":"UTC"}'), ("date", "{}")]
    assert whole[1]["call_id"] == "call_mine"
    parts = talk.all("response.function_call_arguments.delta")
    assert "".join(str(event["delta"]) for event in parts) == '{"zone":"UTC"}{}'
    assert {event["output_index"] for event in whole} == {1, 2}
    assert talk.text == "Let me see.It is noon.Bye."
    assert server.journal.tool_results == {whole[0]["call_id"]: ["noon"], "call_mine": ["noon"]}


async def test_tools_without_a_word() -> None:
    """A step that was not told what to say before its calls says nothing; and it may call several times."""
    step = Step(tool_calls=[ScriptedCall(name="clock", id="call_mine")], tool_rounds=3, after_tools="Done at last.")
    async with serve(Script(steps=[step])) as server, talking(server) as talk:
        await call_and_answer(talk, rounds=3)

    assert talk.text == "Done at last."
    assert len(server.journal.tool_results) == 3


async def test_a_late_transcript() -> None:
    """What the user said may be told after the answer's end; words and item are right all the same."""
    step = Step(user_says="what I said", transcript_after_ms=2000)
    async with serve(Script(steps=[step])) as server, talking(server) as talk:
        await talk.listen(None, transcription={"model": "whisper-1"})
        await talk.say(SPEECH)
        await talk.connection.input_audio_buffer.commit()
        await talk.connection.response.create()
        await talk.until("response.done")
        assert not talk.all("conversation.item.input_audio_transcription.delta")
        completed = await talk.until("conversation.item.input_audio_transcription.completed")

    assert completed["transcript"] == "what I said"
    assert completed["item_id"] == talk.all("input_audio_buffer.committed")[0]["item_id"]


@pytest.mark.parametrize(
    ("step", "details"),
    [
        (Step(status="incomplete"), {"type": "incomplete", "reason": "max_output_tokens"}),
        (
            Step(status="incomplete", incomplete_reason="content_filter"),
            {"type": "incomplete", "reason": "content_filter"},
        ),
        (Step(status="cancelled"), {"type": "cancelled"}),
    ],
)
async def test_an_answer_that_is_not_completed(step: Step, details: dict[str, str]) -> None:
    """It is said, and its end and its item say what it is."""
    async with serve(Script(steps=[step])) as server, talking(server) as talk:
        done = await talk.ask()

    assert status_of(done) == step.status
    assert details_of(done) == details
    assert [item["status"] for item in output_of(done)] == ["incomplete"]
    assert talk.text == step.text


async def test_a_failed_answer() -> None:
    """It says with what it failed, and the session goes on."""
    async with (
        serve(Script(steps=[Step(status="failed", empty=True), Step()])) as server,
        talking(server) as talk,
    ):
        failed = await talk.ask()
        fine = await talk.ask()

    assert status_of(failed) == "failed"
    assert (details_of(failed) or {})["error"]["code"] == "server_error"  # type: ignore[call-overload,index]
    assert output_of(failed) == []
    assert status_of(fine) == "completed"


async def test_an_empty_answer() -> None:
    """A response may end with nothing in it."""
    async with serve(Script(steps=[Step(empty=True)])) as server, talking(server) as talk:
        done = await talk.ask()

    assert (status_of(done), output_of(done), talk.text) == ("completed", [], "")


async def test_silence() -> None:
    """A model that does not answer is no answer at all, and the next turn is answered."""
    async with serve(Script(steps=[Step(silent=True), Step(text="Now.")])) as server, talking(server) as talk:
        await talk.begin()
        await talk.until("conversation.item.done")
        assert await talk.nothing()
        await talk.ask()

    assert talk.text == "Now."


async def test_slow_sound() -> None:
    """Sound comes as fast as the script says."""
    async with serve(Script(steps=[Step(audio_ms=400, speed=1, think_ms=100)])) as server, talking(server) as talk:
        clock = asyncio.get_running_loop().time
        begin = clock()
        await talk.ask()

    assert clock() - begin >= 0.4


async def test_the_model_speaks_up() -> None:
    """With an idle timeout the model speaks by itself when nobody does, after its last answer was played."""
    async with serve(Script(steps=[Step(audio_ms=100)])) as server, talking(server) as talk:
        await talk.listen({**VAD, "idle_timeout_ms": 50})
        await talk.ask()
        triggered = await talk.until("input_audio_buffer.timeout_triggered")
        committed = await talk.until("input_audio_buffer.committed")
        await talk.until("response.done")

    assert triggered["item_id"] == committed["item_id"]


async def test_raw_messages_come_as_they_are() -> None:
    """A script can say what no event is."""
    async with serve(Script(steps=[Step(raw=["no json", '{"type":"brand.new"}'])])) as server, talking(server) as talk:
        await talk.connection.response.create()

        assert await talk.connection.recv_bytes() == b"no json"
        assert await talk.connection.recv_bytes() == b'{"type":"brand.new"}'
        await talk.until("response.done")


async def test_an_item_is_put_where_it_is_told_to() -> None:
    """Items can be put before others, and removed."""
    async with serve() as server, talking(server) as talk:
        create = talk.connection.conversation.item.create
        for item_id, before in (("last", None), ("first", "root"), ("middle", "first")):
            content = [{"type": "output_text", "text": item_id}]
            item = {"type": "message", "role": "assistant", "id": item_id, "content": content}
            await create(item=item, previous_item_id=before) if before else await create(item=item)  # type: ignore[arg-type]
            await talk.until("conversation.item.done")
        await talk.connection.conversation.item.delete(item_id="first")
        await talk.until("conversation.item.deleted")

    added = talk.all("conversation.item.added")
    assert [event["previous_item_id"] for event in added] == [None, None, "first"]


async def test_a_session_is_told_what_it_is() -> None:
    """Updates change what they name and nothing else."""
    async with serve() as server, talking(server, model="gpt-realtime-mini") as talk:
        created = talk.events[0]["session"]
        await talk.listen(VAD)
        await talk.setup(instructions="Be brief.", tools=[{"type": "function", "name": "clock", "parameters": {}}])
        updated = (await talk.setup(max_output_tokens=100))["session"]

    assert isinstance(created, dict)
    assert isinstance(updated, dict)
    assert created["model"] == updated["model"] == "gpt-realtime-mini"
    assert created["id"] == updated["id"]
    assert (updated["instructions"], updated["max_output_tokens"]) == ("Be brief.", 100)
    match updated:
        case {"audio": {"input": {"turn_detection": detection, "format": form}, "output": {"voice": voice}}}:
            assert detection == {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 100,
                "idle_timeout_ms": None,
                "create_response": True,
                "interrupt_response": True,
            }
            assert (form, voice) == ({"type": "audio/pcm", "rate": 24000}, "marin")
        case _:
            raise AssertionError(updated)
