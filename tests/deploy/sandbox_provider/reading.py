"""Reads raw answers, and waits for what the journal says of them."""

import asyncio

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.journal import Entry
from tests.deploy.sandbox_provider.conftest import Connection


async def piece(connection: Connection) -> bytes:
    """Reads the next HTTP chunk; the last one is empty."""
    size = int(await connection[0].readuntil(b"\r\n"), 16)
    return (await connection[0].readexactly(size + 2))[:-2]


async def read_to(connection: Connection, words: bytes) -> bytes:
    """Reads the headers and then the HTTP chunks, to the end of the one with these words."""
    read = await connection[0].readuntil(b"\r\n\r\n")
    while words not in read:
        more = await piece(connection)
        assert more, read
        read += more
    return read


async def answer(connection: Connection) -> tuple[bytes, list[bytes]]:
    """Reads the headers and then the HTTP chunks, to the end; a body without its end raises."""
    head = await connection[0].readuntil(b"\r\n\r\n")
    pieces = []
    while more := await piece(connection):
        pieces.append(more)
    return head, pieces


async def whole(connection: Connection) -> bytes:
    """Reads a body to its proper end."""
    return b"".join((await answer(connection))[1])


async def logged(provider: ScriptedProvider, script: str, outcome: str) -> Entry:
    """Waits until the journal has the script's request with this outcome, for so long that only a hang is longer."""
    for _ in range(6000):
        entries = await provider.requests(script)
        if [entry.outcome for entry in entries] == [outcome]:
            return entries[0]
        await asyncio.sleep(0.01)
    raise AssertionError(entries)
