"""What the real APIs would not answer is refused, each in its own words."""

import pytest

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject
from tests.deploy.sandbox_provider.conftest import Post
from tests.deploy.sandbox_provider.wires import CHAT, GEMINI, MESSAGES, RESPONSES, Wire

USER: JsonObject = {"role": "user", "content": "hi"}
CHAT_CALL: JsonObject = {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function"}]}
CALL: JsonObject = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT: JsonObject = {"type": "function_call_output", "call_id": "c1", "output": "x"}
REASONING: JsonObject = {"type": "reasoning", "id": "rs_1", "summary": []}
USE: JsonObject = {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]}
RESULT: JsonObject = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}
SAID: JsonObject = {"role": "user", "parts": [{"text": "hi"}]}
CALLED: JsonObject = {"role": "model", "parts": [{"functionCall": {"name": "f"}, "thoughtSignature": "eA=="}]}
ANSWERED: JsonObject = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}


def assistant(*blocks: JsonObject) -> JsonObject:
    """Returns an assistant message of Anthropic's."""
    return {"role": "assistant", "content": [*blocks]}


def user(*blocks: JsonObject) -> JsonObject:
    """Returns a user message of Anthropic's."""
    return {"role": "user", "content": [*blocks]}


def model(*parts: JsonObject) -> JsonObject:
    """Returns a model turn of Gemini's."""
    return {"role": "model", "parts": [*parts]}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": [USER, CHAT_CALL]}, "messages"),
        ({"messages": [USER, CHAT_CALL, USER]}, "messages"),
        ({"messages": [USER, {"role": "tool", "tool_call_id": "c1", "content": "x"}]}, "messages[1].role"),
        ({"messages": [USER, CHAT_CALL, {"role": "tool", "content": "x"}]}, "messages[2].tool_call_id"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
    ],
    ids=["call at the end", "unanswered call", "answer to nothing", "answer without id", "no content"],
)
async def test_chat(post: Post, change: JsonObject, param: str) -> None:
    """Each tool call is answered at once, and nothing else is."""
    status, body = await post(CHAT, CHAT.asked | change)

    error = body["error"]
    assert isinstance(error, dict)
    assert (status, error["type"], error["param"]) == (400, "invalid_request_error", param)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [{"role": "wizard", "content": "hi"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": 3}]}, "input[0].content"),
        ({"input": [{"type": "wish"}]}, "input[0]"),
        ({"input": [{"role": "user", "content": [{"type": "output_text"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "assistant", "content": [{"type": "input_text"}]}]}, "input[0].content[0].type"),
        ({"input": [USER, CALL]}, "input"),
        ({"input": [USER, OUTPUT]}, "input"),
        ({"input": [USER, CALL | {"arguments": {}}, OUTPUT]}, "input[1].arguments"),
        ({"input": [USER, REASONING]}, "input"),
        ({"input": [USER, REASONING, USER]}, "input"),
        ({"messages": [USER]}, "messages"),
        ({"max_output_tokens": 3}, "max_output_tokens"),
        ({"stop": "x"}, "stop"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"stream_options": {"include_obfuscation": False}}, "stream_options"),
        ({"metadata": {"script": "nobody wrote it"}}, "metadata.script"),
    ],
)
async def test_responses(post: Post, change: JsonObject, param: str) -> None:
    """Items of the known kinds, calls with their outputs, reasoning with what it led to, and no chat parameters."""
    status, body = await post(RESPONSES, RESPONSES.asked | change)

    error = body["error"]
    assert isinstance(error, dict)
    assert (status, error["type"], error["param"]) == (400, "invalid_request_error", param)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, "messages.0.role"),
        ({"messages": [{"role": "system", "content": "hi"}, USER]}, "top-level `system`"),
        ({"messages": [assistant({"type": "text", "text": "a"})]}, "first message"),
        ({"messages": [user({"type": "tool_use", "id": "t1", "name": "f", "input": {}})]}, "messages.0.content.0"),
        ({"messages": [user({"type": "text", "text": ""})]}, "non-whitespace"),
        ({"messages": [user({"type": "image"})]}, "image.source: Field required"),
        (
            {
                "messages": [
                    user({"type": "image", "source": {"type": "base64", "media_type": "image/tiff", "data": "eA=="}})
                ]
            },
            "media_type",
        ),
        ({"messages": [USER, USE]}, "without `tool_result`"),
        ({"messages": [USER, USE, USER]}, "immediately after: t1"),
        ({"messages": [USER, USE, user({"type": "text", "text": "so"}, RESULT)]}, "immediately after: t1"),
        ({"messages": [USER, assistant({"type": "text", "text": "a"}), user(RESULT)]}, "unexpected `tool_use_id`"),
        ({"messages": [user(RESULT)]}, "unexpected `tool_use_id`"),
        ({"messages": [USER, USE, user(RESULT), USE, user(RESULT)]}, "must be unique"),
        (
            {"messages": [USER, assistant({"type": "tool_use", "id": "a b", "name": "f", "input": {}}), user(RESULT)]},
            "messages.1.content.0.tool_use.id",
        ),
        (
            {"messages": [USER, assistant({"type": "tool_use", "id": "t1", "name": "f", "input": "{}"}), user(RESULT)]},
            "valid dictionary",
        ),
        ({"messages": [USER, assistant({"type": "thinking", "thinking": "a", "signature": ""}), USER]}, "signature"),
        ({"messages": [USER, assistant({"type": "text", "text": "a "})]}, "trailing whitespace"),
        ({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]}, "tools.0.name"),
        ({"tools": [{"name": "f"}]}, "input_schema"),
        ({"tool_choice": {"type": "any"}}, "tools are required"),
        ({"tool_choice": {"type": "required"}}, "tool_choice"),
        ({"thinking": {"type": "enabled", "budget_tokens": 3}}, "1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 200_000}}, "must be greater"),
        ({"thinking": {"type": "adaptive"}, "temperature": 0.5}, "temperature"),
        ({"temperature": 1.5}, "temperature"),
        ({"stop": ["x"]}, "stop: Extra inputs are not permitted"),
        ({"metadata": {"script": "x"}}, "metadata.script: Extra inputs"),
        ({"metadata": {"user_id": "script:nobody wrote it"}}, "metadata.user_id: No script"),
    ],
)
async def test_messages(post: Post, change: JsonObject, words: str) -> None:
    """Results follow their uses, ids are unique, thinking is signed, and nothing is there that nobody knows."""
    status, body = await post(MESSAGES, MESSAGES.asked | change)

    error = body["error"]
    assert isinstance(error, dict)
    assert (status, body["type"], error["type"]) == (400, "error", "invalid_request_error")
    assert words in str(error["message"])


