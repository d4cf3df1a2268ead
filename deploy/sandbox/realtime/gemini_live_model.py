"""The model's side of a Gemini Live conversation: an answer as its messages, in their order and at their time.

    {sessionResumptionUpdate}, modelTurn and outputTranscription..., generationComplete, turnComplete
    {sessionResumptionUpdate}, modelTurn..., toolCall                      the turn goes on when the results are here
    ... interrupted, turnComplete                                          a cut turn; it is never generationComplete

All of an answer is sent before it has been played; `turnComplete` waits for the end of its playing, and until then
the user can cut it. An answer that is sent all at once (no `speed`) is not played by anybody, and does not wait.
"""

import asyncio
from collections.abc import Sequence

from deploy.sandbox.realtime import gemini_live_output as output
from deploy.sandbox.realtime.connection import ClientConnection
from deploy.sandbox.realtime.gemini_live_closing import INTERNAL, reason_of
from deploy.sandbox.realtime.gemini_live_output import Tokens
from deploy.sandbox.realtime.gemini_live_setup import Setup
from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.playing import Pace, Piece, halves, said, spoken
from deploy.sandbox.realtime.script import Step

_DEADLINE = "Deadline expired before operation could complete."
_REASONS = {"failed": "RESPONSE_REJECTED", "content_filter": "GENERATED_CONTENT_SAFETY"}


class Model:
    """Answers one client.

    Attributes:
        prompt: All that was told and said on this connection before what it says now.
        has_turn: Whether it thinks, speaks, is being played, or awaits results of calls made here.
    """

    def __init__(self, connection: ClientConnection, setup: Setup) -> None:
        self.prompt = Tokens()
        self.has_turn = False
        self._response = Tokens()
        self._connection = connection
        self._setup = setup
        self._leaving = False

    async def answer(self, step: Step) -> bool:
        """Plays a step.

        Returns:
            Whether the user is to be heard in its middle, though nobody spoke; it is left there.
        """
        self.has_turn = True
        if step.go_away_s is not None:
            self._connection.start(self.leave(step.go_away_s))
        for message in step.raw:
            await self._connection.send_raw(message.encode())
        await asyncio.sleep(step.think_ms / 1000)
        if await self._struck(step, "before_answer"):
            return False
        if step.silent:
            self.has_turn = False
            return False
        if self._setup.session_resumption:
            await self._send(output.NOT_RESUMABLE)
        return await self._speak(step)

    async def cut(self) -> None:
        """Ends the turn where it is: the user spoke."""
        await self._send(output.INTERRUPTED)
        await self._end_turn()

    async def offer_resumption(self) -> None:
        """Gives a handle to a client that wants them."""
        if self._setup.session_resumption:
            handle = self._connection.session.give_handle()
            self._connection.record.handles_given.append(handle)
            await self._send(output.resumable(handle))

    async def leave(self, left_s: float) -> None:
        """Warns that the connection will be closed, and closes it then; the first warning holds."""
        if self._leaving:
            return
        self._leaving = True
        await self._send(output.go_away(left_s))
        await asyncio.sleep(left_s)
        await self._connection.close(INTERNAL, _DEADLINE)

    async def _speak(self, step: Step) -> bool:
        pieces = [] if step.empty else spoken(said(step), step.audio_ms)
        pace, playing = Pace(step.speed), Pace(1 if step.speed else None)
        before, after = halves(pieces)
        if await self._say(step, before, pace):
            return True
        if await self._struck(step, "mid_answer"):
            return False
        if await self._say(step, after, pace):
            return True
        if step.tool_calls:
            await self._call(step)
        else:
            await self._finish(step, playing, sum(piece.ms for piece in pieces))
        await self._struck(step, "after_answer")
        return False

    async def _say(self, step: Step, pieces: Sequence[Piece], pace: Pace) -> bool:
        cut_ms = step.barge_in_after_ms if self._setup.detection and self._setup.interruptible else None
        for piece in pieces:
            await pace.until(piece.at_ms)
            if cut_ms is not None and piece.at_ms >= cut_ms:
                return True
            for message in self._messages(piece):
                await self._send(message)
        return False

    def _messages(self, piece: Piece) -> list[JsonObject]:
        self._response.add(len(piece.text), piece.ms if self._setup.speaks else 0)
        if not self._setup.speaks:
            return [output.words(piece.text)] if piece.text else []
        sound = [output.sound(piece.audio)] if piece.audio else []
        transcribed = piece.text and self._setup.output_audio_transcription is not None
        return [*sound, *([output.spoken_words(piece.text)] if transcribed else [])]

    async def _call(self, step: Step) -> None:
        calls = self._connection.session.calls_of(step)
        message = output.tool_call(calls, self.prompt, self._response)
        self._remember()
        await self._send(message)

    async def _finish(self, step: Step, playing: Pace, length_ms: float) -> None:
        if step.status == "cancelled":
            await self.cut()
            return
        await self._send(output.GENERATION_COMPLETE)
        await playing.until(length_ms)
        await self._end_turn(_REASONS.get(step.incomplete_reason if step.status == "incomplete" else step.status))

    async def _end_turn(self, reason: str | None = None) -> None:
        self.has_turn = False
        message = output.turn_complete(self.prompt, self._response, reason)
        self._remember()
        await self._send(message)
        await self.offer_resumption()

    def _remember(self) -> None:
        self.prompt.add(self._response.letters, self._response.audio_ms)
        self._response = Tokens()

    async def _struck(self, step: Step, when: str) -> bool:
        if step.fault and step.fault.fatal and step.fault.when == when:
            await self._connection.close(INTERNAL, reason_of(step.fault.message))
            return True
        if step.close and step.close.when == when:
            await self._connection.end(step.close)
            return True
        return False

    async def _send(self, message: JsonObject) -> None:
        await self._connection.send_binary(message)
