"""The toy provider's server: plays a script, over all the connections of one key, on real sockets."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from deploy.sandbox.realtime.connection import ClientConnection
from deploy.sandbox.realtime.journal import Journal, JsonObject
from deploy.sandbox.realtime.playing import Pace, Playthroughs, halves, said, spoken
from deploy.sandbox.realtime.script import Script, Step
from streaming.jsontext import loads
from streaming.providers.values import objects, string

BAD_KEY = "bad"
_names = count(1)


@dataclass(frozen=True)
class ToyServer:
    """Where it is, and what happened there."""

    url: str
    journal: Journal


@asynccontextmanager
async def serve_toy(script: Script) -> AsyncIterator[ToyServer]:
    """Serve until the block is left."""
    journal, sessions = Journal(), Playthroughs(script)

    async def admit(socket: ServerConnection, request: Request) -> Response | None:
        await asyncio.sleep(script.slow_connect_ms / 1000)
        if _key(request) != BAD_KEY:
            return None
        journal.refused.append(401)
        return socket.respond(HTTPStatus.UNAUTHORIZED, "no")

    async def handle(socket: ServerConnection) -> None:
        assert socket.request is not None
        key = _key(socket.request)
        session = sessions.of(key)
        record = journal.open(session.number, "toy")
        connection = ClientConnection(socket, session, record, journal, key)
        try:
            await _Talk(connection).run()
        except ConnectionClosed:
            pass
        except Exception as failure:
            await connection.fail(failure)
        finally:
            await connection.finish()

    async with serve(
        handle,
        "127.0.0.1",
        0,
        process_request=admit,
        compression=None,
        close_timeout=1,
        max_size=None,
        ping_interval=None,
    ) as server:
        bound = next(iter(server.sockets)).getsockname()
        yield ToyServer(f"ws://127.0.0.1:{bound[1]}", journal)
    if journal.failures:
        raise ExceptionGroup("the toy failed", journal.failures)


def _key(request: Request) -> str:
    return parse_qs(urlsplit(request.path).query).get("key", [""])[0]


class _Talk:
    """One connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._session = connection.session
        self._handles = False
        self._sounded = False
        self._answer: asyncio.Task[None] | None = None
        self._speaking = False

    async def run(self) -> None:
        """Read until the connection is closed."""
        if not await self._set_up(await self._next()):
            return
        if (longest := self._session.script.max_connection_s) is not None:
            self._connection.start(self._leave(longest / 2, after_s=longest / 2))
        while True:
            await self._take(await self._next())

    async def _next(self) -> JsonObject:
        message = await self._connection.receive()
        assert isinstance(message, str)
        told = loads(message.encode())
        assert isinstance(told, dict)
        self._connection.record.took(told)
        return told

    async def _set_up(self, setup: JsonObject) -> bool:
        script, handle = self._session.script, string(setup.get("resume"))
        if script.refuse_setup is not None:
            await self._say("refused", why=script.refuse_setup)
            return False
        if handle:
            self._connection.record.handle_used = handle
            if script.resume == "refuse" or not self._session.knows(handle) or self._session.in_use():
                await self._say("no_resume", why="in use" if self._session.in_use() else "unknown")
                return False
        self._session.in_use = lambda: self._connection.is_open
        self._handles = setup.get("handles") is True
        await self._say("ready", session=f"toy{next(_names)}")
        if self._handles:
            await self._offer()
        if setup.get("ask") is True:
            last = objects(setup.get("history"))[-1]
            self._begin(self._session.take_after_tools() if last.get("role") == "tool" else self._session.take())
        return True

    async def _take(self, told: JsonObject) -> None:
        match told.get("do"):
            case "audio":
                self._sounded = True
                self._connection.record.heard(base64.b64decode(string(told.get("data"))))
            case "end":
                await self._end_turn()
            case "stop":
                await self._cut()
            case "result":
                self._connection.record.result(string(told.get("id")), told.get("output"))
                if self._session.settle_call(string(told.get("id"))) and not self._session.awaited:
                    self._begin(self._session.take_after_tools())

    async def _end_turn(self) -> None:
        await self._cut()
        self._session.awaited.clear()  # calls that the client never saw, for their connection broke
        step = self._session.take()
        if self._sounded:
            await self._take_utterance(step)
        self._begin(step)

    async def _take_utterance(self, step: Step) -> None:
        self._sounded = False
        item = f"utterance{next(_names)}"
        await self._say("taken", item=item)
        if step.transcript_after_ms:
            self._connection.start(self._transcribe(item, step))
        else:
            await self._transcribe(item, step)

    async def _transcribe(self, item: str, step: Step) -> None:
        await asyncio.sleep(step.transcript_after_ms / 1000)
        await self._say("heard", item=item, text=step.user_says)

    def _begin(self, step: Step) -> None:
        self._answer = self._connection.start(self._play(step))

    async def _cut(self) -> None:
        if self._answer and self._speaking:
            self._answer.cancel()
            await asyncio.wait([self._answer])
            self._speaking = False
            await self._say("cut")
            await self._say("cut_over")
            await self._offer()

    async def _play(self, step: Step) -> None:
        if step.go_away_s is not None:
            self._connection.start(self._leave(step.go_away_s))
        for message in step.raw:
            await self._connection.send_raw(message)
        await asyncio.sleep(step.think_ms / 1000)
        if await self._struck(step, "before_answer") or step.silent:
            return
        if self._handles:
            await self._say("handle", handle="")
        await self._say("began", id=f"answer{next(_names)}")
        self._speaking = True
        pieces = [] if step.empty else spoken(said(step), step.audio_ms)
        pace = Pace(step.speed)
        for place, half in enumerate(halves(pieces)):
            for piece in half:
                await pace.until(piece.at_ms)
                if step.barge_in_after_ms is not None and piece.at_ms >= step.barge_in_after_ms:
                    await self._phantom()
                    return
                await self._say("words", text=piece.text)
                await self._say("sound", data=base64.b64encode(piece.audio).decode())
            if place == 0 and await self._struck(step, "mid_answer"):
                return
        await self._finish(step)
        await self._struck(step, "after_answer")

    async def _finish(self, step: Step) -> None:
        self._speaking = False
        if step.status == "failed":
            await self._say("failed", message="scripted")
        elif calls := self._session.calls_of(step):
            await self._say("calls", calls=[{"id": c.id, "name": c.name, "arguments": c.arguments} for c in calls])
            for call in calls:
                if call.cancel_after_ms is not None:
                    self._connection.start(self._take_back(call.id, call.cancel_after_ms))
            return
        else:
            await self._say("done")
        await self._offer()

    async def _take_back(self, call_id: str, after_ms: float) -> None:
        await asyncio.sleep(after_ms / 1000)
        if self._session.settle_call(call_id):
            await self._say("cancelled", ids=[call_id])

    async def _phantom(self) -> None:
        self._speaking = False
        await self._say("cut")
        await self._say("cut_over")
        await self._offer()
        step = self._session.take()
        await self._take_utterance(step)
        self._begin(step)

    async def _offer(self) -> None:
        if self._handles:
            await self._say("handle", handle=self._session.give_handle())

    async def _struck(self, step: Step, when: str) -> bool:
        if step.fault and step.fault.when == when:
            await self._say("fault", message=step.fault.message, fatal=step.fault.fatal)
            if step.fault.fatal:
                await self._connection.close(1011, step.fault.message)
                return True
        if step.close and step.close.when == when:
            step_close, self._speaking = step.close, False
            await self._connection.end(step_close)
            return True
        return False

    async def _leave(self, left_s: float, after_s: float = 0.0) -> None:
        await asyncio.sleep(after_s)
        await self._say("going", s=left_s)
        await asyncio.sleep(left_s)
        await self._connection.close(1011, "deadline")

    async def _say(self, word: str, **fields: object) -> None:
        await self._connection.send({"is": word, **fields})  # type: ignore[dict-item]
