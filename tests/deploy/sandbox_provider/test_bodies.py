"""Each body that a script asks for is on the wire as it says."""

import base64

import orjson
import pytest

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject
from tests.deploy.sandbox_provider.conftest import RawAsk
from tests.deploy.sandbox_provider.reading import answer, whole
from tests.deploy.sandbox_provider.wires import ARRAY, GEMINI, Wire

EVENT_STREAM = b"text/event-stream; charset=utf-8"


async def test_usage_is_not_named_unless_asked_for(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Without include_usage no chunk has the field."""
    await provider.put(script, [{"text": "one two"}])

    assert b'"usage"' not in await whole(await ask(script))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
async def test_pieces_newlines_and_bom_are_as_scripted(
    provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire, newline: str
) -> None:
    """The body is cut every 7 bytes, whatever the events, and is otherwise the same."""
    await provider.put(script, [{"text": "Grüße 🌾", "chunk_bytes": 7, "newline": newline, "bom": True}])
    _, pieces = await answer(await ask(script, wire))

    assert {len(piece) for piece in pieces[:-1]} == {7}
    body = b"".join(pieces)
    assert body.startswith((b"\xef\xbb\xbfdata: {", b"\xef\xbb\xbfevent: "))
    assert body.endswith(newline.encode() * 2)
    assert wire.end in body
    if newline != "\n":
        assert b"\n" not in body.replace(b"\r\n", b"")


async def test_ten_thousand_tokens_go_out_at_once(
    provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire
) -> None:
    """Without a pace the provider writes in batches."""
    await provider.put(script, [{"tokens": 10_000}])
    body = await whole(await ask(script, wire))

    assert body.index(b" 00000") < body.index(b" 05000") < body.index(b" 09999") < body.index(wire.end)
    [entry] = await provider.requests(script)
    assert (entry.chunks_sent, entry.outcome) == (10_000, "complete")


async def test_a_ping_never_lands_inside_an_event(
    provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire
) -> None:
    """Even when events are cut and paced, pings stand between them."""
    timing: JsonObject = {"pace_s": 0.02, "comments_every_s": 0.005, "chunk_bytes": 50}
    await provider.put(script, [{"tokens": 5, **timing}])
    body = await whole(await ask(script, wire))

    events = body.split(wire.blank)
    assert events.count(wire.ping.removesuffix(wire.blank)) > 5
    assert {event[:5] for event in events} <= {b"data:", b"event", b": kee", b""}


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


async def test_an_explicit_null_leaves_the_finish_out(
    provider: ScriptedProvider, ask: RawAsk, script: str, wire: Wire
) -> None:
    """With a null finish reason and null usage nobody is told why or at what cost the answer ended."""
    await provider.put(script, [{"text": "a", "finish_reason": None, "usage": None}])
    body = await whole(await ask(script, wire))

    assert b'"a"' in body
    for told in (b'"finish_reason":"', b'"status":"completed","output"', b'"stop_reason":"', b'"finishReason"'):
        assert told not in body
    assert b"_tokens" not in body.replace(b"max_output_tokens", b"")
    assert b"TokenCount" not in body


async def test_the_array_that_grows_is_the_event_stream(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Gemini's stream without `alt=sse` has the same chunks, as the elements of one JSON array."""
    await provider.put(script, [{"text": "one two", "completion": {"responseId": "same"}}])
    head, pieces = await answer(await ask(script, ARRAY))
    events = (await whole(await ask(script, GEMINI))).split(GEMINI.blank)

    assert b"application/json" in head
    assert orjson.loads(b"".join(pieces)) == [orjson.loads(event[6:]) for event in events if event]


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
