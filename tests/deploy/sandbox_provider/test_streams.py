"""What stands in each wire's streams, event by event."""

import orjson
import pytest
from pydantic import JsonValue

from deploy.sandbox.provider.client import ScriptedProvider
from deploy.sandbox.provider.script import JsonObject
from tests.deploy.sandbox_provider.conftest import RawAsk
from tests.deploy.sandbox_provider.reading import whole
from tests.deploy.sandbox_provider.wires import GEMINI, MESSAGES, RESPONSES, Wire


def events_of(wire: Wire, body: bytes) -> list[tuple[str, JsonObject]]:
    """Returns each event's name and object."""
    found = []
    for event in body.split(wire.blank):
        name, _, data = event.rpartition(b"data: ")
        if data.startswith(b"{"):
            found.append((name.decode().removeprefix("event: ").strip(), orjson.loads(data)))
    return found


def only(found: JsonValue) -> JsonObject:
    """Returns the one object of a list."""
    assert isinstance(found, list)
    [one] = found
    assert isinstance(one, dict)
    return one


async def test_a_chat_stream_ends_with_done(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Role, content, finish, usage and [DONE] follow each other in that order."""
    await provider.put(script, [{"text": "one two"}])
    body = await whole(await ask(script, stream_options={"include_usage": True}))

    events = body.split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    chunks = [orjson.loads(event.removeprefix(b"data: ")) for event in events[:-2]]
    deltas = [chunk["choices"][0]["delta"] if chunk["choices"] else None for chunk in chunks]
    assert deltas[1:] == [{"content": "one"}, {"content": " two"}, {}, None]
    assert [chunk["usage"] is None for chunk in chunks] == [True] * 4 + [False]


TEXT: JsonObject = {"type": "message", "content": [{"type": "output_text", "text": "one two"}]}
CITED: JsonObject = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}


@pytest.mark.parametrize(
    ("item", "names"),
    [
        (
            TEXT,
            "content_part.added output_text.delta output_text.delta output_text.done content_part.done",
        ),
        (
            {"type": "message", "content": [{"type": "output_text", "text": "one", "annotations": [CITED]}]},
            "content_part.added output_text.delta output_text.annotation.added output_text.done content_part.done",
        ),
        (
            {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]},
            "content_part.added refusal.delta refusal.done content_part.done",
        ),
        (
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "so"}], "encrypted_content": "x"},
            "reasoning_summary_part.added reasoning_summary_text.delta reasoning_summary_text.done "
            "reasoning_summary_part.done",
        ),
        (
            {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "so"}]},
            "content_part.added reasoning_text.delta reasoning_text.done content_part.done",
        ),
        (
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            "function_call_arguments.delta function_call_arguments.done",
        ),
        (
            {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "ls"},
            "custom_tool_call_input.delta custom_tool_call_input.done",
        ),
        (
            {"type": "web_search_call", "action": {"type": "search", "query": "q"}},
            "web_search_call.in_progress web_search_call.searching web_search_call.completed",
        ),
        (
            {"type": "code_interpreter_call", "code": "1", "container_id": "c", "outputs": None},
            "code_interpreter_call.in_progress code_interpreter_call_code.delta code_interpreter_call_code.done "
            "code_interpreter_call.interpreting code_interpreter_call.completed",
        ),
        (
            {"type": "mcp_call", "name": "f", "server_label": "s", "arguments": "1", "status": "failed"},
            "mcp_call.in_progress mcp_call_arguments.delta mcp_call_arguments.done mcp_call.failed",
        ),
        ({"type": "compaction", "encrypted_content": "x"}, ""),
    ],
    ids=[
        "text",
        "annotation",
        "refusal",
        "summary",
        "reasoning",
        "function",
        "custom tool",
        "search",
        "code",
        "failed mcp",
        "compaction",
    ],
)
async def test_a_responses_stream_wraps_each_item_in_its_events(
    provider: ScriptedProvider, ask: RawAsk, script: str, item: JsonObject, names: str
) -> None:
    """Lifecycle events around items, items around their parts; every event is named and numbered."""
    await provider.put(script, [{"message": {"output": [item]}}])
    events = events_of(RESPONSES, await whole(await ask(script, RESPONSES)))

    told = [name.removeprefix("response.") for name, _ in events]
    assert told[:3] == ["created", "in_progress", "output_item.added"]
    assert told[3:-2] == names.split()
    assert told[-2:] == ["output_item.done", "completed"]
    assert [(event["type"], event["sequence_number"]) for _, event in events] == [
        (name, number) for number, (name, _) in enumerate(events)
    ]
    response = events[-1][1]["response"]
    assert isinstance(response, dict)
    assert response["output"] == [events[-2][1]["item"]]


@pytest.mark.parametrize(
    ("reason", "last", "details"),
    [
        ("max_output_tokens", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("failed", "failed", None),
    ],
)
async def test_a_responses_stream_ends_as_its_response(
    provider: ScriptedProvider, ask: RawAsk, script: str, reason: str, last: str, details: JsonObject | None
) -> None:
    """The last event is named after the response's status, and only a failed response has an error."""
    await provider.put(script, [{"text": "a", "finish_reason": reason}])
    events = events_of(RESPONSES, await whole(await ask(script, RESPONSES)))

    response = events[-1][1]["response"]
    assert isinstance(response, dict)
    assert events[-1][0] == f"response.{last}"
    assert (response["status"], response["incomplete_details"]) == (last, details)
    assert (response["error"] is None) == (last != "failed")


@pytest.mark.parametrize(
    ("block", "deltas"),
    [
        ({"type": "text", "text": "one two"}, [{"text": "one"}, {"text": " two"}]),
        ({"type": "text", "text": "a", "citations": [CITED]}, [{"text": "a"}, {"citation": CITED}]),
        ({"type": "thinking", "thinking": "so", "signature": "s"}, [{"thinking": "so"}, {"signature": "s"}]),
        (
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            [{"partial_json": ""}, {"partial_json": '{"a":'}, {"partial_json": "1}"}],
        ),
        ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, [{"partial_json": ""}]),
        ({"type": "redacted_thinking", "data": "x"}, []),
        ({"type": "web_search_tool_result", "tool_use_id": "t", "content": []}, []),
    ],
    ids=["text", "citations", "thinking", "tool_use", "no input", "redacted", "result"],
)
async def test_a_messages_stream_wraps_each_block_in_its_events(
    provider: ScriptedProvider, ask: RawAsk, script: str, block: JsonObject, deltas: list[JsonObject]
) -> None:
    """A block starts empty and grows by deltas, or comes whole; the message's end is told after its blocks."""
    await provider.put(script, [{"message": {"content": [block]}}])
    events = events_of(MESSAGES, await whole(await ask(script, MESSAGES)))

    names = [name for name, _ in events]
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert names[3:-3] == ["content_block_delta"] * len(deltas)
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert [event["type"] for _, event in events] == names
    told = [event["delta"] for name, event in events if name == "content_block_delta"]
    assert [{key: value for key, value in delta.items() if key != "type"} for delta in told] == deltas  # type: ignore[union-attr]
    assert deltas or events[1][1]["content_block"] == block


