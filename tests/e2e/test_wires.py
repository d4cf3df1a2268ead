"""The same turns over every wire: each streamed, unary, cut short, and gone on with by another provider."""

import json
from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path

import pytest

from streaming.jsontext import JsonObject, JsonValue
from streaming.providers import WIRES
from tests.e2e.rig import Rig, text_of
from tests.e2e.test_faults import errors_of

QUEUE = "every-wire"
PATHS = {
    "openai-chat": ("/v1/chat/completions", "/v1/chat/completions"),
    "openai-responses": ("/v1/responses", "/v1/responses"),
    "anthropic-messages": ("/v1/messages", "/v1/messages"),
    "gemini": ("/v1beta/models/model-a:streamGenerateContent", "/v1beta/models/model-a:generateContent"),
}
NAMES = tuple(PATHS)
WEATHER: JsonObject = {
    "name": "weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
ARGUMENTS: JsonObject = {"city": "Zürich"}
THOUGHT = "Rain or sun?"
# The same thought and the same call, in each wire's own words.
THINKING_CALLS: dict[str, JsonObject] = {
    "openai-chat": {
        "content": None,
        "reasoning_content": THOUGHT,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": json.dumps(ARGUMENTS)},
            }
        ],
    },
    "openai-responses": {
        "output": [
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": THOUGHT}],
                "encrypted_content": "gAAAAABo",
            },
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "call_1",
                "name": "weather",
                "arguments": json.dumps(ARGUMENTS),
            },
        ]
    },
    "anthropic-messages": {
        "content": [
            {"type": "thinking", "thinking": THOUGHT, "signature": "ErUBCkYI"},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": ARGUMENTS},
        ]
    },
    "gemini": {
        "parts": [
            {"text": THOUGHT, "thought": True},
            {"functionCall": {"name": "weather", "args": ARGUMENTS}, "thoughtSignature": "CiQB"},
        ]
    },
}


def routes_file(provider_url: str) -> str:
    """Return settings with a provider for each wire, and routes to each, unary too, and from each to each."""
    root = provider_url.removesuffix("/v1")
    lines: list[str] = []
    routes = {name: [(name, "model-a", True)] for name in NAMES}
    routes |= {f"{name}-unary": [(name, "model-a", False)] for name in NAMES}
    routes |= {f"{a}-then-{b}": [(a, "model-a", True), (b, "model-b", True)] for a in NAMES for b in NAMES}
    for name in NAMES:
        base = f"{root}/v1beta" if name == "gemini" else f"{root}/v1"
        lines += [f'[providers."{name}"]', f'wire = "{name}"', f'base_url = "{base}"', 'api_key_env = "SCRIPTED_KEY"']
    for route, candidates in routes.items():
        for provider, model, stream in candidates:
            lines += [f'[[routes."{route}"]]', f'provider = "{provider}"', f'model = "{model}"']
            lines += [f"stream = {json.dumps(stream)}"]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def routes(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with the routes here."""
    file = tmp_path_factory.mktemp("wires") / "routes.toml"
    file.write_text(routes_file(rig.stack.provider_url))
    return file


@pytest.fixture(scope="module", autouse=True)
async def _worker(rig: Rig, routes: Path) -> AsyncIterator[None]:
    """A worker that knows a provider for each wire."""
    worker = await rig.worker(QUEUE, MILLSTREAM_CONFIG=str(routes))
    yield
    await worker.stop()


def asked(script: str, route: str, *more: JsonValue) -> JsonObject:
    """Return a turn's input whose provider, whoever it is, follows a script."""
    extra: JsonObject = {
        "openai-chat": {"metadata": {"script": script}},
        "openai-responses": {"metadata": {"script": script}},
        "anthropic-messages": {"metadata": {"user_id": f"script:{script}"}},
        "gemini": {"labels": {"script": script}},
    }
    return {
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "How is the weather?"}, *more],
        "tools": [WEATHER],
        "settings": {"max_output_tokens": 5000, "extra": extra},
        "route": route,
    }


def parts_of(result: JsonObject) -> list[JsonObject]:
    """Return the parts of a turn's message."""
    message = result["message"]
    assert isinstance(message, dict)
    parts = message["parts"]
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, dict)]


def answered(result: JsonObject) -> list[JsonValue]:
    """Return the message of a turn that called the tool, and the tool's answer."""
    [call] = [part for part in parts_of(result) if part["type"] == "tool_call"]
    content: JsonObject = {"type": "tool_result", "tool_call_id": call["id"], "content": "sunny"}
    return [result["message"], {"role": "tool", "content": [content]}]


