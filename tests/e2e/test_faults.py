"""Providers that fail: the right failure at the right time, the next candidate at once, never half an answer."""

import base64
import time

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from streaming.contracts import TurnResult
from streaming.jsontext import JsonObject, JsonValue
from streaming.live.frames import JOIN
from tests.e2e.rig import Rig, eventually, text_of, turn

pytestmark = pytest.mark.usefixtures("worker")

GOOD: JsonObject = {"text": "whole at last"}
# A good answer, which comes in one piece, is within each of them on a machine that stands still for some seconds.
FIRST_TOKEN = {"first_token_s": 4.0}
IDLE = {"idle_s": 1.5}
STALL = {"idle_s": 3.0, "stall_s": 4.0}


def errors_of(result: JsonObject) -> list[tuple[str, bool]]:
    """Return the type and hopelessness of each failed try."""
    tries = result["tries"]
    assert isinstance(tries, list)
    errors = [tried["error"] for tried in tries if isinstance(tried, dict)]
    return [(str(error["type"]), bool(error["hopeless"])) for error in errors if isinstance(error, dict)]


def attempts_of(result: JsonObject) -> list[JsonValue]:
    """Return the attempt of each try: Temporal's waits come between attempts."""
    tries = result["tries"]
    assert isinstance(tries, list)
    return [tried["attempt"] for tried in tries if isinstance(tried, dict)]


async def failure_of(handle: WorkflowHandle[object, JsonObject]) -> ApplicationError:
    """Return the failure a turn ended with."""
    with pytest.raises(WorkflowFailureError) as raised:
        await handle.result()
    assert isinstance(raised.value.cause, ApplicationError)
    return raised.value.cause


@pytest.mark.parametrize(
    ("fault", "error", "hopeless"),
    [
        ({"tokens": 20, "cut_after": 5}, "ConnectionLost", False),
        ({"tokens": 20, "cut_after": 5, "cut": "eof"}, "TruncatedStream", False),
        ({"tokens": 20, "cut_after": 5, "cut": "reset"}, "ConnectionLost", False),
        ({"tokens": 20, "no_done": True}, "TruncatedStream", False),
        ({"tokens": 20, "finish_reason": None}, "TruncatedStream", False),
        (
            {"tokens": 20, "error_after": 5, "error": {"message": "overloaded", "type": "server_error"}},
            "StreamedError",
            False,
        ),
        (
            {"tokens": 20, "error_after": 0, "error": {"message": "no", "type": "invalid_request_error"}},
            "StreamedError",
            True,
        ),
        ({"status": 500}, "StatusError", False),
        ({"status": 429}, "StatusError", False),
        ({"status": 429, "error": {"message": "pay", "code": "insufficient_quota"}}, "StatusError", True),
        ({"status": 401}, "StatusError", True),
        ({"status": 400, "headers": {"x-should-retry": "true"}}, "StatusError", False),
        ({"status": 503, "headers": {"x-should-retry": "false"}}, "StatusError", True),
        ({"body": "<html>busy</html>", "content_type": "text/html"}, "NotTheWire", False),
        ({"raw_events": ['data: {"choices": [}']}, "NotTheWire", False),
        ({"raw_events": ["data: 7"]}, "NotTheWire", False),
        ({"text": ""}, "EmptyAnswer", False),
    ],
)
async def test_fault_is_named_and_the_next_candidate_answers_at_once(
    rig: Rig, fault: JsonObject, error: str, hopeless: bool
) -> None:
    """Whatever the first candidate does wrong, the second one's whole answer is the result of the same attempt."""
    script = await rig.script(fault, model="model-a")
    await rig.script(GOOD, model="model-b", name=script)

    result = await rig.run(turn(script, route="pair"))

    assert text_of(result) == "whole at last"
    assert errors_of(result) == [(error, hopeless)]
    assert attempts_of(result) == [1, 1]
    assert [entry.model for entry in await rig.requests(script)] == ["model-a", "model-b"]


