"""The rules of a Messages request that tie its parts together; each fault is told in one sentence."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from deploy.sandbox.provider.script import JsonObject

_RESULT = ("tool_use_id", "content")
_USE = ("id", "name", "input")
_BOTH: dict[str, tuple[str, ...]] = {"text": ("text",), "container_upload": ("file_id",)}
_BY_ROLE: dict[str, dict[str, tuple[str, ...]]] = {
    "system": {"text": ("text",)},
    "user": {
        **_BOTH,
        "image": ("source",),
        "document": ("source",),
        "search_result": ("source", "title", "content"),
        "tool_result": ("tool_use_id",),
    },
    "assistant": {
        **_BOTH,
        "thinking": ("thinking", "signature"),
        "redacted_thinking": ("data",),
        "tool_use": _USE,
        "server_tool_use": _USE,
        "mcp_tool_use": (*_USE, "server_name"),
        "compaction": ("content",),
        "fallback": ("from", "to"),
        **dict.fromkeys(
            (
                "web_search_tool_result",
                "web_fetch_tool_result",
                "code_execution_tool_result",
                "bash_code_execution_tool_result",
                "text_editor_code_execution_tool_result",
                "tool_search_tool_result",
                "mcp_tool_result",
                "advisor_tool_result",
            ),
            _RESULT,
        ),
    },
}
_SOURCES = {
    "base64": ("media_type", "data"),
    "url": ("url",),
    "file": ("file_id",),
    "text": ("media_type", "data"),
    "content": ("content",),
}
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_MIN_BUDGET = 1024


class Message(BaseModel):
    """A message of the request."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["user", "assistant", "system"]
    content: str | list[JsonObject]

    @property
    def blocks(self) -> list[JsonObject]:
        """The message's content; a text alone is a block too."""
        return [{"type": "text", "text": self.content}] if isinstance(self.content, str) else self.content

    @property
    def text(self) -> str:
        """The message's text, its blocks joined."""
        return " ".join(str(block["text"]) for block in self.blocks if "text" in block)


def check_conversation(messages: list[Message], *, system_role: bool) -> str | None:
    """Returns what is wrong with the messages.

    Args:
        messages: The request's messages.
        system_role: Whether the version allows a system message among them.
    """
    if not system_role and any(message.role == "system" for message in messages):
        return 'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter.'
    talk = [message for message in messages if message.role != "system"]
    if not talk or talk[0].role != "user":
        return 'messages: first message must use the "user" role'
    return next(_message_faults(messages), None) or next(_tool_faults(talk), None)


def _message_faults(messages: list[Message]) -> Iterator[str]:
    for position, message in enumerate(messages):
        where = f"messages.{position}"
        if not message.blocks and position < len(messages) - 1:
            yield f"{where}: all messages must have non-empty content except for the optional final assistant message"
        for number, block in enumerate(message.blocks):
            yield from _block_faults(block, message.role, f"{where}.content.{number}")
    last = messages[-1]
    if last.role == "assistant" and last.text != last.text.rstrip():
        yield "messages: final assistant content cannot end with trailing whitespace"


def _block_faults(block: JsonObject, role: str, where: str) -> Iterator[str]:
    kind = block.get("type")
    allowed = _BY_ROLE[role]
    if not isinstance(kind, str) or kind not in allowed:
        yield f"{where}: Input tag {kind!r} found using 'type' does not match any of the expected tags"
        return
    for name in allowed[kind]:
        if name not in block:
            yield f"{where}.{kind}.{name}: Field required"
    if kind == "text" and not str(block.get("text")).strip():
        yield "messages: text content blocks must contain non-whitespace text"
    if kind == "thinking" and not block.get("signature"):
        yield f"{where}: Invalid `signature` in `thinking` block"
    if kind in ("image", "document"):
        yield from _source_faults(block.get("source"), kind, f"{where}.{kind}.source")
    if kind == "tool_use":
        yield from _use_faults(block, f"{where}.tool_use")


