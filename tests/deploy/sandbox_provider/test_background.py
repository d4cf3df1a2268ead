"""Responses that are made in the background, as the official client reads them again and cancels them."""

import asyncio
import time

import openai as sdk
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response, ResponseStreamEvent, ResponseTextDeltaEvent

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject

SLOW: JsonObject = {"tokens": 30, "pace_s": 0.02}


async def begun(client: AsyncOpenAI, script: str, events: int = 8) -> list[ResponseStreamEvent]:
    """Asks in the background and returns the first events; then the connection is closed."""
    metadata = {"script": script}
    stream = await client.responses.create(model="m", input="hi", background=True, stream=True, metadata=metadata)
    first: list[ResponseStreamEvent] = []
    async with stream:
        async for event in stream:
            first.append(event)
            if len(first) == events:
                break
    return first


async def rest(client: AsyncOpenAI, identity: str, after: int | None) -> list[ResponseStreamEvent]:
    """Returns the events of a response after one of them."""
    given = {} if after is None else {"starting_after": after}
    stream = await client.responses.retrieve(identity, stream=True, **given)  # type: ignore[call-overload]
    return [event async for event in stream]


def identity_of(events: list[ResponseStreamEvent]) -> str:
    """Returns the id of the response that events begin with."""
    assert events[0].type == "response.created"
    return events[0].response.id


def text(events: list[ResponseStreamEvent]) -> str:
    """Returns the text that events add."""
    return "".join(event.delta for event in events if isinstance(event, ResponseTextDeltaEvent))


async def test_a_response_goes_on_while_nobody_reads_and_is_read_on(
    provider: ScriptedProvider, openai: AsyncOpenAI, script: str
) -> None:
    """From any event, or from the first: the numbers have no gap."""
    await provider.put(script, [SLOW])
    first = await begun(openai, script)
    identity = identity_of(first)
    later = await rest(openai, identity, first[-1].sequence_number)
    again = await rest(openai, identity, None)

    assert [event.type for event in first[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert text(first) + text(later) == text(again)
    assert [event.sequence_number for event in first + later] == list(range(len(again)))
    assert later[-1].type == "response.completed"
    assert later[-1].response.output_text == text(again)
    assert [entry.path for entry in await provider.requests(script)] == [
        "/v1/responses",
        *[f"/v1/responses/{identity}"] * 2,
    ]
    assert (await provider.requests(script))[1].query["starting_after"] == str(first[-1].sequence_number)


async def test_it_keeps_its_pace_whoever_reads(provider: ScriptedProvider, openai: AsyncOpenAI, script: str) -> None:
    """What was made in the meantime is there at once, what was not takes its time; the object says which."""
    await provider.put(script, [{"tokens": 20, "pace_s": 0.2}])
    started = time.monotonic()
    identity = identity_of(await begun(openai, script))
    standing = [await openai.responses.retrieve(identity)]
    await rest(openai, identity, None)
    took = time.monotonic() - started
    standing.append(await openai.responses.retrieve(identity))
    await rest(openai, identity, None)

    assert [response.status for response in standing] == ["in_progress", "completed"]
    assert [response.background for response in standing] == [True, True]
    assert took >= 3.8
    assert time.monotonic() - started - took < took  # the pace is not kept again


async def test_a_cancelled_response_says_no_more(provider: ScriptedProvider, openai: AsyncOpenAI, script: str) -> None:
    """To cancel it again changes nothing, and neither does to cancel a finished one."""
    await provider.put(script, [{"tokens": 99, "pace_s": 0.5}, {"text": "done"}])
    identity = identity_of(await begun(openai, script))
    reading = asyncio.create_task(rest(openai, identity, None))
    await asyncio.sleep(0.1)
    cancelled: list[Response] = [await openai.responses.cancel(identity) for _ in range(2)]

    assert (await reading)[-1].type == "response.output_text.delta"
    assert [response.status for response in cancelled] == ["cancelled"] * 2
    assert (await openai.responses.retrieve(identity)).status == "cancelled"

    finished = identity_of(await begun(openai, script, 99))
    assert (await openai.responses.cancel(finished)).status == "completed"


async def test_it_is_streamed_and_kept_for_as_long_as_the_script_says(
    provider: ScriptedProvider, openai: AsyncOpenAI, script: str
) -> None:
    """Then it is only given whole, and then not at all."""
    await provider.put(script, [{"text": "a", "streamed_s": 0}, {"text": "a", "kept_s": 0}])
    unstreamed, gone = [identity_of(await begun(openai, script, 3)) for _ in range(2)]

    with pytest.raises(sdk.BadRequestError, match="too old"):
        await rest(openai, unstreamed, None)
    assert (await openai.responses.retrieve(unstreamed)).output_text == "a"
    with pytest.raises(sdk.NotFoundError):
        await openai.responses.retrieve(gone)


async def test_what_is_not_made_in_the_background_cannot_be_asked_for(
    provider: ScriptedProvider, openai: AsyncOpenAI, script: str
) -> None:
    """Nor can it be made there without being stored; nor is there a place in words."""
    await provider.put(script, [{"text": "a"}])
    metadata = {"script": script}
    plain = await openai.responses.create(model="m", input="hi", metadata=metadata)
    identity = identity_of(await begun(openai, script))

    with pytest.raises(sdk.NotFoundError):
        await openai.responses.retrieve(plain.id)
    with pytest.raises(sdk.NotFoundError):
        await openai.responses.cancel(plain.id)
    with pytest.raises(sdk.BadRequestError, match="stored"):
        await openai.responses.create(model="m", input="hi", background=True, store=False)
    with pytest.raises(sdk.BadRequestError, match="starting_after"):
        await openai.responses.retrieve(identity, stream=True, extra_query={"starting_after": "x"})