@pytest.mark.parametrize(
    ("part", "pieces"),
    [
        ({"text": "one two"}, [{"text": "one"}, {"text": " two"}]),
        ({"text": "so", "thought": True}, [{"text": "so", "thought": True}]),
        ({"text": "a", "thoughtSignature": "cw=="}, [{"text": "a"}, {"text": "", "thoughtSignature": "cw=="}]),
        ({"functionCall": {"name": "f", "args": {"a": "b c"}}, "thoughtSignature": "cw=="}, None),
        ({"executableCode": {"code": "1", "language": "PYTHON"}}, None),
        ({"inlineData": {"mimeType": "image/png", "data": "eA=="}}, None),
    ],
    ids=["text", "thought", "signature", "call", "code", "image"],
)
async def test_a_gemini_stream_has_each_part_in_chunks(
    provider: ScriptedProvider, ask: RawAsk, script: str, part: JsonObject, pieces: list[JsonObject] | None
) -> None:
    """Text comes in pieces, anything else whole; the last chunk says why and at what cost it ended."""
    await provider.put(script, [{"message": {"parts": [part]}}])
    body = await whole(await ask(script, GEMINI))
    events = [event for _, event in events_of(GEMINI, body)]

    assert body.count(b"\n") == body.count(b"\r\n") == 2 * len(events)
    candidates = [only(event["candidates"]) for event in events]
    contents = [candidate["content"] for candidate in candidates]
    assert contents == [{"parts": [piece], "role": "model"} for piece in [*(pieces or [part]), {"text": ""}]]
    assert [candidate.get("finishReason") for candidate in candidates] == [None] * (len(events) - 1) + ["STOP"]
    assert "candidatesTokenCount" in str(events[-1]["usageMetadata"])


async def test_a_blocked_prompt_has_no_candidates(provider: ScriptedProvider, ask: RawAsk, script: str) -> None:
    """Gemini answers a prompt that it does not like with one chunk."""
    blocked: JsonObject = {"candidates": [], "promptFeedback": {"blockReason": "SAFETY"}}
    await provider.put(script, [{"text": "", "completion": blocked}])
    [(_, event)] = events_of(GEMINI, await whole(await ask(script, GEMINI)))

    assert event["promptFeedback"] == {"blockReason": "SAFETY"}
