"""The output items of a `response`, each as one of its shapes."""

import base64
import json
import random
from collections.abc import Callable

from streaming.jsontext import JsonObject, JsonValue
from tests.fidelity.cases import words


def item(rng: random.Random) -> JsonObject:
    """Return any item; messages, thoughts and calls are the most usual."""
    kind = rng.choice([*["message"] * 8, *["reasoning"] * 5, *["function_call"] * 5, *_ITEMS])
    return {"id": f"{kind[:3]}_{rng.getrandbits(64):016x}", "type": kind, **_ITEMS[kind](rng)}


def _some(rng: random.Random, make: Callable[[random.Random], JsonObject], most: int) -> list[JsonValue]:
    return [make(rng) for _ in range(rng.randrange(most + 1))]


def _message(rng: random.Random) -> JsonObject:
    phase: JsonObject = {"phase": rng.choice(["commentary", "final_answer"])} if rng.random() < 0.3 else {}
    content: list[JsonValue] = _some(rng, _content, 3)
    return {"status": "completed", "role": "assistant", "content": content, **phase}


def _content(rng: random.Random) -> JsonObject:
    if rng.random() < 0.15:
        return {"type": "refusal", "refusal": words(rng)}
    text = rng.choice(["", words(rng), words(rng, 400), *[words(rng)] * 7])
    logprobs = _some(rng, _logprob, 4) if rng.random() < 0.2 else []
    return {"type": "output_text", "text": text, "annotations": _some(rng, _annotation, 2), "logprobs": logprobs}


def _logprob(rng: random.Random) -> JsonObject:
    token = words(rng, 3)
    likely: JsonObject = {"token": token, "logprob": -rng.random(), "bytes": [*token.encode()]}
    return likely | {"top_logprobs": [dict(likely)] if rng.random() < 0.5 else []}


def _annotation(rng: random.Random) -> JsonObject:
    start = rng.randrange(50)
    return rng.choice(
        [
            {
                "type": "url_citation",
                "url": "https://a.example/x?y=z",
                "title": words(rng),
                "start_index": start,
                "end_index": start + 9,
            },
            {"type": "file_citation", "file_id": "file-1", "filename": words(rng), "index": start},
            {"type": "file_path", "file_id": "file-2", "index": start},
            {"type": "container_file_citation", "container_id": "c", "file_id": "f", "filename": "a.csv"},
        ]
    )


def _reasoning(rng: random.Random) -> JsonObject:
    thoughts: JsonObject = {"content": _some(rng, _thought, 2)} if rng.random() < 0.3 else {}
    sealed: JsonObject = {"encrypted_content": _base64(rng)} if rng.random() < 0.8 else {}
    return {"summary": _some(rng, _summary, 3), **thoughts, **sealed}


def _summary(rng: random.Random) -> JsonObject:
    return {"type": "summary_text", "text": rng.choice([words(rng), f"**A title**\n\n{words(rng)}", ""])}


def _thought(rng: random.Random) -> JsonObject:
    return {"type": "reasoning_text", "text": words(rng)}


def _function_call(rng: random.Random) -> JsonObject:
    whole = json.dumps({"city": words(rng), "days": [1, 2.5, None]}, ensure_ascii=rng.random() < 0.5)
    arguments = rng.choice(["", "{}", whole, whole, whole[: rng.randrange(len(whole))]])
    more: JsonObject = {"namespace": "weather"} if rng.random() < 0.1 else {}
    return {"status": "completed", "call_id": _call_id(rng), "name": "get_weather", "arguments": arguments, **more}


def _custom_tool_call(rng: random.Random) -> JsonObject:
    return {"status": "completed", "call_id": _call_id(rng), "name": "sql", "input": words(rng)}


def _call_id(rng: random.Random) -> str:
    return rng.choice(["", "call_same", *[f"call_{rng.getrandbits(48):012x}"] * 8])


def _base64(rng: random.Random) -> str:
    return base64.b64encode(rng.randbytes(rng.randrange(1, 40))).decode()


def _image(rng: random.Random) -> JsonObject:
    if rng.random() < 0.2:
        return {"status": "failed", "result": None, "error": {"type": "server_error", "message": words(rng)}}
    form: JsonObject = {"output_format": rng.choice(["png", "webp", "jpeg", "svg"])} if rng.random() < 0.7 else {}
    return {"status": "completed", "result": _base64(rng), "revised_prompt": words(rng), "size": "1024x1024", **form}


def _code(rng: random.Random) -> JsonObject:
    logs: list[JsonValue] = [{"type": "logs", "logs": words(rng)}]
    outputs: JsonValue = rng.choice([None, logs])
    return {"status": "completed", "code": words(rng), "container_id": "cntr_1", "outputs": outputs}


def _file_search_call(rng: random.Random) -> JsonObject:
    found: list[JsonValue] = [{"file_id": "file-1", "score": 0.5, "text": words(rng)}]
    return {"status": "completed", "queries": [words(rng)], "results": rng.choice([None, found])}


def _mcp_call(rng: random.Random) -> JsonObject:
    failed = rng.random() < 0.2
    told: JsonObject = {"output": None, "error": words(rng)} if failed else {"output": words(rng), "error": None}
    return {"name": "roll", "server_label": "dice", "arguments": '{"sides":6}', "approval_request_id": None, **told}


_ITEMS: dict[str, Callable[[random.Random], JsonObject]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _function_call,
    "custom_tool_call": _custom_tool_call,
    "image_generation_call": _image,
    "code_interpreter_call": _code,
    "mcp_call": _mcp_call,
    "web_search_call": lambda rng: {"status": "completed", "action": {"type": "search", "query": words(rng)}},
    "file_search_call": _file_search_call,
    "computer_call": lambda rng: {
        "status": "completed",
        "call_id": _call_id(rng),
        "action": {"type": "click", "x": rng.randrange(1920), "y": 5, "button": "left"},
        "pending_safety_checks": [],
    },
    "mcp_list_tools": lambda rng: {
        "server_label": "dice",
        "tools": [{"name": "roll", "input_schema": {"type": "object"}, "description": words(rng)}],
        "error": None,
    },
    "mcp_approval_request": lambda _: {"name": "roll", "server_label": "dice", "arguments": "{}"},
    "local_shell_call": lambda rng: {
        "status": "completed",
        "call_id": _call_id(rng),
        "action": {"type": "exec", "command": ["ls", words(rng)], "env": {}},
    },
    "shell_call": lambda rng: {
        "status": "completed",
        "call_id": _call_id(rng),
        "action": {"commands": [words(rng)], "timeout_ms": None, "max_output_length": 4096},
    },
    "shell_call_output": lambda rng: {
        "call_id": _call_id(rng),
        "output": [{"stdout": words(rng), "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
    },
    "apply_patch_call": lambda rng: {
        "status": "completed",
        "call_id": _call_id(rng),
        "operation": {"type": "update_file", "path": "a.py", "diff": words(rng)},
    },
    "compaction": lambda rng: {"encrypted_content": _base64(rng)},
    "tool_search_call": lambda rng: {"status": "completed", "execution": "server", "arguments": {"query": words(rng)}},
    "tool_search_output": lambda _: {"status": "completed", "execution": "server", "tools": []},
    "program": lambda rng: {"call_id": _call_id(rng), "code": words(rng), "fingerprint": "f"},
    "program_output": lambda rng: {"status": "completed", "call_id": _call_id(rng), "result": words(rng)},
    "novel_call": lambda rng: {"novel": [words(rng), {"deep": None}]},
}
