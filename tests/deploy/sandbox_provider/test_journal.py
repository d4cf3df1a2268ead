import time

from deploy.sandbox.provider.client import ScriptedProvider
from tests.deploy.sandbox_provider.conftest import RawAsk
from tests.deploy.sandbox_provider.reading import logged, read_to
from tests.deploy.sandbox_provider.wires import CHAT


async def test_the_last_chunks_time_is_kept_through_the_silence_after_it(
    provider: ScriptedProvider, ask: RawAsk, script: str
) -> None:
    """Pings are no chunks: how long a client bore them is the time from the last chunk to the end."""
    await provider.put(script, [{"tokens": 9, "ping_after": 3}])
    connection = await ask(script)
    await read_to(connection, b"00002")
    await connection[0].readuntil(CHAT.ping)
    pinged = time.time()
    for _ in range(3):
        await connection[0].readuntil(CHAT.ping)
    connection[1].close()

    entry = await logged(provider, script, "client closed")
    assert entry.last_chunk_at is not None
    assert entry.ended_at is not None
    assert entry.at <= entry.last_chunk_at <= pinged
    assert entry.ended_at - entry.last_chunk_at > 0.25


async def test_an_answer_without_a_chunk_has_no_last_chunk(
    provider: ScriptedProvider, ask: RawAsk, script: str
) -> None:
    """Nothing was sent, so there is no time of it."""
    await provider.put(script, [{"text": "late", "headers_after_s": 60}])
    _, writer = await ask(script)
    await logged(provider, script, "running")
    writer.close()

    assert (await logged(provider, script, "client closed")).last_chunk_at is None
