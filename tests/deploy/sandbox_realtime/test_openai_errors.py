"""OpenAI Realtime: what clients do wrong, and what the provider does."""

import re
from base64 import b64encode
from contextlib import AbstractAsyncContextManager

import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.script import Fault, Script, Step
from deploy.sandbox.realtime.serving import OPENAI_PATH, serve
from deploy.sandbox.realtime.sound import silence, tone
from tests.deploy.sandbox_realtime.openai_client import code_of, error_of, status_of, talking
from tests.deploy.sandbox_realtime.oracle import strictly


def session(**fields: object) -> dict[str, object]:
    """An update of the session."""
    return {"type": "session.update", "session": {"type": "realtime", **fields}}


def item(**fields: object) -> dict[str, object]:
    """A new item."""
    return {"type": "conversation.item.create", "item": fields}


WRONG: list[tuple[object, str, str | None]] = [
    ("no json", "invalid_json", None),
    ("[]", "invalid_json", None),
    (b"\x00\x01", "invalid_json", None),
    ({}, "missing_required_parameter", "type"),
    ({"type": "nonsense"}, "invalid_value", "type"),
    ({"type": 3}, "invalid_value", "type"),
    ({"type": "response.create", "nonsense": 1}, "unknown_parameter", "nonsense"),
    ({"type": "response.create", "response": {"conversation": "none"}}, "invalid_value", "response.conversation"),
    ({"type": "response.cancel"}, "response_cancel_not_active", None),
    ({"type": "session.update", "session": {}}, "missing_required_parameter", "session.type"),
    (session(nonsense=1), "unknown_parameter", "session.nonsense"),
    (session(instructions=3), "invalid_type", "session.instructions"),
    (session(model="another"), "cannot_update_model", "session.model"),
    (session(output_modalities=["text", "audio"]), "array_above_max_length", "session.output_modalities"),
    (session(max_output_tokens=0), "integer_below_min_value", "session.max_output_tokens"),
    (session(voice="marin"), "unknown_parameter", "session.voice"),
    (
        session(audio={"input": {"format": {"type": "audio/pcm", "rate": 16000}}}),
        "invalid_value",
        "session.audio.input.format.rate",
    ),
    (
        session(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": "loud"}}}),
        "invalid_type",
        "session.audio.input.turn_detection.threshold",
    ),
    (
        session(audio={"input": {"turn_detection": {"type": "telepathy"}}}),
        "invalid_value",
        "session.audio.input.turn_detection.type",
    ),
    ({"type": "input_audio_buffer.append", "audio": "?"}, "invalid_value", "audio"),
    ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
    ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
    (item(type="message", role="user"), "missing_required_parameter", "item.content"),
    (item(type="function_call_output", call_id="c", output="o"), "invalid_tool_call_id", "item.call_id"),
    (
        item(type="message", role="user", content=[], id="a") | {"previous_item_id": "b"},
        "item_create_invalid_previous_item_id",
        None,
    ),
    (
        {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 1},
        "item_truncate_invalid_item_id",
        None,
    ),
    ({"type": "conversation.item.delete", "item_id": "a"}, "item_delete_invalid_item_id", None),
]


@pytest.mark.parametrize(("message", "code", "param"), WRONG)
async def test_a_wrong_event_is_answered_with_an_error(message: object, code: str, param: str | None) -> None:
    """The error says what is wrong and with which event, and the session goes on."""
    sent = message
    if isinstance(message, dict):
        sent = orjson.dumps({"event_id": "mine", **message}).decode()
    async with serve() as server, talking(server) as talk:
        await talk.connection._connection.send(sent)  # type: ignore[arg-type]
        error = error_of(await talk.next())
        done = await talk.ask()

    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert error["event_id"] == ("mine" if isinstance(message, dict) else None)
    assert status_of(done) == "completed"


async def test_two_answers_at_a_time() -> None:
    """A second answer is refused, and the first goes on."""
    async with serve(Script(steps=[Step(audio_ms=2000, speed=1)])) as server, talking(server) as talk:
        await talk.connection.response.create()
        await talk.connection.response.create()
        error = error_of(await talk.until("error"))
        done = await talk.until("response.done")

    response_id = talk.all("response.created")[0]["response"]["id"]  # type: ignore[call-overload,index]
    assert error["code"] == "conversation_already_has_active_response"
    assert str(response_id) in str(error["message"])
    assert status_of(done) == "completed"


async def test_a_cancel_of_another_answer() -> None:
    """A cancel that names an answer stops no other."""
    async with serve(Script(steps=[Step(audio_ms=2000, speed=1)])) as server, talking(server) as talk:
        await talk.connection.response.create()
        await talk.until("response.created")
        await talk.connection.response.cancel(response_id="resp_of_old")
        error = error_of(await talk.until("error"))
        done = await talk.until("response.done")

    assert error["code"] == "response_cancel_not_active"
    assert status_of(done) == "completed"


@pytest.mark.parametrize(("ms", "enough"), [(99, False), (100, True)])
async def test_a_commit_wants_sound(ms: int, *, enough: bool) -> None:
    """Less than 100 ms is no turn."""
    async with serve() as server, talking(server) as talk:
        await talk.listen(None)
        await talk.say(silence(ms))
        await talk.connection.input_audio_buffer.commit()
        event = await talk.next()

    assert event["type"] == ("input_audio_buffer.committed" if enough else "error")
    if not enough:
        assert "buffer only has 99.00ms of audio" in str(error_of(event)["message"])


async def test_a_client_may_end_a_turn_that_is_heard() -> None:
    """A commit amid speech makes the item that speech was announced with, and nothing is heard to stop after."""
    async with serve() as server, talking(server) as talk:
        await talk.listen({"type": "server_vad", "silence_duration_ms": 100})
        await talk.say(tone(200))
        started = await talk.until("input_audio_buffer.speech_started")
        await talk.connection.input_audio_buffer.commit()
        committed = await talk.until("input_audio_buffer.committed")
        await talk.until("conversation.item.done")
        await talk.say(silence(300))

        assert await talk.nothing(0.3)

    assert started["item_id"] == committed["item_id"]


async def test_an_id_is_taken_once() -> None:
    """An item of an id that exists is refused."""
    async with serve() as server, talking(server) as talk:
        for _ in range(2):
            await talk.connection.conversation.item.create(
                item={"type": "message", "role": "system", "id": "a", "content": [{"type": "input_text", "text": "x"}]}
            )
        error = error_of(await talk.until("error"))

    assert error["code"] == "item_create_duplicate_id"


async def test_only_speech_of_the_model_is_truncated() -> None:
    """What the user wrote is not."""
    async with serve() as server, talking(server) as talk:
        await talk.write("hi")
        added = (await talk.until("conversation.item.done"))["item"]
        assert isinstance(added, dict)
        await talk.connection.conversation.item.truncate(item_id=str(added["id"]), content_index=0, audio_end_ms=0)
        error = error_of(await talk.until("error"))

    assert (error["code"], error["param"]) == ("invalid_value", "item_id")


async def test_a_voice_is_kept_once_heard() -> None:
    """The voice can be changed until the model has spoken."""
    update: JsonObject = {"audio": {"output": {"voice": "cedar"}}}
    async with serve() as server, talking(server) as talk:
        await talk.setup(**update)
        await talk.ask()
        await talk.connection._connection.send(orjson.dumps(session(**update)).decode())
        error = error_of(await talk.until("error"))

    assert error["code"] == "cannot_update_voice"


@pytest.mark.parametrize("when", ["before_answer", "mid_answer", "after_answer"])
async def test_a_scripted_error_that_changes_nothing(when: str) -> None:
    """An error event is not the end of the answer, nor of the session."""
    step = Step.model_validate({"text": "All of it.", "fault": {"when": when, "code": "odd", "kind": "server_error"}})
    async with serve(Script(steps=[step])) as server, talking(server) as talk:
        await talk.ask()
        await talk.ask()

    assert talk.text == "All of it." * 2
    assert {error_of(event)["code"] for event in talk.all("error")} == {"odd"}


@pytest.mark.parametrize("when", ["before_answer", "mid_answer", "after_answer"])
async def test_a_scripted_error_that_ends_the_session(when: str) -> None:
    """The connection is closed after a fatal one."""
    step = Step.model_validate({"text": "All of it.", "fault": {"when": when, "fatal": True}})
    async with serve(Script(steps=[step])) as server, talking(server) as talk:
        await talk.begin()
        closed = await talk.end()

    assert code_of(closed) == 1011
    assert [error_of(event)["code"] for event in talk.all("error")] == ["server_error"]


async def test_a_fault_is_what_an_answer_fails_with() -> None:
    """A failed answer's end names the scripted fault, and no error event does."""
    step = Step(status="failed", fault=Fault(code="rate_limit_exceeded", kind="rate_limit", message="slower"))
    async with serve(Script(steps=[step])) as server, talking(server) as talk:
        done = await talk.ask()

    match done:
        case {"response": {"status_details": {"error": error}}}:
            assert error == {"type": "rate_limit", "code": "rate_limit_exceeded", "message": "slower"}
        case _:
            raise AssertionError(done)
    assert not talk.all("error")


async def test_a_setup_that_is_refused() -> None:
    """A script can refuse every setup; the session stays as it was."""
    async with serve(Script(refuse_setup="No such voice.")) as server, talking(server) as talk:
        await talk.connection.session.update(session={"type": "realtime", "instructions": "x"})
        error = error_of(await talk.next())
        await talk.ask()

    assert (error["message"], error["param"]) == ("No such voice.", "session")


async def test_a_session_that_lasts_too_long() -> None:
    """It is told so, and closed."""
    async with serve(Script(max_connection_s=0.2)) as server, talking(server) as talk:
        error = error_of(await talk.until("error"))
        closed = await talk.end()

    assert error["code"] == "session_expired"
    assert code_of(closed) == 1001


def handshake(address: str, key: str | None) -> AbstractAsyncContextManager[object]:
    """A bare connection."""
    return connect(address, additional_headers={"Authorization": key} if key else {})


@pytest.mark.parametrize("key", [None, "Bearer bad", "Bearer "])
async def test_a_bad_key(key: str | None) -> None:
    """The handshake is refused with 401, in JSON."""
    async with serve() as server:
        with pytest.raises(InvalidStatus) as refused:
            async with handshake(f"{server.ws_url}{OPENAI_PATH}?model=m", key):
                pass

    answer = refused.value.response
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/json")
    assert orjson.loads(bytes(answer.body or b""))["error"]["code"] == "invalid_api_key"
    assert server.journal.refused == [401]
    assert server.journal.connections == []


async def test_another_address() -> None:
    """There is nothing elsewhere."""
    async with serve() as server:
        with pytest.raises(InvalidStatus, match="404"):
            async with handshake(f"{server.ws_url}/v2/realtime", "Bearer k"):
                pass


async def test_no_model() -> None:
    """A session without a model is no session."""
    async with (
        serve() as server,
        connect(server.ws_url + OPENAI_PATH, additional_headers={"Authorization": "Bearer k"}) as socket,
    ):
        event = orjson.loads(await socket.recv())
        with pytest.raises(ConnectionClosed, match=re.escape("invalid_request_error.missing_model")):
            await socket.recv()

    strictly(event)
    assert event["error"]["code"] == "missing_model"


async def test_a_slow_connection() -> None:
    """The handshake takes as long as the script says."""
    async with serve(Script(slow_connect_ms=3_600_000)) as server:
        with pytest.raises(TimeoutError):
            async with connect(
                f"{server.ws_url}{OPENAI_PATH}?model=m",
                additional_headers={"Authorization": "Bearer k"},
                open_timeout=0.2,
            ):
                pass


async def test_sixteen_mebibytes() -> None:
    """A message may be as large as one of the real provider."""
    async with serve() as server, talking(server) as talk:
        await talk.listen(None)
        await talk.connection.input_audio_buffer.append(audio=b64encode(bytes(16 * 2**20 * 3 // 4)).decode())
        await talk.connection.input_audio_buffer.commit()
        await talk.until("input_audio_buffer.committed")
