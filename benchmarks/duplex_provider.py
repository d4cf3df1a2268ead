"""A realtime provider that stamps its sound and measures ours: just enough of OpenAI's wire, in a process of its own.

The first eight bytes of each piece of sound, in both directions, are the machine's monotonic clock in nanoseconds,
which its processes share. `python -m benchmarks.duplex_provider` prints its address and serves until it is killed.
"""

import asyncio
import base64
import struct
import sys
import time

import orjson
import uvloop
from websockets.asyncio.server import ServerConnection, serve

STAMP = struct.Struct("<q")
CONTROL_PATH = "/control"
RATE = 24_000
PIECE_MS = 20
PIECE_BYTES = RATE * 2 * PIECE_MS // 1000


def stamped(size: int) -> bytes:
    """Return a piece of sound that says when it was made."""
    return STAMP.pack(time.monotonic_ns()) + bytes(size - STAMP.size)


def age_ms(sound: bytes) -> float:
    """Return how long ago a piece was made."""
    written: int = STAMP.unpack_from(sound)[0]
    return (time.monotonic_ns() - written) / 1e6


class _Provider:
    """All sessions, and how old the sound was that they took."""

    def __init__(self) -> None:
        self.ages_ms: list[float] = []
        self._sessions: set[_Session] = set()

    async def connected(self, connection: ServerConnection) -> None:
        """Serve a session, or one who controls them all."""
        if connection.request is not None and connection.request.path == CONTROL_PATH:
            await self._controlled(connection)
            return
        session = _Session(connection, self)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)

    async def _controlled(self, connection: ServerConnection) -> None:
        async for command in connection:
            if command == "barge in":
                for session in tuple(self._sessions):
                    await session.barge_in()
                    await asyncio.sleep(PIECE_MS / 1000)  # people do not speak up all at once
            told, self.ages_ms = self.ages_ms, []
            await connection.send(orjson.dumps(told).decode())


class _Session:
    """One client: streams sound for ever once asked."""

    def __init__(self, connection: ServerConnection, provider: _Provider) -> None:
        self._connection = connection
        self._provider = provider
        self._answers = 0
        self._answering: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve until the client goes."""
        await self._say({"type": "session.created", "session": {"id": "s", "type": "realtime"}})
        async for message in self._connection:
            event = orjson.loads(message)
            match event["type"]:
                case "input_audio_buffer.append":
                    self._provider.ages_ms.append(age_ms(base64.b64decode(event["audio"])))
                case "session.update":
                    await self._say({"type": "session.updated", "session": {"id": "s", "type": "realtime"}})
                case "response.create":
                    self._answering = asyncio.create_task(self._answer())
        if self._answering:
            self._answering.cancel()

    async def barge_in(self) -> None:
        """Hear the user speak; the item says when."""
        if self._answering is None:
            return
        self._answering.cancel()
        item = f"{time.monotonic_ns()}"
        await self._say({"type": "input_audio_buffer.speech_started", "item_id": item, "audio_start_ms": 0})
        cut = {"id": f"r{self._answers}", "status": "cancelled", "output": []}
        details = {"type": "cancelled", "reason": "turn_detected"}
        await self._say({"type": "response.done", "response": {**cut, "status_details": details}})

    async def _answer(self) -> None:
        self._answers += 1
        response, item = f"r{self._answers}", f"i{self._answers}"
        common = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
        await self._say({"type": "response.created", "response": {"id": response, "status": "in_progress"}})
        added = {"id": item, "type": "message", "role": "assistant", "content": []}
        await self._say({"type": "response.output_item.added", **common, "item": added})
        due = time.monotonic()
        while True:
            due += PIECE_MS / 1000
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            sound = base64.b64encode(stamped(PIECE_BYTES)).decode()
            await self._say({"type": "response.output_audio.delta", **common, "delta": sound})

    async def _say(self, event: dict[str, object]) -> None:
        await self._connection.send(orjson.dumps(event).decode())


async def _main() -> None:
    async with serve(_Provider().connected, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        sys.stdout.write(f"http://127.0.0.1:{port}\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main())
