"""Google's own client cannot tell the fake Gemini Live from the real one."""

import asyncio
from pathlib import Path

import pytest
from google.genai import errors
from google.genai.live import AsyncSession
from google.genai.types import (
    ActivityEnd,
    ActivityStart,
    Content,
    ContentDict,
    ContextWindowCompressionConfig,
    FunctionCall,
    FunctionResponse,
    LiveConnectConfig,
    LiveConnectConfigDict,
    LiveServerMessage,
    Modality,
    Part,
    PrebuiltVoiceConfig,
    SessionResumptionConfig,
    SlidingWindow,
    SpeechConfig,
    Tool,
    VoiceConfig,
)

from deploy.sandbox.realtime.script import Script, ScriptedCall, Step
from deploy.sandbox.realtime.sound import duration_ms, tone
from tests.deploy.sandbox_realtime.gemini import (
    RATE,
    google_server,
    kinds_of,
    sound_of,
    speech,
    text_of,
    turn,
)

TEXT = [Modality.TEXT]
SPOKEN: LiveConnectConfigDict = {
    "response_modalities": [Modality.AUDIO],
    "input_audio_transcription": {},
    "output_audio_transcription": {},
    "realtime_input_config": {"automatic_activity_detection": {"silence_duration_ms": 100}},
}
MANUAL: LiveConnectConfigDict = {
    **SPOKEN,
    "realtime_input_config": {"automatic_activity_detection": {"disabled": True}},
}
RESUMED: LiveConnectConfigDict = {"response_modalities": TEXT, "session_resumption": {}}
WEATHER = ScriptedCall(name="weather", arguments={"city": "Zürich"})


async def write(session: AsyncSession, text: str = "Hello", *, complete: bool = True) -> None:
    """Writes something, as the user."""
    turns = Content(role="user", parts=[Part(text=text)])
    await session.send_client_content(turns=turns, turn_complete=complete)


async def until(session: AsyncSession, kind: str) -> list[LiveServerMessage]:
    """Returns the messages to the first of a kind."""
    messages: list[LiveServerMessage] = []
    while kind not in kinds_of(messages[-1:]):
        messages.append(await anext(aiter(session.receive())))
    return messages


async def listen(session: AsyncSession, told: list[LiveServerMessage]) -> None:
    """Adds what comes, turn after turn, until the connection ends: by then it may be any part of an answer."""
    while True:
        async for message in session.receive():
            told.append(message)  # noqa: PERF401 - what came before the error counts


def transcript(messages: list[LiveServerMessage], name: str) -> str:
    """Returns the words of one speaker's transcription."""
    contents = [message.server_content for message in messages if message.server_content]
    pieces = [getattr(content, name) for content in contents]
    return "".join(piece.text for piece in pieces if piece)


def calls_of(messages: list[LiveServerMessage]) -> list[FunctionCall]:
    """Returns the function calls in the messages."""
    return [call for message in messages if message.tool_call for call in message.tool_call.function_calls or []]


def handle_of(messages: list[LiveServerMessage]) -> str:
    """Returns the last handle given in the messages."""
    updates = [message.session_resumption_update for message in messages if message.session_resumption_update]
    return [update.new_handle for update in updates if update.resumable and update.new_handle][-1]


async def test_a_written_turn_is_answered(tmp_path: Path) -> None:
    """In pieces that are the text, complete as a generation before it is as a turn, and counted."""
    async with google_server(Script(steps=[Step(text="One two three.")]), tmp_path) as google, google.connect() as live:
        await write(live)
        answer = await turn(live)

    assert text_of(answer) == "One two three."
    assert kinds_of(answer) == ["model_turn", "generation_complete", "turn_complete"]
    usage = answer[-1].usage_metadata
    assert usage
    assert usage.total_token_count == (usage.prompt_token_count or 0) + (usage.response_token_count or 0) > 0


