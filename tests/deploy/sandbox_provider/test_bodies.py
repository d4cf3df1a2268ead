"""Each body that a script asks for is on the wire as it says."""

import base64
import time

import orjson
import pytest

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject
from tests.deploy.sandbox_provider.conftest import RawAsk
from tests.deploy.sandbox_provider.wire import answer, whole

EVENT_STREAM = b"text/event-stream; charset=utf-8"


async def test_an_ordinary_stream_ends_with_done(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Role, content, finish, usage and [DONE] follow each other in that order."""
    await provider.put(script, [{"text": "one two"}])
    body = await whole(await ask(script, stream_options={"include_usage": True}))

    events = body.split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    chunks = [orjson.loads(event.removeprefix(b"data: ")) for event in events[:-2]]
    deltas = [chunk["choices"][0]["delta"] if chunk["choices"] else None for chunk in chunks]
    assert deltas[1:] == [{"content": "one"}, {"content": " two"}, {}, None]
    assert [chunk["usage"] is None for chunk in chunks] == [True] * 4 + [False]


async def test_usage_is_not_named_unless_asked_for(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Without include_usage no chunk has the field."""
    await provider.put(script, [{"text": "one two"}])

    assert b'"usage"' not in await whole(await ask(script))


async def test_no_done_leaves_the_terminator_out(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """The stream ends properly after its finish chunk."""
    await provider.put(script, [{"text": "one two", "no_done": True}])
    body = await whole(await ask(script))

    assert b'"finish_reason":"stop"' in body
    assert b"[DONE]" not in body


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
async def test_pieces_newlines_and_bom_are_as_scripted(
    provider: ScriptedProvider, ask: RawAsk, script: str, newline: str
) -> None:
    """The body is cut every 7 bytes, whatever the events, and is otherwise the same."""
    await provider.put(script, [{"text": "Grüße 🌾", "chunk_bytes": 7, "newline": newline, "bom": True}])
    _, pieces = await answer(await ask(script))

    assert {len(piece) for piece in pieces[:-1]} == {7}
    body = b"".join(pieces)
    assert body.startswith(b"\xef\xbb\xbfdata: {")
    assert body.endswith(f"data: [DONE]{newline * 2}".encode())
    if newline != "\n":
        assert b"\n" not in body.replace(b"\r\n", b"")


async def test_ten_thousand_tokens_go_out_at_once(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Without a pace the provider writes in batches."""
    await provider.put(script, [{"tokens": 10_000}])
    begun = time.monotonic()
    body = await whole(await ask(script))
    took = time.monotonic() - begun

    events = [orjson.loads(event[6:]) for event in body.split(b"\n\n")[:-2]]
    text = "".join(event["choices"][0]["delta"].get("content") or "" for event in events)
    assert text.split() == [f"{position:05d}" for position in range(10_000)]
    assert took < 3
    [entry] = await provider.requests(script)
    assert (entry.chunks_sent, entry.outcome) == (10_000, "complete")


async def test_a_comment_never_lands_inside_an_event(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Even when events are cut and paced, comments stand between them."""
    timing: JsonObject = {"pace_s": 0.02, "comments_every_s": 0.005, "chunk_bytes": 50}
    await provider.put(script, [{"tokens": 5, **timing}])
    body = await whole(await ask(script))

    assert b": keep-alive" in body
    assert {event[:5] for event in body.split(b"\n\n") if event != b": keep-alive"} == {b"data:", b""}


async def test_raw_events_replace_the_generated_ones(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Raw lines are sent as they are, with the scripted line ends."""
    await provider.put(script, [{"raw_events": ["data: {malformed", "event: error\ndata: x"], "newline": "\r\n"}])
    head, pieces = await answer(await ask(script))

    assert EVENT_STREAM in head
    assert b"".join(pieces) == b"data: {malformed\r\n\r\nevent: error\r\ndata: x\r\n\r\n"


@pytest.mark.parametrize(
    ("response", "content_type", "body"),
    [
        ({"body": "<html>", "content_type": "text/html", "status": 502}, b"502 Bad Gateway", b"<html>"),
        ({"body": '{"id": '}, b"application/json", b'{"id": '),
        ({"body": ""}, b"application/json", b""),
        ({"raw_base64": base64.b64encode(b"\x00\xff").decode()}, b"application/octet-stream", b"\x00\xff"),
    ],
    ids=["html", "malformed", "empty", "bytes"],
)
async def test_a_body_is_sent_as_it_is(
    provider: ScriptedProvider,
    ask: RawAsk,
    script: str,
    response: JsonObject,
    content_type: bytes,
    body: bytes,
) -> None:
    """HTML, malformed JSON, nothing, or bytes that are no text at all."""
    await provider.put(script, [response])
    head, pieces = await answer(await ask(script))

    assert content_type in head
    assert b"".join(pieces) == body


async def test_a_stream_can_be_answered_with_json(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """A gateway that ignores `stream` answers with the unary object, overridden as scripted."""
    await provider.put(script, [{"text": "a", "json_although_stream": True, "completion": {"id": "mine"}}])
    head, pieces = await answer(await ask(script))

    assert b"Content-Type: application/json" in head
    completion = orjson.loads(b"".join(pieces))
    assert (completion["id"], completion["choices"][0]["message"]["content"]) == ("mine", "a")


async def test_an_explicit_null_leaves_the_finish_out(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """With a null finish reason and null usage neither chunk is sent."""
    await provider.put(script, [{"text": "a", "finish_reason": None, "usage": None}])
    body = await whole(await ask(script, stream_options={"include_usage": True}))

    assert body.count(b"data: {") == 2


async def test_audio_is_streamed_in_padded_pieces(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Each piece of audio is base64 of its own, and the bytes joined are the scripted ones."""
    sound = bytes(range(256)) * 10
    audio: JsonObject = {
        "id": "a1",
        "transcript": "la la",
        "expires_at": 7,
        "data": base64.b64encode(sound).decode(),
    }
    await provider.put(script, [{"message": {"content": None, "audio": audio}}])
    body = await whole(await ask(script))

    events = [orjson.loads(event[6:])["choices"][0]["delta"] for event in body.split(b"\n\n")[:-2]]
    parts = [event["audio"] for event in events if "audio" in event]
    assert b"".join(base64.b64decode(part["data"]) for part in parts if "data" in part) == sound
    assert [part for part in parts if "data" not in part] == [
        {"id": "a1"},
        {"transcript": "la"},
        {"transcript": " la"},
        {"expires_at": 7},
    ]
