"""Each delay and each fault of a script does on every wire what it says."""

import asyncio
import time

import orjson
import pytest

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject
from tests.deploy.sandbox_provider.conftest import Post, RawAsk
from tests.deploy.sandbox_provider.reading import answer, logged, read_to, whole
from tests.deploy.sandbox_provider.wires import ARRAY, GEMINI, MESSAGES, RESPONSES, Wire

ERROR: JsonObject = {"message": "mill on fire", "type": "overloaded_error", "code": "x"}
USUAL_CODES = (None, "invalid_api_key", "model_not_found", "rate_limit_exceeded")


@pytest.mark.parametrize("stream", [True, False])
async def test_the_headers_and_the_first_token_wait(
    provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire, *, stream: bool
) -> None:
    """Two silences, one before the headers and one after them, each of its own length."""
    await provider.put(script, [{"text": "a", "headers_after_s": 0.1, "first_token_s": 0.2}, {"first_token_s": 3600}])
    begun = time.monotonic()
    reader, _ = await ask(script, wire, stream=stream)
    await reader.readuntil(b"\r\n\r\n")
    assert time.monotonic() - begun > 0.09
    await reader.readline()
    assert time.monotonic() - begun > 0.29

    reader, _ = await ask(script, wire, stream=stream)
    await reader.readuntil(b"\r\n\r\n")  # which do not wait for what comes after them


async def test_the_pace_is_kept(provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire) -> None:
    """Twenty tokens at 10 ms each take about 0.2 s, and come one by one."""
    await provider.put(script, [{"tokens": 20, "pace_s": 0.01}])
    begun = time.monotonic()
    _, pieces = await answer(await ask(script, wire))

    assert time.monotonic() - begun > 0.17
    assert len(pieces) > 15


async def test_pings_keep_a_slow_start_alive(provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire) -> None:
    """Pings come through the silence before the first token, and the answer follows."""
    await provider.put(script, [{"text": "a", "first_token_s": 0.22, "comments_every_s": 0.05}])
    body = await whole(await ask(script, wire))

    assert body.startswith(wire.ping * 4)
    assert wire.end in body


@pytest.mark.parametrize(
    ("fault", "chunks"), [({"pings_only": True}, 0), ({"ping_after": 2}, 2), ({"ping_after": 0}, 0)]
)
async def test_only_pings_come_for_ever(
    provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire, fault: JsonObject, chunks: int
) -> None:
    """The connection lives, and says nothing any more."""
    await provider.put(script, [{"tokens": 9, "comments_every_s": 0.01, **fault}])
    reader, _ = await ask(script, wire)
    for _ in range(3):
        await reader.readuntil(wire.ping)

    [entry] = await provider.requests(script)
    assert (entry.outcome, entry.chunks_sent) == ("running", chunks)


async def test_silence_lasts_until_the_client_goes_and_is_logged(
    provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire
) -> None:
    """After the scripted chunks nothing comes; a client that hangs up is noticed at once."""
    await provider.put(script, [{"tokens": 9, "silent_after": 3, "comments_every_s": 0.05}])
    reader, writer = await ask(script, wire)
    await read_to((reader, writer), b"00002")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.15):
            await reader.readexactly(1)
    closed = time.time()
    writer.close()

    entry = await logged(provider, script, "client closed")
    assert entry.chunks_sent == 3
    assert entry.ended_at is not None
    assert entry.ended_at - closed < 15


@pytest.mark.parametrize("wait", ["headers_after_s", "first_token_s", "pace_s"])
async def test_a_client_that_goes_in_any_silence_is_logged(
    provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire, wait: str
) -> None:
    """Before the headers, before the first token, or between tokens."""
    await provider.put(script, [{"tokens": 9, wait: 60}])
    _, writer = await ask(script, wire)
    await logged(provider, script, "running")
    writer.close()
    entry = await logged(provider, script, "client closed")

    assert entry.chunks_sent <= 1