def _source_faults(source: JsonValue, kind: str, where: str) -> Iterator[str]:
    names = _SOURCES.get(str(source.get("type"))) if isinstance(source, dict) else None
    if names is None or not isinstance(source, dict):
        yield f"{where}: Input does not match any of the expected sources"
        return
    yield from (f"{where}.{name}: Field required" for name in names if name not in source)
    if kind == "image" and source["type"] == "base64" and source.get("media_type") not in _IMAGES:
        yield f"{where}.base64.media_type: Input should be one of {', '.join(_IMAGES)}"


def _use_faults(block: JsonObject, where: str) -> Iterator[str]:
    if not _ID.fullmatch(str(block.get("id"))):
        yield f"{where}.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    if not isinstance(block.get("input"), dict):
        yield f"{where}.input: Input should be a valid dictionary"


def _tool_faults(messages: list[Message]) -> Iterator[str]:
    # Consecutive messages of one role are one turn.
    turns = [
        [block for message in together for block in message.blocks]
        for _, together in groupby(messages, key=lambda message: message.role)
    ]
    seen: set[str] = set()
    for number, (turn, following) in enumerate(zip(turns, [*turns[1:], None], strict=True)):
        used = [str(block.get("id")) for block in turn if block["type"] == "tool_use"]
        if len(seen | {*used}) < len(seen) + len(used):
            yield "messages: `tool_use` ids must be unique"
        seen |= {*used}
        if following is not None:
            yield from _answer_faults(used, following, number)
        elif used:
            yield f"messages.{number}: `tool_use` ids were found without `tool_result` blocks: {', '.join(used)}"
    if any(block["type"] == "tool_result" for block in turns[0]):
        yield "messages.0: unexpected `tool_use_id` found in `tool_result` blocks; there is no previous message"


def _answer_faults(used: list[str], following: list[JsonObject], number: int) -> Iterator[str]:
    answered = [str(block.get("tool_use_id")) for block in following if block["type"] == "tool_result"]
    first = [str(block.get("tool_use_id")) for block in following[: len(used)] if block["type"] == "tool_result"]
    if {*used} - {*first}:
        lost = ", ".join(sorted({*used} - {*first}))
        yield (
            f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after: {lost}. "
            "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
        )
    if {*answered} - {*used}:
        extra = ", ".join(sorted({*answered} - {*used}))
        yield (
            f"messages.{number + 1}: unexpected `tool_use_id` found in `tool_result` blocks: {extra}. "
            "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
        )


def check_tools(tools: list[JsonObject], choice: JsonObject | None) -> str | None:
    """Returns what is wrong with the tools, or with the choice among them."""
    for position, tool in enumerate(tools):
        if not _NAME.fullmatch(str(tool.get("name", ""))):
            return f"tools.{position}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        schema = tool.get("input_schema")
        if tool.get("type", "custom") == "custom" and (not isinstance(schema, dict) or schema.get("type") != "object"):
            return f"tools.{position}.custom.input_schema: a schema of the type 'object' is required"
    kind = choice.get("type") if choice else "auto"
    if kind not in ("auto", "any", "tool", "none"):
        return f"tool_choice: Input tag {kind!r} found using 'type' does not match any of the expected tags"
    if kind in ("any", "tool") and not tools:
        return "tool_choice: tools are required to choose one"
    return None


def check_thinking(thinking: JsonObject, body: JsonObject) -> str | None:
    """Returns what is wrong with the thinking that was asked for, or does not go with it."""
    kind = thinking.get("type", "disabled")
    if kind not in ("enabled", "adaptive", "disabled", "between_tools"):
        return f"thinking: Input tag {kind!r} found using 'type' does not match any of the expected tags"
    if kind == "disabled":
        return None
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") in ("any", "tool"):
        return "Thinking may not be enabled when tool_choice forces tool use."
    if body.get("temperature", 1) != 1:
        return "`temperature` may only be set to 1 when thinking is enabled."
    return _check_budget(thinking, body.get("max_tokens")) if kind == "enabled" else None


def _check_budget(thinking: JsonObject, max_tokens: JsonValue) -> str | None:
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < _MIN_BUDGET:
        return f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_MIN_BUDGET}"
    if not isinstance(max_tokens, int) or max_tokens <= budget:
        return "`max_tokens` must be greater than `thinking.budget_tokens`."
    return None
