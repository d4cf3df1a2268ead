"""Bad input ends the run at once with the field and the reason; nothing wedges, and nothing is called."""

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from streaming.jsontext import JsonObject, JsonValue
from tests.e2e.rig import Rig, turn
from turns import TurnRefused, Turns

pytestmark = pytest.mark.usefixtures("worker")

_STOOD_STILL = "[TMPRL1101]"
MESSAGES: JsonValue = [{"role": "user", "content": "Hi"}]


async def failure_of(handle: WorkflowHandle[object, object]) -> ApplicationError:
    """Return the failure a run ended with, after checking that no workflow task ever failed on the way."""
    with pytest.raises(WorkflowFailureError) as raised:
        await handle.result()
    events = (await handle.fetch_history()).events
    failed = [event.workflow_task_failed_event_attributes.failure.message for event in events]
    # The SDK gives a workflow task up, and takes it again, where its worker stood still for two seconds.
    assert [message for message in failed if message and _STOOD_STILL not in message] == []
    assert isinstance(raised.value.cause, ApplicationError)
    return raised.value.cause


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "messages: Field required"),
        ({"messages": []}, "messages: List should have at least 1 item"),
        ({"messages": [{"role": "user", "content": []}]}, "messages: no message has any part"),
        ({"messages": "Hi"}, "messages: Input should be a valid"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, "messages.0.role: Input should be"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.parts: Input should be a valid"),
        ({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}, "messages.0.parts.0: Input tag 'smell'"),
        ({"messages": MESSAGES, "mesages": 1}, "mesages: unknown key"),
        ({"messages": MESSAGES, "tools": [{"name": "a b"}]}, "tools.0.name: String should match pattern"),
        ({"messages": MESSAGES, "settings": {"tool_choice": {"name": "x"}}}, "settings.tool_choice.name: no tool is"),
        ({"messages": MESSAGES, "limits": {"ilde_s": 3}}, "limits.ilde_s: unknown key"),
        ({"messages": MESSAGES, "limits": {"idle_s": 0}}, "limits.idle_s: Input should be greater than 0"),
        ({"messages": MESSAGES, "limits": {"heartbeat_s": 0.1}}, "limits.heartbeat_s: Input should be greater"),
        ({"messages": MESSAGES, "settings": {"temperature": "hot"}}, "settings.temperature: Input should be a valid"),
        ({"messages": MESSAGES, "settings": {"extra": {"x": 5}}}, "settings.extra.x: Input should be"),
        ({"messages": MESSAGES, "route": 5}, "route: Input should be a valid string"),
        ({"messages": MESSAGES, "system": {}}, "system: Input should be a valid string"),
        ({"messages": MESSAGES, "metadata": []}, "metadata: Input should be"),
        ([], "input: Input should be an object"),
        ("Hi", "input: Input should be an object"),
        (None, "input: must be JSON"),
    ],
)
async def test_wrong_field_fails_the_run_naming_it_and_why(rig: Rig, wrong: JsonValue, words: str) -> None:
    """Every malformed turn ends as a failed run of type InvalidTurn that names the field."""
    handle = await rig.client.start_workflow("Turn", wrong, id=f"bad-{id(wrong)}-{words}", task_queue=rig.queue)

    failure = await failure_of(handle)

    assert failure.type == "InvalidTurn"
    assert failure.non_retryable
    assert words in failure.message


async def test_several_wrong_fields_are_all_named(rig: Rig) -> None:
    """One round trip is enough to learn everything that is wrong."""
    handle = await rig.start({"messages": MESSAGES, "route": 5, "limits": {"try_s": -1}})

    failure = await failure_of(handle)

    assert "route: " in failure.message
    assert "limits.try_s: " in failure.message