async def test_a_spoken_turn_is_heard_and_answered_with_sound(tmp_path: Path) -> None:
    """The service hears when the user is silent; both sides are written down."""
    step = Step(user_says="is it raining", text="It is.", audio_ms=450)
    async with google_server(Script(steps=[step]), tmp_path) as google, google.connect(SPOKEN) as live:
        await live.send_realtime_input(audio=speech())
        answer = await turn(live)

    assert duration_ms(len(sound_of(answer))) == 450
    assert transcript(answer, "input_transcription") == "is it raining"
    assert transcript(answer, "output_transcription") == "It is."
    assert kinds_of(answer)[:3] == ["input_transcription", "model_turn", "output_transcription"]
    assert google.server.journal.audio == speech().data


async def test_the_stream_s_end_ends_a_turn(tmp_path: Path) -> None:
    """A microphone that is switched off leaves no silence behind."""
    async with google_server(Script(), tmp_path) as google, google.connect(SPOKEN) as live:
        await live.send_realtime_input(audio=speech(tone(200, rate=RATE)))
        await live.send_realtime_input(audio_stream_end=True)

        assert transcript(await turn(live), "output_transcription") == "Hello, how can I help?"


async def test_turns_are_marked_by_hand(tmp_path: Path) -> None:
    """Silence ends nothing where the client says when the user speaks."""
    async with google_server(Script(), tmp_path) as google, google.connect(MANUAL) as live:
        await live.send_realtime_input(activity_start=ActivityStart())
        await live.send_realtime_input(audio=speech())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await turn(live)
        await live.send_realtime_input(activity_end=ActivityEnd())

        assert transcript(await turn(live), "input_transcription") == "hello there"


async def test_live_text_is_a_turn_and_a_picture_is_none(tmp_path: Path) -> None:
    """Text counts as activity; what is shown is only seen."""
    async with google_server(Script(), tmp_path) as google, google.connect(SPOKEN) as live:
        await live.send_realtime_input(video={"data": b"\xff\xd8", "mime_type": "image/jpeg"})
        await live.send_realtime_input(text="What is this?")

        assert kinds_of(await turn(live))[0] == "model_turn"


async def test_a_function_s_result_goes_on_with_the_turn(tmp_path: Path) -> None:
    """The call is in the middle of a turn, which ends when what came of it has been told."""
    step = Step(text="Let me look.", tool_calls=[WEATHER, WEATHER], after_tools="It rains.")
    tools = [Tool.model_validate({"function_declarations": [{"name": "weather"}]})]
    config = LiveConnectConfig(response_modalities=TEXT, tools=tools)
    async with google_server(Script(steps=[step]), tmp_path) as google, google.connect(config) as live:
        await write(live)
        before = await until(live, "tool_call")
        calls = calls_of(before)
        for call in calls:
            result = FunctionResponse(id=call.id, name=call.name, response={"output": "rain"})
            await live.send_tool_response(function_responses=result)
        after = await turn(live)

    assert [(call.name, call.args) for call in calls] == [("weather", {"city": "Zürich"})] * 2
    assert text_of(before) == "Let me look."
    assert text_of(after) == "It rains."
    assert kinds_of([*before, *after]) == [
        "model_turn",
        "tool_call",
        "model_turn",
        "generation_complete",
        "turn_complete",
    ]
    assert google.server.journal.tool_results == {call.id: [{"output": "rain"}] for call in calls}


async def test_a_call_is_taken_back(tmp_path: Path) -> None:
    """Its result is wanted no more, comes all the same, and is not answered."""
    call = WEATHER.model_copy(update={"cancel_after_ms": 20})
    script = Script(steps=[Step(tool_calls=[call]), Step(text="Next.")])
    async with google_server(script, tmp_path) as google, google.connect() as live:
        await write(live)
        taken_back = await turn(live)
        result = FunctionResponse(id=calls_of(taken_back)[0].id, name="weather", response={"output": "late"})
        await live.send_tool_response(function_responses=result)
        await write(live)

        assert text_of(await turn(live)) == "Next."

    cancelled = [message.tool_call_cancellation for message in taken_back if message.tool_call_cancellation]
    assert [message.ids for message in cancelled] == [[call.id for call in calls_of(taken_back)]]
    assert kinds_of(taken_back) == ["tool_call", "tool_call_cancellation", "interrupted", "turn_complete"]


