"""OpenAI Realtime: when the model answers, what it answers, and what stops it."""

import asyncio
from typing import Literal

from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.openai_realtime_answer import Answer
from deploy.sandbox.realtime.openai_realtime_conversation import Conversation
from deploy.sandbox.realtime.openai_realtime_input import Refused
from deploy.sandbox.realtime.openai_realtime_listening import Listening
from deploy.sandbox.realtime.openai_realtime_session import Session
from deploy.sandbox.realtime.script import Step

GOING_AWAY = 1001
_INTERNAL_ERROR = 1011

Moment = Literal["before_answer", "mid_answer", "after_answer"]


class Turns:
    """The turns of one connection: at most one answer at a time."""

    def __init__(self, conversation: Conversation, session: Session, listening: Listening) -> None:
        self._conversation = conversation
        self._connection = conversation.connection
        self._play = conversation.connection.session
        self._session = session
        self._listening = listening
        self._answer: Answer | None = None
        self._answering: asyncio.Task[None] | None = None
        self._idle: asyncio.Task[None] | None = None

    async def speech_began(self) -> None:
        """Takes it that somebody speaks: an answer is cut, if the session is so."""
        self._stop_waiting()
        if self._session.interrupts:
            await self._cut("turn_detected")

    async def turn_over(self) -> None:
        """Takes it that the user has finished: that is answered, if the session is so."""
        if self._session.answers:
            try:
                self.respond()
            except Refused as refused:
                await self._conversation.error(refused.error)

    def respond(self, asked: JsonObject | None = None) -> None:
        """Begins an answer: to tool results if they came last, and else to what the user said.

        Args:
            asked: How the answer differs from the session's others.

        Raises:
            Refused: An answer is on its way.
        """
        if self._answer and self._answer.active:
            raise Refused(
                f"Conversation already has an active response in progress: {self._answer.id}. "
                "Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        self._stop_waiting()
        last = self._conversation.last
        results = last is not None and last["type"] == "function_call_output"
        step = self._play.take_after_tools() if results else self._play.take()
        if not step.silent:
            self._answer = Answer(self._conversation, step, self._session.fields, asked or {})
            self._answering = self._connection.start(self._perform(self._answer, step))

    async def cancel(self, response_id: str | None) -> None:
        """Stops the answer because the client says so.

        Raises:
            Refused: There is none, or not that one.
        """
        known = self._answer is not None and response_id in (None, self._answer.id)
        if not (known and await self._cut("client_cancelled")):
            raise Refused("Cancellation failed: no active response found", code="response_cancel_not_active")

    async def _perform(self, answer: Answer, step: Step) -> None:
        for message in step.raw:
            await self._connection.send_raw(message)
        if step.go_away_s is not None:
            self._connection.start(self._leave(step.go_away_s))
        await self._moment(step, "before_answer")
        await answer.create()
        await asyncio.sleep(step.think_ms / 1000)
        if not step.empty:
            barge_in = step.barge_in_after_ms if self._session.interrupts else None
            if not await answer.say(lambda: self._moment(step, "mid_answer"), barge_in):
                await self._phantom(answer)
                return
            await answer.call(self._play.calls_of(step))
        await self._finish(answer, step)
        await self._moment(step, "after_answer")
        self._wait_for_speech(answer)

    async def _finish(self, answer: Answer, step: Step) -> None:
        match step.status:
            case "failed":
                fault = step.fault
                error: JsonObject = {
                    "type": fault.kind if fault else "server_error",
                    "code": fault.code if fault else "server_error",
                    "message": fault.message if fault else "The server had an error while processing your request.",
                }
                await answer.finish("failed", error=error)
            case "incomplete":
                await answer.finish("incomplete", reason=step.incomplete_reason)
            case status:
                await answer.finish(status)

    async def _moment(self, step: Step, moment: Moment) -> None:
        fault, close = step.fault, step.close
        if fault and fault.when == moment and step.status != "failed":
            error: JsonObject = {"type": fault.kind, "code": fault.code, "message": fault.message}
            await self._conversation.error(error | {"param": None, "event_id": None})
            if fault.fatal:
                await self._connection.close(_INTERNAL_ERROR, fault.code)
        if close and close.when == moment:
            await self._connection.end(close)

    async def _phantom(self, answer: Answer) -> None:
        item_id = await self._listening.started()
        await answer.finish("cancelled", reason="turn_detected")
        await asyncio.sleep(self._listening.silence_ms / 1000)
        await self._listening.stopped(item_id)
        await self.turn_over()

    async def _cut(self, reason: str) -> bool:
        answer, answering = self._answer, self._answering
        if answer is None or answering is None or not answer.active:
            return False
        answering.cancel()
        await asyncio.wait({answering})
        await answer.finish("cancelled", reason=reason)
        return True

    def _wait_for_speech(self, answer: Answer) -> None:
        if (timeout_ms := self._session.idle_timeout_ms) is not None:
            self._idle = self._connection.start(self._speak_up((answer.unplayed_ms + timeout_ms) / 1000))

    def _stop_waiting(self) -> None:
        if self._idle and self._idle is not asyncio.current_task():
            self._idle.cancel()

    async def _speak_up(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._listening.timed_out()
        self.respond()

    async def _leave(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._connection.close(GOING_AWAY)
