"""A provider whose chunks say when they were written: `python -m benchmarks.stamping_provider`.

It speaks just enough of `openai-chat`, and costs little, because it shares two cores with what is measured. A
group of streams begins when all have been asked for, each in a phase of its own, so that neither how fast turns
start nor one common tick is part of what is measured.
"""

import asyncio
import json
import signal
import sys
from asyncio import StreamReader, StreamWriter
from collections import defaultdict

import uvloop

from benchmarks.stamps import Pace, stamp

_LEAD_S = 0.5  # between the last request of a group and its first chunks
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
_USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def _event(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "stamps", "choices": [choice]}
    return _data({**chunk, "usage": _USAGE} if finish_reason else chunk)


def _data(body: object) -> bytes:
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


_BEFORE, _AFTER = _event({"content": "STAMP"}).split(b"STAMP")


class Provider:
    """Groups of streams, each begun together."""

    def __init__(self) -> None:
        self._come: dict[str, int] = defaultdict(int)
        self._begun: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            await self._stream(writer, Pace(**json.loads(await reader.readexactly(length))["pace"]))
        except (OSError, asyncio.IncompleteReadError):
            return  # the client has gone
        finally:
            writer.close()

    async def _stream(self, writer: StreamWriter, pace: Pace) -> None:
        writer.write(_HEAD + _event({"role": "assistant", "content": ""}))
        self._come[pace.group] += 1
        phase = self._come[pace.group] / pace.streams
        if phase >= 1:
            self._begun[pace.group].set()
        await self._begun[pace.group].wait()
        now = asyncio.get_running_loop().time
        due = now() + _LEAD_S + pace.seconds * phase
        for _ in range(pace.chunks):
            due += pace.seconds
            await asyncio.sleep(due - now())
            await writer.drain()
            writer.write(_BEFORE + stamp().encode() + _AFTER)
        writer.write(_event({}, "stop") + b"data: [DONE]\n\n")
        await writer.drain()


async def serve() -> None:
    """Serve until SIGTERM, after telling the address on standard output."""
    server = await asyncio.start_server(Provider().answer, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{port}/v1"}) + "\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