async def test_unreachable_provider_is_a_switch(rig: Rig) -> None:
    """A refused connection names the refusal and no address, and the next candidate answers."""
    script = await rig.script(GOOD)

    result = await rig.run(turn(script, route="dead-first"))

    assert text_of(result) == "whole at last"
    assert errors_of(result) == [("ConnectFailed", False)]
    assert attempts_of(result) == [1, 1]
    assert "connection refused" in str(result["tries"])
    assert "127.0.0.1" not in str(result["tries"])


@pytest.mark.parametrize(
    ("fault", "limits", "clock"),
    [
        ({"text": "x", "headers_after_s": 600}, FIRST_TOKEN, "first_token_s"),
        ({"text": "x", "first_token_s": 600}, FIRST_TOKEN, "first_token_s"),
        ({"pings_only": True}, FIRST_TOKEN, "first_token_s"),
        ({"tokens": 9, "silent_after": 3}, IDLE, "idle_s"),
        ({"tokens": 9, "ping_after": 3}, STALL, "stall_s"),
    ],
    ids=["silent", "silent-after-headers", "pings-only", "silent-after-first-token", "pings-after-first-token"],
)
async def test_right_clock_runs_out_at_its_time_and_a_retry_follows(
    rig: Rig, fault: JsonObject, limits: dict[str, float], clock: str
) -> None:
    """Each kind of silence has its own clock; when it runs out the connection is closed and a retry answers."""
    script = await rig.script(fault, GOOD)

    result = await rig.run(turn(script, limits={**limits}))

    assert attempts_of(result) == [1, 2]
    failed, _ = TurnResult.model_validate(result).tries
    assert failed.error is not None
    assert f"({clock})" in failed.error.message
    # Not to the millisecond: uvloop's clock, which clocks start by, stands still during each step of the loop.
    assert limits[clock] / 2 <= failed.seconds < 60
    stalled, _ = await rig.requests(script)
    assert stalled.outcome == "client closed"


async def test_thinking_longer_than_the_heartbeat_timeout_is_no_failure(rig: Rig) -> None:
    """A model may be silent for its first_token_s, however short the heartbeat timeout or a client's default is."""
    script = await rig.script({"text": "thought it over", "first_token_s": 7.0})

    result = await rig.run(turn(script, limits={"heartbeat_s": 3, "first_token_s": 30, "total_s": 100}))

    # No count of requests: a worker that stands still for a second, between two beats, rightly loses the turn.
    assert text_of(result) == "thought it over"
    assert TurnResult.model_validate(result).tries[-1].seconds > 3


async def test_candidate_may_be_given_more_patience_than_the_turn(rig: Rig) -> None:
    """A clock in the route overrides the turn's."""
    script = await rig.script({"text": "slow starter", "first_token_s": 1.5})

    result = await rig.run(turn(script, route="patient", limits={"first_token_s": 0.5}))

    assert text_of(result) == "slow starter"
    assert len(await rig.requests(script)) == 1


async def test_hopeless_candidates_fail_the_turn_with_each_ones_reason(rig: Rig) -> None:
    """When nothing can help, the turn fails at once and lists why for every candidate."""
    script = await rig.script({"status": 401}, model="model-a")
    await rig.script({"status": 404, "error": {"message": "no such model"}}, model="model-b", name=script)

    failure = await failure_of(await rig.start(turn(script, route="pair")))

    assert failure.type == "RouteExhausted"
    assert "scripted/model-a: HTTP 401" in failure.message
    assert "scripted/model-b: HTTP 404" in failure.message
    assert "no such model" in failure.message
    assert len(await rig.requests(script)) == 2


async def test_hopeless_candidate_is_left_out_of_later_passes(rig: Rig) -> None:
    """What one pass learned, the next one knows: the trail travels in heartbeat details."""
    script = await rig.script({"status": 401}, model="model-a")
    await rig.script({"status": 500}, GOOD, model="model-b", name=script)

    result = await rig.run(turn(script, route="pair"))

    assert text_of(result) == "whole at last"
    assert [entry.model for entry in await rig.requests(script)] == ["model-a", "model-b", "model-b"]
    assert errors_of(result) == [("StatusError", True), ("StatusError", False)]