@pytest.mark.parametrize("cut", ["close", "reset", "eof"])
async def test_a_cut_stream_ends_as_scripted(
    provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire, cut: str
) -> None:
    """After two chunks comes a bare close, a reset, or a proper end of the body, and never a whole stream's end."""
    await provider.put(script, [{"tokens": 9, "cut_after": 2, "cut": cut}])
    connection = await ask(script, wire)
    read = await read_to(connection, b"00001")
    rest = connection[0].read()

    if cut == "reset":
        with pytest.raises(ConnectionResetError):
            await rest
    else:
        assert await rest == (b"0\r\n\r\n" if cut == "eof" else b"")
    assert wire.end not in read
    [entry] = await provider.requests(script)
    assert (entry.outcome, entry.chunks_sent) == ("cut", 2)


async def test_a_cut_of_all_chunks_keeps_the_finish_back(
    provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire
) -> None:
    """A cut after the last content chunk still comes before the finish is told."""
    await provider.put(script, [{"tokens": 2, "cut_after": 2, "cut": "eof"}])
    body = await whole(await ask(script, wire))

    assert b"00001" in body
    assert wire.end not in body
    assert b'"stop"' not in body


async def test_no_done_leaves_only_the_terminator_out(
    provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire
) -> None:
    """The stream ends properly after all its chunks; Gemini's has no terminator to lose."""
    await provider.put(script, [{"tokens": 2, "no_done": True}])
    body = await whole(await ask(script, wire))

    assert b"00001" in body
    assert (wire.end in body) == (wire is GEMINI)


async def test_a_cut_of_a_unary_body_counts_pieces(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """A unary answer is cut after that many pieces of its bytes."""
    await provider.put(script, [{"text": "a", "chunk_bytes": 5, "cut_after": 2}])
    reader, _ = await ask(script, stream=False)

    assert (await reader.read()).endswith(b'\r\n5\r\n{"id"\r\n5\r\n:"cha\r\n')


async def test_an_error_in_the_stream_has_the_wires_own_form(
    provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire
) -> None:
    """After the scripted chunks the scripted error is the last event; its envelope is the wire's."""
    await provider.put(script, [{"tokens": 9, "error_after": 3, "error": ERROR}])
    body = await whole(await ask(script, wire))

    *before, last, after = body.split(wire.blank)
    assert after == b""
    assert b"00002" in body
    assert b"00003" not in body
    name, _, data = last.rpartition(b"data: ")
    event = orjson.loads(data)
    assert event.pop("error") == ERROR
    event.pop("request_id", None)
    if wire is RESPONSES:
        assert event == {"type": "error", "sequence_number": len(before)}
    else:
        assert event == ({"type": "error"} if wire is MESSAGES else {})
    assert name.strip() == (b"event: error" if wire in (RESPONSES, MESSAGES) else b"")


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, 529])
async def test_a_status_comes_with_the_wires_usual_error(
    provider: ScriptedProvider, post: Post, script: str, wire: Wire, status: int
) -> None:
    """A scripted status alone has a body that tells what the API would."""
    await provider.put(script, [{"status": status}])
    told, body = await post(wire, wire.body(script, stream=False))

    error = body["error"]
    assert isinstance(error, dict)
    assert told == status
    assert error["message"]
    assert error.get("code", status) in (status, *USUAL_CODES)
    assert ("request_id" in body) == (wire is MESSAGES)


async def test_an_array_that_grows_breaks_as_one(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Gemini's other stream: an error is its last element, blank lines are its pings."""
    timing: JsonObject = {"first_token_s": 0.05, "comments_every_s": 0.02}
    await provider.put(script, [{"tokens": 9, "error_after": 2, "error": ERROR, **timing}])
    body = await whole(await ask(script, ARRAY))

    assert body.startswith(ARRAY.ping)
    chunks = orjson.loads(body)
    assert len(chunks) == 3
    assert chunks[-1] == {"error": ERROR}
