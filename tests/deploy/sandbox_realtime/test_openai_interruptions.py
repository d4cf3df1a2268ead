"""OpenAI Realtime: answers that are cut, and what is said of them after."""

import pytest

from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.script import Script, Step
from deploy.sandbox.realtime.serving import serve
from deploy.sandbox.realtime.sound import silence, tone
from tests.deploy.sandbox_realtime.openai_client import Talk, details_of, error_of, output_of, status_of, talking

VAD: JsonObject = {"type": "server_vad", "silence_duration_ms": 200}
TURN_DETECTED = {"type": "cancelled", "reason": "turn_detected"}
LONG = Step(text="word " * 100, audio_ms=20_000, speed=1)
SHORT = Step(text="Yes.", audio_ms=100)
BREATH = tone(300) + silence(1000)


async def began(talk: Talk) -> str:
    """Wait until an answer sounds; return its item."""
    return str((await talk.until("response.output_audio.delta"))["item_id"])


async def test_the_user_speaks_while_the_model_does() -> None:
    """The answer is cut and closed as far as it came, and what the user said is answered."""
    async with serve(Script(steps=[LONG, SHORT])) as server, talking(server) as talk:
        await talk.listen(VAD)
        await talk.say(tone(200) + silence(300))
        await began(talk)
        await talk.say(tone(200) + silence(300))
        await talk.until("input_audio_buffer.speech_started")
        cut = await talk.until("response.done")
        fine = await talk.until("response.done")

    assert (status_of(cut), details_of(cut)) == ("cancelled", TURN_DETECTED)
    (item,) = output_of(cut)
    assert item["status"] == "incomplete"
    assert 0 < talk.sound_ms < 20_000
    assert status_of(fine) == "completed"


async def test_detection_that_does_not_interrupt() -> None:
    """`interrupt_response` off: the answer goes on, and the turn that came meanwhile has none."""
    step = Step(text="On and on.", audio_ms=3000, speed=1)
    async with serve(Script(steps=[step])) as server, talking(server) as talk:
        await talk.listen({**VAD, "interrupt_response": False})
        await talk.say(tone(200) + silence(300))
        await began(talk)
        await talk.say(tone(200) + silence(300))
        await talk.until("input_audio_buffer.speech_started")
        error = await talk.until("error")
        done = await talk.until("response.done")

    assert error_of(error)["code"] == "conversation_already_has_active_response"
    assert status_of(done) == "completed"
    assert talk.text == "On and on."


@pytest.mark.parametrize("realtime", [True, False], ids=["as it is spoken", "in a burst"])
async def test_a_pause_for_breath(*, realtime: bool) -> None:
    """A pause ends the turn of one who speaks, who is then interrupted; a recording that comes at once has none."""
    async with serve(Script(steps=[LONG, SHORT])) as server, talking(server) as talk:
        await talk.listen(VAD)
        if realtime:
            await talk.say(BREATH)
            await began(talk)  # so long does the pause last
            await talk.say(BREATH)
            cut = await talk.until("response.done")
            await talk.until("response.done")
            assert details_of(cut) == TURN_DETECTED
        else:
            await talk.say(BREATH + BREATH, 10_000)
            await began(talk)

    assert len(talk.all("input_audio_buffer.speech_started")) == (2 if realtime else 1)
    assert len(talk.all("response.created")) == (2 if realtime else 1)


@pytest.mark.parametrize(("after_ms", "heard_ms"), [(0, 0), (250, 300), (400, 400)])
async def test_a_phantom_speaks(after_ms: float, heard_ms: float) -> None:
    """The script can have the user heard after so much sound: the rest is a turn as any other."""
    steps = [LONG.model_copy(update={"barge_in_after_ms": after_ms, "speed": None}), SHORT]
    async with serve(Script(steps=steps, vad_silence_ms=20)) as server, talking(server) as talk:
        await talk.listen(VAD, transcription={"model": "whisper-1"})
        cut = await talk.ask()
        sound_ms = talk.sound_ms
        committed = await talk.until("input_audio_buffer.committed")
        fine = await talk.until("response.done")

    assert (status_of(cut), details_of(cut)) == ("cancelled", TURN_DETECTED)
    assert sound_ms == heard_ms
    (started,) = talk.all("input_audio_buffer.speech_started")
    assert started["item_id"] == committed["item_id"]
    assert status_of(fine) == "completed"
    (transcript,) = talk.all("conversation.item.input_audio_transcription.completed")
    assert transcript["transcript"] == SHORT.user_says


async def test_no_phantom_where_nobody_listens() -> None:
    """Manual turns cannot be interrupted by speech."""
    steps = [Step(text="Whole.", audio_ms=500, barge_in_after_ms=100)]
    async with serve(Script(steps=steps)) as server, talking(server) as talk:
        await talk.listen(None)
        done = await talk.ask()

    assert status_of(done) == "completed"


async def test_the_client_cancels() -> None:
    """An answer ends when the client says so, and another can begin."""
    async with serve(Script(steps=[LONG, SHORT])) as server, talking(server) as talk:
        await talk.connection.response.create()
        await began(talk)
        await talk.connection.response.cancel()
        done = await talk.until("response.done")
        again = await talk.ask()

    assert details_of(done) == {"type": "cancelled", "reason": "client_cancelled"}
    assert status_of(again) == "completed"


async def test_the_client_cancels_before_a_word() -> None:
    """An answer that was only thought of ends with nothing in it."""
    step = Step(think_ms=10_000)
    async with serve(Script(steps=[step, SHORT])) as server, talking(server) as talk:
        await talk.connection.response.create()
        await talk.until("response.created")
        await talk.connection.response.cancel()
        done = await talk.until("response.done")

    assert (status_of(done), output_of(done)) == ("cancelled", [])


async def test_truncation() -> None:
    """A cut answer can be cut further, to what was heard, and not to more than there is."""
    async with serve(Script(steps=[Step(audio_ms=500), SHORT])) as server, talking(server) as talk:
        await talk.ask()
        item_id = str(talk.all("response.output_audio.delta")[0]["item_id"])
        truncate = talk.connection.conversation.item.truncate
        await truncate(item_id=item_id, content_index=0, audio_end_ms=501)
        too_long = error_of(await talk.until("error"))
        await truncate(item_id=item_id, content_index=0, audio_end_ms=500)
        await talk.until("conversation.item.truncated")
        await truncate(item_id=item_id, content_index=0, audio_end_ms=120)
        truncated = await talk.until("conversation.item.truncated")
        await truncate(item_id=item_id, content_index=0, audio_end_ms=121)
        now_too_long = error_of(await talk.until("error"))

    assert (too_long["code"], too_long["param"]) == ("invalid_value", "audio_end_ms")
    assert too_long["message"] == "Audio content of 500ms is already shorter than 501ms"
    assert (truncated["item_id"], truncated["audio_end_ms"]) == (item_id, 120)
    assert now_too_long["code"] == "invalid_value"


async def test_truncation_of_a_running_answer() -> None:
    """What has been sent by then is what can be heard."""
    async with serve(Script(steps=[LONG])) as server, talking(server) as talk:
        await talk.connection.response.create()
        item_id = await began(talk)
        truncate = talk.connection.conversation.item.truncate
        await truncate(item_id=item_id, content_index=0, audio_end_ms=int(talk.sound_ms))
        await talk.until("conversation.item.truncated")
