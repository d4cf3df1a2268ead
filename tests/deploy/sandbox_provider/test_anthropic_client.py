"""The official Anthropic client cannot tell the provider from the real one."""

import anthropic as sdk
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import Message, MessageParam

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject

ASKED: list[MessageParam] = [{"role": "user", "content": "Why is the sky blue?"}]
THINKING: JsonObject = {"type": "thinking", "thinking": "Two and two make four.", "signature": "ErUBCkYI"}
CALL: JsonObject = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich", "days": 2}}
SEARCH: JsonObject = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "mills"}}
FOUND: JsonObject = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [
        {"type": "web_search_result", "title": "t", "url": "u", "encrypted_content": "x"},
    ],
}
CITED: JsonObject = {
    "type": "web_search_result_location",
    "cited_text": "c",
    "encrypted_index": "i",
    "title": "t",
    "url": "u",
}


async def streamed(client: AsyncAnthropic, script: str) -> Message:
    """Streams a script and lets the SDK rebuild the unary object."""
    async with client.messages.stream(
        model="m", max_tokens=1000, messages=ASKED, metadata={"user_id": f"script:{script}"}
    ) as stream:
        return await stream.get_final_message()


async def unary(client: AsyncAnthropic, script: str) -> Message:
    """Asks for the same script without streaming."""
    return await client.messages.create(
        model="m", max_tokens=1000, messages=ASKED, metadata={"user_id": f"script:{script}"}
    )


def said(message: Message) -> JsonObject:
    """Returns the message without what differs from one answer to the next."""
    body: JsonObject = message.to_dict(exclude_none=True)  # type: ignore[assignment]
    return {key: value for key, value in body.items() if key != "id"}


async def test_the_unscripted_answer_is_the_same_streamed_and_unary(anthropic: AsyncAnthropic) -> None:
    """Nobody's script still gets a text that quotes the question, as far as the limit allows."""
    async with anthropic.messages.stream(model="m", max_tokens=20, messages=ASKED) as stream:
        deltas = [text async for text in stream.text_stream]
        final = await stream.get_final_message()
    whole = await anthropic.messages.create(model="m", max_tokens=20, messages=ASKED)

    assert said(final) == said(whole)
    assert len(deltas) == 20
    assert "Why is the sky blue?" in "".join(deltas)
    assert (whole.stop_reason, whole.usage.output_tokens) == ("max_tokens", 20)


@pytest.mark.parametrize(
    ("content", "stop_reason"),
    [
        ([{"type": "text", "text": "Grüße, 東京 🌾\n\nand more."}], "end_turn"),
        ([THINKING, {"type": "text", "text": "4"}], "end_turn"),
        ([THINKING, CALL, {**CALL, "id": "toolu_2", "input": {}}], "tool_use"),
        ([{"type": "redacted_thinking", "data": "EroB"}, {"type": "text", "text": "4"}], "end_turn"),
        ([SEARCH, FOUND, {"type": "text", "text": "x", "citations": [CITED]}], "end_turn"),
    ],
    ids=["text", "thinking", "calls", "redacted", "search"],
)
async def test_the_sdk_rebuilds_the_unary_message_from_the_stream(
    provider: ScriptedProvider, anthropic: AsyncAnthropic, script: str, content: list[JsonObject], stop_reason: str
) -> None:
    """Whatever the message holds, its stream amounts to the same object."""
    await provider.put(script, [{"message": {"content": [*content]}}])

    final, whole = await streamed(anthropic, script), await unary(anthropic, script)

    assert said(final) == said(whole)
    assert said(whole)["content"] == content
    assert whole.stop_reason == stop_reason


@pytest.mark.parametrize(
    "script_says",
    [
        {"text": "", "finish_reason": "refusal", "completion": {"stop_details": {"type": "refusal", "category": "c"}}},
        {"text": "so far", "finish_reason": "pause_turn"},
        {"text": "a", "usage": {"input_tokens": 9, "cache_read_input_tokens": 7, "output_tokens": 3}},
    ],
    ids=["refusal", "pause", "usage"],
)
async def test_how_a_message_ends_is_the_same_streamed_and_unary(
    provider: ScriptedProvider, anthropic: AsyncAnthropic, script: str, script_says: JsonObject
) -> None:
    """Stop reasons, their details and the usage are told in the stream's last events."""
    await provider.put(script, [script_says])

    assert said(await streamed(anthropic, script)) == said(await unary(anthropic, script))


async def test_a_stop_sequence_is_named(provider: ScriptedProvider, anthropic: AsyncAnthropic, script: str) -> None:
    """It is no part of the answer, but of what is told about its end."""
    await provider.put(script, [{"text": "one two three"}])
    whole = await anthropic.messages.create(
        model="m",
        max_tokens=10,
        messages=ASKED,
        stop_sequences=[" three"],
        metadata={"user_id": f"script:{script}"},
    )

    assert (whole.stop_reason, whole.stop_sequence) == ("stop_sequence", " three")
    assert said(whole)["content"] == [{"type": "text", "text": "one two"}]


@pytest.mark.parametrize(
    ("status", "raised", "kind"),
    [
        (400, sdk.BadRequestError, "invalid_request_error"),
        (401, sdk.AuthenticationError, "authentication_error"),
        (429, sdk.RateLimitError, "rate_limit_error"),
        (500, sdk.InternalServerError, "api_error"),
        (529, sdk.InternalServerError, "overloaded_error"),
    ],
)
async def test_an_error_status_is_the_sdks_own_exception(
    provider: ScriptedProvider,
    anthropic: AsyncAnthropic,
    script: str,
    status: int,
    raised: type[sdk.APIStatusError],
    kind: str,
) -> None:
    """A scripted status comes with the error body of its type, and the request id in both places."""
    await provider.put(script, [{"status": status}])

    with pytest.raises(raised) as caught:
        await unary(anthropic, script)

    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["type"] == kind
    assert caught.value.request_id == caught.value.body["request_id"]
    assert caught.value.response.headers["anthropic-ratelimit-tokens-remaining"] == "479999"


async def test_an_error_in_the_stream_is_raised_by_the_sdk(
    provider: ScriptedProvider, anthropic: AsyncAnthropic, script: str
) -> None:
    """After the scripted number of chunks comes an error event."""
    error: JsonObject = {"type": "overloaded_error", "message": "mill on fire"}
    await provider.put(script, [{"tokens": 9, "error_after": 3, "error": error}])

    with pytest.raises(sdk.APIStatusError, match="mill on fire"):
        await streamed(anthropic, script)


async def test_a_key_is_required(provider: ScriptedProvider) -> None:
    """Without a key there is a 401 in Anthropic's form."""
    wrong = {"Authorization": "Basic c2stbWFkZS11cA=="}
    async with AsyncAnthropic(base_url=provider.root, api_key="x", max_retries=0, default_headers=wrong) as client:
        with pytest.raises(sdk.AuthenticationError, match="authentication_error"):
            await client.models.list()


async def test_models_are_listed(anthropic: AsyncAnthropic) -> None:
    """The model list is Anthropic's own page, and each model can be fetched."""
    listed = [model.id async for model in anthropic.models.list()]

    assert (await anthropic.models.retrieve(listed[0])).display_name == "Sandbox Large"