@pytest.mark.parametrize(
    ("version", "change", "words"),
    [
        (None, {}, "anthropic-version: header is required"),
        ("2024-01-01", {}, "anthropic-version"),
        ("2026-10-21", {"temperature": 0.5}, "temperature: Extra inputs"),
        ("2026-10-21", {"messages": [{"role": "system", "content": "hi"}]}, "first message"),
    ],
)
async def test_messages_has_versions(post: Post, version: str | None, change: JsonObject, words: str) -> None:
    """The version must be there and known; the newer one has no sampling parameters."""
    headers = {"x-api-key": "sk-made-up"} | ({} if version is None else {"anthropic-version": version})
    status, body = await post(MESSAGES, MESSAGES.asked | change, headers)

    assert status == 400
    assert words in str(body["error"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"contents": []}, "contents is not specified"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "a"}]}]}, "contents[0].role"),
        ({"contents": [{"role": "user"}]}, "must not be empty"),
        ({"contents": [model({})]}, "required oneof"),
        ({"contents": [model({"text": "a", "inlineData": {"mimeType": "a/b", "data": ""}})]}, "required oneof"),
        ({"contents": [model({"thought": True})]}, "required oneof"),
        ({"contents": [model({"text": 3})]}, "TYPE_STRING"),
        ({"contents": [model({"text": "a", "type": "text"})]}, 'Unknown name "type"'),
        ({"contents": [model({"inlineData": {"data": "eA=="}})]}, "mimeType"),
        ({"contents": [SAID, CALLED]}, "followed by a function response"),
        ({"contents": [SAID, CALLED, SAID]}, "number of function response parts"),
        ({"contents": [SAID, ANSWERED]}, "immediately after a function call turn"),
        ({"contents": [CALLED, ANSWERED]}, "after a user"),
        ({"contents": [SAID, model({"functionCall": {"name": "f"}}), ANSWERED]}, "thought_signature"),
        ({"contents": [SAID, model({"functionCall": {"name": "f", "args": "{}"}}), ANSWERED]}, "Struct"),
        (
            {"contents": [SAID, CALLED, {"parts": [{"functionResponse": {"name": "f", "response": "x"}}]}]},
            "Struct",
        ),
        ({"tools": [{"functionDeclarations": [{"name": "a b"}]}]}, "Invalid function name"),
        (
            {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {}, "parametersJsonSchema": {}}]}]},
            "Only one of",
        ),
        ({"generationConfig": {"maxTokens": 3}}, 'Unknown name "maxTokens"'),
        ({"messages": []}, 'Unknown name "messages"'),
        ({"labels": {"script": "nobody wrote it"}}, "No script"),
    ],
)
async def test_gemini(post: Post, change: JsonObject, words: str) -> None:
    """Parts are one thing each, calls are signed and answered in number, and every name is known."""
    status, body = await post(GEMINI, GEMINI.asked | change)

    error = body["error"]
    assert isinstance(error, dict)
    assert (status, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert words in str(error["message"])


@pytest.mark.parametrize(
    ("wire", "change"),
    [
        (CHAT, {"messages": [USER, CHAT_CALL, {"role": "tool", "tool_call_id": "c1", "content": "x"}]}),
        (RESPONSES, {"input": [USER, REASONING, CALL, OUTPUT]}),
        (RESPONSES, {"input": [OUTPUT], "previous_response_id": "resp_1"}),
        (MESSAGES, {"messages": [USER, USE, user(RESULT, {"type": "text", "text": "so"})]}),
        (MESSAGES, {"messages": [USER, USE, user(RESULT), user({"type": "text", "text": "so"})]}),
        (MESSAGES, {"messages": [USER, assistant({"type": "text", "text": "paused"})]}),
        (GEMINI, {"contents": [SAID, CALLED, ANSWERED]}),
        (GEMINI, {"contents": [SAID, model({"functionCall": {"name": "f"}}), ANSWERED, model({"text": "a"}), SAID]}),
        (GEMINI, {"generation_config": {"max_output_tokens": 3}, "system_instruction": {"parts": [{"text": "a"}]}}),
    ],
    ids=["chat", "responses", "continued", "messages", "merged", "prefill", "gemini", "old call", "snake case"],
)
async def test_what_they_would_answer_is_answered(
    provider: ScriptedProvider, post: Post, script: str, wire: Wire, change: JsonObject
) -> None:
    """A tool exchange, and each wire's own freedoms."""
    await provider.put(script, [{"text": "a"}])
    status, body = await post(wire, wire.body(script, stream=False) | change)

    assert status == 200, body


@pytest.mark.parametrize(
    ("wire", "status", "words"),
    [(CHAT, 401, "Bearer"), (RESPONSES, 401, "Bearer"), (MESSAGES, 401, "x-api-key"), (GEMINI, 403, "API Key")],
    ids=lambda value: value.name if isinstance(value, Wire) else "",
)
async def test_a_key_is_required(post: Post, wire: Wire, status: int, words: str) -> None:
    """Without one there is each API's own refusal."""
    told, body = await post(wire, wire.asked, {})

    error = body["error"]
    assert isinstance(error, dict)
    assert told == status
    assert words in str(error["message"])


@pytest.mark.parametrize(
    "says", [{"choices": [{"message": {}}]}, {"message": {"content": "a"}}], ids=["choices", "message"]
)
@pytest.mark.parametrize(
    "wire", [RESPONSES, MESSAGES, GEMINI], ids=["openai-responses", "anthropic-messages", "gemini"]
)
async def test_a_script_in_another_wires_words_is_refused(
    provider: ScriptedProvider, post: Post, script: str, wire: Wire, says: JsonObject
) -> None:
    """Whoever wrote it learns what the wire has no words for."""
    await provider.put(script, [says])
    status, body = await post(wire, wire.body(script, stream=False))

    assert status == 400
    assert "wire" in str(body["error"])


async def test_a_body_that_is_no_json_object_is_refused(post: Post, wire: Wire) -> None:
    """In each wire's own form."""
    status, body = await post(wire, ["no", "object"])

    assert status == 400
    assert "not valid JSON" in str(body["error"])