@pytest.mark.parametrize("arguments", [[], [{"messages": MESSAGES}, {"messages": MESSAGES}]], ids=["none", "two"])
async def test_wrong_number_of_inputs_fails_the_run(rig: Rig, arguments: list[JsonValue]) -> None:
    """No input and two inputs fail the run instead of wedging it."""
    handle = await rig.client.start_workflow(
        "Turn", args=arguments, id=f"arguments-{len(arguments)}", task_queue=rig.queue
    )

    failure = await failure_of(handle)

    assert "argument" in failure.message


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (Payload(metadata={"encoding": b"binary/plain"}, data=b"\x00\x01"), "must be JSON"),
        (Payload(metadata={"encoding": b"json/plain"}, data=b'{"messages": '), "input: Invalid JSON"),
        (
            Payload(metadata={"encoding": b"json/plain"}, data=b'{"messages":[{"role":"user","content":"\xff"}]}'),
            "input",
        ),
        (Payload(metadata={}, data=b"{}"), "must be JSON"),
    ],
    ids=["binary", "cut", "not-utf8", "unnamed"],
)
async def test_foreign_encoding_fails_the_run(rig: Rig, payload: Payload, words: str) -> None:
    """What is not JSON is refused by what it is, not by a traceback."""
    plain = await Client.connect(rig.stack.temporal_address)
    handle = await plain.start_workflow(
        "Turn", RawValue(payload), id=f"encoding-{payload.data!r}", task_queue=rig.queue
    )

    failure = await failure_of(handle)

    assert failure.type == "InvalidTurn"
    assert words in failure.message


async def test_unknown_route_says_which_there_are(rig: Rig) -> None:
    """A route is the worker's: an unknown one fails at once and names those it has."""
    handle = await rig.start({"messages": MESSAGES, "route": "nowhere"})

    failure = await failure_of(handle)

    assert failure.type == "UnknownRoute"
    assert "no route 'nowhere' in this worker's settings" in failure.message
    assert "default" in failure.message


async def test_input_that_temporal_refuses_is_explained_to_the_client(rig: Rig) -> None:
    """10 MB of text never become a run; the client says how much is too much."""
    huge: JsonObject = {"messages": [{"role": "user", "content": "x" * 10_000_000}]}

    with pytest.raises(TurnRefused, match=r"10,000,\d+ bytes as JSON and Temporal takes 2,080,000"):
        await Turns(rig.client, rig.queue).start("huge", huge)

    with pytest.raises(RPCError):
        await rig.client.get_workflow_handle("huge").describe()


async def test_input_that_only_just_fits_is_refused_before_it_ends_the_run(rig: Rig) -> None:
    """An activity input over Temporal's limit would terminate the run: the workflow measures it first."""
    messages: JsonValue = [{"role": "user", "content": ""}] * 50_000  # grows by half when made whole
    handle = await rig.start({"messages": messages})

    failure = await failure_of(handle)

    assert failure.type == "InvalidTurn"
    assert "bytes as JSON" in failure.message


async def test_answer_over_the_result_limit_is_bought_once(rig: Rig) -> None:
    """An answer over 1.5 MiB fails the turn without a retry: buying it again would not shrink it."""
    script = await rig.script({"tokens": 100_000})
    request = turn(script)
    settings = request["settings"]
    assert isinstance(settings, dict)
    settings["n"] = 3
    handle = await rig.start(request)

    failure = await failure_of(handle)

    assert failure.type == "AnswerTooLarge"
    assert "max_output_tokens" in failure.message
    assert len(await rig.requests(script)) == 1


async def test_same_id_and_input_attach_and_another_input_is_refused(rig: Rig) -> None:
    """A start is idempotent by id: no second answer is bought, and no answer is mistaken for another's."""
    script = await rig.script({"text": "once"})
    turns = rig.turns()

    first = await turns.start("same-id", turn(script))
    second = await turns.start("same-id", turn(script))
    await turns.outcome("same-id")
    third = await turns.start("same-id", turn(script))

    assert (first, second, third) == (True, False, False)
    assert len(await rig.requests(script)) == 1
    with pytest.raises(TurnRefused, match="exists with another input"):
        await turns.start("same-id", turn(script, route="pair"))
