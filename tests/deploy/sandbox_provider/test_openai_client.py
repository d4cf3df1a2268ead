"""The official OpenAI client cannot tell the provider from the real one."""

import openai as sdk
import pytest
from openai import AsyncOpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject

ASKED: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Why is the sky blue?"},
]
CITED: JsonObject = {"url": "u", "title": "t", "start_index": 0, "end_index": 1}
CALLS: JsonObject = {
    "content": None,
    "tool_calls": [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "Zürich"}'},
        },
        {"id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
    ],
}


async def accumulated(client: AsyncOpenAI, script: str, n: int = 1) -> ChatCompletion:
    """Streams a script and lets the SDK rebuild the unary object."""
    state = ChatCompletionStreamState()
    stream = await client.chat.completions.create(
        model="m",
        messages=ASKED,
        stream=True,
        n=n,
        stream_options={"include_usage": True},
        metadata={"script": script},
    )
    async for chunk in stream:
        state.handle_chunk(chunk)
    return state.current_completion_snapshot


async def unary(client: AsyncOpenAI, script: str, n: int = 1) -> ChatCompletion:
    """Asks for the same script without streaming."""
    return await client.chat.completions.create(model="m", messages=ASKED, n=n, metadata={"script": script})


async def test_the_unscripted_answer_is_the_same_streamed_and_unary(openai: AsyncOpenAI) -> None:
    """Nobody's script still gets a text that quotes the question, at a pace one can watch."""
    stream = await openai.chat.completions.create(
        model="m",
        messages=ASKED,
        stream=True,
        max_completion_tokens=40,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    whole = await openai.chat.completions.create(model="m", messages=ASKED, max_completion_tokens=40)

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert "Why is the sky blue?" in text
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason == "length"
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 40


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Grüße, 東京 🌾\n\nand more."},
        CALLS,
        {"content": None, "refusal": "I would rather not say."},
        {"content": "4", "reasoning_content": "two and two make four"},
        {
            "content": "x",
            "annotations": [{"type": "url_citation", "url_citation": CITED}],
        },
        {"content": None, "function_call": {"name": "legacy", "arguments": '{"a": 1}'}},
    ],
    ids=["text", "tool_calls", "refusal", "reasoning", "annotations", "function_call"],
)
async def test_the_sdk_rebuilds_the_unary_message_from_the_stream(
    provider: ScriptedProvider, openai: AsyncOpenAI, script: str, message: JsonObject
) -> None:
    """Whatever the message holds, its stream amounts to the same object."""
    await provider.put(script, [{"message": message}])

    streamed, whole = await accumulated(openai, script), await unary(openai, script)

    def said(answer: ChatCompletion) -> JsonObject:
        found = answer.choices[0].message.to_dict()
        for call in found.get("tool_calls") or []:  # type: ignore[attr-defined]
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        return {key: value for key, value in found.items() if key != "parsed" and value not in (None, [])}  # type: ignore[misc]

    assert said(streamed) == said(whole) == {"role": "assistant"} | {k: v for k, v in message.items() if v}
    assert streamed.choices[0].finish_reason == whole.choices[0].finish_reason
    assert streamed.usage == whole.usage


async def test_two_choices_are_streamed_interleaved(
    openai: AsyncOpenAI, provider: ScriptedProvider, script: str
) -> None:
    """With n=2 both choices arrive whole, each under its index."""
    first: JsonObject = {"message": {"content": "one two three"}}
    second: JsonObject = {"message": {"content": "un"}, "finish_reason": "content_filter"}
    await provider.put(script, [{"choices": [first, second]}])

    streamed, whole = await accumulated(openai, script, n=2), await unary(openai, script, n=2)

    texts = [choice.message.content for choice in streamed.choices]
    assert texts == [choice.message.content for choice in whole.choices] == ["one two three", "un"]
    reasons = [choice.finish_reason for choice in streamed.choices]
    assert reasons == [choice.finish_reason for choice in whole.choices] == ["stop", "content_filter"]


async def test_unscripted_choices_differ(openai: AsyncOpenAI) -> None:
    """With n=2 and no script there are two different texts."""
    whole = await openai.chat.completions.create(model="m", messages=ASKED, n=2)

    assert len({choice.message.content for choice in whole.choices}) == 2


async def test_stop_ends_the_text_before_it(openai: AsyncOpenAI, provider: ScriptedProvider, script: str) -> None:
    """A stop sequence is not part of the answer."""
    await provider.put(script, [{"text": "one two three"}])
    whole = await openai.chat.completions.create(model="m", messages=ASKED, stop=" three", metadata={"script": script})

    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == ("one two", "stop")


