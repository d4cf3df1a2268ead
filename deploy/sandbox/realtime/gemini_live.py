"""The Gemini Live wire as its service speaks it: JSON in binary frames, and a close for whatever is wrong.

The shapes are those of Google's `google-genai` package (`types.LiveClientMessage`, `types.LiveServerMessage`).
A session goes on where it was when another connection's setup comes with one of its handles.
"""

import asyncio

from deploy.sandbox.realtime import gemini_live_output as output
from deploy.sandbox.realtime.connection import BAD_KEY, ClientConnection
from deploy.sandbox.realtime.gemini_live_closing import INTERNAL, INVALID, POLICY, Refused
from deploy.sandbox.realtime.gemini_live_ear import Heard, ear
from deploy.sandbox.realtime.gemini_live_input import ClientContent, ClientMessage, RealtimeInput, ToolResponse, parse
from deploy.sandbox.realtime.gemini_live_model import Model
from deploy.sandbox.realtime.gemini_live_setup import Setup, check_setup
from deploy.sandbox.realtime.playing import Call, spoken
from deploy.sandbox.realtime.script import Step
from deploy.sandbox.realtime.sound import duration_ms

_WARNING_S = 50.0
"""How long before its end a connection's end is told: half its life, where that is less."""


async def serve_connection(connection: ClientConnection) -> None:
    """Speaks with one client until there is nothing more to be said."""
    try:
        setup = await _set_up(connection)
        await _Conversation(connection, setup).go_on()
    except Refused as refused:
        await connection.close(refused.code, refused.reason)


async def _set_up(connection: ClientConnection) -> Setup:
    setup = (await _next(connection)).setup
    if not connection.key:
        raise Refused(POLICY, "Method doesn't allow unregistered callers. Please use API Key.")
    if connection.key == BAD_KEY:
        raise Refused(INVALID, "API key not valid. Please pass a valid API key.")
    if setup is None:
        raise Refused(INVALID, "The first message must be a setup.")
    check_setup(setup)
    session = connection.session
    if session.script.refuse_setup is not None:
        raise Refused(POLICY, session.script.refuse_setup)
    if setup.session_resumption and setup.session_resumption.handle:
        _resume(connection, setup.session_resumption.handle)
    else:
        session.awaited.clear()  # a new session knows of no calls; the message that made them may never have come
    session.in_use = lambda: connection.is_open
    return setup


def _resume(connection: ClientConnection, handle: str) -> None:
    session = connection.session
    connection.record.handle_used = handle
    if session.script.resume == "refuse" or not session.knows(handle):
        raise Refused(POLICY, "BidiGenerateContent session not found")
    if session.in_use():
        raise Refused(INTERNAL, "Internal error encountered.")


async def _next(connection: ClientConnection, until: float | None = None) -> ClientMessage:
    data = await connection.receive(until)
    if data is None:
        return ClientMessage()
    message = parse(data)
    connection.record.took(message.told())
    return message


class _Conversation:
    """What is said on one connection after its setup."""

    def __init__(self, connection: ClientConnection, setup: Setup) -> None:
        self._connection = connection
        self._session = connection.session
        self._setup = setup
        self._model = Model(connection, setup)
        self._ear = ear(setup, connection.session.script.vad_silence_ms)
        self._answers: set[asyncio.Task[None]] = set()
        self._history_first = setup.history_config.initial_history_in_client_content
        self._has_results = False

    async def go_on(self) -> None:
        """Listens until the connection ends."""
        await self._connection.send_binary(output.SETUP_COMPLETE)
        await self._model.offer_resumption()
        if (longest := self._session.script.max_connection_s) is not None:
            self._connection.start(self._end_of_life(longest))
        while True:
            await self._take(await _next(self._connection, self._ear.deadline))
            await self._follow(self._ear.settle(self._connection.now()))

    async def _take(self, message: ClientMessage) -> None:
        if message.setup:
            raise Refused(INVALID, "The setup must be the first message, and the only one.")
        if message.client_content:
            await self._take_content(message.client_content)
        if message.realtime_input:
            await self._take_input(message.realtime_input)
        if message.tool_response:
            self._take_results(message.tool_response)

    async def _take_content(self, content: ClientContent) -> None:
        await self._interrupt()
        self._model.prompt.add(sum(len(turn.text) for turn in content.turns))
        if content.turn_complete:
            if not self._history_first:
                self._answer(self._session.take())
            self._history_first = False

    async def _take_input(self, given: RealtimeInput) -> None:
        if given.media_chunks is not None:
            told = "realtime_input.media_chunks is deprecated. Use audio, video, or text instead."
            raise Refused(INVALID, told)
        if given.audio:
            self._connection.record.heard(given.audio.data)
            self._model.prompt.add(0, duration_ms(len(given.audio.data), given.audio.rate))
        self._model.prompt.add(len(given.text or ""))
        await self._follow(self._ear.hear(given, self._connection.now()))

    def _take_results(self, given: ToolResponse) -> None:
        for result in given.function_responses:
            self._connection.record.result(result.id, result.response)
            self._model.prompt.add(len(str(result.response)))
            if not result.will_continue and self._session.settle_call(result.id):
                self._has_results = True
        self._answer_results()

    async def _follow(self, heard: list[Heard]) -> None:
        for event in heard:
            if event is not Heard.STARTED:
                await self._answer_user(transcribed=event is Heard.SPOKEN)
            elif self._setup.interruptible:
                await self._interrupt()

    async def _interrupt(self) -> None:
        for answer in self._answers:
            answer.cancel()
        if self._answers:
            await asyncio.wait(self._answers)
        if awaited := list(self._session.awaited):
            for call_id in awaited:
                self._session.settle_call(call_id)
            await self._connection.send_binary(output.tool_call_cancellation(awaited))
        self._has_results = False
        if self._model.has_turn:
            await self._model.cut()

    async def _answer_user(self, *, transcribed: bool) -> None:
        step = self._session.take()
        if transcribed and self._setup.input_audio_transcription is not None:
            if step.transcript_after_ms:
                self._connection.start(self._transcribe(step))
            else:
                await self._transcribe(step)
        self._answer(step)

    async def _transcribe(self, step: Step) -> None:
        await asyncio.sleep(step.transcript_after_ms / 1000)
        for piece in spoken(step.user_says):
            if piece.text:
                await self._connection.send_binary(output.heard(piece.text))

    def _answer_results(self) -> None:
        if self._has_results and not self._session.awaited:
            self._has_results = False
            self._answer(self._session.take_after_tools())

    def _answer(self, step: Step) -> None:
        answer = self._connection.start(self._play(step, set(self._answers)))
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)

    async def _play(self, step: Step, before: set[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        if await self._model.answer(step):
            await self._model.cut()
            await self._answer_user(transcribed=True)
        for call in self._session.awaited.values():
            if call.cancel_after_ms is not None:
                self._connection.start(self._take_back(call, call.cancel_after_ms))

    async def _take_back(self, call: Call, after_ms: float) -> None:
        await asyncio.sleep(after_ms / 1000)
        if not self._session.settle_call(call.id):
            return
        await self._connection.send_binary(output.tool_call_cancellation([call.id]))
        if not self._session.awaited and not self._has_results:
            await self._model.cut()
        self._answer_results()

    async def _end_of_life(self, longest_s: float) -> None:
        warning_s = min(_WARNING_S, longest_s / 2)
        await asyncio.sleep(longest_s - warning_s)
        await self._model.leave(warning_s)
