"""The official OpenAI client's Responses side cannot tell the provider from the real one."""

from collections.abc import Iterable

import openai as sdk
import pytest
from openai import AsyncOpenAI, BaseModel
from openai.types.responses import Response, ResponseOutputItemDoneEvent, ResponseTextDeltaEvent

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject

TEXT: JsonObject = {"type": "message", "content": [{"type": "output_text", "text": "Grüße, 東京 🌾\n\nand more."}]}
REASONING: JsonObject = {
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "First this."}, {"type": "summary_text", "text": "Then that."}],
    "encrypted_content": "gAAAAABo",
}
CALL: JsonObject = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Zürich"}'}
CITED: JsonObject = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}


async def streamed(client: AsyncOpenAI, script: str) -> tuple[Response, list[object]]:
    """Streams a script; returns the SDK's final response and all events."""
    async with client.responses.stream(model="m", input="Why?", metadata={"script": script}) as stream:
        events: list[object] = [event async for event in stream]
        return await stream.get_final_response(), events


async def unary(client: AsyncOpenAI, script: str) -> Response:
    """Asks for the same script without streaming."""
    return await client.responses.create(model="m", input="Why?", metadata={"script": script})


def said(items: Iterable[BaseModel]) -> list[JsonObject]:
    """Returns output items without what differs from one answer to the next, and what only the SDK adds."""
    found: list[JsonObject] = []
    for item in items:
        body = item.to_dict()
        parts = body.get("content")
        for part in parts if isinstance(parts, list) else []:
            part.pop("parsed", None)
        found.append({key: value for key, value in body.items() if key not in ("id", "parsed_arguments")})  # type: ignore[misc]
    return found


async def test_the_unscripted_answer_is_the_same_streamed_and_unary(openai: AsyncOpenAI) -> None:
    """Nobody's script still gets a text that quotes the question, as far as the limit allows."""
    asked = "Why is the sky blue?"
    stream = await openai.responses.create(model="m", input=asked, max_output_tokens=20, stream=True)
    events = [event async for event in stream]
    whole = await openai.responses.create(model="m", input=asked, max_output_tokens=20)

    deltas = "".join(event.delta for event in events if isinstance(event, ResponseTextDeltaEvent))
    assert deltas == whole.output_text
    assert "Why is the sky blue?" in deltas
    assert events[-1].type == "response.incomplete"
    assert whole.incomplete_details is not None
    assert whole.incomplete_details.reason == "max_output_tokens"
    assert whole.usage is not None
    assert whole.usage.output_tokens == 20
    assert events[-1].response.usage == whole.usage


@pytest.mark.parametrize(
    "output",
    [
        [TEXT],
        [REASONING, CALL],
        [CALL, {**CALL, "call_id": "call_2", "arguments": "{}"}],
        [{"type": "message", "content": [{"type": "refusal", "refusal": "I would rather not say."}]}],
        [{"type": "message", "content": [{"type": "output_text", "text": "x", "annotations": [CITED]}]}],
        [{"type": "web_search_call", "action": {"type": "search", "query": "mills"}}, TEXT],
        [{"type": "custom_tool_call", "call_id": "call_1", "name": "shell", "input": "ls -l"}],
    ],
    ids=["text", "reasoning and call", "calls", "refusal", "annotations", "search", "custom tool"],
)
async def test_the_sdk_rebuilds_the_unary_response_from_the_stream(
    provider: ScriptedProvider, openai: AsyncOpenAI, script: str, output: list[JsonObject]
) -> None:
    """Whatever the output holds, its items streamed one by one amount to the same."""
    await provider.put(script, [{"message": {"output": [*output]}}])

    (final, events), whole = await streamed(openai, script), await unary(openai, script)

    done = [event.item for event in events if isinstance(event, ResponseOutputItemDoneEvent)]
    assert said(done) == said(final.output) == said(whole.output)
    deltas = "".join(event.delta for event in events if getattr(event, "type", "") == "response.output_text.delta")  # type: ignore[attr-defined]
    assert deltas == whole.output_text
    assert (final.status, final.usage) == (whole.status, whole.usage)


async def test_logprobs_come_with_their_tokens(openai: AsyncOpenAI, provider: ScriptedProvider, script: str) -> None:
    """Asked for log probabilities, each streamed token carries its own."""
    await provider.put(script, [{"text": "one two three"}])
    stream = await openai.responses.create(
        model="m",
        input="Why?",
        include=["message.output_text.logprobs"],
        stream=True,
        metadata={"script": script},
    )
    told = [
        (event.delta, [entry.token for entry in event.logprobs])
        async for event in stream
        if isinstance(event, ResponseTextDeltaEvent)
    ]

    assert told == [("one", ["one"]), (" two", [" two"]), (" three", [" three"])]


async def test_an_error_in_the_stream_is_raised_by_the_sdk(
    provider: ScriptedProvider, openai: AsyncOpenAI, script: str
) -> None:
    """The error event is the nested one, which the SDK takes for what it is."""
    await provider.put(script, [{"tokens": 9, "error_after": 3, "error": {"message": "mill on fire", "code": "x"}}])

    with pytest.raises(sdk.APIError, match="mill on fire"):
        await streamed(openai, script)


@pytest.mark.parametrize(
    ("status", "raised"),
    [(400, sdk.BadRequestError), (429, sdk.RateLimitError), (503, sdk.InternalServerError)],
)
async def test_an_error_status_is_the_sdks_own_exception(
    provider: ScriptedProvider, openai: AsyncOpenAI, script: str, status: int, raised: type[sdk.APIStatusError]
) -> None:
    """A scripted status comes with the error body, the request id and what is left of the limits."""
    await provider.put(script, [{"status": status}])

    with pytest.raises(raised) as caught:
        await unary(openai, script)

    assert caught.value.request_id is not None
    assert caught.value.response.headers["x-ratelimit-reset-requests"] == "6ms"
