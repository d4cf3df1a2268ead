"""How tests talk in a session: what a user does, and what comes of it."""

import asyncio
from collections.abc import Callable

import pytest

from streaming.duplex.aio.collector import ResponseCollector, ResponseCollectorConfig
from streaming.duplex.aio.reconnects import Reconnects
from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.elements import Audio, StreamElement
from streaming.duplex.errors import ConnectError, SessionEndedError
from streaming.duplex.provider import RealtimeProvider
from streaming.duplex.tools import ToolExecutor
from streaming.messages import Message, TextPart, ToolCallPart, ToolResultPart

SOON = Reconnects(first_s=0.02, max_s=0.1)
END = StreamElement(end_of_stream=True)


async def write(session: RealtimeSession, text: str) -> None:
    """Say something in writing, and wait for nothing."""
    await session.send(StreamElement(text=text))
    await session.send(END)


async def speak(session: RealtimeSession, *, rate: int, ms: int = 200) -> None:
    """Say something aloud, and wait for nothing."""
    for _ in range(ms // 20):
        await session.send(StreamElement(audio=Audio(b"\1\2" * (rate // 50), rate)))
    await session.send(END)


async def answer_of(
    session: RealtimeSession,
    executor: ToolExecutor | None = None,
    listener: Callable[[StreamElement], None] = lambda _: None,
) -> StreamElement:
    """Wait for the answer, with tools run on the way."""
    config = ResponseCollectorConfig(executor=executor, listener=listener)
    async with asyncio.timeout(60):
        return await ResponseCollector(config).start(session, session)


async def until(session: RealtimeSession, wanted: Callable[[StreamElement], bool]) -> list[StreamElement]:
    """Receive up to an element."""
    seen: list[StreamElement] = []
    async with asyncio.timeout(60):
        while not seen or not wanted(seen[-1]):
            seen.append(await session.receive())
    return seen


async def listen(session: RealtimeSession, ms: float) -> None:
    """Take so much sound."""
    taken = 0.0
    while taken < ms:
        element = (await until(session, lambda element: element.audio is not None))[-1]
        taken += element.audio.ms if element.audio else 0.0


async def eventually(happened: Callable[[], bool]) -> None:
    """Wait until it has, however slow the machine is."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def rest_of(session: RealtimeSession) -> list[StreamElement]:
    """Receive until the session is over."""
    async with asyncio.timeout(60):
        return [element async for element in session]


def ending_of(elements: list[StreamElement]) -> Exception | None:
    """Return the error of the last element: how the session ended."""
    return elements[-1].error


def is_ended(error: Exception | None) -> bool:
    """Return whether that is an ending and no failure."""
    return isinstance(error, SessionEndedError)


def shown(messages: list[Message]) -> list[str]:
    """Return a transcript in short: who, and what."""
    return [f"{message.role}: {' '.join(_words(message))}" for message in messages]


def _words(message: Message) -> list[str]:
    words: list[str] = []
    for part in message.parts:
        match part:
            case TextPart(text=text):
                words.append(text)
            case ToolCallPart(name=name):
                words.append(f"[{name}]")
            case ToolResultPart(content=content):
                words += [item.text for item in content if isinstance(item, TextPart)]
    return words


async def refusal(
    provider: RealtimeProvider, *, tries: int = 2, connect_timeout_s: float = 60, setup_timeout_s: float = 60
) -> ConnectError:
    """Return why a session does not begin."""
    session = RealtimeSession(
        provider,
        reconnects=Reconnects(tries=tries, first_s=0.02),
        connect_timeout_s=connect_timeout_s,
        setup_timeout_s=setup_timeout_s,
    )
    with pytest.raises(ConnectError) as raised:
        async with session:
            pass
    return raised.value