async def test_speech_takes_back_the_calls_that_are_awaited(tmp_path: Path) -> None:
    """Whoever asks for something else does not wait for the results."""
    script = Script(steps=[Step(tool_calls=[WEATHER]), Step(text="Something else.")])
    async with google_server(script, tmp_path) as google, google.connect(SPOKEN) as live:
        await live.send_realtime_input(text="The weather?")
        calls = calls_of(await until(live, "tool_call"))
        await live.send_realtime_input(audio=speech())
        taken_back = await turn(live)

        assert kinds_of(taken_back) == ["tool_call_cancellation", "interrupted", "turn_complete"]
        assert taken_back[0].tool_call_cancellation
        assert taken_back[0].tool_call_cancellation.ids == [call.id for call in calls]
        assert transcript(await turn(live), "output_transcription") == "Something else."


@pytest.mark.parametrize(
    ("speed", "cut_when"),
    [(1, "model_turn"), (100, "generation_complete")],
    ids=["while it is made", "while it is played"],
)
async def test_speech_cuts_an_answer(tmp_path: Path, speed: float, cut_when: str) -> None:
    """In its middle, where the rest is never made, or while what was made is still played."""
    script = Script(steps=[Step(audio_ms=30_000, speed=speed), Step(text="Yes?")])
    async with google_server(script, tmp_path) as google, google.connect(SPOKEN) as live:
        await live.send_realtime_input(audio=speech())
        await until(live, cut_when)
        await live.send_realtime_input(audio=speech())
        rest = await turn(live)

        assert kinds_of(rest)[-2:] == ["interrupted", "turn_complete"]
        assert "generation_complete" not in kinds_of(rest)
        assert transcript(await turn(live), "output_transcription") == "Yes?"


async def test_content_cuts_an_answer_even_when_it_asks_for_none(tmp_path: Path) -> None:
    """A message of content always interrupts; it is answered only where it completes the user's turn."""
    script = Script(steps=[Step(audio_ms=30_000, speed=1), Step(text="Both.")])
    async with google_server(script, tmp_path) as google, google.connect() as live:
        await write(live)
        await until(live, "model_turn")
        await write(live, "Wait.", complete=False)
        assert kinds_of(await turn(live))[-2:] == ["interrupted", "turn_complete"]
        await write(live, "Go on.")

        assert text_of(await turn(live)) == "Both."


async def test_history_is_told_first(tmp_path: Path) -> None:
    """What was said before the session is not answered, though it is told as complete."""
    config = LiveConnectConfig.model_validate(
        {"response_modalities": TEXT, "history_config": {"initial_history_in_client_content": True}}
    )
    script = Script(steps=[Step(text="One."), Step(text="Two.")])
    async with google_server(script, tmp_path) as google, google.connect(config) as live:
        turns: list[Content | ContentDict] = [
            Content(role=role, parts=[Part(text="Before.")]) for role in ("user", "model")
        ]
        await live.send_client_content(turns=turns, turn_complete=True)
        await live.send_realtime_input(text="Now.")

        assert text_of(await turn(live)) == "One."


async def test_the_connection_s_end_is_told_and_comes(tmp_path: Path) -> None:
    """How much time is left, and then the end, as an error of the client."""
    async with google_server(Script(steps=[Step(go_away_s=0.2)]), tmp_path) as google, google.connect() as live:
        await write(live)
        told: list[LiveServerMessage] = []
        with pytest.raises(errors.APIError) as ended:
            await listen(live, told)

    assert told[0].go_away
    assert told[0].go_away.time_left == "0.200s"
    assert ended.value.code == 1011


async def test_a_session_goes_on_by_its_handle(tmp_path: Path) -> None:
    """Each turn gives a new one; while the model speaks there is no going on from there."""
    script = Script(steps=[Step(text=f"Answer {number}.") for number in range(3)])
    async with google_server(script, tmp_path) as google:
        async with google.connect(RESUMED) as live:
            first = await until(live, "session_resumption_update")
            await write(live)
            answer = await turn(live)
            after = await until(live, "session_resumption_update")
        resumption = SessionResumptionConfig(handle=handle_of(after))
        config = LiveConnectConfig(response_modalities=TEXT, session_resumption=resumption)
        async with google.connect(config) as live:
            await write(live)
            again = await turn(live)

    assert handle_of(first) != handle_of(after)
    assert kinds_of(answer)[0] == "not_resumable"
    assert [text_of(answer), text_of(again)] == ["Answer 0.", "Answer 1."]
    assert [record.handle_used for record in google.server.journal.connections] == [None, handle_of(after)]


