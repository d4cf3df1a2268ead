"""The official google-genai client cannot tell the provider from the real one."""

import pytest
from google.genai import errors
from google.genai.client import AsyncClient
from google.genai.types import Content, GenerateContentConfig, GenerateContentResponse, Part

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject

CALL: JsonObject = {"functionCall": {"name": "weather", "args": {"city": "Zürich"}}, "thoughtSignature": "CiQB"}


async def streamed(client: AsyncClient, config: GenerateContentConfig | None = None) -> list[GenerateContentResponse]:
    """Streams the test's script; returns all chunks."""
    stream = await client.models.generate_content_stream(model="m", contents="Why?", config=config)
    return [chunk async for chunk in stream]


async def unary(client: AsyncClient, config: GenerateContentConfig | None = None) -> GenerateContentResponse:
    """Asks for the same script without streaming."""
    return await client.models.generate_content(model="m", contents="Why?", config=config)


def parts_of(answer: GenerateContentResponse, index: int = 0) -> list[Part]:
    """Returns the parts of one candidate."""
    found = [candidate for candidate in answer.candidates or [] if (candidate.index or 0) == index]
    return [part for candidate in found if candidate.content for part in candidate.content.parts or []]


def joined(chunks: list[GenerateContentResponse], index: int = 0) -> list[Part]:
    """Returns the parts that the chunks of one candidate amount to: runs of text are one part, signed in the end."""
    found: list[Part] = []
    for part in (part for chunk in chunks for part in parts_of(chunk, index)):
        last = found[-1] if found else None
        if part.text is None or last is None or last.text is None or part.thought != last.thought:
            found.append(part.model_copy())
        else:
            last.text += part.text
            last.thought_signature = part.thought_signature or last.thought_signature
    return [part for part in found if part.text != "" or part.thought_signature]


@pytest.mark.parametrize(
    "parts",
    [
        [{"text": "Grüße, 東京 🌾\n\nand more."}],
        [{"text": "two and two", "thought": True}, {"text": "4", "thoughtSignature": "CiQB"}],
        [CALL, {"functionCall": {"name": "time", "args": {}}}],
        [{"executableCode": {"code": "print(1)", "language": "PYTHON"}}, {"text": "so"}],
        [{"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}],
    ],
    ids=["text", "thought", "calls", "code", "image"],
)
async def test_the_chunks_amount_to_the_unary_parts(
    provider: ScriptedProvider, gemini: AsyncClient, script: str, parts: list[JsonObject]
) -> None:
    """Whatever the candidate holds, its stream amounts to the same parts, and ends alike."""
    await provider.put(script, [{"message": {"parts": [*parts]}}])

    chunks, whole = await streamed(gemini), await unary(gemini)

    assert joined(chunks) == parts_of(whole) == [Part.model_validate(part) for part in parts]
    assert whole.candidates is not None
    assert chunks[-1].candidates is not None
    assert chunks[-1].candidates[0].finish_reason == whole.candidates[0].finish_reason == "STOP"
    assert chunks[-1].usage_metadata == whole.usage_metadata
    assert (chunks[0].model_version, len(whole.response_id or "")) == ("m", 24)


async def test_two_candidates_are_streamed_interleaved(
    provider: ScriptedProvider, gemini: AsyncClient, script: str
) -> None:
    """Both candidates arrive whole, each under its index."""
    first: JsonObject = {"message": {"parts": [{"text": "one two three"}]}}
    second: JsonObject = {"message": {"parts": [{"text": "un"}]}, "finish_reason": "SAFETY"}
    await provider.put(script, [{"choices": [first, second]}])

    chunks, whole = await streamed(gemini), await unary(gemini)

    for index, text in enumerate(("one two three", "un")):
        assert joined(chunks, index) == parts_of(whole, index) == [Part(text=text)]
    assert [candidate.finish_reason for candidate in whole.candidates or []] == ["STOP", "SAFETY"]


async def test_the_limit_and_the_stop_sequences_are_kept(
    provider: ScriptedProvider, gemini: AsyncClient, script: str
) -> None:
    """An answer is cut where the request says."""
    await provider.put(script, [{"text": "one two three"}])

    limited = await unary(gemini, GenerateContentConfig(max_output_tokens=1))
    stopped = await unary(gemini, GenerateContentConfig(stop_sequences=[" three"], system_instruction="Be brief."))

    assert (limited.text, stopped.text) == ("one", "one two")
    assert [answer.candidates and answer.candidates[0].finish_reason for answer in (limited, stopped)] == [
        "MAX_TOKENS",
        "STOP",
    ]


async def test_a_tool_exchange_goes_on(provider: ScriptedProvider, gemini: AsyncClient, script: str) -> None:
    """What the SDK sends back, signature and all, is a conversation that the provider takes."""
    await provider.put(script, [{"message": {"parts": [CALL]}}, {"text": "sunny"}])
    called = await unary(gemini)
    contents = [
        Content(role="user", parts=[Part(text="Why?")]),
        Content(role="model", parts=parts_of(called)),
        Content(role="user", parts=[Part.from_function_response(name="weather", response={"sky": "blue"})]),
    ]

    answer = await gemini.models.generate_content(model="m", contents=contents)

    assert answer.text == "sunny"


@pytest.mark.parametrize(
    ("status", "raised", "word"),
    [
        (400, errors.ClientError, "INVALID_ARGUMENT"),
        (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
        (503, errors.ServerError, "UNAVAILABLE"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_status_is_the_sdks_own_exception(
    provider: ScriptedProvider,
    gemini: AsyncClient,
    script: str,
    status: int,
    raised: type[errors.APIError],
    word: str,
    *,
    stream: bool,
) -> None:
    """A scripted status comes with Google's error body."""
    await provider.put(script, [{"status": status}])

    with pytest.raises(raised) as caught:
        await (streamed if stream else unary)(gemini)

    assert (caught.value.code, caught.value.status) == (status, word)


async def test_an_error_in_the_stream_is_raised_by_the_sdk(
    provider: ScriptedProvider, gemini: AsyncClient, script: str
) -> None:
    """After the scripted number of chunks comes an error object."""
    error: JsonObject = {"code": 503, "message": "mill on fire", "status": "UNAVAILABLE"}
    await provider.put(script, [{"tokens": 9, "error_after": 3, "error": error}])

    with pytest.raises(errors.ServerError, match="mill on fire"):
        await streamed(gemini)


async def test_models_are_listed(gemini: AsyncClient) -> None:
    """The model list is Google's own page, and each model can be fetched."""
    listed = [model.name async for model in await gemini.models.list()]

    assert listed[0] is not None
    assert (await gemini.models.get(model=listed[0])).display_name == "Sandbox Large"
