"""`millstream talk`: one spoken turn with a realtime provider."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cli.following import DONE, FAILED
from cli.spoken import Spoken
from cli.standard_streams import tell
from cli.text import visible
from cli.wav import check_writable, read_wav, write_wav
from deploy.sandbox.processes import running_servers
from deploy.sandbox.scripted_provider import start_provider
from realtime import choose_realtime, realtime_provider
from settings import RealtimeSettings, load
from streaming.contracts import Tool
from streaming.duplex.aio.audio import AudioStreamer
from streaming.duplex.aio.collector import ResponseCollector, ResponseCollectorConfig
from streaming.duplex.aio.sending import send_end_of_stream
from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.aio.waiting import wait_for_response
from streaming.duplex.elements import BYTES_PER_SAMPLE, StreamElement, ToolResponse
from streaming.duplex.errors import DuplexError, SessionEndedError
from streaming.duplex.provider import RealtimeProvider
from streaming.duplex.setup import ServerVad, SessionSetup
from streaming.duplex.tools import ToolExecutionResult
from streaming.messages import ToolCallPart

_FAKE = (sys.executable, "-m", "deploy.sandbox.realtime")
_TIMEZONE = {"type": "string", "description": "Only UTC is known."}
_CLOCK = Tool(
    name="get_time",
    description="Tells what time it is.",
    input_schema={"type": "object", "properties": {"timezone": _TIMEZONE}},
)
_LATE_TRANSCRIPT_S = 3.0


@dataclass(frozen=True)
class Talk:
    """What is asked for on the command line."""

    question: Path
    answer: Path | None
    provider: str | None
    realtime: bool
    """Send the sound as fast as it plays, not all at once."""
    vad: bool
    """Let the provider hear when the user has finished."""
    instructions: str | None
    patience_s: float
    """How long a provider may say nothing at all."""


async def talk(environ: Mapping[str, str], asked: Talk) -> int:
    """Speak a WAV file to a provider, show what is said, and write the answer's sound; return the exit code.

    Raises:
        SettingsError: the provider is not to be had.
        WavError: one of the files; nothing has been said yet, unless the answer's can be written no longer.
        SandboxError: the fake provider does not start.
    """
    if asked.answer is not None:
        check_writable(asked.answer, asked.question)
    setup = SessionSetup(
        model="",
        instructions=asked.instructions,
        tools=(_CLOCK,),
        turn_detection=ServerVad() if asked.vad else None,
    )
    async with _provider(environ, asked.provider, setup) as provider:
        sound = read_wav(asked.question, provider.input_rate)
        heard = _Heard()
        try:
            with contextlib.closing(Spoken(_say, _note, live=sys.stdout.isatty())) as spoken:
                await _exchange(provider, sound, asked, spoken, heard)
        except DuplexError as error:
            _note(f"{type(error).__name__}: {error}")
            return FAILED
        except TimeoutError:
            _note(f"nothing came for {asked.patience_s:g} s: the provider does not answer (--patience waits longer)")
            return FAILED
        if asked.answer is not None:
            write_wav(asked.answer, bytes(heard.sound), provider.output_rate)
            _note(f"{asked.answer}: {len(heard.sound) / BYTES_PER_SAMPLE / provider.output_rate:.1f} s of sound")
    return DONE


@asynccontextmanager
async def _provider(
    environ: Mapping[str, str], name: str | None, setup: SessionSetup
) -> AsyncIterator[RealtimeProvider]:
    chosen = choose_realtime(load(environ), name)
    if chosen is not None:
        yield realtime_provider(*chosen, setup, environ)
        return
    _note("no realtime provider is configured ([realtime.NAME]): a fake one follows a script")
    async with running_servers() as servers:
        fake = await start_provider(servers, environ, _FAKE)
        given = RealtimeSettings(wire="openai-realtime", base_url=f"{fake.url}/v1", api_key_env="ANY_KEY")
        yield realtime_provider("fake", given, setup, {"ANY_KEY": "any"})


async def _exchange(provider: RealtimeProvider, sound: bytes, asked: Talk, spoken: Spoken, heard: "_Heard") -> None:
    clock = asyncio.get_running_loop()
    patience = asyncio.timeout(None)

    def listen(element: StreamElement) -> None:
        if patience.when() is not None:
            patience.reschedule(clock.time() + asked.patience_s)
        spoken.show(element)
        heard.take(element)

    async with RealtimeSession(provider) as session, patience:
        collector = ResponseCollector(ResponseCollectorConfig(executor=_DemoTools(), listener=listen))
        response = collector.start(session, session)
        streamer = AudioStreamer()
        stream = streamer.stream_realtime if asked.realtime else streamer.stream_burst
        await stream(sound, session, provider.input_rate)
        await send_end_of_stream(session)
        patience.reschedule(clock.time() + asked.patience_s)
        await wait_for_response(response)
        # What the user said may be written down long after it was answered.
        with contextlib.suppress(TimeoutError, SessionEndedError):
            async with asyncio.timeout(_LATE_TRANSCRIPT_S):
                while not heard.user_is_written_down:
                    listen(await session.receive())


class _Heard:
    """The sound of the answer, without what was cut off before it was heard."""

    def __init__(self) -> None:
        self.sound = bytearray()
        self.user_is_written_down = False
        self._began_at = 0

    def take(self, element: StreamElement) -> None:
        """Take an element."""
        if element.audio:
            self.sound += element.audio.data
        if element.interrupted and element.heard and element.audio_ms:
            whole = len(self.sound) - self._began_at
            del self.sound[
                self._began_at
                + int(whole * element.heard.ms / element.audio_ms) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE :
            ]
        if element.end_of_stream or element.interrupted:
            self._began_at = len(self.sound)
        if element.transcript and element.transcript.speaker == "user" and element.transcript.final:
            self.user_is_written_down = True


class _DemoTools:
    """The one tool of the demonstration: a clock."""

    async def execute(self, calls: Sequence[ToolCallPart]) -> ToolExecutionResult:
        """Run the calls, and show them."""
        return ToolExecutionResult(responses=tuple(map(self._run, calls)))

    def _run(self, call: ToolCallPart) -> ToolResponse:
        known = call.name == _CLOCK.name
        output = {"time": f"{datetime.now(UTC):%H:%M}", "timezone": "UTC"} if known else {"error": "no such tool"}
        _note(visible(f"tool: {call.name}({call.arguments}) → {json.dumps(output)}"))
        return ToolResponse(call.id, call.name, json.dumps(output), is_error=not known)


def _say(text: str) -> None:
    print(text, end="", flush=True)


def _note(line: str) -> None:
    tell(f"  {line}")
