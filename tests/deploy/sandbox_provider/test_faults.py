"""Each delay and each fault of a script does on the wire what it says."""

import asyncio
import time

import pytest

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject
from tests.deploy.sandbox_provider.conftest import RawAsk
from tests.deploy.sandbox_provider.wire import answer, logged, whole


@pytest.mark.parametrize("stream", [True, False])
async def test_the_headers_and_the_first_token_wait(
    provider: ScriptedProvider, ask: RawAsk, script: str, *, stream: bool
) -> None:
    """Two silences, one before the headers and one after them, each of its own length."""
    await provider.put(script, [{"text": "a", "headers_after_s": 0.1, "first_token_s": 0.2}])
    reader, _ = await ask(script, stream=stream)
    begun = time.monotonic()
    await reader.readuntil(b"\r\n\r\n")
    headers = time.monotonic()
    await reader.readline()
    first = time.monotonic()

    assert headers - begun > 0.09
    assert first - headers > 0.1
    assert 0.29 < first - begun < 2


async def test_the_pace_is_kept(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Twenty tokens at 10 ms each take about 0.2 s, and come one by one."""
    await provider.put(script, [{"tokens": 20, "pace_s": 0.01}])
    begun = time.monotonic()
    _, pieces = await answer(await ask(script))

    assert 0.17 < time.monotonic() - begun < 2
    assert len(pieces) > 15


async def test_comments_keep_a_slow_start_alive(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Comments come through the silence before the first token, and the answer follows."""
    await provider.put(script, [{"text": "a", "first_token_s": 0.22, "comments_every_s": 0.05}])
    body = await whole(await ask(script))

    assert body.startswith(b": keep-alive\n\n" * 4 + b"data: {")


@pytest.mark.parametrize(
    ("fault", "chunks"), [({"pings_only": True}, 0), ({"ping_after": 2}, 2), ({"ping_after": 0}, 0)]
)
async def test_only_pings_come_for_ever(
    provider: ScriptedProvider, ask: RawAsk, script: str, fault: JsonObject, chunks: int
) -> None:
    """The connection lives, and says nothing any more."""
    await provider.put(script, [{"tokens": 9, "comments_every_s": 0.01, **fault}])
    reader, _ = await ask(script)
    for _ in range(3):
        await reader.readuntil(b": keep-alive\n\n")

    [entry] = await provider.requests(script)
    assert (entry.outcome, entry.chunks_sent) == ("running", chunks)


async def test_silence_lasts_until_the_client_goes_and_is_logged(
    provider: ScriptedProvider, ask: RawAsk, script: str
) -> None:
    """After the scripted chunks nothing comes; a client that hangs up is noticed at once."""
    await provider.put(script, [{"tokens": 9, "silent_after": 3, "comments_every_s": 0.05}])
    reader, writer = await ask(script)
    await reader.readuntil(b"00002")
    await reader.readuntil(b"\r\n")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.15):
            await reader.readexactly(1)
    closed = time.time()
    writer.close()

    entry = await logged(provider, script, "client closed")
    assert entry.chunks_sent == 3
    assert entry.ended_at is not None
    assert entry.ended_at - closed < 1


@pytest.mark.parametrize("wait", ["headers_after_s", "first_token_s", "pace_s"])
async def test_a_client_that_goes_in_any_silence_is_logged(
    provider: ScriptedProvider, ask: RawAsk, script: str, wait: str
) -> None:
    """Before the headers, before the first token, or between tokens."""
    await provider.put(script, [{"tokens": 9, wait: 60}])
    _, writer = await ask(script)
    await logged(provider, script, "running")
    writer.close()
    entry = await logged(provider, script, "client closed")

    assert entry.chunks_sent <= 1


@pytest.mark.parametrize("cut", ["close", "reset", "eof"])
async def test_a_cut_stream_ends_as_scripted(provider: ScriptedProvider, ask: RawAsk, script: str, cut: str) -> None:
    """After two chunks comes a bare close, a reset, or a proper end of the body, and never a terminator."""
    await provider.put(script, [{"tokens": 9, "cut_after": 2, "cut": cut}])
    connection = await ask(script)
    await connection[0].readuntil(b"00001")
    read = connection[0].read()

    if cut == "reset":
        with pytest.raises(ConnectionResetError):
            await read
    else:
        rest = await read
        assert rest.endswith(b"\r\n0\r\n\r\n") == (cut == "eof")
        assert b"DONE" not in rest
        assert b'"stop"' not in rest
    [entry] = await provider.requests(script)
    assert (entry.outcome, entry.chunks_sent) == ("cut", 2)


async def test_a_cut_of_all_chunks_keeps_the_finish_back(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """A cut after the last content chunk still comes before the finish chunk."""
    await provider.put(script, [{"tokens": 2, "cut_after": 2, "cut": "eof"}])
    body = await whole(await ask(script))

    assert b"00001" in body
    assert b'"stop"' not in body


async def test_a_cut_of_a_unary_body_counts_pieces(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """A unary answer is cut after that many pieces of its bytes."""
    await provider.put(script, [{"text": "a", "chunk_bytes": 5, "cut_after": 2}])
    reader, _ = await ask(script, stream=False)

    assert (await reader.read()).endswith(b'\r\n5\r\n{"id"\r\n5\r\n:"cha\r\n')