async def test_a_session_does_not_go_on_while_it_still_goes_on(tmp_path: Path) -> None:
    """The old connection must be closed before its handle is any good."""
    async with google_server(Script(), tmp_path) as google:
        async with google.connect(RESUMED) as live:
            handle = handle_of(await until(live, "session_resumption_update"))
            config = LiveConnectConfig(
                response_modalities=TEXT, session_resumption=SessionResumptionConfig(handle=handle)
            )
            with pytest.raises(errors.APIError, match="1011"):
                async with google.connect(config):
                    pass
        async with google.connect(config) as live:
            await write(live)
            assert text_of(await turn(live))


@pytest.mark.parametrize(
    ("script", "config", "key", "model", "code"),
    [
        (Script(refuse_setup="No quota."), {}, "key", "gemini-live", 1008),
        (Script(resume="refuse"), {"session_resumption": {"handle": "handle_0_1"}}, "key", "gemini-live", 1008),
        (Script(), {"session_resumption": {"handle": "of yesterday"}}, "key", "gemini-live", 1008),
        (Script(), {"response_modalities": ["TEXT", "AUDIO"]}, "key", "gemini-live", 1007),
        (Script(), {}, "key", "models/no such model", 1007),
        (Script(), {}, "bad", "gemini-live", 1007),
    ],
    ids=["by script", "resumption by script", "unknown handle", "two modalities", "no model", "bad key"],
)
async def test_a_setup_is_refused(
    tmp_path: Path, script: Script, config: LiveConnectConfigDict, key: str, model: str, code: int
) -> None:
    """The client finds the close's code and words in an error of its own."""
    async with google_server(script, tmp_path) as google:
        with pytest.raises(errors.APIError) as refused:
            async with google.connect(config or {"response_modalities": TEXT}, key=key, model=model):
                pass

    assert refused.value.code == code
    if script.refuse_setup:
        assert script.refuse_setup in str(refused.value)


async def test_all_of_a_setup_is_taken(tmp_path: Path) -> None:
    """Whatever the client can ask for at once, in the spellings it has for it."""
    config = LiveConnectConfig.model_validate(
        {
            **SPOKEN,
            "context_window_compression": ContextWindowCompressionConfig(
                trigger_tokens=25_600, sliding_window=SlidingWindow(target_tokens=12_800)
            ),
            "enable_affective_dialog": True,
            "max_output_tokens": 100,
            "proactivity": {"proactive_audio": True},
            "realtime_input_config": {
                "automatic_activity_detection": {
                    "start_of_speech_sensitivity": "START_SENSITIVITY_HIGH",
                    "end_of_speech_sensitivity": "END_SENSITIVITY_LOW",
                    "prefix_padding_ms": 20,
                    "silence_duration_ms": 100,
                },
                "activity_handling": "START_OF_ACTIVITY_INTERRUPTS",
                "turn_coverage": "TURN_INCLUDES_ONLY_ACTIVITY",
            },
            "safety_settings": [
                {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"},
            ],
            "session_resumption": {},
            "speech_config": SpeechConfig(
                language_code="de-DE",
                voice_config=VoiceConfig(prebuilt_voice_config=PrebuiltVoiceConfig(voice_name="Kore")),
            ),
            "system_instruction": "Be short.",
            "temperature": 0.5,
            "thinking_config": {"thinking_budget": 0},
            "tools": [{"function_declarations": [{"name": "weather"}]}, {"google_search": {}}],
            "top_k": 3,
        }
    )
    async with google_server(Script(), tmp_path) as google, google.connect(config) as live:
        assert live.setup_complete is not None
        assert kinds_of(await until(live, "session_resumption_update")) == ["session_resumption_update"]