async def test_logprobs_come_with_their_tokens(openai: AsyncOpenAI, provider: ScriptedProvider, script: str) -> None:
    """Asked for log probabilities, each streamed token carries its own."""
    await provider.put(script, [{"text": "one two three"}])
    stream = await openai.chat.completions.create(
        model="m", messages=ASKED, logprobs=True, stream=True, metadata={"script": script}
    )
    told = [
        (choice.delta.content, [entry.token for entry in (choice.logprobs and choice.logprobs.content) or []])
        async for chunk in stream
        for choice in chunk.choices
        if choice.delta.content
    ]

    assert told == [("one", ["one"]), (" two", [" two"]), (" three", [" three"])]


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, sdk.BadRequestError),
        (401, sdk.AuthenticationError),
        (404, sdk.NotFoundError),
        (429, sdk.RateLimitError),
        (503, sdk.InternalServerError),
    ],
)
async def test_an_error_status_is_the_sdks_own_exception(
    provider: ScriptedProvider,
    openai: AsyncOpenAI,
    script: str,
    status: int,
    raised: type[sdk.APIStatusError],
) -> None:
    """A scripted status comes with an OpenAI error body and the scripted headers."""
    await provider.put(script, [{"status": status, "headers": {"retry-after": "7"}}, {"text": "better"}])

    with pytest.raises(raised) as caught:
        await accumulated(openai, script)

    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.request_id is not None
    assert (await unary(openai, script)).choices[0].message.content == "better"


async def test_an_error_in_the_stream_is_raised_by_the_sdk(
    provider: ScriptedProvider, openai: AsyncOpenAI, script: str
) -> None:
    """After the scripted number of chunks the stream is an error object."""
    await provider.put(script, [{"tokens": 9, "error_after": 3, "error": {"message": "mill on fire", "code": 500}}])

    with pytest.raises(sdk.APIError, match="mill on fire"):
        await accumulated(openai, script)

    [entry] = await provider.requests(script)
    assert entry.chunks_sent == 3


async def test_a_key_is_required(provider: ScriptedProvider) -> None:
    """Without a key there is a 401 in OpenAI's form."""
    wrong = {"Authorization": "Basic c2stbWFkZS11cA=="}
    async with AsyncOpenAI(base_url=provider.url, api_key="x", max_retries=0, default_headers=wrong) as client:
        with pytest.raises(sdk.AuthenticationError, match="API key"):
            await client.models.list()


async def test_models_are_listed(openai: AsyncOpenAI) -> None:
    """The model list is not empty, and each model can be fetched."""
    listed = [model.id async for model in await openai.models.list()]

    assert (await openai.models.retrieve(listed[0])).id == listed[0]


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": "hello"}, "messages", "invalid_type"),
        ({"messages": [{"role": "wizard"}]}, "messages[0].role", "invalid_value"),
        ({"messages": ASKED, "n": 0}, "n", "invalid_value"),
        ({"messages": ASKED, "stream_options": {}}, "stream_options", None),
        ({"messages": ASKED, "metadata": {"script": "nobody wrote it"}}, "metadata.script", None),
        ({}, "messages", "missing_required_parameter"),
    ],
)
async def test_a_bad_request_is_refused_naming_its_field(
    openai: AsyncOpenAI, body: JsonObject, param: str, code: str | None
) -> None:
    """A 400 tells the parameter and the code as OpenAI does."""
    with pytest.raises(sdk.BadRequestError) as caught:
        await openai.post("/chat/completions", body={"model": "m", **body}, cast_to=ChatCompletion)

    assert (caught.value.param, caught.value.code) == (param, code)


async def test_a_missing_model_is_refused(openai: AsyncOpenAI) -> None:
    """A body without a model is a 400."""
    with pytest.raises(sdk.BadRequestError, match="model parameter"):
        await openai.post("/chat/completions", body={"messages": ASKED}, cast_to=ChatCompletion)


async def test_an_unknown_path_is_a_404(openai: AsyncOpenAI) -> None:
    """A path that OpenAI has and the provider has not is a 404 that names it."""
    with pytest.raises(sdk.NotFoundError, match=r"Invalid URL \(POST /v1/embeddings\)"):
        await openai.post("/embeddings", body={}, cast_to=ChatCompletion)


async def test_a_wrong_method_is_a_405(openai: AsyncOpenAI) -> None:
    """A known path with another method is a 405 that names both."""
    with pytest.raises(sdk.APIStatusError, match="Not allowed to GET"):
        await openai.get("/chat/completions", cast_to=ChatCompletion)
