"""Scripts are checked when they are put, chosen by name and model, and the requests for them are kept."""

import pytest
from openai import AsyncOpenAI

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.errors import ScriptRefused
from deploy.sandbox.provider.script import JsonObject
from tests.deploy.sandbox_provider.conftest import Post
from tests.deploy.sandbox_provider.wires import Wire


async def said(client: AsyncOpenAI, script: str, model: str = "m") -> str | None:
    """Asks for a script's next response."""
    whole = await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "hi"}], metadata={"script": script}
    )
    return whole.choices[0].message.content


@pytest.mark.parametrize(
    ("response", "named"),
    [
        ({"txet": "a"}, "0.txet"),
        ({"pace_s": -1}, "0.pace_s"),
        ({"tokens": "10"}, "0.tokens"),
        ({"newline": "\t"}, "0.newline"),
        ({"choices": [{"message": 3}]}, "0.choices.0.message"),
        ({"completion": {"choices": [{"finish_reason": 3}]}}, "0.completion"),
        ({"raw_base64": "?"}, "0.raw_base64"),
        ({"text": "a", "tokens": 3}, "text, tokens"),
        ({"silent_after": 0, "cut_after": 3}, "silent_after, cut_after"),
        ({"cut": "reset"}, "cut needs cut_after"),
        ({"error": {}}, "error needs"),
    ],
)
async def test_a_bad_script_is_refused_naming_the_field(
    provider: ScriptedProvider, script: str, response: JsonObject, named: str
) -> None:
    """A script that says what cannot be is refused, and the refusal names the place."""
    with pytest.raises(ScriptRefused, match=named):
        await provider.put(script, [response])


async def test_an_empty_script_is_refused(provider: ScriptedProvider, script: str) -> None:
    """A list of no responses answers nothing."""
    with pytest.raises(ScriptRefused, match="at least 1 item"):
        await provider.put(script, [])


async def test_responses_follow_each_other_and_the_last_repeats(
    provider: ScriptedProvider, openai: AsyncOpenAI, script: str
) -> None:
    """Two responses serve three requests, and putting the script again starts it over."""
    await provider.put(script, [{"text": "first"}, {"text": "last"}])

    assert [await said(openai, script) for _ in range(3)] == ["first", "last", "last"]

    await provider.put(script, [{"text": "again"}])

    assert await said(openai, script) == "again"


async def test_a_models_own_script_comes_first(provider: ScriptedProvider, openai: AsyncOpenAI, script: str) -> None:
    """A list for one model answers that model only; the others get the common list."""
    await provider.put(script, [{"text": "for all"}])
    await provider.put(script, [{"text": "for one"}], model="chosen")

    assert await said(openai, script, "chosen") == "for one"
    assert await said(openai, script, "other") == "for all"


async def test_the_journal_tells_what_was_asked(provider: ScriptedProvider, openai: AsyncOpenAI, script: str) -> None:
    """A request is kept with its body and its headers, but not with its key."""
    await provider.put(script, [{"text": "one two"}])
    await said(openai, script)

    [entry] = await provider.requests(script)
    assert (entry.model, entry.stream, entry.outcome, entry.chunks_sent) == ("m", False, "complete", 1)
    assert entry.body["messages"] == [{"role": "user", "content": "hi"}]
    assert entry.headers["authorization"] == "Bearer ***"
    assert entry.headers["user-agent"].startswith("AsyncOpenAI/Python")
    assert entry.ended_at is not None
    assert entry.ended_at >= entry.at
    assert entry in await provider.requests()


@pytest.mark.parametrize("header", [True, False])
async def test_a_script_is_named_in_the_body_or_in_a_header(
    provider: ScriptedProvider, post: Post, script: str, wire: Wire, *, header: bool
) -> None:
    """On every wire; the header is for clients whose own words have no place for it."""
    await provider.put(script, [{"text": "scripted"}])
    headers = wire.headers | ({"x-script": script} if header else {})
    status, body = await post(wire, wire.body(None if header else script, stream=False), headers)

    assert status == 200
    assert "scripted" in str(body)


async def test_the_journal_keeps_no_key(provider: ScriptedProvider, post: Post, script: str, wire: Wire) -> None:
    """Whatever the wire calls the header that carries it; everything else is there."""
    await provider.put(script, [{"text": "a"}])
    await post(wire, wire.body(script, stream=False))

    [entry] = await provider.requests(script)
    assert "made-up" not in str(entry.headers)
    assert (entry.path, entry.model) == (wire.path, "m")
    assert {name.lower() for name in wire.headers} <= entry.headers.keys()