def test_every_wire_is_tested() -> None:
    """No wire without these tests."""
    assert set(NAMES) == WIRES.keys()


@pytest.mark.parametrize("wire", NAMES)
async def test_text_is_the_same_streamed_and_unary(rig: Rig, wire: str) -> None:
    """Message, finish reason and usage; the two calls differ in the wire's own way of asking for a stream."""
    script = await rig.script({"text": "Grüße, 水车! 🌾"})

    streamed = await rig.run(asked(script, wire), queue=QUEUE)
    unary = await rig.run(asked(script, f"{wire}-unary"), queue=QUEUE)

    assert text_of(streamed) == text_of(unary) == "Grüße, 水车! 🌾"
    assert streamed["finish_reason"] == unary["finish_reason"] == "stop"
    assert streamed["usage"] == unary["usage"]
    assert isinstance(streamed["usage"], dict)
    assert streamed["usage"]["output_tokens"]
    entries = await rig.requests(script)
    assert [(entry.path, entry.stream) for entry in entries] == [(PATHS[wire][0], True), (PATHS[wire][1], False)]


@pytest.mark.parametrize("wire", NAMES)
async def test_thought_and_call_are_the_same_streamed_and_unary(rig: Rig, wire: str) -> None:
    """A reasoning part and a tool call, whoever thought and called, with all that the provider wants back."""
    named: JsonObject = {"responseId" if wire == "gemini" else "id": "the same answer"}
    script = await rig.script({"message": THINKING_CALLS[wire], "completion": named})

    streamed = await rig.run(asked(script, wire), queue=QUEUE)
    unary = await rig.run(asked(script, f"{wire}-unary"), queue=QUEUE)

    assert streamed["finish_reason"] == unary["finish_reason"] == "tool_calls"
    assert streamed["message"] == unary["message"]
    thought, call = parts_of(streamed)
    assert (thought["type"], thought["text"]) == ("reasoning", THOUGHT)
    assert (call["type"], call["name"], json.loads(str(call["arguments"]))) == ("tool_call", "weather", ARGUMENTS)


@pytest.mark.parametrize("wire", NAMES)
async def test_provider_takes_its_own_words_back(rig: Rig, wire: str) -> None:
    """The exchange goes on with the thought's signature and the call's id as the provider gave them."""
    script = await rig.script({"message": THINKING_CALLS[wire]}, {"text": "It is sunny."})
    called = await rig.run(asked(script, wire), queue=QUEUE)

    result = await rig.run(asked(script, wire, *answered(called)), queue=QUEUE)

    assert text_of(result) == "It is sunny."
    assert errors_of(result) == []


@pytest.mark.parametrize("wire", NAMES)
async def test_cut_stream_is_a_failure_and_the_next_try_answers(rig: Rig, wire: str) -> None:
    """A stream that ends properly but says not that it is whole is no answer on any wire."""
    script = await rig.script({"tokens": 20, "cut_after": 5, "cut": "eof"}, model="model-a")
    await rig.script({"text": "whole at last"}, model="model-b", name=script)

    result = await rig.run(asked(script, f"{wire}-then-{wire}"), queue=QUEUE)

    assert text_of(result) == "whole at last"
    assert errors_of(result) == [("TruncatedStream", False)]


@pytest.mark.parametrize(("first", "second"), [*permutations(NAMES, 2)])
async def test_another_provider_goes_on_within_a_tool_exchange(rig: Rig, first: str, second: str) -> None:
    """The call and its result came from one wire; it fails, and the next candidate on another wire answers."""
    calling = await rig.script({"message": THINKING_CALLS[first]})
    called = await rig.run(asked(calling, first), queue=QUEUE)
    script = await rig.script({"status": 500}, model="model-a")
    await rig.script({"text": "It is sunny."}, model="model-b", name=script)

    result = await rig.run(asked(script, f"{first}-then-{second}", *answered(called)), queue=QUEUE)

    assert text_of(result) == "It is sunny."
    assert errors_of(result) == [("StatusError", False)]
    assert (result["provider"], result["model"]) == (second, "model-b")
    failed, took = await rig.requests(script)
    assert ("sunny" in str(failed.body), "sunny" in str(took.body)) == (True, True)
    assert THOUGHT not in str(took.body)