@pytest.mark.parametrize("header", [{"retry-after": "2"}, {"retry-after-ms": "2000", "retry-after": "60"}])
async def test_retry_after_is_waited_for(rig: Rig, header: JsonObject) -> None:
    """The provider's own wait replaces the policy's."""
    script = await rig.script({"status": 429, "headers": header}, GOOD)

    await rig.run(turn(script))

    first, second = await rig.requests(script)
    assert 1.9 <= second.at - first.at < 50


async def test_retry_after_past_the_deadline_fails_now(rig: Rig) -> None:
    """Waiting for longer than the turn has left would only fail later."""
    script = await rig.script({"status": 429, "headers": {"retry-after": "100"}}, GOOD)
    started = time.monotonic()

    failure = await failure_of(await rig.start(turn(script, limits={"total_s": 80})))

    assert failure.type == "DeadlineTooClose"
    assert "ask to wait 100 s" in failure.message
    assert time.monotonic() - started < 70


async def test_turn_that_runs_out_of_time_says_what_it_died_of(rig: Rig) -> None:
    """The deadline is the turn's: the failure names it, and the last thing that went wrong."""
    script = await rig.script({"status": 503})

    failure = await failure_of(await rig.start(turn(script, limits={"total_s": 6})))

    assert failure.type == "DeadlineExceeded"
    assert "limits.total_s (6 s)" in failure.message
    assert "HTTP 503" in failure.message


async def test_json_although_a_stream_was_asked_for_is_read_as_the_answer(rig: Rig) -> None:
    """A 200 with a JSON body is the unary answer."""
    script = await rig.script({"text": "no stream today", "json_although_stream": True})

    result = await rig.run(turn(script))

    assert text_of(result) == "no stream today"


async def test_error_body_under_a_200_is_an_error(rig: Rig) -> None:
    """A 200 with an error object is that error, not an empty answer."""
    body = '{"error": {"message": "model overloaded", "type": "server_error"}}'
    script = await rig.script({"body": body, "content_type": "application/json"}, model="model-a")
    await rig.script(GOOD, model="model-b", name=script)

    result = await rig.run(turn(script, route="pair"))

    assert errors_of(result) == [("StreamedError", False)]


async def test_route_may_take_an_empty_answer(rig: Rig) -> None:
    """`on_empty = "accept"` makes silence a result."""
    script = await rig.script({"text": ""})

    result = await rig.run(turn(script, route="accept-empty"))

    assert result["message"] == {"role": "assistant", "parts": []}
    assert result["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (
            b'{"choices":[{"index":0,"delta":{"content":"a\xffb"},"finish_reason":"stop"}]}',
            "a\N{REPLACEMENT CHARACTER}b",
        ),
        (
            b'{"choices":[{"index":0,"delta":{"content":"a\\ud83d"},"finish_reason":"stop"}]}',
            "a\N{REPLACEMENT CHARACTER}",
        ),
        (b'{"choices":[{"index":0,"delta":{"content":"\\ud83c\\udf3e"},"finish_reason":"stop"}]}', "\N{EAR OF RICE}"),
    ],
    ids=["invalid-utf8", "half-a-surrogate", "a-pair"],
)
async def test_broken_text_is_mended_the_same_everywhere(rig: Rig, raw: bytes, text: str) -> None:
    """Bytes that are no text become U+FFFD, in the result and so in its proof."""
    stream = b"data: " + raw + b"\n\ndata: [DONE]\n\n"
    body: JsonValue = base64.b64encode(stream).decode()
    script = await rig.script({"raw_base64": body, "content_type": "text/event-stream", "headers_after_s": 0.5})

    async with rig.viewer(script) as viewing:
        handle = await rig.start(turn(script), turn_id=script)
        async for _ in viewing.events():
            pass

        async def proved() -> bool:
            if not viewing.viewer.ended:  # the result may come before the text: nobody but us asks for it then
                await rig.redis.publish(rig.channels.ask(script), JOIN)
            return viewing.viewer.ended

        await eventually(proved)
        on_screen = viewing.viewer.text

    assert text == text_of(await handle.result())
    assert text == on_screen
